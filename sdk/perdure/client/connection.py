"""A client's connection: its transport, namespace and converter, and the one way to ask and be answered.

Role: requests in, decoded bodies out; an error reply becomes the exception that users know.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from perdure.attribute_types import AttributeTypes
from perdure.client.failures import WorkflowQueryFailedError
from perdure.content.reading import ContentError, ContentReader
from perdure.content.requests import cut_request
from perdure.converter import DataConverter
from perdure.exceptions import WorkflowAlreadyStartedError
from perdure.protocol.content import is_reference
from perdure.protocol.frontend import FrontendRequest
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ErrorCode, ErrorReply, Outcome, ReplyKind, decode_error
from perdure.protocol.updates import UpdateReply
from perdure.service import RPCError, RPCStatusCode
from perdure.transport import TIMEOUT_S, Reply, Transport

if TYPE_CHECKING:
    from perdure.client.interceptor import OutboundInterceptor

T = TypeVar("T")

_STATUS: dict[int, RPCStatusCode] = {
    ErrorCode.INVALID_ARGUMENT: RPCStatusCode.INVALID_ARGUMENT,
    ErrorCode.NOT_FOUND: RPCStatusCode.NOT_FOUND,
    ErrorCode.ALREADY_STARTED: RPCStatusCode.ALREADY_EXISTS,
    ErrorCode.WRONG_SHARD: RPCStatusCode.UNAVAILABLE,
    ErrorCode.RESOURCE_EXHAUSTED: RPCStatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.DEAD_LETTERED: RPCStatusCode.INTERNAL,
    ErrorCode.QUERY_REJECTED: RPCStatusCode.FAILED_PRECONDITION,
    ErrorCode.QUERY_FAILED: RPCStatusCode.INVALID_ARGUMENT,
    ErrorCode.DEADLINE_EXCEEDED: RPCStatusCode.DEADLINE_EXCEEDED,
    ErrorCode.UNAVAILABLE: RPCStatusCode.UNAVAILABLE,
    ErrorCode.CONTENT_MISSING: RPCStatusCode.DATA_LOSS,
    ErrorCode.FAILED_PRECONDITION: RPCStatusCode.FAILED_PRECONDITION,
}


CONTENT_CACHE_BYTES = 8 * 1024 * 1024
"""Content that a client keeps in memory, so that a history which repeats itself is read once."""


class Refusal(RPCError):
    """An error reply, before the caller has made of it what it means there."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.message, _STATUS.get(reply.code, RPCStatusCode.UNKNOWN))
        self.reply = reply


class Requester(Protocol):
    """What a start is made with: a client's connection, or an outbox, which has none."""

    namespace: str
    converter: DataConverter

    def author(self) -> tuple[str, str]:
        """A request id, and who asks."""


