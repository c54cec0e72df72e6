"""Namespaces: how long each keeps its closed runs."""

from __future__ import annotations

from datetime import timedelta

from perdure.client.connection import Connection, check_text, nothing
from perdure.common import milliseconds
from perdure.protocol import frontend


class Namespaces:
    """The namespaces of the cluster. One comes into being when it is first used."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def retentions(self, *, rpc_timeout: timedelta | None = None) -> dict[str, timedelta]:
        """How long closed runs are kept, by namespace; three days in those that are not named here."""
        request = frontend.ListNamespaces()
        page = await self._connection.ask_frontend(request, frontend.decode_namespace_list, rpc_timeout)
        return {row.namespace: timedelta(milliseconds=row.retention_ms) for row in page.rows}

    async def set_retention(
        self, namespace: str, retention: timedelta, *, rpc_timeout: timedelta | None = None
    ) -> None:
        """Keep closed runs of a namespace for so long from now on, at least a minute. What is older goes soon.

        Raises:
            RPCError: INVALID_ARGUMENT: too short, or longer than a century.
        """
        check_text("the namespace", namespace)
        request = frontend.SetRetention(namespace, milliseconds("retention", retention))
        await self._connection.ask_frontend(request, nothing, rpc_timeout)
