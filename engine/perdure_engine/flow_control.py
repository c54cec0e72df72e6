"""What one engine knows of the settings of task queues.

Rules:
- Settings are rows of the store. Each engine reads them every second, the one that changes them at once. Two readings
  do not overlap: the older answer would come last, and take back what has just been set.
- A queue that is held back takes no task from the owners of shards: all of its activities go by its dispatcher. Where
  no queue has settings, asking costs one look.
- The queues of worker versions (`versioned_queue`) have the settings of their task queue, each for itself.
"""

from __future__ import annotations

import asyncio

from perdure.protocol.codec import unpack
from perdure.protocol.deployment import queue_and_version
from perdure.protocol.task_queues import QueueSettings, decode_queue_settings
from perdure.protocol.tasks import TaskKind
from perdure_broker.port import StreamKind, TaskStream
from perdure_store.flow import QueueSettingsRow
from perdure_store.port import Store


class FlowControl:
    """The settings of all task queues."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reading = asyncio.Lock()
        self._rows: list[QueueSettingsRow] = []
        self._settings: dict[tuple[str, str], QueueSettings] = {}
        self.is_used = False
        """Whether any queue holds anything back."""

    async def refresh(self) -> None:
        """Read the settings anew."""
        async with self._reading:
            rows = await self._store.queue_settings()
            if rows != self._rows:
                self._settings = {
                    (row.namespace, row.task_queue): settings_of(row) for row in rows if row.kind == TaskKind.ACTIVITY
                }
                self.is_used = any(settings.holds_back for settings in self._settings.values())
                self._rows = rows

    def settings(self, stream: TaskStream) -> QueueSettings:
        """What is set for the queue of a stream; nothing for workflow tasks."""
        task_queue, _ = queue_and_version(stream.task_queue)
        found = self._settings.get((stream.namespace, task_queue)) if stream.kind == StreamKind.ACTIVITY else None
        return found or QueueSettings(stream.namespace, task_queue)

    def holds_back(self, stream: TaskStream) -> bool:
        """Whether tasks of this stream may go by its dispatcher alone."""
        return self.is_used and self.settings(stream).holds_back


def settings_of(row: QueueSettingsRow) -> QueueSettings:
    settings: QueueSettings = decode_queue_settings(unpack(row.data))
    return settings._replace(revision=row.revision)
