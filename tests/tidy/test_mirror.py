"""One test file a source file, at the same place; or a suite named here, with the reason in its folder's name."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.tidy.source_tree import ROOT, Module, product_modules

COVERED_BY_SUITE: dict[str, str] = {
    "perdure_broker/announcing.py": "tests/conformance/test_broker_announcing.py",
    "perdure_broker/cluster.py": "tests/integration/test_redis_server_checks.py",
    "perdure_broker/connection.py": "tests/integration/test_redis_broker.py",
    "perdure_broker/flow.py": "tests/conformance/test_broker_flow.py",
    "perdure_broker/flow_calls.py": "tests/conformance/test_broker_flow.py",
    "perdure_broker/frontend.py": "tests/conformance/test_broker_streams.py",
    "perdure_broker/inboxes.py": "tests/conformance/test_broker_streams.py",
    "perdure_broker/leases.py": "tests/conformance/test_broker_tasks.py",
    "perdure_broker/memory.py": "tests/conformance/test_broker_streams.py",
    "perdure_broker/memory_announcing.py": "tests/conformance/test_broker_announcing.py",
    "perdure_broker/memory_flow.py": "tests/conformance/test_broker_flow.py",
    "perdure_broker/memory_queues.py": "tests/conformance/test_broker_tasks.py",
    "perdure_broker/port.py": "tests/conformance",
    "perdure_broker/publishing.py": "tests/conformance/test_broker_tasks.py",
    "perdure_broker/queues.py": "tests/conformance/test_broker_tasks.py",
    "perdure_broker/redis_broker.py": "tests/integration/test_redis_broker.py",
    "perdure_broker/replies.py": "tests/conformance/test_broker_streams.py",
    "perdure_broker/session.py": "tests/integration/test_redis_broker.py",
    "perdure_broker/tasks.py": "tests/conformance/test_broker_tasks.py",
    "perdure/cli/schedule_views.py": "tests/unit/perdure/cli/test_schedule.py",
    "perdure/cli/schedule_import.py": "tests/integration/compat/test_celery_beat.py",
    "perdure/compat/celery/canvas_outcome.py": "tests/integration/compat/test_celery_canvas.py",
    "perdure/compat/celery/canvas_starting.py": "tests/integration/compat/test_celery_canvas.py",
    "perdure/compat/celery/signing.py": "tests/unit/perdure/compat/celery/test_signature.py",
    "perdure/client/schedule.py": "tests/unit/perdure/client/test_schedule_calls.py",
    "perdure/client/schedule_description.py": "tests/unit/perdure/client/test_schedule_calls.py",
    "perdure/client/schedule_handle.py": "tests/unit/perdure/client/test_schedule_calls.py",
    "perdure/client/schedule_inputs.py": "tests/unit/perdure/client/test_schedule_calls.py",
    "perdure/client/schedule_list.py": "tests/unit/perdure/client/test_schedule_calls.py",
    "perdure/outbox/relay.py": "tests/integration/outbox/test_outbox.py",
    "perdure/outbox/table.py": "tests/integration/outbox/test_outbox.py",
    "perdure/testing/local_cluster.py": "tests/integration/test_local_environment.py",
    "perdure/testing/time_skipping.py": "tests/unit/perdure/testing/test_workflow_environment.py",
    "perdure_store/activities.py": "tests/conformance/store/test_activities.py",
    "perdure_store/activity_lists.py": "tests/conformance/store/test_activities.py",
    "perdure_store/activity_lists_sql.py": "tests/conformance/store/test_activities.py",
    "perdure_store/memory_activity_lists.py": "tests/conformance/store/test_activities.py",
    "perdure_store/activities_sql.py": "tests/conformance/store/test_activities.py",
    "perdure_store/memory_activities.py": "tests/conformance/store/test_activities.py",
    "perdure_store/catalog.py": "tests/conformance/store/test_catalog.py",
    "perdure_store/catalog_sql.py": "tests/conformance/store/test_catalog.py",
    "perdure_store/connection.py": "tests/fault/store",
    "perdure_store/flow.py": "tests/conformance/store/test_flow.py",
    "perdure_store/flow_sql.py": "tests/conformance/store/test_flow.py",
    "perdure_store/list_query.py": "tests/conformance/store/test_visibility.py",
    "perdure_store/list_sql.py": "tests/conformance/store/test_visibility.py",
    "perdure_store/loading.py": "tests/conformance/store/test_load.py",
    "perdure_store/memory_catalog.py": "tests/conformance/store/test_catalog.py",
    "perdure_store/memory_flow.py": "tests/conformance/store/test_flow.py",
    "perdure_store/memory_lists.py": "tests/conformance/store/test_visibility.py",
    "perdure_store/memory_tables.py": "tests/conformance/store",
    "perdure_store/migration.py": "tests/conformance/store/test_migration.py",
    "perdure_store/postgres.py": "tests/conformance/store",
    "perdure_store/retention.py": "tests/conformance/store/test_retention.py",
    "perdure_store/memory_schedules.py": "tests/conformance/store/test_schedules.py",
    "perdure_store/schedules.py": "tests/conformance/store/test_schedules.py",
    "perdure_store/schedules_sql.py": "tests/conformance/store/test_schedules.py",
    "perdure_store/schema.py": "tests/integration/store/test_schema_checks.py",
    "perdure_store/takeover.py": "tests/fault/store",
    "perdure_store/visibility.py": "tests/conformance/store/test_visibility.py",
    "perdure_store/port.py": "tests/conformance",
    "perdure_store/rows.py": "tests/conformance/store",
    "perdure_engine/core/snapshot_rows.py": "tests/unit/perdure_engine/core/test_snapshot.py",
    "perdure_engine/core/schedule/progress.py": "tests/unit/perdure_engine/core/schedule/test_steps.py",
    "perdure_engine/demo/acts.py": "tests/integration/test_demo.py",
    "perdure_engine/demo/performance.py": "tests/integration/test_demo.py",
    "perdure_engine/demo/stage.py": "tests/integration/test_demo.py",
    "perdure_engine/demo/worker.py": "tests/integration/test_demo.py",
    "perdure_engine/demo/workflows.py": "tests/integration/test_demo.py",
}
"""Modules that hold no logic of their own to test alone, or whose logic is a real server's: source file to the suite
that runs it."""


def _has_logic(module: Module) -> bool:
    """Whether there is anything to test: an `__init__.py` that only names its parts has nothing."""
    if module.path.name != "__init__.py":
        return True
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) for node in module.tree.body)


def _expected_test(module: Module) -> Path:
    place = module.within_package
    suite = COVERED_BY_SUITE.get(place.as_posix())
    if suite is not None:
        return ROOT / suite
    stem = place.parent.name if place.name == "__init__.py" else place.stem.lstrip("_")
    return ROOT / "tests" / "unit" / place.parent / f"test_{stem}.py"


def test_each_source_file_has_its_test() -> None:
    pairs = [(module, _expected_test(module)) for module in product_modules() if _has_logic(module)]
    missing = {module.shown: test.relative_to(ROOT).as_posix() for module, test in pairs if not test.exists()}
    assert not missing, f"write these tests, or name the suite that covers the file in COVERED_BY_SUITE: {missing}"


def test_the_table_names_files_that_exist() -> None:
    sources = {module.within_package.as_posix() for module in product_modules()}
    assert set(COVERED_BY_SUITE) <= sources
