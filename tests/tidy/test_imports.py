"""What the graph of modules in pyproject.toml cannot say about imports."""

from __future__ import annotations

import sys

from tests.tidy.source_tree import Module, product_modules

PROTOCOL_LIBRARIES = {"msgpack", "cronsim"}
"""What the wire language is made of, beside the standard library."""


def _foreign_imports(module: Module, allowed: tuple[str, ...], libraries: set[str]) -> list[str]:
    wrong = []
    for node, name in module.imported_names():
        top = name.partition(".")[0]
        if not name.startswith(allowed) and top not in libraries and top not in sys.stdlib_module_names:
            wrong.append(f"{module.at(node)} imports {name}")
    return wrong


def test_the_protocol_imports_nothing_of_ours() -> None:
    modules = [m for m in product_modules() if m.name.startswith("perdure.protocol.")]
    assert modules
    assert not [line for m in modules for line in _foreign_imports(m, ("perdure.protocol",), PROTOCOL_LIBRARIES)]


def test_nobody_imports_another_packages_private_names() -> None:
    wrong = []
    for module in product_modules():
        own = module.name.split(".")[0]
        for node, name in module.imported_names():
            parts = name.split(".")
            if parts[0].startswith("perdure") and parts[0] != own and any(_is_private(part) for part in parts[1:]):
                wrong.append(f"{module.at(node)} imports {name}")
    assert not wrong


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
