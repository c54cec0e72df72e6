"""The search attributes that a namespace knows, for operators."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from perdure.client.connection import Connection, nothing
from perdure.common import SearchAttributeIndexedValueType
from perdure.protocol import operations


class SearchAttributesOfNamespace:
    """The names that runs of the client's namespace can be found by, with their types. The first use of a name gives it
    its type; nothing needs to be registered before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, *, rpc_timeout: timedelta | None = None) -> dict[str, SearchAttributeIndexedValueType]:
        """Names and types."""
        request = operations.ListSearchAttributes(self._connection.namespace)
        known = await self._connection.ask_frontend(request, operations.decode_search_attribute_types, rpc_timeout)
        return {name: SearchAttributeIndexedValueType(kind) for name, kind in sorted(known.types.items())}

    async def add(
        self, types: Mapping[str, SearchAttributeIndexedValueType], *, rpc_timeout: timedelta | None = None
    ) -> None:
        """Give types to names before their first use.

        Raises:
            RPCError: INVALID_ARGUMENT: a name has another type, or is not possible.
        """
        pairs = tuple((name, int(kind)) for name, kind in types.items())
        request = operations.AddSearchAttributes(self._connection.namespace, pairs)
        await self._connection.ask_frontend(request, nothing, rpc_timeout)

    async def remove(self, name: str, *, rpc_timeout: timedelta | None = None) -> None:
        """Forget the type of a name: queries know it no longer, and its next use gives it a type again. Runs keep what
        they were given.

        Raises:
            RPCError: NOT_FOUND.
        """
        request = operations.RemoveSearchAttribute(self._connection.namespace, name)
        await self._connection.ask_frontend(request, nothing, rpc_timeout)
