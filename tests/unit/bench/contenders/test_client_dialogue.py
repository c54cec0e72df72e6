"""Clients that begin together are talked to by lines; one that dies is quoted, one that hangs is killed."""

from __future__ import annotations

import os
import sys

import pytest

from bench.contenders.client_dialogue import dialogue
from bench.contenders.contender import ContenderFailed


def _python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_lines_are_asked_for_by_their_beginning() -> None:
    program = "print('a notice'); print('ready', flush=True); print({'said': input()})"
    with dialogue(_python(program), os.environ, ()) as client:
        assert client.expect("ready") == "ready"
        client.tell("go")
        assert client.expect("{") == "{'said': 'go'}"


def test_who_ends_without_an_answer_is_quoted() -> None:
    with (
        dialogue(_python("import sys; sys.exit('no server')"), os.environ, ()) as client,
        pytest.raises(ContenderFailed, match="no server"),
    ):
        client.expect("ready")


def test_who_never_answers_is_killed() -> None:
    with (
        dialogue(_python("input()"), os.environ, (), timeout_s=0.2) as client,
        pytest.raises(ContenderFailed, match="without an answer"),
    ):
        client.expect("ready")
    assert client.child.returncode != 0
