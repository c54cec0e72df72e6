"""Timers, conditions, and what asyncio makes of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure import workflow
from tests.golden.catalogue.tale import SHORT, Tale, double, signals, step


@workflow.defn(name="naps")
class Naps:
    @workflow.run
    async def run(self, seconds: list[float]) -> int:
        for one in seconds:
            await workflow.sleep(one)
        return len(seconds)


@workflow.defn(name="days")
class Days:
    @workflow.run
    async def run(self, days: int) -> str:
        await workflow.sleep(timedelta(days=days), summary=f"{days} days")
        return await workflow.execute_activity(step, "awake", start_to_close_timeout=SHORT)


@workflow.defn(name="timer-race")
class TimerRace:
    @workflow.run
    async def run(self, fast: float, slow: float) -> str:
        racers = {asyncio.create_task(asyncio.sleep(time, str(time))): time for time in (fast, slow)}
        done, pending = await workflow.wait(racers, return_when=asyncio.FIRST_COMPLETED)
        for racer in pending:
            racer.cancel()
        return ",".join(sorted(racer.result() for racer in done))


@workflow.defn(name="patience")
class Patience:
    """Waits for a signal, but not for ever."""

    def __init__(self) -> None:
        self.is_there = False

    @workflow.signal
    def come(self, _: str) -> None:
        self.is_there = True

    @workflow.run
    async def run(self, seconds: float) -> str:
        try:
            await workflow.wait_condition(lambda: self.is_there, timeout=seconds, timeout_summary="patience")
        except TimeoutError:
            return await workflow.execute_activity(step, "nobody", start_to_close_timeout=SHORT)
        return await workflow.execute_activity(step, "somebody", start_to_close_timeout=SHORT)


@workflow.defn(name="deadline")
class Deadline:
    @workflow.run
    async def run(self, allowed: float, taken: float) -> str:
        try:
            async with asyncio.timeout(allowed):
                await asyncio.sleep(taken)
        except TimeoutError:
            return "late"
        return "in time"


@workflow.defn(name="worked-off")
class WorkedOff:
    """A queue and workers, as in any asyncio program."""

    @workflow.run
    async def run(self, jobs: int, hands: int) -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        for job in range(jobs):
            queue.put_nowait(job)
        done: list[int] = []

        async def work() -> None:
            while not queue.empty():
                job = queue.get_nowait()
                done.append(await workflow.execute_activity(double, job, start_to_close_timeout=SHORT))
                await asyncio.sleep(job + 1)

        async with asyncio.TaskGroup() as group:
            for _ in range(hands):
                group.create_task(work())
        return sorted(done)


@workflow.defn(name="throttled")
class Throttled:
    @workflow.run
    async def run(self, count: int) -> int:
        gate = asyncio.Semaphore(2)

        async def one(number: int) -> int:
            async with gate:
                return await workflow.execute_activity(double, number, start_to_close_timeout=SHORT)

        return sum(await asyncio.gather(*(one(number) for number in range(count))))


@workflow.defn(name="as-they-come")
class AsTheyCome:
    @workflow.run
    async def run(self, count: int) -> list[int]:
        async def one(number: int) -> int:
            await asyncio.sleep(count - number)
            return await workflow.execute_activity(double, number, start_to_close_timeout=SHORT)

        return [await done for done in workflow.as_completed([one(number) for number in range(count)])]


@workflow.defn(name="dice")
class Dice:
    """Does what chance and the clock say."""

    @workflow.run
    async def run(self, throws: int) -> list[int]:
        thrown = []
        for _ in range(throws):
            number = workflow.random().randint(1, 6)
            thrown.append(number)
            if number % 2:
                await workflow.execute_activity(double, number, start_to_close_timeout=SHORT)
            else:
                await workflow.sleep(number + workflow.now().microsecond / 1_000_000 + len(str(workflow.uuid4())))
        return thrown


WORKFLOWS = (Naps, Days, TimerRace, Patience, Deadline, WorkedOff, Throttled, AsTheyCome, Dice)
ACTIVITIES = ()
TALES = (
    *(Tale(f"naps-{count}", Naps, ([1.5, 60, 3600][:count],)) for count in (0, 1, 3)),
    *(Tale(f"days-{days}", Days, (days,)) for days in (1, 30)),
    *(Tale(f"timer-race-{slow}", TimerRace, (1.0, float(slow))) for slow in (2, 5)),
    Tale("patience-nobody", Patience, (5.0,)),
    Tale("patience-somebody", Patience, (5.0,), signals(("come", "now"))),
    Tale("deadline-late", Deadline, (1.0, 5.0)),
    Tale("deadline-in-time", Deadline, (5.0, 1.0)),
    *(Tale(f"worked-off-{jobs}-{hands}", WorkedOff, (jobs, hands)) for jobs, hands in ((3, 1), (4, 2), (5, 5))),
    *(Tale(f"throttled-{count}", Throttled, (count,)) for count in (1, 5)),
    *(Tale(f"as-they-come-{count}", AsTheyCome, (count,)) for count in (2, 3)),
    *(Tale(f"dice-{throws}", Dice, (throws,)) for throws in (1, 4, 9)),
)
