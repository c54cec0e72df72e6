"""Which fields a query may name: the columns of every run, and the search attributes of its namespace."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from perdure.protocol.search_attributes import PREDEFINED, index_name
from perdure_store.list_query import COLUMNS, Field, FieldType, column

_COLUMN_OF = {name.lower(): name for name in COLUMNS}

COLUMN_NAMES = frozenset(_COLUMN_OF)
"""Names, in lower case, that are no search attributes."""


class Fields:
    """Args:
    types: the type of each search attribute of the namespace.
    """

    def __init__(self, types: Mapping[str, int]) -> None:
        self._types = {**PREDEFINED, **types}
        self._folded = {name.lower(): name for name in self._types}

    def find(self, name: str) -> Field:
        """The field of a name, whatever its case.

        Raises:
            ValueError: there is none; says which is meant, perhaps.
        """
        if name not in self._types and name.lower() in _COLUMN_OF:
            return column(_COLUMN_OF[name.lower()])
        known = name if name in self._types else self._folded.get(name.lower())
        if known is not None:
            kind = self._types[known]
            return Field(known, FieldType(kind), index_name(known, kind))
        raise ValueError(f"there is no field {name!r} {self._hint(name)}")

    def _hint(self, name: str) -> str:
        names = [*COLUMNS, *self._types]
        near = difflib.get_close_matches(name.lower(), [known.lower() for known in names], n=1)
        if near:
            meant = next(known for known in names if known.lower() == near[0])
            return f"in this namespace; did you mean {meant}?"
        return (
            f"in this namespace. There are {', '.join(COLUMNS)}, and the search attributes that runs were given "
            "(`perdure search-attribute list`)"
        )
