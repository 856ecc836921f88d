"""Addresses and options of `summdiff serve`."""

import sys

import pytest

from summdiff.cli import app
from summdiff.cli.serve import size
from summdiff.errors import UsageError
from summdiff.web._security import Access
from summdiff.web._server import is_loopback, listen


def test_sizes_are_parsed():
    assert size("4GB") == 4_000_000_000
    assert size("500 mb") == 500_000_000
    assert size("1.5g") == 1_500_000_000
    assert size("123") == 123
    for wrong in ("", "big", "-1", "0", "4 parsecs"):
        with pytest.raises(UsageError, match="size"):
            size(wrong)


def test_loopback_addresses_are_recognized():
    assert all(is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "127.0.0.9"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "box.local"))  # noqa: S104


def test_host_headers_are_compared_by_name():
    access = Access("t", loopback=True, names=frozenset({"box"}))
    assert access.knows_host("BOX:80".lower())
    assert not access.knows_host("box.evil")
    assert not access.knows_host("[::1")


def test_a_taken_port_gives_a_sentence():
    with listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="choose another with --port"):
        listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(UsageError, match="not an address"):
        listen("not a host", 0)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["summdiff", "serve", *arguments])
    with pytest.raises(SystemExit) as leave:
        app.main()
    return leave.value.code


def test_a_missing_extra_gives_one_sentence_that_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert run(monkeypatch) == 2
    err = capsys.readouterr().err
    assert "pip install 'summdiff[web]'" in err
    assert len(err.strip().splitlines()) == 1


def test_an_unreadable_video_is_reported_before_the_studio_opens(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, str(tmp_path / "none.mp4"), "--no-open") == 1
    assert "none.mp4" in capsys.readouterr().err
