"""What lives above the SDK is found by name, or its absence explained."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from perdure import extensions
from perdure.extensions import EXTRA_OF, ExtensionMissing, load_extension


@pytest.mark.parametrize("name", EXTRA_OF)
def test_what_is_installed_is_found(name: str) -> None:
    assert callable(load_extension(name))


def test_an_extension_that_is_absent_says_what_to_install() -> None:
    with pytest.raises(ExtensionMissing, match=r"pip install 'perdure\[conductor\]'"):
        load_extension("conductor")


def test_a_package_that_an_extension_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("engine", "no_such_package.main:run", extensions.GROUP)
    monkeypatch.setattr(extensions, "_entry_point", lambda name: broken)
    with pytest.raises(ExtensionMissing, match=r"'no_such_package' is not installed.*perdure\[engine\]"):
        load_extension("engine")
