"""Answers about namespaces and the types of search attributes.

Rules:
- Any namespace may be used without being registered: it keeps its closed runs for `RETENTION_DEFAULT_MS`. Registering
  one says more about it.
- The first use of a search attribute gives its name a type, in its namespace; another type is refused from then on.
"""

from __future__ import annotations

from typing import Any

from perdure.protocol.ids import text_problem
from perdure.protocol.operations import (
    AddSearchAttributes,
    DeleteNamespace,
    DescribeNamespace,
    ListNamespaces,
    ListSearchAttributes,
    NamespaceInfo,
    NamespaceList,
    PutNamespace,
    RemoveSearchAttribute,
    SearchAttributeTypes,
    SetRetention,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind
from perdure.protocol.search_attributes import PREDEFINED, TYPE_WORDS, SearchAttributeType, name_problem
from perdure_engine.core.limits import DURATION_MS_MAX
from perdure_engine.environment import Environment
from perdure_engine.listing.fields import COLUMN_NAMES
from perdure_engine.system.retention import RETENTION_DEFAULT_MS
from perdure_store.catalog import NamespaceRow
from perdure_store.list_query import ListQuery, column
from perdure_store.port import Store

RETENTION_MIN_MS = 60_000
"""Closed runs are kept at least so long: well above the time in which a sender repeats itself."""

DESCRIPTION_LENGTH_MAX = 1_000

SEARCH_ATTRIBUTES_MAX = 1_000
"""Search attributes of one namespace."""

Answer = tuple[ReplyKind, Any]


class Catalog:
    def __init__(self, store: Store, environment: Environment) -> None:
        self._store = store
        self._environment = environment

    # Namespaces ----------------------------------------------------------------------------------------------------

    async def list_namespaces(self, request: ListNamespaces) -> Answer:
        rows = await self._store.namespaces()
        return ReplyKind.OK, NamespaceList(tuple(NamespaceInfo(*row) for row in rows))

    async def describe_namespace(self, request: DescribeNamespace) -> Answer:
        known = await self._known(request.namespace)
        return ReplyKind.OK, NamespaceInfo(*known) if known else NamespaceInfo(request.namespace, RETENTION_DEFAULT_MS)

    async def set_retention(self, request: SetRetention) -> Answer:
        problem = text_problem("the namespace", request.namespace) or _retention_problem(request.retention_ms)
        if problem is not None:
            return _refused(problem)
        await self._store.set_retention(request.namespace, request.retention_ms)
        return ReplyKind.OK, None

    async def put_namespace(self, request: PutNamespace) -> Answer:
        problem = text_problem("the namespace", request.namespace)
        if problem is None and request.retention_ms:
            problem = _retention_problem(request.retention_ms)
        if problem is None and len(request.description or "") > DESCRIPTION_LENGTH_MAX:
            problem = f"the description is longer than {DESCRIPTION_LENGTH_MAX:,} characters"
        if problem is not None:
            return _refused(problem)
        known = await self._known(request.namespace)
        if known is not None and request.create:
            return _refused(
                f"the namespace {request.namespace!r} is registered already; `perdure namespace update` changes it",
                ErrorCode.ALREADY_STARTED,
            )
        row = known or NamespaceRow(request.namespace, RETENTION_DEFAULT_MS, self._environment.now_us())
        if request.retention_ms:
            row = row._replace(retention_ms=request.retention_ms)
        if request.description is not None:
            row = row._replace(description=request.description)
        await self._store.put_namespace(row)
        return ReplyKind.OK, NamespaceInfo(*row)

    async def delete_namespace(self, request: DeleteNamespace) -> Answer:
        if await self._store.schedules(request.namespace, after_id="", limit=1):
            return _refused(
                f"the namespace {request.namespace!r} has schedules, which would go on starting things in it. Delete "
                "them first: `perdure schedule list` shows them, `perdure schedule delete ID` deletes one"
            )
        by_status = ListQuery(request.namespace, groups=(column("ExecutionStatus"),))
        totals = {group.values[0]: group.total for group in await self._store.count_visibility(by_status)}
        if totals:
            total, running = sum(totals.values()), totals.get(ExecutionStatus.RUNNING, 0)
            runs = f"{total:,} run{'s' if total != 1 else ''}, {running:,} running"
            return _refused(
                f"the namespace {request.namespace!r} has {runs}. Delete all of them first (`perdure namespace delete "
                "NAME --delete-runs`, or `client.batches.delete`), or let them end and their retention pass"
            )
        if not await self._store.delete_namespace(request.namespace):
            return _refused(f"there is no registered namespace {request.namespace!r}", ErrorCode.NOT_FOUND)
        return ReplyKind.OK, None

    async def _known(self, namespace: str) -> NamespaceRow | None:
        rows = await self._store.namespaces()
        return next((row for row in rows if row.namespace == namespace), None)

    # Search attributes ---------------------------------------------------------------------------------------------

    async def list_search_attributes(self, request: ListSearchAttributes) -> Answer:
        return ReplyKind.OK, SearchAttributeTypes(await self._store.search_attribute_types(request.namespace))

    async def add_search_attributes(self, request: AddSearchAttributes) -> Answer:
        types: dict[str, int] = {}
        for pair in request.types:
            problem = _type_problem(pair)
            if problem is not None:
                return _refused(problem)
            types[pair[0]] = pair[1]
        problem = text_problem("the namespace", request.namespace)
        known = {**PREDEFINED, **await self._store.search_attribute_types(request.namespace)}
        new = {name: kind for name, kind in types.items() if name not in known}
        if len(known) + len(new) > SEARCH_ATTRIBUTES_MAX:
            problem = f"a namespace knows at most {SEARCH_ATTRIBUTES_MAX:,} search attributes; it has {len(known):,}"
        if problem is not None:
            return _refused(problem)
        if new:
            await self._store.add_search_attributes(request.namespace, new)
            known |= await self._store.search_attribute_types(request.namespace)
        for name, kind in types.items():
            if known.get(name) != kind:
                return _refused(
                    f"search attribute {name!r} is {_word(known.get(name, 0))} in the namespace {request.namespace!r}, "
                    f"not {_word(kind)}: use its type, or another name. `perdure search-attribute list` shows all; "
                    "`remove` lets a name that is no longer used have another type"
                )
        return ReplyKind.OK, None

    async def remove_search_attribute(self, request: RemoveSearchAttribute) -> Answer:
        if not await self._store.remove_search_attribute(request.namespace, request.name):
            message = f"there is no search attribute {request.name!r} in the namespace {request.namespace!r}"
            return _refused(message, ErrorCode.NOT_FOUND)
        return ReplyKind.OK, None


def _refused(message: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> Answer:
    return ReplyKind.ERROR, ErrorReply(code, message)


def _retention_problem(retention_ms: int) -> str | None:
    if RETENTION_MIN_MS <= retention_ms <= DURATION_MS_MAX:
        return None
    return (
        f"a retention of {retention_ms} ms is not possible; give at least a minute, since a start that "
        "is repeated after its run was forgotten begins another one, and at most a century"
    )


def _type_problem(pair: Any) -> str | None:
    if type(pair) is not tuple or len(pair) != 2 or type(pair[0]) is not str or pair[1] not in TYPE_WORDS:
        return "the types of search attributes must be pairs of name and type"
    if pair[0].lower() in COLUMN_NAMES:
        return f"{pair[0]} is a field that every run has; give the search attribute another name"
    return name_problem(pair[0])


def _word(kind: int) -> str:
    return TYPE_WORDS[SearchAttributeType(kind)] if kind else "being removed"
