"""`typing.TypedDict` before Python 3.12, which pydantic refuses there: it takes only that of `typing_extensions`.

Role: gives each such class that a type hint leads to a way to be understood: by a twin from `typing_extensions`.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import typing_extensions
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

_make_twin: Any = typing_extensions.TypedDict  # called at run time, which a type checker does not expect
_HOOK = "__get_pydantic_core_schema__"


def adopt_typed_dicts(hint: Any) -> bool:
    """Make pydantic take the classes of `typing.TypedDict` that it meets in `hint`. True if there were any new ones."""
    return _adopt(hint, set())


def _adopt(hint: Any, seen: set[int]) -> bool:
    if id(hint) in seen:
        return False
    seen.add(id(hint))
    is_new = False
    inner = list(typing.get_args(hint))
    if isinstance(hint, type):
        if typing.is_typeddict(hint):
            inner += typing.get_type_hints(hint).values()
            if type(hint).__module__ == "typing" and not hasattr(hint, _HOOK):
                setattr(hint, _HOOK, classmethod(_schema_of_twin))
                is_new = True
        elif dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
            inner += typing.get_type_hints(hint).values()
    for each in inner:
        is_new = _adopt(each, seen) or is_new
    return is_new


def _schema_of_twin(cls: Any, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    fields = {}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        is_said = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
        is_left_out = name in cls.__optional_keys__ and not is_said
        fields[name] = typing.NotRequired[hint] if is_left_out else hint
    twin = _make_twin(cls.__name__, fields)
    return handler.generate_schema(twin)
