"""`app.conf`: the settings of an application, as a mapping and by attributes.

Rules: a name is looked up when it is set, so that what would be missed is refused where the program says it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from perdure.compat.celery.exceptions import ImproperlyConfigured, SecurityError
from perdure.compat.celery.settings import DEFAULTS, OLD_NAMES, REFUSED, RULES, WITHOUT_EFFECT

logger = logging.getLogger("perdure.compat.celery")


class Settings(MutableMapping[str, Any]):
    """See the module's docstring. Settings that nobody set have Celery's defaults."""

    def __init__(self) -> None:
        self.__dict__["_values"] = {}

    def __getitem__(self, key: str) -> Any:
        name = name_of(key)
        values = self.__dict__["_values"]
        return values[name] if name in values else DEFAULTS[name]

    def __setitem__(self, key: str, value: Any) -> None:
        name = name_of(key)
        self.__dict__["_values"][name] = _checked(name, value)

    def __delitem__(self, key: str) -> None:
        del self.__dict__["_values"][name_of(key)]

    def __iter__(self) -> Iterator[str]:
        return iter({**DEFAULTS, **self.__dict__["_values"]})

    def __len__(self) -> int:
        return len({**DEFAULTS, **self.__dict__["_values"]})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no setting {name!r}, and nobody set it") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return f"<Settings: {', '.join(sorted(self.__dict__['_values']))}>"

    def is_set(self, name: str) -> bool:
        """Whether the program said something."""
        return name_of(name) in self.__dict__["_values"]

    def take(self, source: Mapping[str, Any] | object, namespace: str | None = None) -> None:
        """All settings of a mapping, a module or an object; with a namespace, those alone whose names begin with it and
        `_`, without that."""
        found = source if isinstance(source, Mapping) else _attributes(source)
        for key, value in found.items():
            if namespace:
                head, sep, rest = key.partition("_")
                if head == namespace and sep:
                    self[rest] = value
            elif isinstance(source, Mapping) or _is_setting(key):
                self[key] = value

    @property
    def tz(self) -> tzinfo:
        """The time zone of moments that name none."""
        zone = self["timezone"]
        if zone is None:
            return UTC
        return zone if isinstance(zone, tzinfo) else ZoneInfo(zone)


def name_of(key: str) -> str:
    """A setting's name of today: Celery's names of before version 4 are known, too."""
    name = key.lower()
    if name in DEFAULTS:
        return name
    bare = name.removeprefix("celery_")
    if bare in DEFAULTS:
        return bare
    return OLD_NAMES.get(bare) or OLD_NAMES.get(name) or bare


def _checked(name: str, value: Any) -> Any:
    """Raises:
    ImproperlyConfigured: the setting, or this value of it, would be missed.
    """
    cure = REFUSED.get(name)
    if cure is not None and value:
        raise ImproperlyConfigured(f"the setting {name} is not known to Perdure: {cure}")
    rule = RULES.get(name)
    if rule is not None and not rule.is_right(value):
        refused = SecurityError if "pickle" in repr(value) else ImproperlyConfigured
        raise refused(f"the setting {name} is {value!r}: {rule.allowed}")
    if name == "timezone" and isinstance(value, str):
        ZoneInfo(value)  # an unknown one is told of here
    if name not in DEFAULTS and name not in WITHOUT_EFFECT and name not in REFUSED:
        logger.warning("The setting %s is no setting of Celery's that Perdure knows; it is kept, without effect", name)
    return value


def _attributes(source: object) -> Mapping[str, Any]:
    return {name: getattr(source, name) for name in dir(source) if not name.startswith("_")}


def _is_setting(name: str) -> bool:
    """Whether a name of a module is meant: it may import and define other things."""
    known = name_of(name)
    return known in DEFAULTS or known in WITHOUT_EFFECT or known in REFUSED
