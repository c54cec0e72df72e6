"""A payload codec between every two processes: nothing of users' data is in the clear where an engine can see it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, workflow
from perdure.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowResetPoint,
    WorkflowUpdateFailedError,
)
from perdure.common import HeaderCodecBehavior, Payload, RetryPolicy, WorkflowIDConflictPolicy
from perdure.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from perdure.exceptions import ActivityError, ApplicationError
from perdure.worker import Replayer, Worker
from perdure_store.memory import CommitFault, MemoryStore
from perdure_store.port import CommitBatch
from tests.integration.data.codecs import FlippingCodec
from tests.memory_cluster import memory_cluster
from tests.waiting import wait_until

SECRET = "tulip"
QUEUE = "q"
TIMEOUT = timedelta(seconds=10)
ONCE = RetryPolicy(maximum_attempts=1)
AT_ONCE = RetryPolicy(initial_interval=timedelta(milliseconds=1), maximum_attempts=2)


@activity.defn
async def take_notes(word: str) -> str:
    if activity.info().attempt == 1:
        activity.heartbeat(f"noted {word}")
        raise ApplicationError("try again")
    (noted,) = activity.info().heartbeat_details
    return f"{noted} twice"


@activity.defn
def fail_with_details(word: str) -> None:
    raise ApplicationError("no", {"why": word}, type="Refused", non_retryable=True)


@workflow.defn
class Secretive:
    def __init__(self) -> None:
        self.words: list[str] = []

    @workflow.run
    async def run(self, word: str) -> list[str]:
        assert workflow.memo() == {"note": f"memo of {word}"}
        noted = await workflow.execute_activity(take_notes, word, start_to_close_timeout=TIMEOUT, retry_policy=AT_ONCE)
        try:
            await workflow.execute_activity(fail_with_details, word, start_to_close_timeout=TIMEOUT)
        except ActivityError as error:
            self.words += error.cause.details[0].values()
        await workflow.wait_condition(lambda: len(self.words) == 2)
        return [noted, *self.words]

    @workflow.signal
    def tell(self, word: str) -> None:
        self.words.append(word)

    @workflow.query
    def told(self, prefix: str) -> list[str]:
        if prefix == "refuse":
            raise ApplicationError("no", {"why": prefix})
        return [prefix + word for word in self.words]


@workflow.defn
async def fail(word: str) -> None:
    raise ApplicationError("no", {"why": word})


@workflow.defn
async def tell(word: str) -> None:
    raise ApplicationError(f"told {word}")


@workflow.defn
async def echo(word: str) -> str:
    return await workflow.execute_activity(repeat, word, start_to_close_timeout=TIMEOUT, retry_policy=AT_ONCE)


@activity.defn
async def repeat(word: str) -> str:
    return f"{word} {word}"


@workflow.defn
class Remembering:
    def __init__(self) -> None:
        self._told = ""

    @workflow.run
    async def run(self) -> str:
        workflow.upsert_memo({"step": f"a {SECRET} later"})
        await workflow.wait_condition(lambda: bool(self._told))
        return self._told

    @workflow.signal
    def tell(self, word: str) -> None:
        self._told = word


@pytest.fixture
def codec() -> FlippingCodec:
    return FlippingCodec()


class Commits:
    """Everything that was committed, as text."""

    def __init__(self) -> None:
        self.text = ""

    async def note(self, batch: CommitBatch) -> CommitFault:
        self.text += repr(batch)
        return CommitFault.NONE


@pytest.fixture
def commits() -> Commits:
    return Commits()


class Heading(Interceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return HeadingCalls(next)


HEADERS = {"word": Payload({"encoding": b"json/plain"}, b'"heading"')}


class HeadingCalls(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        input.headers = HEADERS
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = HEADERS
        await super().signal_workflow(input)


@pytest.fixture
async def client(codec: FlippingCodec, commits: Commits) -> AsyncIterator[Client]:
    async with memory_cluster(MemoryStore(on_commit=commits.note)) as plain:
        yield Client(plain.transport, data_converter=DataConverter(payload_codec=codec))


@pytest.fixture
async def worker(client: Client) -> AsyncIterator[Worker]:
    options: dict[str, Any] = {
        "workflows": [Secretive, Remembering, fail, echo],
        "activities": [take_notes, fail_with_details, repeat],
    }
    async with Worker(client, task_queue=QUEUE, **options) as worker:
        yield worker


async def test_nothing_is_stored_in_the_clear(client: Client, worker: Worker, commits: Commits) -> None:
    handle = await client.start_workflow(
        Secretive.run, SECRET, id="w", task_queue=QUEUE, memo={"note": f"memo of {SECRET}"}
    )

    async def told() -> bool:
        return await handle.query(Secretive.told, f"{SECRET} and ") == [f"{SECRET} and {SECRET}"]

    await wait_until(told, what="the activities to be over")
    with pytest.raises(WorkflowQueryFailedError) as refused:
        await handle.query(Secretive.told, "refuse")
    assert isinstance(refused.value.__cause__, ApplicationError)
    assert refused.value.__cause__.details == ({"why": "refuse"},)
    await handle.signal(Secretive.tell, f"a {SECRET}")
    assert await handle.result() == [f"noted {SECRET} twice", SECRET, f"a {SECRET}"]
    description = await handle.describe()
    assert await description.memo() == {"note": f"memo of {SECRET}"}
    assert await description.memo_value("note", type_hint=str) == f"memo of {SECRET}"
    assert "take_notes" in commits.text, "what is looked at is what was stored"
    assert SECRET not in commits.text
    replayer = Replayer(workflows=[Secretive], data_converter=client.data_converter)
    history = await handle.fetch_history()
    assert SECRET not in history.to_json()
    await replayer.replay_workflow(history)


async def test_lists_decode_memos_and_batches_encode_what_they_send(
    client: Client, worker: Worker, commits: Commits
) -> None:
    memo = {"note": f"memo of {SECRET}"}
    handle = await client.start_workflow(Remembering.run, id="w", task_queue=QUEUE, memo=memo)
    whole = memo | {"step": f"a {SECRET} later"}

    async def listed() -> bool:
        return [await row.memo() async for row in client.list_workflows("WorkflowId = 'w'")] == [whole]

    await wait_until(listed, what="the list to show the memo as it is now")
    [row] = [row async for row in client.list_workflows()]
    assert await row.memo_value("step", type_hint=str) == f"a {SECRET} later"
    assert await (await handle.describe()).memo() == whole
    batch = await client.batches.signal("WorkflowId = 'w'", "tell", f"told of {SECRET}")
    assert (await batch.result()).done == 1
    assert await handle.result() == f"told of {SECRET}"
    assert "Remembering" in commits.text
    assert SECRET not in commits.text


async def test_a_failed_workflow_brings_its_details(client: Client, worker: Worker, commits: Commits) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await client.execute_workflow(fail, SECRET, id="w", task_queue=QUEUE)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.details == ({"why": SECRET},)
    assert SECRET not in commits.text


async def test_an_activity_without_a_key_is_tried_again(client: Client, worker: Worker, codec: FlippingCodec) -> None:
    codec.refuses_encoding = b"ada ada"
    with pytest.raises(WorkflowFailureError) as caught:
        await client.execute_workflow(echo, "ada", id="w", task_queue=QUEUE)
    assert isinstance(caught.value.cause, ActivityError)
    assert "the payload codec cannot encode it: LookupError: no key to encode with" in str(caught.value.cause.cause)


async def test_a_workflow_task_waits_for_the_key(client: Client, worker: Worker, codec: FlippingCodec) -> None:
    codec.refuses_decoding = b"ada"
    handle = await client.start_workflow(echo, "ada", id="w", task_queue=QUEUE)

    assert "the payload codec cannot decode it: LookupError" in await task_failure(handle)
    codec.refuses_decoding = b"\0never"
    assert await handle.result() == "ada ada"


async def task_failure(handle: WorkflowHandle[Any, Any]) -> str:
    """Why the pending workflow task failed, once it did."""

    async def failed() -> str:
        task = (await handle.describe()).pending_workflow_task
        return str(task.last_failure) if task is not None and task.last_failure is not None else ""

    return await wait_until(failed, what="the task to fail")


async def test_a_completion_waits_for_the_key(client: Client, worker: Worker, codec: FlippingCodec) -> None:
    await client.execute_workflow(echo, "eve", id="before", task_queue=QUEUE)
    codec.refuses_encoding = b'"ada"'
    heading = Client(client.transport)  # without the codec, so that the start can be made
    handle = await heading.start_workflow(echo, "ada", id="w", task_queue=QUEUE)
    assert "cannot be taken: the payload codec cannot encode it: LookupError" in await task_failure(handle)
    codec.refuses_encoding = b"\0never"
    assert await client.get_workflow_handle("w", result_type=str).result() == "ada ada"


async def test_a_query_without_a_key_is_refused(client: Client, worker: Worker, codec: FlippingCodec) -> None:
    await client.execute_workflow(echo, "ada", id="w", task_queue=QUEUE)
    handle = client.get_workflow_handle("w")
    codec.refuses_decoding = b"lin"
    with pytest.raises(WorkflowQueryFailedError, match="the payload codec cannot decode it"):
        await handle.query("anything", "lin")
    codec.refuses_encoding = b"for echo"
    with pytest.raises(WorkflowQueryFailedError, match="has no query 'anything'"):
        await handle.query("anything", "ada")


async def test_a_call_without_a_key_raises_as_the_codec_does(client: Client, codec: FlippingCodec) -> None:
    codec.refuses_encoding = b"ada"
    with pytest.raises(LookupError, match="no key to encode with"):
        await client.start_workflow(echo, "ada", id="w", task_queue=QUEUE)


async def test_messages_of_errors_are_hidden_if_asked_for(client: Client, commits: Commits) -> None:
    converter = dataclasses.replace(
        client.data_converter, failure_converter_class=DefaultFailureConverterWithEncodedAttributes
    )
    hiding = Client(client.transport, data_converter=converter)
    async with Worker(hiding, task_queue=QUEUE, workflows=[tell]):
        with pytest.raises(WorkflowFailureError) as caught:
            await hiding.execute_workflow(tell, SECRET, id="w", task_queue=QUEUE)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.message == f"told {SECRET}"
    assert SECRET not in commits.text
    assert "Encoded failure" in commits.text


@pytest.mark.parametrize("behavior", HeaderCodecBehavior)
async def test_headers_pass_the_codec_only_if_it_is_wanted(
    client: Client, codec: FlippingCodec, commits: Commits, behavior: HeaderCodecBehavior
) -> None:
    heading = Client(
        client.transport,
        data_converter=client.data_converter,
        interceptors=[Heading()],
        header_codec_behavior=behavior,
    )
    async with Worker(heading, task_queue=QUEUE, workflows=[echo], activities=[repeat]):
        await heading.execute_workflow(echo, "ada", id="w", task_queue=QUEUE)
    assert ("heading" in commits.text) == (behavior != HeaderCodecBehavior.CODEC)


@workflow.defn
class Confidant:
    def __init__(self) -> None:
        self.words: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: len(self.words) == 3)
        return self.words

    @workflow.update
    async def confide(self, word: str) -> str:
        await workflow.sleep(0.001)
        self.words.append(word)
        return f"kept {word}"

    @confide.validator
    def check(self, word: str) -> None:
        if word.startswith("no"):
            raise ApplicationError("refused", {"why": word})


async def test_updates_are_not_in_the_clear_either(client: Client, commits: Commits) -> None:
    async with Worker(client, task_queue=QUEUE, workflows=[Confidant]):
        existing = WorkflowIDConflictPolicy.USE_EXISTING
        start = WithStartWorkflowOperation(Confidant.run, id="w", task_queue=QUEUE, id_conflict_policy=existing)
        first = await client.execute_update_with_start_workflow(
            Confidant.confide, SECRET, start_workflow_operation=start
        )
        assert first == f"kept {SECRET}"
        handle = await start.workflow_handle()
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(Confidant.confide, f"no {SECRET}")
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.details == ({"why": f"no {SECRET}"},)
        assert await handle.execute_update(Confidant.confide, f"a {SECRET}", id="u") == f"kept a {SECRET}"
        assert await handle.get_update_handle("u").result() == f"kept a {SECRET}", "it is read from the history"
        new = await handle.reset(WorkflowResetPoint.FIRST_WORKFLOW_TASK)
        await handle.execute_update(Confidant.confide, "the last")
        assert "the last" in await new.result()
    assert "confide" in commits.text
    assert SECRET not in commits.text
