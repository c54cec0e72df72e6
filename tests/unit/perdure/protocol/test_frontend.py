"""Frontend requests survive their envelope, and a malformed one says where."""

from __future__ import annotations

import pytest

from perdure.protocol import deployment, operations, schedule, task_queues
from perdure.protocol.activity_lists import CountActivities, ListActivities
from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.frontend import (
    FRONTEND_REQUESTS,
    ClusterDescription,
    ContentPage,
    CountWorkflows,
    DeadLetter,
    DeadLetterPage,
    DescribeCluster,
    ExecutionPage,
    ExecutionSummary,
    FrontendRequest,
    GetContent,
    GetDeadLetter,
    ListDeadLetters,
    ListWorkflows,
    RetryDeadLetter,
    decode_cluster_description,
    decode_content_page,
    decode_dead_letter_page,
    decode_execution_page,
    decode_frontend_envelope,
    decode_frontend_request,
    encode_frontend_envelope,
    numbered_frontend_request,
)

SCHEDULE = schedule.Schedule(schedule.ScheduleAction(), schedule.ScheduleSpec())
REQUESTS: list[FrontendRequest] = [
    ListWorkflows("default", status=1, page_token=b"next"),
    CountWorkflows("default", workflow_type="agent"),
    ListDeadLetters(),
    GetDeadLetter("letter"),
    RetryDeadLetter("letter"),
    DescribeCluster(),
    operations.ListNamespaces(),
    operations.SetRetention("default", 3_600_000),
    GetContent("default", 3, "run", bytes(16)),
    operations.ListSearchAttributes("default"),
    operations.AddSearchAttributes("default", (("Amount", 3),)),
    operations.RemoveSearchAttribute("default", "Amount"),
    operations.PutNamespace("short", 60_000, None, True),
    operations.DescribeNamespace("short"),
    operations.DeleteNamespace("short"),
    operations.StartBatch("default", "b", 3, "query", "why", "me", 5, "poke", b"input", b"headers"),
    operations.DescribeBatch("default", "b"),
    operations.ListBatches("default"),
    operations.StopBatch("default", "b", "why", "me"),
    deployment.RegisterVersion("default", "shop", "v1", "queue", True, False),
    deployment.SetCurrentVersion("default", "shop", "v1", True, True, 3, "me"),
    deployment.SetRampingVersion("default", "shop", "v1", 3_000, True, True, 3, "me"),
    deployment.DescribeDeployment("default", "shop"),
    deployment.ListDeployments("default"),
    deployment.DeleteVersion("default", "shop", "v1", True),
    task_queues.DescribeQueue("default", "mail"),
    task_queues.ListQueues("default"),
    task_queues.SetQueueLimits("default", "mail", rate_micro=5, key_burst=0, identity="me"),
    task_queues.PauseQueue("default", "mail", 7, "acme", "why", "me"),
    task_queues.PurgeQueue("default", "mail", 5, "why", "me"),
    schedule.CreateSchedule("default", "s", SCHEDULE, "r", "me", b"memo", b"", True, (schedule.Backfill(1, 2),)),
    schedule.DescribeSchedule("default", "s"),
    schedule.UpdateSchedule("default", "s", SCHEDULE, "r", "me", 3, b""),
    schedule.PatchSchedule("default", "s", "r", "me", "why", None, 6, (schedule.Backfill(1, 2, 3),)),
    schedule.DeleteSchedule("default", "s"),
    schedule.ListSchedules("default", 5, b"token", "ScheduleId = 's'"),
    ListActivities("default", "ActivityType = 'send'", 5, b"token"),
    CountActivities("default", "TaskQueue = 'mails'"),
]


def test_every_request_is_registered_and_survives_its_envelope() -> None:
    assert {type(request) for request in REQUESTS} == set(FRONTEND_REQUESTS.kind_of)
    rows = [numbered_frontend_request(number, request) for number, request in enumerate(REQUESTS, 1)]
    sender, raw = decode_frontend_envelope(encode_frontend_envelope("sender", rows))
    assert sender == "sender"
    assert [decode_frontend_request(row) for row in raw] == list(enumerate(REQUESTS, 1))


def test_reply_bodies_survive_the_codec() -> None:
    summary = ExecutionSummary("default", "order", "run", "Agent", "q", 2, 1, 1, 2, 5, 900)
    for body, decode in (
        (ExecutionPage((summary,), b"next"), decode_execution_page),
        (DeadLetterPage((DeadLetter(3, "letter", 7, "inbox", "malformed", b"x"),)), decode_dead_letter_page),
        (ClusterDescription("c", 1, 16, "0.1.0", ("node-1",)), decode_cluster_description),
        (ContentPage(((bytes(16), b"piece"),)), decode_content_page),
    ):
        assert decode(unpack(pack(body))) == body


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (pack((1, "sender")), "array of version, sender"),
        (pack((99, "sender", ())), "codec version 99"),
        (pack((1, "sen\0der", ())), "array of version, sender"),
        (b"\xc1", "not a msgpack value"),
    ],
)
def test_a_malformed_envelope_is_refused(data: bytes, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_frontend_envelope(data)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (("one", 1, ()), "number, kind and fields"),
        ((1, 99, ()), "unknown frontend request number 99"),
        ((1, 4, ()), "at least 1 are required"),
        ((1, 4, (7,)), "letter_id must be str"),
    ],
)
def test_a_malformed_request_is_refused(row: object, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_frontend_request(row)
