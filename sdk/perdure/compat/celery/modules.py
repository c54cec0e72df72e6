"""Modules and objects by their names, as settings say them."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from perdure.compat.celery.exceptions import ImproperlyConfigured


def imported(name: str) -> Any:
    """A module, or what `module:attribute` or `module.attribute` names.

    Raises:
        ModuleNotFoundError, AttributeError: there is no such thing.
    """
    module, colon, attribute = name.partition(":")
    if colon:
        return getattr(importlib.import_module(module), attribute)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        parent, _, last = name.rpartition(".")
        if not parent:
            raise
        return getattr(importlib.import_module(parent), last)


def names(value: Any) -> Sequence[str]:
    """One name, several, or none."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def packages_of(given: Any) -> Sequence[str]:
    """The packages that are meant: given, or made by a call; by default those of Django's applications.

    Raises:
        ImproperlyConfigured: none are given, and there is no Django.
    """
    if given is not None:
        return names(given() if callable(given) else given)
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise ImproperlyConfigured(
            "autodiscover_tasks() without packages is for Django; name the packages, or include="
        )
    registry = importlib.import_module("django.apps").apps
    return tuple(config.name for config in registry.get_app_configs())


def related(packages: Iterable[str], related_name: str | None) -> Iterator[str]:
    """The modules of this name that the packages have; without a name the packages."""
    for package in packages:
        name = f"{package}.{related_name}" if related_name else package
        importlib.import_module(package)
        if importlib.util.find_spec(name) is not None:
            yield name
