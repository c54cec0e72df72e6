"""Answers to frontend requests: lists, counts, dead letters, the cluster itself."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from perdure.protocol.activity_lists import CountActivities, ListActivities
from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.deployment import (
    DeleteVersion,
    DescribeDeployment,
    ListDeployments,
    RegisterVersion,
    SetCurrentVersion,
    SetRampingVersion,
)
from perdure.protocol.frontend import (
    PAGE_SIZE_MAX,
    ClusterDescription,
    CountWorkflows,
    DeadLetter,
    DeadLetterPage,
    DescribeCluster,
    GetContent,
    GetDeadLetter,
    ListDeadLetters,
    ListWorkflows,
    RetryDeadLetter,
    decode_frontend_envelope,
    decode_frontend_request,
)
from perdure.protocol.operations import (
    AddSearchAttributes,
    DeleteNamespace,
    DescribeBatch,
    DescribeNamespace,
    ListBatches,
    ListNamespaces,
    ListSearchAttributes,
    PutNamespace,
    RemoveSearchAttribute,
    SetRetention,
    StartBatch,
    StopBatch,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, encode_replies
from perdure.protocol.requests import ReportUnreadable, encode_envelope, numbered_request
from perdure.protocol.schedule import (
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    ListSchedules,
    PatchSchedule,
    UpdateSchedule,
)
from perdure.protocol.task_queues import DescribeQueue, ListQueues, PauseQueue, PurgeQueue, SetQueueLimits
from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo, StreamEntry
from perdure_engine.environment import Environment
from perdure_engine.frontend.activity_lists import ActivityLists
from perdure_engine.frontend.batches import BatchAnswers
from perdure_engine.frontend.catalog import Catalog
from perdure_engine.frontend.content import answer_content
from perdure_engine.frontend.deployments import Deployments
from perdure_engine.frontend.lists import Lists
from perdure_engine.frontend.purge import Purge
from perdure_engine.frontend.schedule_lists import ScheduleLists
from perdure_engine.frontend.schedules import ScheduleAnswers
from perdure_engine.frontend.task_queues import TaskQueues
from perdure_store.port import DeadLetterRow, Store, StoreError, StoreUnavailable

logger = logging.getLogger("perdure.engine.frontend")

BLOCK_MS = 1_000
RETRY_S = 0.5
READ_MAX = 50

REQUESTS_MAX = 1_000
"""Requests of one entry: ten times what a sender puts there."""

SENDER = "frontend"
"""Nobody reads replies to this sender."""

UNREADABLE_SHARD = 0
"""Keeps what names no shard: there is always one."""

Answer = tuple[ReplyKind, Any]


def engine_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("perdure")
    except PackageNotFoundError:
        return "unknown"


class FrontendService:
    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        cluster: ClusterInfo,
        *,
        node: str,
        live_nodes: Callable[[], Sequence[str]],
        routes_changed: Callable[[], Awaitable[None]],
        flow_changed: Callable[[], Awaitable[None]],
        look_at_schedule: Callable[[tuple[str, str]], None],
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._cluster = cluster
        self._node = node
        self._live_nodes = live_nodes
        lists, catalog = Lists(store, environment), Catalog(store, environment)
        activities = ActivityLists(store, environment)
        batches = BatchAnswers(store, environment)
        deployments = Deployments(store, broker, environment, routes_changed)
        queues = TaskQueues(store, broker, environment, flow_changed)
        purge = Purge(store, broker, environment, cluster)
        schedules = ScheduleAnswers(store, environment, look_at_schedule)
        self._handlers: dict[type[Any], Callable[[Any], Any]] = {
            ListWorkflows: lists.list_workflows,
            CountWorkflows: lists.count_workflows,
            ListDeadLetters: self._list_dead_letters,
            GetDeadLetter: self._get_dead_letter,
            RetryDeadLetter: self._retry_dead_letter,
            DescribeCluster: self._describe_cluster,
            ListNamespaces: catalog.list_namespaces,
            SetRetention: catalog.set_retention,
            PutNamespace: catalog.put_namespace,
            DescribeNamespace: catalog.describe_namespace,
            DeleteNamespace: catalog.delete_namespace,
            ListSearchAttributes: catalog.list_search_attributes,
            AddSearchAttributes: catalog.add_search_attributes,
            RemoveSearchAttribute: catalog.remove_search_attribute,
            StartBatch: batches.start,
            DescribeBatch: batches.describe,
            ListBatches: batches.list,
            StopBatch: batches.stop,
            RegisterVersion: deployments.register,
            SetCurrentVersion: deployments.set_current,
            SetRampingVersion: deployments.set_ramping,
            DescribeDeployment: deployments.describe,
            ListDeployments: deployments.list,
            DeleteVersion: deployments.delete,
            GetContent: self._get_content,
            DescribeQueue: queues.describe,
            ListQueues: queues.list_all,
            SetQueueLimits: queues.set_limits,
            PauseQueue: queues.pause,
            PurgeQueue: purge.purge,
            CreateSchedule: schedules.create,
            DescribeSchedule: schedules.describe,
            UpdateSchedule: schedules.update,
            PatchSchedule: schedules.patch,
            DeleteSchedule: schedules.delete,
            ListSchedules: ScheduleLists(store, environment).list,
            ListActivities: activities.list_activities,
            CountActivities: activities.count_activities,
        }

    async def run(self) -> None:
        """Answer requests, for ever. One that is lost is asked again by its sender."""
        while True:
            try:
                for entry in await self._broker.read_frontend(self._node, count=READ_MAX, block_ms=BLOCK_MS):
                    await self._answer_entry(entry)
            except (BrokerUnavailable, StoreError) as error:
                logger.warning("the frontend waits: %s", error)
                await self._environment.sleep(RETRY_S)

    async def _answer_entry(self, entry: StreamEntry) -> None:
        try:
            sender, rows = decode_frontend_envelope(entry.data)
            if len(rows) > REQUESTS_MAX:
                raise DecodeError(f"{len(rows)} requests; at most {REQUESTS_MAX} are answered together")
        except DecodeError as error:
            await self._bury(entry, error)
            return
        replies: list[tuple[int, int, Any]] = []
        for row in rows:
            try:
                sent = decode_frontend_request(row)
                kind, body = await self._handlers[type(sent.request)](sent.request)
                replies.append((sent.number, kind, body))
            except (StoreUnavailable, BrokerUnavailable):
                raise  # asked again by its sender
            except (DecodeError, StoreError) as error:
                replies.append(_refusal(row, str(error)))
            except Exception as error:  # the top of one request: whatever it made us do is its own affair
                logger.exception("answering a frontend request raised")
                replies.append(_refusal(row, f"the request cannot be answered ({type(error).__name__}: {error})"))
        await self._broker.reply(sender, encode_replies(replies))

    async def _bury(self, entry: StreamEntry, error: DecodeError) -> None:
        """Keep what is no request among the dead letters, by way of an inbox, as everything that is written."""
        logger.error("a frontend entry is not readable: %s", error)
        report = numbered_request(0, ReportUnreadable("frontend", str(error), entry.data))
        await self._broker.send([(UNREADABLE_SHARD, encode_envelope(self._cluster.map_version, SENDER, [report]))])

    # Dead letters --------------------------------------------------------------------------------------------------

    async def _list_dead_letters(self, request: ListDeadLetters) -> Answer:
        size = max(1, min(request.page_size, PAGE_SIZE_MAX))
        before = None
        if request.page_token:
            created_us, letter_id = _token(request.page_token, (int, str))
            before = (created_us, letter_id)
        rows = await self._store.dead_letters(limit=size, before=before)
        token = pack((rows[-1].created_us, rows[-1].letter_id)) if len(rows) == size else b""
        return ReplyKind.OK, DeadLetterPage(tuple(_letter(row)._replace(data=b"") for row in rows), token)

    async def _get_dead_letter(self, request: GetDeadLetter) -> Answer:
        row = await self._store.dead_letter(request.letter_id)
        return (ReplyKind.OK, _letter(row)) if row is not None else _no_letter(request.letter_id)

    async def _retry_dead_letter(self, request: RetryDeadLetter) -> Answer:
        """Back into the inbox first, then out of the table: twice is harmless, lost is not."""
        row = await self._store.dead_letter(request.letter_id)
        if row is None:
            return _no_letter(request.letter_id)
        if row.source != "inbox":
            message = (
                f"dead letter {request.letter_id} is a {row.source}: only requests from an inbox can be sent again"
            )
            return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, message)
        await self._broker.send([(row.shard_id, row.data)])
        await self._store.delete_dead_letter(request.letter_id)
        return ReplyKind.OK, None

    # Content -------------------------------------------------------------------------------------------------------

    async def _get_content(self, request: GetContent) -> Answer:
        return await answer_content(self._store, self._cluster.shard_count, request)

    # Cluster -------------------------------------------------------------------------------------------------------

    async def _describe_cluster(self, request: DescribeCluster) -> Answer:
        return ReplyKind.OK, ClusterDescription(
            self._cluster.cluster_id,
            self._cluster.map_version,
            self._cluster.shard_count,
            engine_version(),
            tuple(self._live_nodes()),
        )


def _refusal(row: Any, message: str) -> tuple[int, int, ErrorReply]:
    number = row[0] if type(row) is tuple and row and type(row[0]) is int else 0
    return number, ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, message)


def _token(token: bytes, types: tuple[type, ...]) -> tuple[Any, ...]:
    """The fields of a page token.

    Raises:
        DecodeError: not one of ours.
    """
    fields = unpack(token)
    if type(fields) is not tuple or tuple(type(value) for value in fields) != types:
        raise DecodeError("this page token was not made by a page of this list; begin again without one")
    return fields


def _letter(row: DeadLetterRow) -> DeadLetter:
    return DeadLetter(row.shard_id, row.letter_id, row.created_us, row.source, row.reason, row.data)


def _no_letter(letter_id: str) -> Answer:
    message = f"there is no dead letter {letter_id}; it was retried already, or the id is wrong"
    return ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, message)
