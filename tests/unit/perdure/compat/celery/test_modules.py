"""What settings name."""

from __future__ import annotations

import json
import json.decoder
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.modules import imported, names, packages_of, related


def test_modules_and_what_is_in_them() -> None:
    assert imported("json") is json
    assert imported("json.decoder") is json.decoder
    assert imported("json:dumps") is imported("json.dumps") is json.dumps
    with pytest.raises(ModuleNotFoundError):
        imported("there_is_no_such_module")
    with pytest.raises(AttributeError):
        imported("json.nothing")


def test_one_name_or_several() -> None:
    assert (names("a"), names(["a", "b"]), names(None)) == (("a",), ("a", "b"), ())


def test_packages_are_given_or_those_of_django(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages_of("a") == ("a",)
    assert packages_of(lambda: ["a", "b"]) == ("a", "b")
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    with pytest.raises(ImproperlyConfigured, match="name the packages"):
        packages_of(None)
    django = ModuleType("django.apps")
    django.apps = SimpleNamespace(get_app_configs=lambda: [SimpleNamespace(name="shop")])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django", ModuleType("django"))
    monkeypatch.setitem(sys.modules, "django.apps", django)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "settings")
    assert packages_of(None) == ("shop",)


def test_related_modules_as_far_as_packages_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("with_related_ones", "without_related_ones"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "with_related_ones" / "tasks.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    packages = ["with_related_ones", "without_related_ones"]
    assert list(related(packages, "tasks")) == ["with_related_ones.tasks"]
    assert list(related(packages, None)) == packages
