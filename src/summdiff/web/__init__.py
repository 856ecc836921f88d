"""The studio: a page in the browser and the local server behind it, described in docs/studio.md.

`serve` runs a studio; `Address` is where it can be opened.

`_server` starts and stops the process. `_app` is the HTTP API: `_api_videos` and `_api_edits`, with their JSON in
`_schemas` and what they have in common in `_requests`; `_security` accepts or refuses requests. `_sessions` separates
the browsers' videos, `_uploads` accepts videos, `_edits` is what a person decided about one, `_studio` runs the work as
`_jobs`. `_pictures`, `_sound` and `_captions` make what the page shows. The page itself is plain files in `static/`.
"""

from summdiff.web._server import Address, serve

__all__ = ["Address", "serve"]
