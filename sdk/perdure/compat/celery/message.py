"""The arguments of a task as they travel: those by position, then, if there is more to say, one envelope.

The envelope is the last argument, a mapping with the one key `ENVELOPE`: arguments by name, and what belongs to the
call rather than to the task. A plain call has none, so that a task is started by its name from anywhere, and a step of
a canvas may be given the result before it in front of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from perdure.compat.celery.values import from_plain, to_plain

ENVELOPE = "__celery__"

KWARGS = "kwargs"


class Message(NamedTuple):
    """What a task was sent. `extras` are the fields of the envelope but the arguments by name: `root_id`, `parent_id`,
    `headers`, `eta`, `expires`, `link`, `link_error`, `ignore_result`, `soft_time_limit`, as far as there is
    something to say."""

    args: list[Any]
    kwargs: dict[str, Any]
    extras: Mapping[str, Any]


def pack(args: Sequence[Any], kwargs: Mapping[str, Any], extras: Mapping[str, Any]) -> list[Any]:
    """The arguments of the activity."""
    packed = [to_plain(value) for value in args]
    envelope = {key: to_plain(value) for key, value in extras.items() if value is not None}
    if kwargs:
        envelope[KWARGS] = to_plain(dict(kwargs))
    if envelope:
        packed.append({ENVELOPE: envelope})
    return packed


def unpack(arguments: Sequence[Any]) -> Message:
    """What `pack` was given."""
    last = arguments[-1] if arguments else None
    if not isinstance(last, dict) or last.keys() != {ENVELOPE}:
        return Message([from_plain(value) for value in arguments], {}, {})
    extras = from_plain(last[ENVELOPE])
    kwargs = extras.pop(KWARGS, {})
    return Message([from_plain(value) for value in arguments[:-1]], kwargs, extras)
