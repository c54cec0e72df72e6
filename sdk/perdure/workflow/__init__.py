"""What workflow code uses: decorators to define it, and what it may ask and do while it runs.

Everything here is deterministic: replaying a workflow's history makes every call give what it gave before. The standard
library's `asyncio` works inside workflows too, and so do `time.time`, `random`, `uuid.uuid4` and `datetime.now`.
"""

from perdure.workflow.activity_calls import execute_activity, start_activity
from perdure.workflow.activity_method_calls import (
    execute_activity_class,
    execute_activity_method,
    start_activity_class,
    start_activity_method,
)
from perdure.workflow.activity_options import (
    ActivityCancellationType,
    ActivityConfig,
    ActivityHandle,
    LocalActivityConfig,
)
from perdure.workflow.chance import new_random, random, random_seed, uuid4, uuid7
from perdure.workflow.child_calls import execute_child_workflow, start_child_workflow
from perdure.workflow.child_options import (
    ChildWorkflowCancellationType,
    ChildWorkflowConfig,
    ChildWorkflowHandle,
    ParentClosePolicy,
    VersioningIntent,
)
from perdure.workflow.concurrency import as_completed, wait
from perdure.workflow.context import (
    cancellation_reason,
    in_workflow,
    info,
    instance,
    is_failure_exception,
    memo,
    memo_value,
    now,
    payload_converter,
    sleep,
    time,
    time_ns,
    wait_condition,
)
from perdure.workflow.continuation import (
    continue_as_new,
    get_last_completion_result,
    get_last_failure,
    has_last_completion_result,
)
from perdure.workflow.definition import defn, init, run
from perdure.workflow.errors import (
    ContinueAsNewError,
    HandlerUnfinishedPolicy,
    NondeterminismError,
    NotInWorkflowError,
    ReadOnlyContextError,
    UnfinishedSignalHandlersWarning,
    UnfinishedUpdateHandlersWarning,
    WorkflowIOError,
)
from perdure.workflow.external import (
    ExternalWorkflowHandle,
    get_external_workflow_handle,
    get_external_workflow_handle_for,
)
from perdure.workflow.handler_setting import (
    all_handlers_finished,
    get_dynamic_query_handler,
    get_dynamic_signal_handler,
    get_dynamic_update_handler,
    get_query_handler,
    get_signal_handler,
    get_update_handler,
    set_dynamic_query_handler,
    set_dynamic_signal_handler,
    set_dynamic_update_handler,
    set_query_handler,
    set_signal_handler,
    set_update_handler,
)
from perdure.workflow.handlers import query, signal
from perdure.workflow.information import Info, ParentInfo, RootInfo
from perdure.workflow.local_activity_calls import execute_local_activity, start_local_activity
from perdure.workflow.local_activity_method_calls import (
    execute_local_activity_class,
    execute_local_activity_method,
    start_local_activity_class,
    start_local_activity_method,
)
from perdure.workflow.log_adapter import LoggerAdapter, logger
from perdure.workflow.metrics import metric_meter
from perdure.workflow.properties import (
    get_current_details,
    set_current_details,
    upsert_memo,
    upsert_search_attributes,
)
from perdure.workflow.saga import CompensationError, Saga
from perdure.workflow.unsafe_code import SandboxImportNotificationPolicy, unsafe
from perdure.workflow.update_handlers import UpdateMethodMultiParam, update
from perdure.workflow.update_information import UpdateInfo, current_update_info
from perdure.workflow.versions import DEFAULT_VERSION, deprecate_patch, get_version, patched

__all__ = [
    "DEFAULT_VERSION",
    "ActivityCancellationType",
    "ActivityConfig",
    "ActivityHandle",
    "ChildWorkflowCancellationType",
    "ChildWorkflowConfig",
    "ChildWorkflowHandle",
    "CompensationError",
    "ContinueAsNewError",
    "ExternalWorkflowHandle",
    "HandlerUnfinishedPolicy",
    "Info",
    "LocalActivityConfig",
    "LoggerAdapter",
    "NondeterminismError",
    "NotInWorkflowError",
    "ParentClosePolicy",
    "ParentInfo",
    "ReadOnlyContextError",
    "RootInfo",
    "Saga",
    "SandboxImportNotificationPolicy",
    "UnfinishedSignalHandlersWarning",
    "UnfinishedUpdateHandlersWarning",
    "UpdateInfo",
    "UpdateMethodMultiParam",
    "VersioningIntent",
    "WorkflowIOError",
    "all_handlers_finished",
    "as_completed",
    "cancellation_reason",
    "continue_as_new",
    "current_update_info",
    "defn",
    "deprecate_patch",
    "execute_activity",
    "execute_activity_class",
    "execute_activity_method",
    "execute_child_workflow",
    "execute_local_activity",
    "execute_local_activity_class",
    "execute_local_activity_method",
    "get_current_details",
    "get_dynamic_query_handler",
    "get_dynamic_signal_handler",
    "get_dynamic_update_handler",
    "get_external_workflow_handle",
    "get_external_workflow_handle_for",
    "get_last_completion_result",
    "get_last_failure",
    "get_query_handler",
    "get_signal_handler",
    "get_update_handler",
    "get_version",
    "has_last_completion_result",
    "in_workflow",
    "info",
    "init",
    "instance",
    "is_failure_exception",
    "logger",
    "memo",
    "memo_value",
    "metric_meter",
    "new_random",
    "now",
    "patched",
    "payload_converter",
    "query",
    "random",
    "random_seed",
    "run",
    "set_current_details",
    "set_dynamic_query_handler",
    "set_dynamic_signal_handler",
    "set_dynamic_update_handler",
    "set_query_handler",
    "set_signal_handler",
    "set_update_handler",
    "signal",
    "sleep",
    "start_activity",
    "start_activity_class",
    "start_activity_method",
    "start_child_workflow",
    "start_local_activity",
    "start_local_activity_class",
    "start_local_activity_method",
    "time",
    "time_ns",
    "unsafe",
    "update",
    "upsert_memo",
    "upsert_search_attributes",
    "uuid4",
    "uuid7",
    "wait",
    "wait_condition",
]
