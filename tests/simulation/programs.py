"""Random workflow programs: what a generated workflow does, as data that travels in its input.

A program is a dictionary: `steps`, done one after the other; `on_cancel`, what it does when it is cancelled ("raise";
"clean up": an activity, then raise; "swallow": an activity, then complete); `pad`, a large value;
`next`, the program of the run that follows, if it goes on as new. `before` is what a run was given by the one before.

Steps (lists; each is over before the next one begins):
- `["act", spec]`: an activity. Its failure is recorded and survived, but for a `strict` one.
- `["timer", ms]`
- `["all", [steps, ...]]`: branches side by side, `asyncio.gather`.
- `["race", ms, steps]`: `asyncio.wait_for`; what does not end in time is cancelled.
- `["first", [steps, ...]]`: `workflow.wait`; the first branch that ends wins, the others are cancelled.
- `["signals", n]`: until n signals have come in. `["signals", n, ms]`: or until the time is over.
- `["saga", [spec, ...], raises]`: activities in a row; when one fails, those before it are compensated in reverse
  order, and the workflow fails or goes on.
- `["fan", n, ms]`: n activities at once.
- `["fork", "time" or "random", [steps, steps]]`: which of the two is done depends on the workflow's time, or on its
  source of chance: a replay that sees another time goes another way.
- `["flaky", n]`: the first n times that the workflow's code comes here, its workflow task fails.
- `["child", spec]`: a child workflow, which carries out a program of its own.
- `["tell", workflow id, "signal" or "cancel"]`: sends that to a workflow that a client started.
- `["local", spec]`: a local activity, which takes `ms`, fails `fails` times, has `attempts`, and may back off by a
  timer (`backs_off`).
- `["version", change id]`: asks which version of the code this is. `["set"]`: sets a note and a search attribute.
- `["fail", type]`: the workflow fails.
- `["hang"]`: waits for ever.

An activity's spec is a dictionary: `kind` (see `ACTIVITY_KINDS`), `ms` that it takes, and optionally `fails` (attempts
that fail first), `attempts` (the most that are allowed), `size` (bytes of its result), `pad` (a large argument),
`priority`, `cancel` (the cancellation type), `strict`.

A child's spec: `program`, `policy` (the parent close policy), `cancel` (the cancellation type), `waits` (for its end;
else for its start alone), and optionally `timeout_ms` (of its run), `signals` (how many it is sent), `twice` (its id is
tried a second time).
"""

from __future__ import annotations

import random
from typing import Any

Program = dict[str, Any]
Step = list[Any]
Spec = dict[str, Any]

ACTIVITY_KINDS = {
    "plain": "returns",
    "threaded": "returns; a `def`, which runs in a thread",
    "retry": "fails `fails` times, then returns",
    "delayed": "as retry, and says itself when it wants to be tried again",
    "fatal": "fails, and says that trying again is of no use",
    "listed": "fails with a type that its retry policy lists as not retryable",
    "doomed": "fails in each of its `attempts`",
    "once": "returns; one attempt only",
    "once doomed": "fails; one attempt only",
    "beat": "heartbeats, and goes on from its last heartbeat",
    "stuck": "never ends in its first attempt, which runs out of its start-to-close timeout",
    "late": "never ends: start-to-close in each of its `attempts`",
    "silent": "never ends and never heartbeats: the heartbeat timeout in each of its `attempts`",
    "spent": "fails until its schedule-to-close timeout is over",
    "endless": "never ends: schedule-to-close",
    "nobody": "is put to a task queue that nobody polls until much later: schedule-to-start",
    "outside": "leaves its result to be sent by somebody else, when its time is over or when it is cancelled",
    "throttled": "fails `fails` times, as told to come back later, then returns; of the queue under limits",
    "stubborn": "when it is cancelled, cleans up for a while and returns all the same",
}

LONG_TIMER_MS = 30_000
LONG_TIMER_SHARE = 0.02
"""All of a run waits for its longest timer, so that there are few of them."""

LONG_LOCAL_MS = 9_000
"""A local activity of nearly a workflow task's timeout: a worker extends the task."""

HUGE = 300
"""Activities of a huge fan-out."""

GENERATIONS = 2
"""Children may have children, and these none."""

