"""The studio: a page in the browser over a small local server. `summdiff serve` starts it; docs/studio.md describes it.

One file per concern: `security` decides who may ask, `sessions` keeps what belongs to whom, `intake` lets videos in,
`jobs` queues the work, `work` does it, `strip` draws the film strip, `routes` is the
HTTP API, `app` puts them together and `server` runs them. The page itself is plain files in `static`.
"""
