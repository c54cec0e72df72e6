"""One cluster a directory. (The servers: `tests/integration/test_dev_command.py`.)"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perdure.exceptions import RequestError
from perdure_engine.dev import LOCK_FILE, hold_directory


def test_a_directory_is_made_and_kept_out_of_version_control(tmp_path: Path) -> None:
    with hold_directory(tmp_path / "deep" / "data"):
        assert (tmp_path / "deep" / "data" / ".gitignore").read_text() == "*\n"


def test_two_cannot_share_it(tmp_path: Path) -> None:
    with hold_directory(tmp_path):
        holder = os.getpid()
        held = pytest.raises(RequestError, match=rf"process {holder}\) runs on the data directory.*--data-dir, --port")
        with held, hold_directory(tmp_path):
            pass
    with hold_directory(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == str(holder)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"cannot be used.*--data-dir"), hold_directory(tmp_path / "file" / "data"):
        pass
