"""Time, chance and UUIDs inside of workflows, and that nothing changes outside."""

from __future__ import annotations

import asyncio
import datetime
import datetime as calendar
import os
import pickle
import random
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import date, datetime as imported_datetime, timedelta
from os import urandom
from random import Random, choice, getrandbits, randint, random as imported_random, shuffle
from time import gmtime, monotonic, perf_counter, time as imported_time, time_ns as imported_time_ns
from typing import Any
from uuid import uuid1, uuid4

import pytest

from perdure import workflow
from perdure.execution import stand_ins
from perdure.workflow import WorkflowIOError
from tests.workflow_story import BEGIN_US, Story


def _shuffled(function: Callable[[list[int]], None]) -> list[int]:
    items = list(range(50))
    function(items)
    return items


TIMES: dict[str, Callable[[], Any]] = {
    "time.time": lambda: time.time(),
    "time.time_ns": lambda: time.time_ns(),
    "time.monotonic": lambda: time.monotonic(),
    "time.monotonic_ns": lambda: time.monotonic_ns(),
    "time.perf_counter": lambda: time.perf_counter(),
    "time.perf_counter_ns": lambda: time.perf_counter_ns(),
    "time.gmtime": lambda: list(time.gmtime()),
    "time.localtime": lambda: list(time.localtime()),
    "time.ctime": lambda: time.ctime(),
    "from time import time": lambda: imported_time(),
    "from time import time_ns": lambda: imported_time_ns(),
    "from time import monotonic": lambda: monotonic(),
    "from time import perf_counter": lambda: perf_counter(),
    "from time import gmtime": lambda: list(gmtime()),
    "datetime.datetime.now": lambda: str(datetime.datetime.now()),
    "datetime.datetime.now(UTC)": lambda: str(datetime.datetime.now(datetime.UTC)),
    "datetime.datetime.utcnow": lambda: str(datetime.datetime.utcnow()),
    "datetime.datetime.today": lambda: str(datetime.datetime.today()),
    "datetime.date.today": lambda: str(datetime.date.today()),
    "import datetime as": lambda: str(calendar.datetime.now()),
    "from datetime import datetime": lambda: str(imported_datetime.now()),
    "from datetime import datetime, utcnow": lambda: str(imported_datetime.utcnow()),
    "from datetime import datetime, today": lambda: str(imported_datetime.today()),
    "from datetime import date": lambda: str(date.today()),
}
CHANCE: dict[str, Callable[[], Any]] = {
    "random.random": lambda: random.random(),
    "random.randint": lambda: random.randint(1, 10**9),
    "random.uniform": lambda: random.uniform(0, 1),
    "random.choice": lambda: random.choice(range(10**9)),
    "random.choices": lambda: random.choices(range(10**9), k=2),
    "random.sample": lambda: random.sample(range(10**9), 2),
    "random.shuffle": lambda: _shuffled(random.shuffle),
    "random.gauss": lambda: random.gauss(0, 1),
    "random.randbytes": lambda: random.randbytes(8).hex(),
    "random.Random": lambda: random.Random().random(),
    "random.seed": lambda: [random.seed(), random.random()],
    "from random import random": lambda: imported_random(),
    "from random import randint": lambda: randint(1, 10**9),
    "from random import choice": lambda: choice(range(10**9)),
    "from random import shuffle": lambda: _shuffled(shuffle),
    "from random import getrandbits": lambda: getrandbits(64),
    "from random import Random": lambda: Random().random(),
    "uuid.uuid1": lambda: str(uuid.uuid1()),
    "uuid.uuid4": lambda: str(uuid.uuid4()),
    "from uuid import uuid1": lambda: str(uuid1()),
    "from uuid import uuid4": lambda: str(uuid4()),
}
SECRETS: dict[str, Callable[[], Any]] = {
    "os.urandom": lambda: os.urandom(8),
    "from os import urandom": lambda: urandom(8),
    "secrets.token_hex": lambda: secrets.token_hex(),
    "secrets.choice": lambda: secrets.choice([1, 2]),
    "random.SystemRandom": lambda: random.SystemRandom().random(),
}


@workflow.defn
class Asks:
    """Calls a function in two workflow tasks that are a second apart, and in an unrestricted block."""

    @workflow.run
    async def run(self, name: str) -> list[Any]:
        call = {**TIMES, **CHANCE, **SECRETS}[name]
        found = [call()]
        await asyncio.sleep(86_400)
        return [*found, call()]


