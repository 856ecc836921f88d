"""Runs the studio: a socket, a token, a temporary folder, and an orderly end."""

from __future__ import annotations

import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn

from summdiff.atomic import sweep, temporary_path
from summdiff.errors import UsageError
from summdiff.features.cache import FeatureCache
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL
from summdiff.pipeline import Summarizer
from summdiff.web.app import create_app
from summdiff.web.security import Access
from summdiff.web.work import Settings, Studio, check_video

_GRACE_SECONDS = 2  # for answers under way when the server stops


@dataclass(frozen=True)
class Address:
    """Where a studio is reached: `url` with the token, `plain` without."""

    url: str
    plain: str


def serve(
    videos: Sequence[Path] = (),
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    max_upload: int = Settings.max_upload,
    idle_seconds: float = Settings.idle_seconds,
    model: str = DEFAULT_MODEL,
    backbone: str = DEFAULT_BACKBONE,
    fast: bool = False,
    device: str = "cpu",
    ready: Callable[[Address], None] = lambda address: None,
) -> None:
    """Run a studio until it is interrupted; all its files are gone then.

    Args:
        videos: files of this machine to begin with.
        host: address to listen at.
        port: port to listen at; 0 takes any that is free.
        max_upload: bytes.
        idle_seconds: after which an unused session goes.
        model, backbone, fast, device: as for `Summarizer`.
        ready: called with the address once it can be opened.

    Raises:
        UsageError: the host or port cannot be listened at.
        VideoError: one of the videos cannot be read.
        ModelError, BackboneError: the model or the backbone cannot be loaded.
    """
    for video in videos:
        check_video(video)
    local = Summarizer(model=model, backbone=backbone, fast=fast, device=device)
    local.load()  # what is missing is said now, and not after an upload
    with listen(host, port) as listener:
        loopback = is_loopback(host)
        port = listener.getsockname()[1]
        place = Path(tempfile.gettempdir())
        sweep(place)  # what studios that were killed have left there
        root = temporary_path(place)  # the studio deletes it
        root.mkdir(mode=0o700)
        studio = Studio(
            Settings(
                folder=root,
                videos=tuple(video.absolute() for video in videos),
                typed_paths=loopback,
                max_upload=max_upload,
                idle_seconds=idle_seconds,
            ),
            # What is known of uploads goes with them; what is known of this machine's files is worth keeping.
            uploads=Summarizer(
                model=model, backbone=backbone, cache=FeatureCache(root / "features"), fast=fast, device=device
            ),
            local=local,
        )
        name = socket.gethostname().lower()
        token = secrets.token_urlsafe(24)
        access = Access(
            token=token,
            loopback=loopback,
            names=frozenset({host.lower(), name, f"{name}.local"}),
            cookie=f"summdiff_{port}",
        )
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        plain = f"http://{shown}:{port}/"
        config = uvicorn.Config(
            create_app(studio, access),
            log_level="error",
            access_log=False,  # would print the token
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        server = _Server(config, studio, lambda: ready(Address(f"{plain}?token={token}", plain)))
        try:
            with suppress(KeyboardInterrupt), server.heeding_hangup():  # which is how a studio is closed
                server.run(sockets=[listener])
        finally:
            studio.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, studio: Studio, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._studio, self._ready = studio, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def heeding_hangup(self) -> Iterator[None]:
        """Let a terminal that is closed end it in good order too, unless hangups are ignored (`nohup`)."""
        hangup = getattr(signal, "SIGHUP", None)  # Windows has none
        main = threading.current_thread() is threading.main_thread()
        if hangup is None or not main or signal.getsignal(hangup) == signal.SIG_IGN:
            yield
            return
        before = signal.signal(hangup, self.handle_exit)
        try:
            yield
        finally:
            signal.signal(hangup, before)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._studio.closing.set()  # ends the streams of events, which would keep the server from stopping
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: there is no such address here, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"'{host}' is no address that can be listened at; try --host 0.0.0.0.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise UsageError(f"Port {port} of {host} cannot be used ({reason}); choose another with --port.") from error
    return listener


def is_loopback(host: str) -> bool:
    """Whether a host means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
