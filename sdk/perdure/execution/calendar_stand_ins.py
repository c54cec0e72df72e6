"""`datetime` inside workflows: classes that pass for the real ones, whose `now` and `today` are the workflow's.

Rules: instances are always of the real classes. Naive times are the worker's local time, as everywhere in Python:
workers of one task queue should share a time zone, or workflows ask for `datetime.now(UTC)`.
"""

from __future__ import annotations

import datetime as real
import types
from typing import Any

import pydantic_core

from perdure.workflow.runtime import current_or_none
from perdure.workflow.unsafe_code import is_io_permitted

_EPOCH = real.datetime(1970, 1, 1, tzinfo=real.UTC)


class _LikeItsBase(type):
    """Instances of the real class count as instances of the stand-in, of which none is ever made."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1])

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.__mro__[1])


class WorkflowDatetime(real.datetime, metaclass=_LikeItsBase):
    """`datetime.datetime`, whose `now`, `utcnow` and `today` are the workflow's inside of one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return real.datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz: real.tzinfo | None = None) -> Any:
        runtime = current_or_none()
        if runtime is None or is_io_permitted():
            return real.datetime.now(tz)
        moment = (_EPOCH + real.timedelta(microseconds=runtime.now_us)).astimezone(tz)
        return moment if tz is not None else moment.replace(tzinfo=None)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(real.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return pydantic_core.core_schema.datetime_schema()


class WorkflowDate(real.date, metaclass=_LikeItsBase):
    """`datetime.date`, whose `today` is the workflow's inside of one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return real.date(*args, **kwargs)

    @classmethod
    def today(cls) -> Any:
        return WorkflowDatetime.now().date()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return pydantic_core.core_schema.date_schema()


workflow_datetime = types.ModuleType("datetime", real.__doc__)
"""The module `datetime` with these classes, for `import datetime`."""

vars(workflow_datetime).update({name: value for name, value in vars(real).items() if not name.startswith("__")})
vars(workflow_datetime).update({"datetime": WorkflowDatetime, "date": WorkflowDate})
