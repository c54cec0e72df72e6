"""Flow control of the Redis broker: one script a call (see `flow`)."""

from __future__ import annotations

from collections.abc import Sequence

from perdure_broker import errors, scripts
from perdure_broker.flow import HOLD_US_MAX, Admission, Candidate, FlowState, Limits
from perdure_broker.keys import QueueKeys
from perdure_broker.port import TaskStream
from perdure_broker.session import Session
from perdure_broker.wire import ReplyError, pack


class FlowCalls(Session):
    """What matching asks of queues with limits, and workers of what is to be held."""

    async def flow_state(self, stream: TaskStream, limits: Limits) -> FlowState:
        keys = self.keys.queue(stream)
        script_keys = (*_queue(keys), keys.rates, keys.holds)
        reply = await self._send_one(scripts.FLOW_STATE.call(script_keys, _limits(limits)))
        undelivered, pending, out, slots, paused, backlogged, version, tokens, wait_us, holds, *rest = reply
        window, finished = rest
        return FlowState(
            undelivered,
            pending,
            out,
            slots,
            bool(paused),
            bool(backlogged),
            version,
            tokens,
            wait_us,
            holds,
            window,
            float(finished),
        )

    async def admit(
        self, stream: TaskStream, term: int, room: int, limits: Limits, candidates: Sequence[Candidate]
    ) -> Admission | None:
        keys = self.keys.queue(stream)
        arguments: list[bytes | str | int] = [term, room, *_limits(limits)]
        for candidate in candidates:
            arguments += candidate[:4]
            arguments += _limits(candidate.limits)
        script_keys = (*_queue(keys), keys.rates, keys.holds, keys.keyed, keys.counts)
        (reply,) = await self._send([scripts.ADMIT.call(script_keys, arguments)])
        if reply is None:
            return None
        if type(reply) is ReplyError:
            if errors.code_of(reply) == "OOM":
                return Admission((-1,) * len(candidates), full=True)
            raise errors.from_reply(reply, self.address)
        full, created, *verdicts = reply
        if created:
            await self._send_one(scripts.REGISTER_STREAMS.call((self.keys.streams,), (keys.stream,)))
        return Admission(tuple(verdicts), bool(full))

    async def hold(self, stream: bytes, key: str, for_us: int) -> None:
        found = self.keys.stream_of(stream)
        if found is None:
            return
        keys = self.keys.queue(found)
        for_us = min(for_us, HOLD_US_MAX)
        await self._send_one(scripts.HOLD.call((keys.holds, keys.meta), (f"k{key}" if key else "q", for_us)))

    async def holds(self, stream: TaskStream) -> dict[str, int]:
        reply = await self._send_one(scripts.HOLDS.call((self.keys.queue(stream).holds,)))
        return {name[1:].decode(): left for name, left in zip(reply[::2], reply[1::2], strict=True)}

    async def reset_rates(self, stream: TaskStream) -> None:
        await self._send_one(pack(b"UNLINK", self.keys.queue(stream).rates))

    async def claims(self, stream: TaskStream) -> dict[str, str | None]:
        keys = self.keys.queue(stream)
        members, noted = await self._send_all((pack(b"SMEMBERS", keys.ids), pack(b"HGETALL", keys.keyed)))
        found = dict(zip(noted[::2], noted[1::2], strict=True))
        return {member.decode(): found[member].decode() if member in found else None for member in sorted(members)}

    async def out_by_key(self, stream: TaskStream) -> dict[str, int]:
        reply = await self._send_one(pack(b"HGETALL", self.keys.queue(stream).counts))
        return {key.decode(): int(count) for key, count in sorted(zip(reply[::2], reply[1::2], strict=True))}


def _queue(keys: QueueKeys) -> tuple[bytes, ...]:
    return (keys.stream, keys.ids, keys.meta, keys.workers, keys.worker_info)


def _limits(limits: Limits) -> tuple[int, int, int, int]:
    return (limits.rate_micro, limits.burst, limits.concurrency, int(limits.is_late))
