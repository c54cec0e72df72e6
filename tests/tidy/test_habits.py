"""Habits of the product's code: nothing swallowed, nothing printed, nothing silenced without a reason."""

from __future__ import annotations

import ast
import re

from tests.tidy.source_tree import Module, dotted_name, example_modules, product_modules

SPEAKS_TO_A_TERMINAL = ("perdure.cli.",)
"""The only modules that may print."""

BROAD = {"Exception", "BaseException"}


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(dotted_name(kind) in BROAD for kind in types)


def _does_nothing(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(s, ast.Pass | ast.Continue) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in body
    )


def test_no_error_is_swallowed_whole() -> None:
    wrong = [
        module.at(node)
        for module in product_modules()
        for node in module.walk()
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and _does_nothing(node.body)
    ]
    assert not wrong, f"name the errors that are expected here, and say why they may pass: {wrong}"


def test_nothing_suppresses_every_error() -> None:
    wrong = [
        module.at(node)
        for module in product_modules()
        for node in module.walk()
        if isinstance(node, ast.Call)
        and dotted_name(node.func).endswith("suppress")
        and any(dotted_name(argument) in BROAD for argument in node.args)
    ]
    assert not wrong


def test_libraries_print_nothing() -> None:
    wrong = [
        module.at(node)
        for module in product_modules()
        if not module.name.startswith(SPEAKS_TO_A_TERMINAL)
        for node in module.walk()
        if isinstance(node, ast.Call) and dotted_name(node.func) == "print"
    ]
    assert not wrong


def test_no_check_is_silenced_without_a_name() -> None:
    bare = re.compile(r"#\s*(type:\s*ignore|noqa)\s*$")
    wrong = [
        f"{module.shown}:{number}"
        for module in [*product_modules(), *example_modules()]
        for number, line in enumerate(module.text.splitlines(), 1)
        if bare.search(line)
    ]
    assert not wrong, f"name the rule that is silenced: {wrong}"


def test_nothing_is_left_unimplemented() -> None:
    wrong = [module.at(node) for module in product_modules() for node in module.walk() if _raises_unimplemented(node)]
    assert not wrong


def _raises_unimplemented(node: ast.AST) -> bool:
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return dotted_name(raised) == "NotImplementedError"


def test_the_swallow_rule_can_fail() -> None:
    tree = ast.parse("try:\n    f()\nexcept (ValueError, Exception):\n    pass")
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    assert _is_broad(handlers[0])
    assert _does_nothing(handlers[0].body)
    assert isinstance(product_modules()[0], Module)
