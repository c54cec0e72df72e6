"""Commands come as numbered pairs, in order."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.commands import COMMANDS, CancelTimer, CommandType, StartTimer, decode_commands


def test_every_type_has_a_class() -> None:
    assert set(COMMANDS.kind_of.values()) == {int(kind) for kind in CommandType}


def test_commands_keep_their_order() -> None:
    commands = (StartTimer("a", 1), CancelTimer("a"), StartTimer("b", 2))
    assert decode_commands(unpack(pack([COMMANDS.numbered(command) for command in commands]))) == commands


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        (None, "commands must be an array of pairs of number and fields"),
        ("ab", "commands must be an array of pairs"),
        ({"ab": 1}, "commands must be an array of pairs"),
        ((1,), "commands must be an array of pairs"),
        (((3,),), "commands must be an array of pairs"),
        (((99, ()),), "unknown command number 99"),
        (((6, (7,)),), "CancelTimer.timer_id must be str, not int"),
    ],
)
def test_malformed_commands_are_refused(rows: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_commands(rows)
