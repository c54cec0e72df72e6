"""How the health of a worker is told."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perdure.worker import health_check
from perdure.worker.health_check import HealthCheck, HealthTarget
from perdure.worker.progress import WorkerProgress
from tests.waiting import wait_until_blocking


class Worker:
    """One whose clock the test has."""

    def __init__(self) -> None:
        self.now = 0.0
        self.progress = WorkerProgress(lambda: self.now)
        self.progress.beat(2, is_blocked=False)

    def gets_stuck(self) -> None:
        self.now += 100

    def goes_on(self) -> None:
        self.progress.beat(1, is_blocked=False)


@contextmanager
def checked(worker: Worker, target: HealthTarget | None) -> Iterator[HealthCheck]:
    check = HealthCheck([worker.progress, WorkerProgress(lambda: 0.0)], target)
    check.start()
    try:
        yield check
    finally:
        check.stop()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def asked(port: int, path: str = "/") -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("8080", HealthTarget(None, "127.0.0.1", 8080)),
        ("0.0.0.0:80", HealthTarget(None, "0.0.0.0", 80)),  # only read here
        ("[::]:81", HealthTarget(None, "::", 81)),
        ("/run/perdure/alive", HealthTarget(Path("/run/perdure/alive"))),
        ("alive", HealthTarget(Path("alive"))),
        ("./8080", HealthTarget(Path("8080"))),
    ],
)
def test_where_to_tell(text: str, target: HealthTarget) -> None:
    assert HealthTarget.parse(text) == target


@pytest.mark.parametrize(("text", "words"), [("0", "no port 0"), ("h:70000", "no port 70000"), ("", "names no file")])
def test_what_is_no_place_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HealthTarget.parse(text)


def test_by_http() -> None:
    worker, port = Worker(), free_port()
    with checked(worker, HealthTarget(None, port=port)):
        assert asked(port) == (200, {"status": "ok", "problems": [], "activities": 2})
        worker.gets_stuck()
        status, state = asked(port, "/healthz")
        assert (status, state["status"]) == (503, "stuck")
        assert "the event loop has not run for 100 s" in str(state["problems"])
        worker.goes_on()
        assert asked(port)[0] == 200
        with pytest.raises(OSError, match="in use"):
            HealthCheck([], HealthTarget(None, port=port)).start()


def test_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_check, "FILE_S", 0.01)
    worker, path = Worker(), tmp_path / "alive"

    def is_written_again() -> bool:
        path.unlink(missing_ok=True)
        wait_until_blocking(path.exists, what="the file")
        return True

    with checked(worker, HealthTarget(path)) as check:
        assert is_written_again()
        assert json.loads(path.read_text())["activities"] == 2
        worker.gets_stuck()
        check._write(path)
        path.unlink(missing_ok=True)
        check._write(path)
        assert not path.exists(), "it is left alone while something is wrong"
        worker.goes_on()
        assert is_written_again()
    assert not path.exists()


def test_to_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000")
        worker = Worker()
        with checked(worker, None):
            assert systemd.recv(100) == b"READY=1"
            assert systemd.recv(100) == b"WATCHDOG=1"
            worker.gets_stuck()
            while (told := systemd.recv(200)) == b"WATCHDOG=1":
                pass
            assert told.startswith(b"STATUS=the event loop has not run for 100 s")
        while (told := systemd.recv(200)) != b"STOPPING=1":
            assert told.startswith(b"STATUS=")
