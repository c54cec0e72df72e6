"""The rules of the auditor: each has a name, which planted bugs and reports refer to, and says what must be true."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Rule(StrEnum):
    """The value of a rule is what must be true."""

    # Requests and replies
    START_KEPT = "an acknowledged start has its run, as it was asked for, and always the same one"
    RUNS_APART = "no two runs of a workflow id are open at the same time, and each was asked for"
    SIGNAL_KEPT = "an acknowledged signal stands in a history"
    SIGNAL_ONCE = "no signal stands twice in the histories of its workflow id"
    UPDATE_KEPT = "what the sender of an update was told of its stage and its outcome stands in a history"
    UPDATE_REJECTED = "an update that a validator refused has left no event"
    RESET_KEPT = "an acknowledged reset has its run, in the place of the one that was meant, and with all its signals"
    CANCEL_KEPT = "an acknowledged request to cancel stands in a history"
    TERMINATE_KEPT = "an acknowledged termination ended a run"
    TASK_KEPT = "an acknowledged workflow task stands in its history, followed by the commands that came with it"
    TASK_FAILURE = "a workflow task fails if its code raises, or its worker is lost, and for no other reason"
    RESULT_KEPT = "an acknowledged result or failure of an activity stands in its history"
    UNASKED = "whatever a history says that somebody did, somebody did"
    REFUSED = "a request that was sent once and refused had no effect"
    ANSWERED_ONCE = "a request that was sent once gets one answer"
    OUTCOME_TRUE = "what a waiter was told is what the history says"
    OUTCOME_ALLOWED = "a run ends in an outcome that its model allows"
    # Activities
    ATTEMPT_RECORDED_ONCE = "what an activity's attempts did is recorded once"
    ATTEMPT_KNOWN = "a task that was handed out, and an attempt that ran, is one that a history knows of"
    HANDED_OUT_ONCE = "an attempt is handed out once, as long as the broker keeps what it has"
    AFTER_SUCCESS = "no attempt is handed out after the success of its activity was acknowledged"
    HEARTBEAT_KEPT = "the details of an acknowledged heartbeat reach the next attempt"
    AT_MOST_ONCE = "an activity with one attempt runs at most once"
    # Activities without a workflow
    TASK_STARTED = "an acknowledged start of one has its execution, as it was asked for, and always the same one"
    TASKS_APART = "executions of an activity id follow each other as the policies of their starts say"
    TASK_CLOSED_ONCE = "an execution goes from attempt to attempt, is closed once, and stays as it was closed"
    NOT_BEFORE = "nothing begins before its start delay or its backoff is over"
    RATE = "what enters a stream in any stretch of time costs no more than its rate and one burst allow"
    CONCURRENCY = "no more tasks of a queue, or of a key, are out than it allows"
    HELD = "nothing leaves a queue that is paused, and nothing of a key that is to be left alone for a while"
    SCHEDULED_ONCE = "a schedule takes an action once for each moment that is due, and for no other"
    SCHEDULED_ALL = "a schedule leaves out no action, unless its policy says so"
    SCHEDULED_APART = "what a schedule starts runs beside another one only if its policy says so"
    LISTED = "lists and counts show what there is"
    # Runs that know of one another
    CHAIN = "a run leads on to one other run at most, which is there at once, and is given what it was to have"
    CHILD_ONCE = "a child is started once, as it was asked for, or its parent knows that it was not"
    CHILD_TOLD = "how a child ended reaches its parent, once and truly"
    PARENT_CLOSED = "a child whose parent is closed has what its parent close policy says"
    SENT_ONCE = "a signal to another workflow arrives once, or its sender knows that it did not"
    # Histories and states
    ROWS = "the rows of a history are whole, in order, and as long as the run's own row says"
    CONTENT = "a run has the content that its records say, and all that its values refer to"
    LEGAL = "a history keeps the rules of `tests.legality`"
    REPLAY = "the workflow's code, run again over its history, asks for the same commands"
    STATE = "the state of a run in memory is the fold of its history"
    SNAPSHOT = "a snapshot is the fold of the history up to it"
    STATUS = "the row of a run says what its history says"
    DELETED = "a run that was deleted is gone with all that belonged to it, and no other one is"
    VISIBLE = "lists show a run as its row is"
    DEAD_LETTER = "nothing is set aside but what cannot be carried out"
    CURSOR = "the cursor of a shard stands at the last entry of its inbox that took effect"
    # The end
    LIVENESS = "once the faults have stopped, everything comes to its end"
    LEFT_BEHIND = "what is over leaves nothing behind: no task, timer, entry, key, consumer or claim"
    GRACEFUL_STOP = "an engine that is asked to stop hands over what it holds, and ends"
    PROCESS_DIED = "no task of a process ends by an exception that nobody expects"
    UNEXPECTED = "whatever else a part of the simulation finds wrong"


class Finding(NamedTuple):
    """A rule that was broken, and how."""

    rule: Rule
    text: str

    def __str__(self) -> str:
        return f"{self.rule.name}: {self.text}"