@pytest.fixture(autouse=True)
def _adapted() -> Any:
    """This module as a worker leaves it; and as it was."""
    before = dict(globals())
    stand_ins.install()
    stand_ins.adapt_module_of(Asks)
    yield
    globals().update(before)


def told(name: str, *, is_evicted: bool) -> list[Any]:
    """What the workflow found, in one instance or in two."""
    story = Story(Asks, name)
    story.task()
    if is_evicted:
        story.forget()
    story.fire_timer("1")
    story.task()
    result: list[Any] = story.result
    story.replay()
    return result


@pytest.mark.parametrize("name", [*TIMES, *CHANCE])
def test_called_twice_with_an_eviction_between_the_replay_is_equal(name: str) -> None:
    first, second = told(name, is_evicted=True)
    assert first != second
    assert told(name, is_evicted=False) == [first, second]
    real = {**TIMES, **CHANCE}[name]()
    assert real not in (first, second)


@pytest.mark.parametrize("name", TIMES)
def test_times_are_the_workflow_tasks(name: str) -> None:
    first, second = told(name, is_evicted=False)
    if isinstance(first, float):
        assert (first, second) == (BEGIN_US / 1e6, BEGIN_US / 1e6 + 86_400)
    elif isinstance(first, int):
        assert (first, second) == (BEGIN_US * 1000, BEGIN_US * 1000 + 86_400 * 10**9)
    else:
        assert "2027" in str(first)


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_refused_with_the_cure(name: str) -> None:
    with pytest.raises(WorkflowIOError, match=r"os\.urandom .*what can be repeated is no secret.*workflow\.uuid4\(\)"):
        told(name, is_evicted=False)
    assert SECRETS[name]() is not None


def test_a_time_that_is_given_is_kept() -> None:
    @workflow.defn
    async def asks() -> list[Any]:
        return [list(time.gmtime(0))[:3], random.Random(7).random()]

    story = Story(asks)
    story.task()
    assert story.result == [[1970, 1, 1], random.Random(7).random()]


def test_who_asks_to_be_let_out_gets_the_real_ones() -> None:
    @workflow.defn
    async def asks() -> list[float]:
        with workflow.unsafe.sandbox_unrestricted():
            secrets.token_hex()
            return [time.time(), imported_datetime.now().timestamp()]

    story = Story(asks)
    story.task()
    assert all(abs(found - time.time()) < 5 for found in story.result)


def test_importing_inside_of_a_workflow_may_ask_for_entropy(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_entropy.py").write_text("import os\nKEY = os.urandom(4)\n")
    monkeypatch.syspath_prepend(tmp_path)

    @workflow.defn
    async def imports() -> int:
        import needs_entropy  # type: ignore[import-not-found]  # made above

        return len(needs_entropy.KEY)

    story = Story(imports)
    story.task()
    assert story.result == 4


async def _one() -> int:
    return 1


async def test_outside_they_are_the_real_ones() -> None:
    assert abs(time.time() - imported_time()) < 5
    assert time.time() > 1_700_000_000
    assert time.monotonic() != time.time()
    assert uuid4() != uuid.uuid4()
    assert abs(imported_datetime.now().timestamp() - time.time()) < 5
    assert date.today() == imported_datetime.now().date()
    before = time.monotonic()
    await asyncio.sleep(0)
    assert time.monotonic() >= before
    finished = [await f for f in asyncio.as_completed([_one()])]
    assert finished == [1]


def test_stand_ins_are_like_the_builtins() -> None:
    class Stopwatch:
        clock = time.monotonic

    assert Stopwatch().clock() > 0, "a class that holds a builtin does not make a method of it"
    assert pickle.loads(pickle.dumps(time.time)) == time.time
    assert time.time.__name__ == "time"


def test_blocking_sleep_is_refused() -> None:
    @workflow.defn
    async def sleepy() -> None:
        time.sleep(1)  # noqa: ASYNC251  # the mistake under test

    with pytest.raises(WorkflowIOError, match=r"asyncio\.sleep"):
        Story(sleepy).task()


def test_sleeping_for_a_timedelta() -> None:
    @workflow.defn
    async def sleepy() -> str:
        result: str = await asyncio.sleep(timedelta(seconds=2), "slept")  # type: ignore[arg-type]
        return result

    story = Story(sleepy)
    story.task()
    story.fire_timer()
    story.task()
    assert story.result == "slept"
