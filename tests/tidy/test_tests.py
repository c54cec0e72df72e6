"""Tests wait for conditions: a sleep is either too long or too short.

What a workflow or an activity under test does is its own business: `asyncio.sleep` in a workflow is a timer. In the
simulation time is virtual: whoever sleeps there lets the clock jump. What a campaign of faults does is a matter of
time: a process is stopped for so many seconds. What is in `tests/ported` are programs, not tests.
"""

from __future__ import annotations

import ast

from tests.tidy.source_tree import ROOT, Module, dotted_name, suite_modules

SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep", "sleep"}
TIMED = ("tests.simulation.", "tests.chaos.", "tests.ported.")
USER_CODE = {"workflow.defn", "activity.defn", "defn"}


def _is_user_code(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    decorators = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return any(dotted_name(decorator) in USER_CODE for decorator in decorators)


def _sleeps(node: ast.AST) -> list[ast.Call]:
    """The calls that sleep, outside of workflows and activities. `asyncio.sleep(0)` yields, it does not wait."""
    found = []
    for child in ast.iter_child_nodes(node):
        if _is_user_code(child):
            continue
        if isinstance(child, ast.Call) and dotted_name(child.func) in SLEEPS:
            zero = len(child.args) == 1 and isinstance(child.args[0], ast.Constant) and child.args[0].value == 0
            if not zero:
                found.append(child)
        found += _sleeps(child)
    return found


def test_no_test_sleeps() -> None:
    bound = [module for module in suite_modules() if not module.name.startswith(TIMED)]
    wrong = [module.at(call) for module in bound for call in _sleeps(module.tree)]
    assert not wrong, f"wait for the condition (tests/waiting.py) or use a virtual clock: {wrong}"


def test_no_test_is_skipped_for_good() -> None:
    wrong = []
    for module in suite_modules():
        for node in module.walk():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = {dotted_name(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list}
                if names & {"pytest.mark.skip", "pytest.mark.xfail", "unittest.skip"}:
                    wrong.append(module.at(node))
    assert not wrong, f"mend it or delete it; skipif says when it cannot run: {wrong}"


def test_every_test_can_fail() -> None:
    wrong = [
        module.at(node)
        for module in suite_modules()
        for node in module.walk()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and all(isinstance(statement, ast.Pass | ast.Expr) for statement in node.body)
        and not any(isinstance(child, ast.Call | ast.Await) for child in ast.walk(node))
    ]
    assert not wrong


def test_the_sleep_rule_can_fail() -> None:
    code = "import time\ndef test_a():\n    time.sleep(1)\n@activity.defn\ndef a():\n    time.sleep(1)\n"
    assert len(_sleeps(ast.parse(code))) == 1
    assert isinstance(suite_modules()[0], Module)
    assert ROOT.is_dir()
