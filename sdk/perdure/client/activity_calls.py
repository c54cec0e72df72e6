"""What a workflow's handle offers to operators of its activities: pause, go on, begin anew."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta

from perdure.client.connection import Connection, check_text, nothing
from perdure.protocol.requests import ActivityChange, ChangeActivity


class ActivityCalls:
    """The part of a `WorkflowHandle` that changes pending activities: one by its id, or all of a type."""

    _connection: Connection
    _id: str
    _run_id: str | None

    async def pause_activity(
        self,
        activity_id: str | None = None,
        *,
        activity_type: str | None = None,
        reason: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """Let no further attempt begin. One that runs is asked to end if it sends heartbeats, and does not count then;
        any other one may finish. The time of a schedule-to-close timeout goes on.

        Args:
            activity_id: Which one; or
            activity_type: all that are pending of this type.
            reason: Why; kept in the history.

        Raises:
            ValueError: neither was given, or both.
            RPCError: none is pending (NOT_FOUND), or it was asked to stop (FAILED_PRECONDITION).
        """
        await self._change_activity(ActivityChange.PAUSE, activity_id, activity_type, reason, None, rpc_timeout)

    async def unpause_activity(
        self,
        activity_id: str | None = None,
        *,
        activity_type: str | None = None,
        reason: str | None = None,
        jitter: timedelta | None = None,
        reset_attempts: bool = False,
        reset_heartbeat: bool = False,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """Let a paused activity go on, at once. Without effect on others.

        Args:
            activity_id: Which one; or
            activity_type: all that are pending of this type.
            reason: Why; kept in the history.
            jitter: Begin at random within this time instead.
            reset_attempts: The attempt that begins counts as the first.
            reset_heartbeat: The attempt that begins finds no heartbeat details.

        Raises:
            ValueError: neither was given, or both.
            RPCError: none is pending (NOT_FOUND), or it was asked to stop (FAILED_PRECONDITION).
        """
        await self._change_activity(
            ActivityChange.UNPAUSE,
            activity_id,
            activity_type,
            reason,
            jitter,
            rpc_timeout,
            reset_attempts=reset_attempts,
            reset_heartbeat=reset_heartbeat,
        )

    async def reset_activity(
        self,
        activity_id: str | None = None,
        *,
        activity_type: str | None = None,
        reason: str | None = None,
        jitter: timedelta | None = None,
        reset_heartbeat: bool = False,
        keep_paused: bool = False,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """Let an activity begin anew: its next attempt counts as the first, and its schedule-to-close timeout counts
        from now. One that waits begins at once. One that runs is asked to end if it sends heartbeats, and begins again;
        any other one may finish. A paused one is unpaused.

        Args:
            activity_id: Which one; or
            activity_type: all that are pending of this type.
            reason: Why; kept in the history.
            jitter: One that waits begins at random within this time instead.
            reset_heartbeat: The attempt that begins finds no heartbeat details.
            keep_paused: A paused one stays paused.

        Raises:
            ValueError: neither was given, or both.
            RPCError: none is pending (NOT_FOUND), or it was asked to stop (FAILED_PRECONDITION).
        """
        await self._change_activity(
            ActivityChange.RESET,
            activity_id,
            activity_type,
            reason,
            jitter,
            rpc_timeout,
            reset_heartbeat=reset_heartbeat,
            keep_paused=keep_paused,
        )

    async def _change_activity(
        self,
        change: ActivityChange,
        activity_id: str | None,
        activity_type: str | None,
        reason: str | None,
        jitter: timedelta | None,
        rpc_timeout: timedelta | None,
        *,
        reset_attempts: bool = False,
        reset_heartbeat: bool = False,
        keep_paused: bool = False,
    ) -> None:
        if (activity_id is None) == (activity_type is None):
            raise ValueError("say which activity is meant: give its id, or activity_type=, not both")
        for name, text in (("activity_id", activity_id), ("activity_type", activity_type)):
            if text is not None:
                check_text(name, text)
        request = ChangeActivity(
            self._connection.namespace,
            self._id,
            self._run_id or "",
            activity_id or "",
            activity_type or "",
            change,
            reason or "",
            _delay_ms(jitter),
            reset_attempts,
            reset_heartbeat,
            keep_paused,
            *self._connection.author(),
        )
        await self._connection.ask(self._id, request, nothing, rpc_timeout)


def _delay_ms(jitter: timedelta | None) -> int:
    """A random delay within `jitter`.

    Raises:
        ValueError: it is negative.
    """
    if jitter is None:
        return 0
    if jitter < timedelta(0):
        raise ValueError(f"jitter is {jitter}; it must be zero or more")
    return int(random.uniform(0, jitter.total_seconds()) * 1000)
