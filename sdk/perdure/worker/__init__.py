"""Workers, which run workflows and activities, and the replayer, which runs workflows against recorded histories."""

from perdure.worker.replayer import Replayer, WorkflowReplayResult, WorkflowReplayResults
from perdure.worker.worker import Worker

__all__ = ["Replayer", "Worker", "WorkflowReplayResult", "WorkflowReplayResults"]
