"""The client: start workflows, and signal, query, update, cancel, watch and list them."""

from perdure.client.async_activity import AsyncActivityHandle, AsyncActivityIDReference
from perdure.client.batches import (
    Batches,
    BatchOperationDescription,
    BatchOperationHandle,
    BatchOperationState,
    BatchOperationType,
)
from perdure.client.client import Client
from perdure.client.configuration import ClientConfig, ClientConnectConfig
from perdure.client.dead_letters import DeadLetter, DeadLetters
from perdure.client.deployments import (
    Deployments,
    WorkerDeploymentDescription,
    WorkerDeploymentVersionDescription,
    WorkerDeploymentVersionStatus,
)
from perdure.client.execution import (
    PendingActivityInfo,
    PendingChildInfo,
    PendingWorkflowTaskInfo,
    PollerInfo,
    WorkflowExecution,
    WorkflowExecutionDescription,
)
from perdure.client.failures import (
    ActivityFailureError,
    AsyncActivityCancelledError,
    RPCTimeoutOrCancelledError,
    WorkflowContinuedAsNewError,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from perdure.client.handle import WorkflowHandle
from perdure.client.history import (
    WorkflowHistory,
    WorkflowHistoryEventAsyncIterator,
    WorkflowHistoryEventFilterType,
)
from perdure.client.inputs import (
    CancelWorkflowInput,
    CountWorkflowsInput,
    DescribeWorkflowInput,
    FetchWorkflowHistoryEventsInput,
    ListWorkflowsInput,
    QueryWorkflowInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    TerminateWorkflowInput,
    UpdateWithStartStartWorkflowInput,
    UpdateWithStartUpdateWorkflowInput,
)
from perdure.client.interceptor import Interceptor, OutboundInterceptor
from perdure.client.lists import (
    WorkflowExecutionAsyncIterator,
    WorkflowExecutionCount,
    WorkflowExecutionCountAggregationGroup,
)
from perdure.client.namespaces import Namespace, Namespaces
from perdure.client.reset import ResetReapplyExcludeType, WorkflowResetPoint
from perdure.client.standalone_description import (
    ActivityExecution,
    ActivityExecutionDescription,
    ActivityExecutionStatus,
)
from perdure.client.standalone_handle import ActivityHandle
from perdure.client.standalone_inputs import (
    CancelActivityInput,
    DescribeActivityInput,
    StartActivityInput,
    TerminateActivityInput,
)
from perdure.client.status import PendingActivityState, WorkflowExecutionStatus
from perdure.client.task_queues import (
    FairnessKeySettings,
    TaskQueueDescription,
    TaskQueueKey,
    TaskQueueLane,
    TaskQueueLimits,
    TaskQueues,
    TaskQueueSettings,
    TaskQueueWorker,
)
from perdure.client.updates import WorkflowUpdateHandle, WorkflowUpdateStage
from perdure.client.with_start import WithStartWorkflowOperation
from perdure.common import HeaderCodecBehavior
from perdure.converter import DataConverter, PayloadCodec
from perdure.service import (
    DnsLoadBalancingConfig,
    GrpcCompression,
    HttpConnectProxyConfig,
    KeepAliveConfig,
    RetryConfig,
    RPCError,
    RPCStatusCode,
    TLSConfig,
)

__all__ = [
    "ActivityExecution",
    "ActivityExecutionDescription",
    "ActivityExecutionStatus",
    "ActivityFailureError",
    "ActivityHandle",
    "AsyncActivityCancelledError",
    "AsyncActivityHandle",
    "AsyncActivityIDReference",
    "BatchOperationDescription",
    "BatchOperationHandle",
    "BatchOperationState",
    "BatchOperationType",
    "Batches",
    "CancelActivityInput",
    "CancelWorkflowInput",
    "Client",
    "ClientConfig",
    "ClientConnectConfig",
    "CountWorkflowsInput",
    "DataConverter",
    "DeadLetter",
    "DeadLetters",
    "Deployments",
    "DescribeActivityInput",
    "DescribeWorkflowInput",
    "DnsLoadBalancingConfig",
    "FairnessKeySettings",
    "FetchWorkflowHistoryEventsInput",
    "GrpcCompression",
    "HeaderCodecBehavior",
    "HttpConnectProxyConfig",
    "Interceptor",
    "KeepAliveConfig",
    "ListWorkflowsInput",
    "Namespace",
    "Namespaces",
    "OutboundInterceptor",
    "PayloadCodec",
    "PendingActivityInfo",
    "PendingActivityState",
    "PendingChildInfo",
    "PendingWorkflowTaskInfo",
    "PollerInfo",
    "QueryWorkflowInput",
    "RPCError",
    "RPCStatusCode",
    "RPCTimeoutOrCancelledError",
    "ResetReapplyExcludeType",
    "RetryConfig",
    "SignalWorkflowInput",
    "StartActivityInput",
    "StartWorkflowInput",
    "StartWorkflowUpdateInput",
    "StartWorkflowUpdateWithStartInput",
    "TLSConfig",
    "TaskQueueDescription",
    "TaskQueueKey",
    "TaskQueueLane",
    "TaskQueueLimits",
    "TaskQueueSettings",
    "TaskQueueWorker",
    "TaskQueues",
    "TerminateActivityInput",
    "TerminateWorkflowInput",
    "UpdateWithStartStartWorkflowInput",
    "UpdateWithStartUpdateWorkflowInput",
    "WithStartWorkflowOperation",
    "WorkerDeploymentDescription",
    "WorkerDeploymentVersionDescription",
    "WorkerDeploymentVersionStatus",
    "WorkflowContinuedAsNewError",
    "WorkflowExecution",
    "WorkflowExecutionAsyncIterator",
    "WorkflowExecutionCount",
    "WorkflowExecutionCountAggregationGroup",
    "WorkflowExecutionDescription",
    "WorkflowExecutionStatus",
    "WorkflowFailureError",
    "WorkflowHandle",
    "WorkflowHistory",
    "WorkflowHistoryEventAsyncIterator",
    "WorkflowHistoryEventFilterType",
    "WorkflowQueryFailedError",
    "WorkflowQueryRejectedError",
    "WorkflowResetPoint",
    "WorkflowUpdateFailedError",
    "WorkflowUpdateHandle",
    "WorkflowUpdateRPCTimeoutOrCancelledError",
    "WorkflowUpdateStage",
]
