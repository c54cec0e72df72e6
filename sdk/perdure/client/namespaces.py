"""Namespaces: what is known of each, and how long it keeps its closed runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from perdure.client.connection import Connection, check_text, nothing
from perdure.client.execution import time_or_none
from perdure.common import milliseconds
from perdure.protocol import operations


@dataclass(frozen=True)
class Namespace:
    """What is known of a namespace.

    Attributes:
        retention: How long closed runs are kept.
        created: When it was registered; None: nobody did, and the defaults hold.
    """

    name: str
    retention: timedelta
    description: str
    created: datetime | None


class Namespaces:
    """The namespaces of the cluster. One that nobody registered may be used, and keeps closed runs three days."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        name: str,
        *,
        retention: timedelta | None = None,
        description: str = "",
        rpc_timeout: timedelta | None = None,
    ) -> Namespace:
        """Register a namespace. `retention` None: three days.

        Raises:
            RPCError: ALREADY_EXISTS; INVALID_ARGUMENT: a retention below a minute or above a century.
        """
        return await self._put(name, retention, description, rpc_timeout, create=True)

    async def update(
        self,
        name: str,
        *,
        retention: timedelta | None = None,
        description: str | None = None,
        rpc_timeout: timedelta | None = None,
    ) -> Namespace:
        """Change what is given, and register the namespace if nobody has. What is older than its new retention goes
        soon.

        Raises:
            RPCError: INVALID_ARGUMENT, as for `create`.
        """
        return await self._put(name, retention, description, rpc_timeout, create=False)

    async def describe(self, name: str, *, rpc_timeout: timedelta | None = None) -> Namespace:
        """What is known of a namespace; of one that nobody registered, what holds for it."""
        check_text("the namespace", name)
        request = operations.DescribeNamespace(name)
        return _namespace(await self._connection.ask_frontend(request, operations.decode_namespace_info, rpc_timeout))

    async def list(self, *, rpc_timeout: timedelta | None = None) -> list[Namespace]:
        """Those that were registered, by name."""
        request = operations.ListNamespaces()
        page = await self._connection.ask_frontend(request, operations.decode_namespace_list, rpc_timeout)
        return [_namespace(row) for row in page.rows]

    async def delete(self, name: str, *, rpc_timeout: timedelta | None = None) -> None:
        """Forget a namespace that has no runs and no schedules, with its types of search attributes. Using it again is
        allowed.

        Raises:
            RPCError: NOT_FOUND; INVALID_ARGUMENT: it has schedules, or runs; says how many. `batches.delete` of a
                client of that namespace deletes these.
        """
        check_text("the namespace", name)
        await self._connection.ask_frontend(operations.DeleteNamespace(name), nothing, rpc_timeout)

    async def retentions(self, *, rpc_timeout: timedelta | None = None) -> dict[str, timedelta]:
        """How long closed runs are kept, by namespace; three days in those that are not named here."""
        return {known.name: known.retention for known in await self.list(rpc_timeout=rpc_timeout)}

    async def set_retention(
        self, namespace: str, retention: timedelta, *, rpc_timeout: timedelta | None = None
    ) -> None:
        """Keep closed runs of a namespace for so long from now on, at least a minute. What is older goes soon.

        Raises:
            RPCError: INVALID_ARGUMENT: too short, or longer than a century.
        """
        check_text("the namespace", namespace)
        request = operations.SetRetention(namespace, milliseconds("retention", retention))
        await self._connection.ask_frontend(request, nothing, rpc_timeout)

    async def _put(
        self,
        name: str,
        retention: timedelta | None,
        description: str | None,
        rpc_timeout: timedelta | None,
        *,
        create: bool,
    ) -> Namespace:
        check_text("the namespace", name)
        request = operations.PutNamespace(name, milliseconds("retention", retention), description, create)
        return _namespace(await self._connection.ask_frontend(request, operations.decode_namespace_info, rpc_timeout))


def _namespace(row: operations.NamespaceInfo) -> Namespace:
    retention = timedelta(milliseconds=row.retention_ms)
    return Namespace(row.namespace, retention, row.description, time_or_none(row.created_us))
