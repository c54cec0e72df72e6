"""The frontend: lists, counts, dead letters, the cluster; wrong requests are refused, and nothing ends the service."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.frontend import (
    CountWorkflows,
    DeadLetter,
    DescribeCluster,
    GetDeadLetter,
    ListDeadLetters,
    ListNamespaces,
    ListWorkflows,
    RetryDeadLetter,
    SetRetention,
    encode_frontend_envelope,
    numbered_frontend_request,
)
from perdure.protocol.replies import ErrorCode, ExecutionStatus, ReplyKind, decode_error
from perdure.protocol.requests import encode_envelope, numbered_request
from perdure_engine.frontend.service import REQUESTS_MAX, engine_version
from perdure_store.port import BatchRejected, DeadLetterRow, StoreUnavailable
from tests.engine_stage import Stage, activity, done, pass_time, start_request, until


async def ask(stage: Stage, request: Any) -> tuple[int, Any]:
    number = stage.expect()
    envelope = encode_frontend_envelope("stage", [numbered_frontend_request(number, request)])
    await stage.broker.send_frontend(envelope)
    return await stage.reply(number)


async def answer(stage: Stage, request: Any) -> Any:
    kind, body = await ask(stage, request)
    assert kind == ReplyKind.OK, body
    return body


async def refusal(stage: Stage, request: Any) -> Any:
    kind, body = await ask(stage, request)
    assert kind == ReplyKind.ERROR
    return decode_error(body)


async def some_workflows(stage: Stage) -> None:
    for name in ("a", "b", "c"):
        await stage.start(name)
        await pass_time(0.01)
    await stage.decide(done())
    await until(lambda: len(stage.database.visibility) == 3 and not stage.outstanding(3))


async def test_workflows_are_listed_newest_first_and_in_pages(stage: Stage) -> None:
    await some_workflows(stage)
    rows, token = await answer(stage, ListWorkflows("default"))
    assert ([row[1] for row in rows], token) == (["c", "b", "a"], b"")
    first, token = await answer(stage, ListWorkflows("default", page_size=2))
    second, end = await answer(stage, ListWorkflows("default", page_size=2, page_token=token))
    assert ([row[1] for row in (*first, *second)], end) == (["c", "b", "a"], b"")


async def test_lists_and_counts_take_filters(stage: Stage) -> None:
    await some_workflows(stage)
    rows, _ = await answer(stage, ListWorkflows("default", status=ExecutionStatus.COMPLETED))
    assert [row[1] for row in rows] == ["a"]
    assert await answer(stage, CountWorkflows("default", status=ExecutionStatus.RUNNING)) == (2, (), ())
    assert await answer(stage, CountWorkflows("another")) == (0, (), ())


async def buried(stage: Stage) -> str:
    """A dead letter that holds a good start."""
    row = numbered_request(77, start_request("again"))
    letter_id = "6c0d6c2f-7a5b-4c57-8d4e-6a1c1b2f0e55"
    letter = DeadLetterRow(0, letter_id, stage.now_us(), "inbox", "why", encode_envelope(1, "stage", [row]))
    stage.database.dead_letters[letter_id] = letter
    return letter_id


async def test_dead_letters_are_listed_without_their_data_and_shown_with_it(stage: Stage) -> None:
    letter_id = await buried(stage)
    rows, token = await answer(stage, ListDeadLetters())
    [shown] = [DeadLetter(*row) for row in rows]
    assert (shown.letter_id, shown.reason, shown.data, token) == (letter_id, "why", b"", b"")
    assert DeadLetter(*await answer(stage, GetDeadLetter(letter_id))).data


async def test_dead_letters_of_one_moment_are_listed_in_pages(stage: Stage) -> None:
    letter = stage.database.dead_letters[await buried(stage)]
    for number in range(4):
        letter_id = letter.letter_id[:-1] + str(number)
        stage.database.dead_letters[letter_id] = letter._replace(letter_id=letter_id)
    seen: list[str] = []
    token = b""
    while True:
        rows, token = await answer(stage, ListDeadLetters(page_size=2, page_token=token))
        seen += [row[1] for row in rows]
        if not token:
            break
    assert seen == sorted(stage.database.dead_letters, reverse=True)


async def test_a_dead_letter_is_tried_again_and_is_gone(stage: Stage) -> None:
    letter_id = await buried(stage)
    await answer(stage, RetryDeadLetter(letter_id))
    await until(lambda: stage.database.executions)
    assert not stage.database.dead_letters
    for request in (RetryDeadLetter(letter_id), GetDeadLetter(letter_id)):
        assert (await refusal(stage, request)).code == ErrorCode.NOT_FOUND


async def test_a_timer_among_the_dead_letters_cannot_be_tried_again(stage: Stage) -> None:
    letter_id = await buried(stage)
    stage.database.dead_letters[letter_id] = stage.database.dead_letters[letter_id]._replace(source="timer")
    error = await refusal(stage, RetryDeadLetter(letter_id))
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert letter_id in stage.database.dead_letters


async def test_the_cluster_describes_itself(stage: Stage) -> None:
    _, map_version, shards, version, engines = await answer(stage, DescribeCluster())
    assert (map_version, shards, version, engines) == (1, 1, engine_version(), ("one",))


@pytest.mark.parametrize("token", [b"\xff", pack((1, 2, 3)), pack("text")])
async def test_a_page_token_of_another_kind_is_refused(stage: Stage, token: bytes) -> None:
    for request in (ListWorkflows("default", page_token=token), ListDeadLetters(page_token=token)):
        error = await refusal(stage, request)
        assert error.code == ErrorCode.INVALID_ARGUMENT


async def test_what_is_malformed_harms_nobody(stage: Stage) -> None:
    number = stage.expect()
    await stage.broker.send_frontend(b"\xffnonsense")
    await stage.broker.send_frontend(pack((1, "stage", ((number, 999, ()),))))
    assert decode_error((await stage.reply(number))[1]).code == ErrorCode.INVALID_ARGUMENT
    assert await answer(stage, CountWorkflows("default")) == (0, (), ())


async def test_a_request_that_the_store_refuses_is_answered(stage: Stage) -> None:
    async def refuse(method: str) -> None:
        if method == "dead_letter":
            raise BatchRejected("not a letter id")

    stage.store_calls = refuse
    error = await refusal(stage, GetDeadLetter("x"))
    assert (error.code, error.message) == (ErrorCode.INVALID_ARGUMENT, "not a letter id")


async def test_a_store_that_is_away_costs_the_request_and_not_the_service(stage: Stage) -> None:
    failures = [StoreUnavailable("not now")]

    async def fail(method: str) -> None:
        if method == "count_visibility" and failures:
            raise failures.pop()

    stage.store_calls = fail
    number = stage.expect()
    envelope = encode_frontend_envelope("stage", [numbered_frontend_request(number, CountWorkflows("default"))])
    await stage.broker.send_frontend(envelope)
    await until(lambda: not failures)
    await stage.start()
    await stage.decide(activity())
    assert (await answer(stage, CountWorkflows("default")))[0] >= 0
    assert not stage.has_reply(number)


async def test_what_is_no_request_goes_to_the_dead_letters(stage: Stage) -> None:
    many = pack((1, "stage", tuple((1, 6, ()) for _ in range(REQUESTS_MAX + 1))))
    for data in (b"\xc1", many):
        await stage.broker.send_frontend(data)
    await until(lambda: len(stage.database.dead_letters) == 2)
    letters = list(stage.database.dead_letters.values())
    assert sorted(letter.data for letter in letters) == sorted([b"\xc1", many])
    assert {letter.source for letter in letters} == {"frontend"}


async def test_a_request_that_makes_the_engine_raise_is_refused_alone(stage: Stage) -> None:
    async def overflow(method: str) -> None:
        if method == "count_visibility":
            raise OverflowError("date value out of range")

    stage.store_calls = overflow
    refused = await refusal(stage, CountWorkflows("default", started_from_us=2**63 - 1))
    assert refused.code == ErrorCode.INVALID_ARGUMENT
    assert "OverflowError: date value out of range" in refused.message
    assert (await ask(stage, DescribeCluster()))[0] == ReplyKind.OK


async def test_namespaces_say_how_long_they_keep_their_closed_runs(stage: Stage) -> None:
    assert await answer(stage, ListNamespaces()) == ((("default", 259_200_000, 0, ""),),)
    assert await answer(stage, SetRetention("short", 60_000)) is None
    assert await answer(stage, ListNamespaces()) == ((("default", 259_200_000, 0, ""), ("short", 60_000, 0, "")),)
    for request in (SetRetention("short", 59_999), SetRetention("short", 2**63), SetRetention("", 60_000)):
        assert (await refusal(stage, request)).code == ErrorCode.INVALID_ARGUMENT
    assert (await answer(stage, ListNamespaces()))[0][1] == ("short", 60_000, 0, "")
