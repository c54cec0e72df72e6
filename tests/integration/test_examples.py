"""Each example runs as a user would run it: its file, an address, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import ROOT, Cluster

EXAMPLES = ROOT / "sdk" / "examples"
TIMEOUT_SECONDS = 120

RunExample = Callable[..., Coroutine[Any, Any, str]]


class Ledger:
    """The calls that the fake model counted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys(self) -> list[str]:
        return [json.loads(line)["key"] for line in self.path.read_text().splitlines()] if self.path.exists() else []


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "model-calls.jsonl")


@pytest.fixture
def run_example(shared_cluster: Cluster, ledger: Ledger) -> RunExample:
    """`await run_example("agent.py", *arguments)` returns what it printed."""

    async def run(name: str, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / name),
            *arguments,
            env={**os.environ, "PERDURE_ADDRESS": shared_cluster.address, "MODEL_LEDGER": str(ledger.path)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                output, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            output, errors = await process.communicate()
            raise AssertionError(
                f"{name} did not end:\n{output.decode()}{errors.decode()}\n{shared_cluster.logs()}"
            ) from None
        assert process.returncode == 0, f"{output.decode()}{errors.decode()}\n{shared_cluster.logs()}"
        assert "A workflow task of" not in errors.decode(), "a workflow task failed, if only once"
        return output.decode()

    return run


async def test_agent_waits_for_approval_and_writes_the_answer(run_example: RunExample, ledger: Ledger) -> None:
    output = await run_example("agent.py")
    assert "proposes:" in output
    path = Path(output.rpartition("written to ")[2].strip())
    assert "Can I return a lamp" in path.read_text()
    path.unlink()
    assert len(ledger.keys()) == 1


async def test_support_agent_survives_its_worker_and_is_billed_once(run_example: RunExample, ledger: Ledger) -> None:
    output = await run_example("support_agent.py")
    assert "its worker was killed" in output
    assert "sent," in output
    assert "model calls billed: 1" in output
    assert len(ledger.keys()) == 1, "the finished step ran again"


async def test_legal_review_is_approved_by_the_lawyer(run_example: RunExample, ledger: Ledger) -> None:
    output = await run_example("legal_review.py")
    assert "approved by grace" in output
    assert len(set(ledger.keys())) == 3


async def test_legal_review_goes_to_the_partner_when_nobody_answers(run_example: RunExample) -> None:
    output = await run_example("legal_review.py", "--patience", "0.5")
    assert "escalated by barbara" in output


async def test_saga_undoes_in_reverse(run_example: RunExample) -> None:
    booked, undone = (await run_example("saga.py")).splitlines()
    assert booked == "ada: booked flight, hotel, car"
    assert undone == "lin: SoldOut: no car left; undone in this order: hotel, flight"


async def test_a_subscription_that_is_canceled(run_example: RunExample) -> None:
    assert "before the subscription was canceled" in await run_example("subscription.py")


@pytest.mark.parametrize("name", ["test_subscription.py", "test_replay.py"])
def test_the_tests_among_them_pass(name: str) -> None:
    """A year that is tested at once; histories that are replayed in CI."""
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir=.", "-c", os.devnull, name]
    told = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "3 passed" in told.stdout


async def test_fan_out_runs_a_thousand_agents(run_example: RunExample, ledger: Ledger) -> None:
    output = await run_example("fan_out.py")
    assert "1000 runs in" in output
    keys = ledger.keys()
    assert len(keys) == len(set(keys)) == 1000


async def test_a_charge_whose_report_was_lost_happens_once(run_example: RunExample) -> None:
    assert await run_example("charge_once.py") == "attempts: 2, charges: [('ada', 4200)]\n"


async def test_an_order_and_its_workflow_are_one_transaction(run_example: RunExample, shared_cluster: Cluster) -> None:
    assert (await run_example("outbox.py", shared_cluster.postgres_dsn)).splitlines() == [
        "no lamp: the card was declined",
        "a chair is on its way",
        "and of the lamp: NOT_FOUND",
    ]


async def test_a_long_conversation_is_stored_once(run_example: RunExample) -> None:
    told = re.fullmatch(
        r"30 calls, 45000 words in the end: ([\d.]+) MB passed, ([\d.]+) MB stored\n",
        await run_example("long_conversation.py", "--turns", "30"),
    )
    assert told is not None
    passed, stored = (float(number) for number in told.groups())
    assert passed > 6 * stored


async def test_a_worker_deployment_keeps_pinned_runs_on_their_version(run_example: RunExample) -> None:
    assert await run_example("worker_deployment.py") == "the old order ran on 1.0, the new one on 2.0\n"


async def test_patching_leaves_open_runs_as_they_were(run_example: RunExample) -> None:
    assert await run_example("patching.py") == "ada charged\nlin checked, lin charged\n"


async def test_continue_as_new_serves_everybody_in_several_runs(run_example: RunExample) -> None:
    assert await run_example("continue_as_new.py") == "100 customers paid 4950 coins, in 11 runs\n"


async def test_a_report_is_made_by_children(run_example: RunExample) -> None:
    assert await run_example("child_workflow.py") == (
        "asia: 401\nafrica: 601\natlantis: failed (UnknownRegion: there is no such region)\neurope: 1203\n"
    )


async def test_a_batch_slides_its_window_through_several_runs(run_example: RunExample) -> None:
    output = await run_example("batch_sliding_window.py")
    assert output == "60 of 60 records, at most 10 at a time\nthe batch went on in new runs: True\n"


async def test_cron_goes_on_after_a_run_that_failed(run_example: RunExample) -> None:
    output = await run_example("cron.py")
    assert output.split() == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]


