"""An HTTP client that behaves like a browser."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """A browser: keeps its cookies and sends the headers of the studio's page, unless `plain`."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *, plain=False
    ) -> Answer:
        sent = {} if plain or method in ("GET", "HEAD") else {"X-Summdiff": "1"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {**sent, **(headers or {})})
            response = connection.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()
        if "set-cookie" in answer.headers:
            name, _, value = answer.headers["set-cookie"].split(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, body: Any = None) -> Answer:
        return self.ask("POST", path, body)

    def upload(self, content: bytes, name: str = "film.mp4") -> Answer:
        return self.post(f"/api/videos?name={quote(name)}", content)

    def wait(self, path: str, ready: Any, seconds: float = 60) -> Any:
        """Return the JSON at a path, as soon as `ready` of it is true."""
        until = time.monotonic() + seconds
        while not ready(found := self.get(path).json):
            assert time.monotonic() < until, found
            time.sleep(0.03)
        return found

    def analysed(self, video: str) -> Any:
        """Return the video, once it is analyzed."""
        found = self.wait(f"/api/videos/{video}", lambda film: film["analysis"]["state"] not in ("waiting", "running"))
        assert found["analysis"]["state"] == "done", found["analysis"]["error"]
        return found