class Connection:
    """What handles, iterators and the client itself share.

    Attributes:
        transport: The way to the cluster.
        namespace: Where every id of this client is looked up.
        converter: Conversion of arguments, results and failures.
        coding: The converter's codec, if it has one: requests and replies pass it.
        content: What large values refer to.
        calls: What all calls go through: the first of the interceptors, or what carries them out.
    """

    calls: OutboundInterceptor

    def __init__(
        self, transport: Transport, namespace: str, converter: DataConverter, *, code_headers: bool = False
    ) -> None:
        self.coding = converter.coding(with_headers=code_headers)
        self.transport = transport
        self.namespace = namespace
        self.converter = converter
        self.content = ContentReader(transport, namespace, CONTENT_CACHE_BYTES)
        self._last_request = 0
        self._types = AttributeTypes(transport, namespace)

    def new_request_id(self) -> str:
        """A request id: unique, because the sender is."""
        self._last_request = count = self._last_request + 1
        return f"{self.transport.sender}-{count}"

    def author(self) -> tuple[str, str]:
        """A request id, and who asks."""
        return self.new_request_id(), self.transport.identity

    async def register_types(self, search_attributes: bytes, rpc_timeout: timedelta | None = None) -> None:
        """Have the names of packed search attributes registered, with their types, before they are sent.

        Raises:
            RPCError: INVALID_ARGUMENT: one of them has another type; or no reply in time.
        """
        unknown = self._types.unknown([search_attributes]) if search_attributes else {}
        if unknown:
            refusal = await self._types.register(unknown, seconds(rpc_timeout))
            if refusal is not None:
                raise Refusal(refusal)

    async def ask(
        self, workflow_id: str, request: Any, decode: Callable[[Any], T], rpc_timeout: timedelta | None = None
    ) -> T:
        """Ask the shard of a workflow, and decode what it answers.

        Raises:
            RPCError: refused (a `Refusal`, which carries the reply), or no reply in time.
        """
        return await self.ask_of(self.namespace, workflow_id, request, decode, rpc_timeout)

    async def ask_of(
        self,
        namespace: str,
        workflow_id: str,
        request: Any,
        decode: Callable[[Any], T],
        rpc_timeout: timedelta | None = None,
    ) -> T:
        """As `ask`, of a workflow that may be of another namespace."""
        shard_id = self.transport.shard_id(namespace, workflow_id)
        coding = self.coding
        if coding is None:
            request, content = cut_request(request)
            reply = checked(await self.transport.submit(shard_id, request, seconds(rpc_timeout), content))
            whole: T = await self._whole(shard_id, decode(reply.body), rpc_timeout)
            return whole
        encoded = await coding.encode(request)
        reply = await self.transport.submit(shard_id, encoded, seconds(rpc_timeout))
        if reply.kind == ReplyKind.ERROR:
            raise Refusal(await coding.decode(decode_error(reply.body)))
        decoded: T = await coding.decode(await self._whole(shard_id, decode(reply.body), rpc_timeout))
        return decoded

    async def _whole(self, shard_id: int, body: Any, rpc_timeout: timedelta | None) -> Any:
        """What a reply says, with the result that an outcome may refer to.

        Raises:
            RPCError: its content cannot be had (DATA_LOSS), or no reply in time.
        """
        if type(body) not in _WITH_RESULT or not is_reference(body.result):
            return body
        try:
            result = await self.content.resolve(shard_id, body.run_id, body.result, seconds(rpc_timeout))
        except ContentError as error:
            raise RPCError(f"the result cannot be read: {error}", RPCStatusCode.DATA_LOSS) from error
        return body._replace(result=result)

    async def ask_frontend(
        self, request: FrontendRequest, decode: Callable[[Any], T], rpc_timeout: timedelta | None = None
    ) -> T:
        """Ask any engine; else as `ask`."""
        return decode(checked(await self.transport.submit_frontend(request, seconds(rpc_timeout))).body)


_WITH_RESULT = (Outcome, UpdateReply)


def checked(reply: Reply) -> Reply:
    """The reply, unless it is an error.

    Raises:
        Refusal: it is.
    """
    if reply.kind == ReplyKind.ERROR:
        raise Refusal(decode_error(reply.body))
    return reply


def seconds(rpc_timeout: timedelta | None) -> float:
    return TIMEOUT_S if rpc_timeout is None else rpc_timeout.total_seconds()


def nothing(_body: Any) -> None:
    """The decoder of a reply that says only that it was done."""


def check_text(name: str, value: str) -> None:
    """Refuse an identifier that the store could not keep.

    Raises:
        ValueError: says what is allowed.
    """
    problem = text_problem(name, value)
    if problem is not None:
        raise ValueError(problem)


def start_refused(refusal: Refusal, workflow_id: str, workflow_type: str) -> Exception:
    """What a refused start raises."""
    if refusal.reply.code == ErrorCode.ALREADY_STARTED:
        return WorkflowAlreadyStartedError(workflow_id, workflow_type, run_id=refusal.reply.run_id or None)
    return refusal


def query_failed(refusal: Refusal, converter: DataConverter) -> Exception:
    """What a failed query raises."""
    if refusal.reply.code != ErrorCode.QUERY_FAILED:
        return refusal
    error = WorkflowQueryFailedError(refusal.message)
    if refusal.reply.failure is not None:
        error.__cause__ = converter.from_failure(refusal.reply.failure)
    return error