async def test_a_schedule_starts_reports(run_example: RunExample) -> None:
    output = await run_example("schedule.py")
    assert output == "by the clock: 2\nby hand, and for the days of a week: 6\n"


async def test_sleep_for_days_is_woken_by_a_signal(run_example: RunExample) -> None:
    output = await run_example("sleep_for_days.py")
    assert "sleeps for 30 days" in output
    assert output.endswith("1 sent\n")


async def test_local_activities_are_markers(run_example: RunExample) -> None:
    assert await run_example("local_activity.py") == "charged 238.00\n2 markers in a history of 13 events\n"


ACTIVITIES = {
    "activity_retry.py": [
        "LH 400 booked in attempt 3",
        "LH 400 is on account",
        "failed attempts that were tried again: 2",
    ],
    "heartbeats.py": [
        "attempt 2 began at row 60",
        "the import tidies up",
        "the workflow was cancelled: CancelledError",
    ],
    "parallel_activities.py": ["all: A: 100, B: 101, C: 102", "first: fast: 70", "few at once: 10"],
    "polling.py": [
        "frequent: is ready, after 5 looks",
        "infrequent: is ready, after 5 looks",
        "periodic: is ready, in run 3, after 5 looks",
    ],
    "worker_specific_queue.py": ["words: [3, 3, 3, 3, 3]"],
    "dependency_injection.py": ["ada: welcome", "ada: 12.50, please", "nobody knows flowers"],
    "tasks.py": [
        "cat@100 was made here",
        "dog@50 was made by a worker",
        "1 of 3 was enqueued: owl@100",
        "owls@100 was made of what was typed last",
        "500 more were enqueued together",
        "published in attempt 2",
        "scanned: more than 0 of 1000",
    ],
    "canvas.py": [
        "4 words at home",
        "3 times tea",
        "['we sell tea', 'KeyError']",
        "1 of 2 members failed, its body was not begun: 2 (fetch): KeyError: 'jobs'",
        "['welcome to the shop', 'we sell tea', 'green tea and black tea']",
        "2000 words in 10 chunks",
    ],
    "sync_activities.py": [
        "read a, read b, read c - on the main thread: False",
        "669 primes, counted in another process: True",
    ],
}


