"""The logger of activity code: says which attempt speaks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from perdure.activity.context import current_context

_Base = logging.LoggerAdapter[logging.Logger]


class LoggerAdapter(_Base):
    """Adds the activity to messages and records.

    Attributes:
        activity_info_on_message: Append a dictionary about the attempt to each message.
        activity_info_on_extra: Set it as `temporal_activity` on each record (the name that programs know).
        full_activity_info_on_extra: Set the whole `activity.info()` as `activity_info` on each record.
    """

    def __init__(self, logger: logging.Logger, extra: Mapping[str, Any] | None) -> None:
        super().__init__(logger, dict(extra or {}))
        self.activity_info_on_message = True
        self.activity_info_on_extra = True
        self.full_activity_info_on_extra = False

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = dict(self.extra or {})
        context = current_context.get()
        if context is not None:
            info = context.info()
            details = dict(info.logger_details())
            if self.activity_info_on_message:
                msg = f"{msg} ({details})"
            if self.activity_info_on_extra:
                extra["temporal_activity"] = details
            if self.full_activity_info_on_extra:
                extra["activity_info"] = info
        kwargs["extra"] = {**extra, **(kwargs.get("extra") or {})}
        return msg, kwargs

    @property
    def base_logger(self) -> logging.Logger:
        """The logger behind the adapter, to which handlers are added."""
        return self.logger


logger = LoggerAdapter(logging.getLogger("perdure.activity"), None)
