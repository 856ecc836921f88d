"""The studio: a page in the browser and the local server behind it, described in docs/studio.md.

`serve` runs a studio; `Address` is where it can be opened.

`_server` starts and stops the process; `_app` is the HTTP API, with its JSON in `_schemas`; `_security` accepts or
refuses requests; `_sessions` separates the browsers' videos; `_uploads` accepts videos; `_studio` runs the work as
`_jobs`; `_filmstrip` makes the thumbnails. The page itself is plain files in `static/`.
"""

from summdiff.web._server import Address, serve

__all__ = ["Address", "serve"]
