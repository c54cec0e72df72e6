"""Dead letters on the command line."""

from __future__ import annotations

from typing import Any

from perdure.protocol import frontend
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

LETTER = frontend.DeadLetter(3, "letter-1", 1_000_000, "inbox", "malformed request", b"\x00bytes")


def post_office(number: int, request: Any) -> Rows:
    match request:
        case frontend.ListDeadLetters():
            yield number, ReplyKind.OK, frontend.DeadLetterPage((LETTER._replace(data=b""),))
        case frontend.GetDeadLetter():
            yield number, ReplyKind.OK, LETTER
        case _:
            yield number, ReplyKind.OK, None


def test_list(terminal: Terminal) -> None:
    terminal.answer(post_office)
    assert "malformed request" in terminal.run("dead-letter", "list").stdout
    assert terminal.json("dead-letter", "list")[0]["id"] == "letter-1"


def test_none_is_good_news(terminal: Terminal) -> None:
    terminal.answer(lambda number, _: [(number, ReplyKind.OK, frontend.DeadLetterPage(()))])
    result = terminal.run("dead-letter", "list")
    assert (result.stdout, result.stderr) == ("", "There are no dead letters.\n")


def test_show(terminal: Terminal) -> None:
    terminal.answer(post_office)
    assert "6 bytes" in terminal.run("dead-letter", "show", "letter-1").stdout
    assert terminal.json("dead-letter", "show", "letter-1")["data_base64"] == "AGJ5dGVz"


def test_retry(terminal: Terminal) -> None:
    terminal.answer(post_office)
    assert terminal.run("dead-letter", "retry", "letter-1").stdout == "Sent letter-1 once more.\n"
    assert terminal.json("dead-letter", "retry", "letter-1") == {"id": "letter-1", "retried": True}
    gone = ErrorReply(int(ErrorCode.NOT_FOUND), "there is no dead letter 'letter-1'")
    terminal.answer(lambda number, _: [(number, ReplyKind.ERROR, gone)])
    result = terminal.run("dead-letter", "retry", "letter-1")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no dead letter 'letter-1'\n")
