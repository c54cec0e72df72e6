"""The core decides: no clock, no randomness, no I/O, no logging, nothing async, no order that a hash chooses."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.tidy.source_tree import Module, dotted_name, product_modules

BANNED_MODULES = frozenset(
    {
        "asyncio",
        "concurrent",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
        "random",
        "secrets",
        "select",
        "selectors",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "warnings",
    }
)
BANNED_CALLS = frozenset(
    {
        "print",
        "open",
        "input",
        "exec",
        "eval",
        "uuid.uuid1",
        "uuid.uuid4",
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "date.today",
        "datetime.date.today",
    }
)
# Functions that give the same answer whatever the order of what they are given.
ORDER_FREE = frozenset({"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "bool"})


def _core_modules() -> list[Module]:
    return [m for m in product_modules() if m.name.startswith("perdure_engine.core.")]


def _is_set(node: ast.AST) -> bool:
    """Whether the expression is certainly a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return dotted_name(node.func) in {"set", "frozenset"}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Sub | ast.BitXor):
        return _is_set(node.left) or _is_set(node.right)
    return False


def _set_variables(tree: ast.Module) -> set[str]:
    """Names and attributes that the module binds to a set, or annotates as one."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_set(node.value):
            names.update(dotted_name(target) for target in node.targets)
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            annotation = ast.unparse(node.annotation)
            if annotation.split("[")[0].rpartition(".")[2] in {"set", "frozenset", "Set", "AbstractSet"}:
                names.add(dotted_name(node.target) if isinstance(node, ast.AnnAssign) else node.arg)
    return names - {""}


def _iterated(tree: ast.Module) -> Iterator[ast.expr]:
    """Each expression whose order the code observes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension):
            yield node.iter
        elif isinstance(node, ast.Call) and dotted_name(node.func) in {"list", "tuple", "iter", "enumerate", "next"}:
            yield from node.args
        elif isinstance(node, ast.Starred):
            yield node.value


@pytest.fixture(params=_core_modules(), ids=lambda module: module.shown)
def module(request: pytest.FixtureRequest) -> Module:
    found: Module = request.param
    return found


def test_nothing_is_async(module: Module) -> None:
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [module.at(node) for node in module.walk() if isinstance(node, kinds)]


def test_imports_only_the_protocol_and_pure_modules(module: Module) -> None:
    wrong = []
    for node, name in module.imported_names():
        top = name.partition(".")[0]
        ours = name.startswith(("perdure.protocol", "perdure_engine.core"))
        pure = top in sys.stdlib_module_names and top not in BANNED_MODULES
        if not ours and not pure:
            wrong.append(f"{module.at(node)} imports {name}")
    assert not wrong


def test_calls_no_clock_no_chance_no_io(module: Module) -> None:
    calls = [node for node in module.walk() if isinstance(node, ast.Call) and dotted_name(node.func) in BANNED_CALLS]
    assert not [f"{module.at(node)} calls {dotted_name(node.func)}" for node in calls]


def test_iterates_over_no_set(module: Module) -> None:
    known = _set_variables(module.tree)
    order_free = {
        id(argument)
        for node in module.walk()
        if isinstance(node, ast.Call) and dotted_name(node.func) in ORDER_FREE
        for argument in node.args
    }
    wrong = []
    for expression in _iterated(module.tree):
        if id(expression) not in order_free and (_is_set(expression) or dotted_name(expression) in known):
            wrong.append(f"{module.at(expression)} iterates over the set {ast.unparse(expression)}; sort it")
    assert not wrong


@pytest.mark.parametrize(
    "code",
    [
        "for x in {1, 2}: pass",
        "a = set()\nfor x in a: pass",
        "def f(s: set[int]): return [x for x in s]",
        "names: frozenset[str] = frozenset()\ntuple(names)",
    ],
)
def test_the_set_rule_can_fail(code: str) -> None:
    tree = ast.parse(code)
    known = _set_variables(tree)
    assert [e for e in _iterated(tree) if _is_set(e) or dotted_name(e) in known]
