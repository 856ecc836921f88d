"""The studio: a page in the browser and the local server behind it, described in docs/studio.md.

`serve` runs a studio; `Address` is where it can be opened.

In `_server` the process starts and ends; `_app` is the HTTP API, with its JSON in `_schemas`; `_security` decides which
requests are let in; `_sessions` keeps each browser's videos apart; `_uploads` accepts videos; `_studio` does the work
as `_jobs`; `_filmstrip` makes the thumbnails. The page itself is plain files in `static/`.
"""

from summdiff.web._server import Address, serve

__all__ = ["Address", "serve"]