_KINDS = [
    *["plain"] * 8, "threaded", "threaded", *["once"] * 3, "once doomed", "retry", "retry", "delayed", "fatal",
    "listed", "doomed", "beat", "beat", "stuck", "late", "silent", "spent", "endless", "nobody", "stubborn", "outside",
]  # fmt: skip
TERMINATE, REQUEST_CANCEL = 1, 3
TRY_CANCEL = 1

TOLD_MAX = 25
"""Workflows that others may send something to."""

_STEPS = [
    *["act"] * 6, "timer", "timer", "all", "all", "race", "first", "signals", "saga", "fan", "fork", "fork", "flaky",
    "child", "child", "tell", "local", "version", "set",
]  # fmt: skip


class ProgramGenerator:
    """Programs of one run. `huge` of them may have a huge fan-out."""

    def __init__(self, generator: random.Random, huge: int) -> None:
        self._random = generator
        self._huge = huge
        self._signals = 0
        self._generation = 0

    def program(self) -> Program:
        dice = self._random
        self._signals = 0
        steps = self._steps(dice.choice([1, 1, 2, 2, 3, 4]), 0)
        program: Program = {"steps": steps, "on_cancel": dice.choice(["raise", "raise", "clean up", "swallow"])}
        last = dice.random()
        if last < 0.08:
            steps.append(["fail", "Planned"])
        elif last < 0.12:
            steps.append(["hang"])
        if self._huge:
            self._huge -= 1
            steps.insert(0, ["fan", HUGE, 1])
        if last > 0.12 and dice.random() < 0.15:
            program["next"] = self._next(dice.choice([1, 1, 3]))
        if dice.random() < 0.05:
            program["pad"] = "p" * dice.choice([3_000, 40_000, 120_000])
        return program

    def _next(self, runs: int) -> Program:
        """What the workflow goes on with in other runs."""
        program: Program = {
            "steps": self._steps(self._random.choice([0, 1, 2]), 0),
            "on_cancel": self._random.choice(["raise", "swallow"]),
        }
        if runs > 1:
            program["next"] = self._next(runs - 1)
        return program

    def _steps(self, count: int, depth: int) -> list[Step]:
        return [self._step(depth) for _ in range(count)]

    def _step(self, depth: int) -> Step:
        dice = self._random
        kind = dice.choice(_STEPS) if depth < 2 else dice.choice(["act", "act", "timer"])
        if kind == "child" and self._generation == GENERATIONS:
            kind = "act"
        if kind == "act":
            act = self._act()
            if depth == 0 and dice.random() < 0.1:
                act[1]["strict"] = True
            return act
        if kind == "timer":
            is_long = depth == 0 and dice.random() < LONG_TIMER_SHARE
            return ["timer", LONG_TIMER_MS if is_long else dice.choice([0, 1, 10, 300, 2_000])]
        if kind == "all":
            return ["all", [self._steps(dice.choice([1, 1, 2]), depth + 1) for _ in range(dice.choice([2, 3, 5]))]]
        if kind == "race":
            return ["race", dice.choice([1, 50, 1_000]), self._steps(dice.choice([1, 2]), depth + 1)]
        if kind == "first":
            return ["first", [self._steps(1, depth + 1) for _ in range(dice.choice([2, 3]))]]
        if kind == "signals":
            return self._wait_for_signals(depth)
        if kind == "saga":
            specs = [self.spec(["plain", "plain", "once", "retry"]) for _ in range(dice.choice([1, 2, 3]))]
            if dice.random() < 0.6:
                specs.append(self.spec(["fatal", "doomed", "once doomed", "late"]))
            return ["saga", specs, depth == 0 and dice.random() < 0.5]
        if kind == "fork":
            return ["fork", dice.choice(["time", "random"]), [[self._act()], [["timer", dice.choice([1, 300])]]]]
        if kind == "child":
            return ["child", self._child()]
        if kind == "tell":
            return self._tell()
        if kind == "local":
            return ["local", self._local()]
        if kind == "version":
            return ["version", dice.choice(["patch one", "patch two", "version one"])]
        if kind == "set":
            return ["set"]
        if kind == "fan":
            return ["fan", dice.choice([3, 8, 25]), dice.choice([1, 20])]
        return ["flaky", dice.choice([1, 1, 2, 4])]

    def _act(self) -> Step:
        return ["act", self.spec()]

    def _child(self) -> Spec:
        dice = self._random
        if dice.random() < 0.2:
            return self._hanging_child()
        outer, self._signals = self._signals, 0
        self._generation += 1
        steps = self._steps(dice.choice([1, 1, 2]), 0)
        if dice.random() < 0.1:
            steps.append(["fail", "Planned"])
        program = {"steps": steps, "on_cancel": dice.choice(["raise", "raise", "clean up", "swallow"])}
        spec: Spec = {"program": program, "policy": dice.choice([1, 2, 3]), "cancel": dice.randrange(4)}
        spec["waits"] = dice.random() < 0.7
        if dice.random() < 0.1 and steps[-1][0] != "fail":
            spec["program"]["next"] = self._next(1)
        spec["signals"] = signals_wanted(spec["program"])
        if spec["signals"]:  # it must not wait for them when its parent is gone
            spec |= {"policy": TERMINATE, "cancel": TRY_CANCEL}
        self._generation -= 1
        self._signals = outer
        if dice.random() < 0.1:
            spec["twice"] = True
        return spec

    def _hanging_child(self) -> Spec:
        """One that ends by its timeout, or with its parent."""
        dice = self._random
        program = {"steps": [["hang"]], "on_cancel": "raise"}
        spec: Spec = {
            "program": program,
            "policy": dice.choice([TERMINATE, REQUEST_CANCEL]),
            "cancel": dice.randrange(4),
        }
        spec["waits"] = dice.random() < 0.6
        if spec["waits"]:
            spec["timeout_ms"] = dice.choice([50, 1_500])
        return spec

    def _local(self) -> Spec:
        dice = self._random
        spec: Spec = {"ms": dice.choice([0, 0, 5, 300, LONG_LOCAL_MS]), "fails": dice.choice([0, 0, 0, 1, 3])}
        if spec["ms"] == LONG_LOCAL_MS:
            spec["fails"] = 0
        if dice.random() < 0.3:
            spec["attempts"] = dice.choice([1, 2])
        if dice.random() < 0.3:
            spec["backs_off"] = True
        return spec

    def _tell(self) -> Step:
        """Scripted workflows may only be cancelled by their own client, which knows what it did."""
        number = self._random.randrange(TOLD_MAX)
        is_cancel = number % 5 != 4 and self._random.random() < 0.15
        return ["tell", f"wf-{number}", "cancel" if is_cancel else "signal"]

    def _wait_for_signals(self, depth: int) -> Step:
        """Only the outermost steps come in a fixed order, and so know how many signals there will have been."""
        if depth == 0 and self._random.random() < 0.7:
            self._signals += self._random.choice([1, 2])
            return ["signals", self._signals]
        return ["signals", self._signals + 1, self._random.choice([100, 1_500])]

    def spec(self, kinds: list[str] = _KINDS) -> Spec:
        dice = self._random
        kind = dice.choice(kinds)
        spec: Spec = {"kind": kind, "ms": dice.choice([0, 1, 5, 20, 150, 600])}
        if kind in ("retry", "delayed"):
            spec["fails"] = dice.choice([1, 1, 2, 3])
        elif kind in ("doomed", "late", "silent"):
            spec["attempts"] = dice.choice([1, 2, 3])
        elif kind in ("beat", "stubborn"):
            spec["ms"] = dice.choice([300, 900, 3_000])
        if dice.random() < 0.06:
            spec["size"] = dice.choice([2_000, 40_000, 150_000])
        if dice.random() < 0.06:
            spec["pad"] = "p" * dice.choice([2_000, 40_000, 150_000])
        if dice.random() < 0.3:
            spec["priority"] = dice.randint(1, 5)
        spec["cancel"] = dice.choice([0, 0, 1, 2])
        return spec


def signals_wanted(program: Program) -> int:
    """How many signals must come in, for this program and those that follow it to end."""
    mine = max((step[1] for step in program["steps"] if step[0] == "signals" and len(step) == 2), default=0)
    return max(mine, signals_wanted(program["next"])) if "next" in program else mine