async def test_activities_of_many_kinds(run_example: RunExample) -> None:
    told = await asyncio.gather(*(run_example(name) for name in ACTIVITIES))
    assert [output.splitlines() for output in told] == list(ACTIVITIES.values())


async def test_a_person_completes_what_its_worker_left(run_example: RunExample) -> None:
    asked, answered = (await run_example("async_completion.py")).splitlines()
    assert asked == "asked: refund 70 euros? (and the worker has stopped)"
    assert answered == "answered: yes, by grace"


async def test_seats_are_booked_one_after_the_other(run_example: RunExample) -> None:
    assert (await run_example("seat_booking.py")).splitlines() == [
        "seat 1 for ada",
        "seat 2 for lin",
        "seat 3 for joe",
        "refused: Nameless: a ticket needs a name",
        "1 seat is free",
        "3 guests",
    ]


async def test_a_timer_of_a_month_is_moved_to_now(run_example: RunExample) -> None:
    assert await run_example("updatable_timer.py") == "moved 1 time, to a datetime\n"


async def test_nothing_encrypted_is_seen(run_example: RunExample) -> None:
    assert await run_example("encryption.py") == ("result: Hopper has a cold\nin the history in the clear: False\n")


async def test_an_interceptor_keeps_to_its_budget(run_example: RunExample) -> None:
    assert await run_example("interceptor.py") == "what: because\nwhy: BudgetExceeded: more than 3 calls\ncalls: 4\n"


async def test_the_user_follows_the_call(run_example: RunExample) -> None:
    assert await run_example("context_propagation.py") == "ada deleted notes.txt\nlin deleted notes.txt\n"


async def test_a_decorated_activity_heartbeats(run_example: RunExample) -> None:
    assert await run_example("custom_decorator.py") == "attempt 1 took 1.5 s\n"


async def test_models_travel_as_they_are(run_example: RunExample) -> None:
    assert await run_example("pydantic_models.py") == "22.05 due on 04 December 2026\n"


async def test_one_trace_holds_the_call(run_example: RunExample) -> None:
    assert await run_example("open_telemetry.py") == (
        "spans: CompleteWorkflow:Greeting, RunActivity:greet, RunWorkflow:Greeting, StartActivity:greet, "
        "StartWorkflow:Greeting\ntraces: 1\ngreetings counted: True\n"
    )


async def test_everybody_that_a_query_finds_is_told_once(run_example: RunExample) -> None:
    output = await run_example("batch_by_query.py")
    assert output.splitlines() == ["told 20 of 20", "pays 12 from now on", "deleted 20 of 20"]


async def test_orders_are_found_by_their_search_attributes_and_cancelled_in_a_batch(run_example: RunExample) -> None:
    output = await run_example("search_attributes.py")
    assert output.splitlines() == ["ada owes 70", "ada owes 30", "ada: 2", "bob: 1", "cancelled 2 of 2"]


async def test_messages_each_of_its_kind(run_example: RunExample) -> None:
    asked = await run_example("query.py")
    assert "more tables were done later: True; at the end: 5" in asked
    assert "the third is done: True" in asked
    assert "tables are counted from 1" in asked
    told = await run_example("signals.py")
    assert told.splitlines()[-1] == "ordered: tea, cups, a kettle"
    changed = await run_example("update.py")
    assert changed.count("balance: 5") == 2, "the update id makes one deposit of both"
    assert "refused: a deposit is more than nothing" in changed
    assert "closed with 5; the workflow returned 5" in changed


async def test_errors_come_up_with_their_causes(run_example: RunExample) -> None:
    output = await run_example("exception_handling.py")
    assert output.splitlines() == [
        "charged good",
        "WorkflowFailureError <- ApplicationError (no card was taken)",
        "WorkflowFailureError <- ChildWorkflowError <- ActivityError <- ApplicationError (ValueError: this is no card)",
    ]


async def test_tenants_take_turns(run_example: RunExample) -> None:
    small, large = (await run_example("tenants.py")).splitlines()
    assert small.startswith("small tenant: an answer to 'what is too much?'; of the large one ")
    assert large == "large tenant: 40 answers"
