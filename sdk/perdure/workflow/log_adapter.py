"""The logger of workflow code: says which workflow speaks, and is silent while it is replayed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from perdure.workflow.runtime import current_or_none

_Base = logging.LoggerAdapter[logging.Logger]


class LoggerAdapter(_Base):
    """Adds the workflow to messages and records.

    Attributes:
        workflow_info_on_message: Append a dictionary about the workflow to each message.
        workflow_info_on_extra: Set it as `temporal_workflow` on each record (the name that programs know).
        full_workflow_info_on_extra: Set the whole `workflow.info()` as `workflow_info` on each record.
        log_during_replay: Speak while replaying, too.
    """

    def __init__(self, logger: logging.Logger, extra: Mapping[str, Any] | None) -> None:
        super().__init__(logger, dict(extra or {}))
        self.workflow_info_on_message = True
        self.workflow_info_on_extra = True
        self.full_workflow_info_on_extra = False
        self.log_during_replay = False

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = dict(self.extra or {})
        runtime = current_or_none()
        if runtime is not None:
            info = runtime.info()
            details = info.logger_details()
            if self.workflow_info_on_message:
                msg = f"{msg} ({details})"
            if self.workflow_info_on_extra:
                extra["temporal_workflow"] = details
            if self.full_workflow_info_on_extra:
                extra["workflow_info"] = info
        kwargs["extra"] = {**extra, **(kwargs.get("extra") or {})}
        return msg, kwargs

    def isEnabledFor(self, level: int) -> bool:
        if not self.log_during_replay:
            runtime = current_or_none()
            if runtime is not None and runtime.replaying:
                return False
        return super().isEnabledFor(level)

    @property
    def base_logger(self) -> logging.Logger:
        """The logger behind the adapter, to which handlers are added."""
        return self.logger


logger = LoggerAdapter(logging.getLogger("perdure.workflow"), None)
