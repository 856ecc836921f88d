"""Who may ask the server for something, and what every answer tells the browser to forbid.

The rules, each with a test in tests/web/test_security.py:

- The `Host` header has to name this server, so that no foreign web site can reach it under a name of its own
  (DNS rebinding). IP addresses cannot be rebound and are always right.
- Requests that change something have to come from the studio's own page: they carry a header that a form cannot set,
  and where the browser tells their origin, it has to be ours (CSRF).
- The token in the address that `summdiff serve` prints is exchanged for a session cookie that no script can read and
  that is never sent along from other sites. A studio that listens to this machine only also opens without the token,
  but then hands out nothing of this machine: such a session sees only what was uploaded in it.
- Who comes by a link on another site, with or without the token, first gets a page that goes on by itself: browsers
  leave the cookie at home on such a visit, and a new one would take the place of the owner's.
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

from summdiff.web.sessions import Session, Sessions

_MOST_FORM_BYTES = 1_000_000  # of any request but an upload, which counts for itself
_UPLOAD = "/api/videos"
_PASSED = "here"  # in the address of who has been on the threshold
CHANGE_HEADER = "x-summdiff"  # sent by the page with every request that changes something

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
    "This studio opens with the address that `summdiff serve` printed when it started, with the token in it.\n"
    "Copy that address from the terminal. The token changes with every start.\n"
)


@dataclass(frozen=True)
class Access:
    """What a server lets in.

    Attributes:
        token: the secret in the printed address.
        loopback: whether the server listens to this machine only.
        names: host names under which it is reached, besides `localhost` and IP addresses; lower case.
        cookie: name of the session cookie. Cookies do not tell ports apart, so the port is in its name.
    """

    token: str
    loopback: bool
    names: frozenset[str] = field(default_factory=frozenset)
    cookie: str = "summdiff"

    def knows_host(self, header: str) -> bool:
        """Whether a Host header can be meant for this server."""
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
    """ASGI middleware that holds the rules above and hands the session on as `request.state.session`."""

    def __init__(self, app: ASGIApp, *, access: Access, sessions: Sessions) -> None:
        self._app, self._access, self._sessions = app, access, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no websockets here
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

        answer = self._refusal(scope) or self._threshold(scope)
        answer = answer or await run_in_threadpool(self._admitted, scope)  # which may look at videos
        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """An answer for requests that did not come from our own page, whoever sent them."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._access.knows_host(host):
            return PlainTextResponse("This server does not go by that name.\n", 421)
        if scope["method"] in ("GET", "HEAD"):
            return None
        if CHANGE_HEADER not in headers:
            return _refused(403, f"Requests that change something need the header '{CHANGE_HEADER}: 1'.")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _refused(403, "Requests that change something have to come from the studio's own page.")
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return _refused(403, "Requests that change something have to come from the studio's own page.")
        if scope["path"] != _UPLOAD:
            told = headers.get("content-length", "0")
            if "transfer-encoding" in headers or not told.isdigit() or int(told) > _MOST_FORM_BYTES:
                return _refused(413, f"A request of this kind has to tell its size, at most {_MOST_FORM_BYTES} bytes.")
        return None

    def _threshold(self, scope: Scope) -> Response | None:
        """The page for who comes from another site, with which no session is opened."""
        if scope["path"] != "/" or scope["method"] != "GET":
            return None
        if Headers(scope=scope).get("sec-fetch-site", "none") in ("same-origin", "none"):
            return None
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        token = {"token": asked["token"][0]} if "token" in asked else {}
        address = escape(f"/?{urlencode({**token, _PASSED: 1})}")
        # Once by itself, and else by a click, or a browser that goes on saying so would go round for ever.
        onward = "" if _PASSED in asked else f'<meta http-equiv="refresh" content="0;url={address}">'
        return HTMLResponse(
            f'<!doctype html><meta charset="utf-8"><title>summdiff studio</title>{onward}'
            f'<a href="{address}">Open the studio</a>'
        )

    def _admitted(self, scope: Scope) -> Response | None:
        """Find or open the session; an answer where there is none to be had or where the token was exchanged."""
        path: str = scope["path"]
        if path.startswith("/static/"):  # the page's own files are no secret
            return None
        request = Request(scope)
        session = self._sessions.find(request.cookies.get(self._access.cookie, ""))
        if path == "/" and scope["method"] == "GET":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if given:
                if not self._access.accepts(given):
                    return PlainTextResponse("This token is wrong or from an earlier start.\n\n" + _HOW_TO_ENTER, 401)
                if session is None or not session.owner:
                    session = self._sessions.open(owner=True)
                scope.setdefault("state", {})["opened"] = session
                return RedirectResponse("/", 303)  # takes the token out of the address and of the history
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


def _refused(status: int, sentence: str) -> Response:
    return JSONResponse({"detail": sentence}, status)
