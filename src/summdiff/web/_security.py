"""Access control: rules for accepting requests, and the headers that restrict the browser.

The rules, each with a test in tests/web/test_security.py:

- The `Host` header must name this server, so that no other web site can reach it under a name of its own (DNS
  rebinding). IP addresses cannot be rebound and are always accepted.
- Requests that change something must come from the studio's own page: they carry a header that a form cannot set, and
  the origin, if the browser states one, must be ours (CSRF).
- The token in the address that `summdiff serve` prints is exchanged for a session cookie that scripts cannot read and
  that browsers do not send from other sites. A studio that only this computer can reach also opens without the token,
  but such a session sees nothing of this computer except its own uploads.
- A visit by a link on another site, with or without the token, first gets a page that continues by itself: browsers
  send no cookie with such a visit, and a new cookie would replace the owner's.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summdiff.web._sessions import Session, Sessions

_MAX_BODY_BYTES = 1_000_000  # of all requests except uploads, which have their own limits
_UPLOAD_PATHS = ("/api/videos", "/api/projects")
_CONTINUED = "here"  # query parameter set by the interstitial page
CHANGE_HEADER = "x-summdiff"  # the page sends it with every request that changes something

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

_HOW_TO_ENTER = (
    "Open this studio with the address that `summdiff serve` printed in the terminal.\n"
    "It contains a token, which changes with every start.\n"
)


@dataclass(frozen=True)
class Access:
    """The credentials and names of a server.

    Attributes:
        token: the secret in the printed address.
        loopback: whether only this computer can reach the server.
        names: its host names besides `localhost` and IP addresses; lower case.
        cookie: name of the session cookie. It contains the port, because browsers share cookies between ports.
    """

    token: str
    loopback: bool
    names: frozenset[str] = field(default_factory=frozenset)
    cookie: str = "summdiff"

    def knows_host(self, header: str) -> bool:
        """Whether a Host header names this server."""
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def accepts(self, token: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(token.encode(), self.token.encode())


class Guard:
    """ASGI middleware that enforces the rules above and sets `request.state.session`."""

    def __init__(self, app: ASGIApp, *, access: Access, sessions: Sessions) -> None:
        self._app, self._access, self._sessions = app, access, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the studio has no websockets
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if opened := scope.get("state", {}).get("opened"):
                    headers.append("set-cookie", self._cookie(opened))
            await send(message)

        answer = self._check_origin(scope) or self._interstitial(scope)
        try:
            answer = answer or await run_in_threadpool(self._authenticate, scope)  # opening a session may read videos
        except OSError as error:
            answer = _refused(507, disk_problem(error))
        await (answer or self._app)(scope, receive, send_guarded)

    def _check_origin(self, scope: Scope) -> Response | None:
        """Return a refusal for a request to another host name, or one that changes something from another page."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._access.knows_host(host):
            return PlainTextResponse("This server does not have that name.\n", 421)
        if scope["method"] in ("GET", "HEAD"):
            return None
        if CHANGE_HEADER not in headers:
            return _refused(403, f"Requests that change something need the header '{CHANGE_HEADER}: 1'.")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _refused(403, "Requests that change something must come from the studio's own page.")
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return _refused(403, "Requests that change something must come from the studio's own page.")
        if scope["path"] not in _UPLOAD_PATHS:
            length = headers.get("content-length", "0")
            if "transfer-encoding" in headers or not length.isdigit() or int(length) > _MAX_BODY_BYTES:
                return _refused(413, f"This request must state its size, at most {_MAX_BODY_BYTES} bytes.")
        return None

    def _interstitial(self, scope: Scope) -> Response | None:
        """Return the page for a visit from another site; it opens no session."""
        if scope["path"] != "/" or scope["method"] != "GET":
            return None
        if Headers(scope=scope).get("sec-fetch-site", "none") in ("same-origin", "none"):
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        token = {"token": query["token"][0]} if "token" in query else {}
        address = escape(f"/?{urlencode({**token, _CONTINUED: 1})}")
        # By itself only once: a browser that keeps stating another site would reload for ever.
        refresh = "" if _CONTINUED in query else f'<meta http-equiv="refresh" content="0;url={address}">'
        return HTMLResponse(
            f'<!doctype html><meta charset="utf-8"><title>summdiff studio</title>{refresh}'
            f'<a href="{address}">Open the studio</a>'
        )

    def _authenticate(self, scope: Scope) -> Response | None:
        """Find or open the session; return a response if refused, or if the token became a cookie."""
        path: str = scope["path"]
        if path.startswith("/static/"):  # the page's own files are public
            return None
        request = Request(scope)
        session = self._sessions.find(request.cookies.get(self._access.cookie, ""))
        if path == "/" and scope["method"] == "GET":
            token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if token:
                if not self._access.accepts(token):
                    return PlainTextResponse("This token is wrong, or from an earlier start.\n\n" + _HOW_TO_ENTER, 401)
                if session is None or not session.owner:
                    session = self._sessions.open(owner=True)
                scope.setdefault("state", {})["opened"] = session
                return RedirectResponse("/", 303)  # removes the token from the address and the history
            if session is None and self._access.loopback:
                session = self._sessions.open(owner=False)
                scope.setdefault("state", {})["opened"] = session
        if session is None:
            if path.startswith("/api"):
                return _refused(401, "There is no session: open the studio's page first.")
            return PlainTextResponse(_HOW_TO_ENTER, 401)
        scope.setdefault("state", {})["session"] = session
        return None

    def _cookie(self, session: Session) -> str:
        return f"{self._access.cookie}={session.key}; Path=/; HttpOnly; SameSite=Strict"


def disk_problem(error: Exception) -> str:
    """Return a sentence about an error of the operating system, without the path that it names."""
    return f"The studio cannot read or write its files: {getattr(error, 'strerror', None) or type(error).__name__}."


def _refused(status: int, sentence: str) -> Response:
    return JSONResponse({"detail": sentence}, status)
