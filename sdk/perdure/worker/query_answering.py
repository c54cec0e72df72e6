"""Answers queries: from the cached instance if it is far enough, else from one made of the history."""

from __future__ import annotations

import logging

from perdure.content.reading import ContentError
from perdure.converter.failure_converter import plain_text
from perdure.execution.handler_registry import UnanswerableQueryError
from perdure.execution.instance import WorkflowInstance
from perdure.execution.surroundings import RunIdentity, WorkerSettings
from perdure.protocol.codec import DecodeError
from perdure.protocol.replies import ErrorCode, ErrorReply, QueryAnswer, ReplyKind, encode_replies
from perdure.protocol.tasks import QueryTask
from perdure.worker.deadlock_watch import DeadlockWatch
from perdure.worker.decoding import CodecError, codec_problem, decoded
from perdure.worker.history_fetching import NoHistory, fetch_history
from perdure.worker.instance_cache import InstanceCache
from perdure.worker.link import WorkerLink
from perdure.worker.registry import Registry
from perdure_broker.port import BrokerUnavailable, TaskEntry

logger = logging.getLogger("perdure.worker")

Body = QueryAnswer | ErrorReply


class QueryAnswering:
    """A query writes nothing and is asked again until its deadline: what goes wrong here is answered or dropped."""

    def __init__(
        self,
        link: WorkerLink,
        registry: Registry,
        settings: WorkerSettings,
        cache: InstanceCache,
        watch: DeadlockWatch,
    ) -> None:
        self._link = link
        self._registry = registry
        self._settings = settings
        self._cache = cache
        self._watch = watch

    def accept(self, entry: TaskEntry, task: QueryTask) -> None:
        """Answer a query now if the instance is at hand, else in the background."""
        answer = self._ask_cached(task) if self._link.coding is None else None
        self._link.in_background(self._answer(entry, task, answer))

    def _ask_cached(self, task: QueryTask) -> Body | None:
        instance = self._cache.get(task.run_id)
        if instance is None or instance.continues_from < task.continues_from:
            return None
        return self._ask(instance, task)

    async def _answer(self, entry: TaskEntry, task: QueryTask, body: Body | None) -> None:
        try:
            if task.deadline_us > self._link.environment.now_us():
                if body is None:
                    body = await self._ask_later(task)
                kind = ReplyKind.ERROR if isinstance(body, ErrorReply) else ReplyKind.OK
                data = encode_replies([(task.request_number, kind, body)])
                await self._link.broker.reply(task.reply_to, data)
        except BrokerUnavailable as error:
            logger.debug("A query is not answered (%s); it will be asked again.", error)
        except DecodeError as error:
            logger.error("Query %r of run %s is not answered: %s", task.query_type, task.run_id, error)
        self._link.drop(entry)

    async def _ask_later(self, task: QueryTask) -> Body:
        """The answer, if it takes more than asking an instance that is at hand."""
        coding = self._link.coding
        try:
            task = await decoded(coding, task)
            body = self._ask_cached(task) or await self._ask_history(task)
        except CodecError as error:
            return ErrorReply(ErrorCode.QUERY_FAILED, str(error))
        try:
            return body if coding is None else await coding.encode(body)
        except Exception as error:  # the user's codec
            return ErrorReply(ErrorCode.QUERY_FAILED, codec_problem("encode", error))

    async def _ask_history(self, task: QueryTask) -> Body:
        definition = self._registry.workflow(task.workflow_type)
        if definition is None:
            message = self._registry.unknown_workflow(task.workflow_type, self._link.task_queue)
            return ErrorReply(ErrorCode.QUERY_FAILED, message)
        try:
            events = await decoded(self._link.coding, await fetch_history(self._link, task))
        except NoHistory as error:
            return error.reply
        except ContentError as error:
            return ErrorReply(ErrorCode.QUERY_FAILED, f"the history cannot be read: {error}")
        instance = WorkflowInstance(definition, self._settings, RunIdentity(task.workflow_id, task.run_id))
        try:
            self._watch.guard(instance, instance.replay, events)
            return self._ask(instance, task)
        except BaseException as error:  # the top of one replay: even SystemExit must not end its neighbours
            return self._failed(task, error)
        finally:
            self._watch.close(instance)

    def _ask(self, instance: WorkflowInstance, task: QueryTask) -> Body:
        try:
            given = (task.query_type, task.args, task.headers, str(task.request_number))
            return QueryAnswer(self._watch.guard(instance, instance.query, *given))
        except UnanswerableQueryError as error:
            return ErrorReply(ErrorCode.QUERY_FAILED, str(error))
        except BaseException as error:  # the top of one query
            return self._failed(task, error)

    def _failed(self, task: QueryTask, error: BaseException) -> ErrorReply:
        failure = self._link.converter.to_failure(error)
        message = plain_text(f"query {task.query_type!r} failed: {type(error).__name__}: {failure.message}")
        return ErrorReply(ErrorCode.QUERY_FAILED, message, failure=failure)
