"""The server process of the studio: socket, token, temporary folder and shutdown."""

from __future__ import annotations

import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn

from summdiff.atomic import sweep, temporary_path
from summdiff.errors import UsageError, reason
from summdiff.features.cache import FeatureCache
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL, Hwaccel
from summdiff.pipeline import Summarizer
from summdiff.web._app import create_app
from summdiff.web._projects import film_at
from summdiff.web._security import Access
from summdiff.web._studio import Settings, Studio
from summdiff.web._uploads import describe

_SHUTDOWN_SECONDS = 2  # for responses in progress


@dataclass(frozen=True)
class Address:
    """The address of a studio: `url` with the token, `plain` without."""

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
    exact: bool = False,
    hwaccel: Hwaccel = "off",
    device: str = "cpu",
    ready: Callable[[Address], None] = lambda address: None,
) -> None:
    """Run a studio until it is interrupted, then delete all its files.

    Args:
        videos: files of this computer to start with, and projects.
        host: address to listen on.
        port: port to listen on; 0 takes any free port.
        max_upload: largest upload in bytes.
        idle_seconds: an unused session is deleted after this time.
        model, backbone, fast, exact, hwaccel, device: as for `Summarizer`.
        ready: called with the address once it can be opened.

    Raises:
        UsageError: the server cannot listen on this host or port.
        VideoError, DataError: one of the videos or projects cannot be read.
        ModelError, BackboneError: the model or the backbone cannot be loaded.
    """
    for video in videos:
        describe(film_at(video), str(video))
    summarizer = partial(
        Summarizer, model=model, backbone=backbone, fast=fast, exact=exact, hwaccel=hwaccel, device=device
    )
    local = summarizer()
    local.load()  # report missing parts now instead of after an upload
    with listen(host, port) as listener:
        port = listener.getsockname()[1]
        folder = _make_folder()  # deleted by Studio.close
        studio = Studio(
            Settings(
                folder=folder,
                videos=tuple(video.absolute() for video in videos),
                typed_paths=is_loopback(host),
                max_upload=max_upload,
                idle_seconds=idle_seconds,
            ),
            # Features of uploads are deleted with them; those of this computer's files stay in the user's cache.
            uploads=summarizer(cache=FeatureCache(folder / "features")),
            local=local,
        )
        access = _make_access(host, port)
        plain = f"http://{_host_to_open(host)}:{port}/"
        address = Address(f"{plain}?token={access.token}", plain)
        server = StudioServer(studio, access, on_start=lambda: ready(address))
        try:
            with suppress(KeyboardInterrupt), server.handling_hangup():  # Ctrl-C closes a studio
                server.run(sockets=[listener])
        finally:
            studio.close()


def _make_folder() -> Path:
    """Make a temporary folder that only this user can read, and delete those of studios that were killed."""
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    folder = temporary_path(parent)
    folder.mkdir(mode=0o700)
    return folder


def _make_access(host: str, port: int) -> Access:
    name = socket.gethostname().lower()
    return Access(
        token=secrets.token_urlsafe(24),
        loopback=is_loopback(host),
        names=frozenset({host.lower(), name, f"{name}.local"}),
        cookie=f"summdiff_{port}",
    )


def _host_to_open(host: str) -> str:
    """Return a host that a browser on this computer can open."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


class StudioServer(uvicorn.Server):
    """The HTTP server of a studio.

    Args:
        studio: the studio.
        access: its credentials and names.
        on_start: called once requests are answered.
    """

    def __init__(self, studio: Studio, access: Access, *, on_start: Callable[[], None] = lambda: None) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(studio, access),
                log_level="error",
                access_log=False,  # would print the token
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            )
        )
        self._studio, self._on_start = studio, on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_start()

    @contextmanager
    def handling_hangup(self) -> Iterator[None]:
        """Shut down properly when the terminal is closed, unless hangups are ignored (`nohup`)."""
        hangup = getattr(signal, "SIGHUP", None)  # Windows does not have it
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
        self._studio.closing.set()  # ends the event streams, which would delay the shutdown
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        UsageError: this computer does not have that address, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"'{host}' is not an address of this computer; try --host 0.0.0.0.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"Port {port} of {host} cannot be used ({reason(error)}); choose another with --port."
        ) from error
    return listener


def is_loopback(host: str) -> bool:
    """Whether a host can be reached from this computer only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
