"""Settings of task queues and answers about them, on the wire."""

from __future__ import annotations

from perdure.protocol.codec import pack, unpack
from perdure.protocol.task_queues import (
    KeySettings,
    QueueInfo,
    QueueKey,
    QueueLane,
    QueueList,
    QueueSettings,
    QueueWorker,
    decode_queue_info,
    decode_queue_list,
    decode_queue_settings,
)

SETTINGS = QueueSettings("default", "mail", 2, 5, keys=(KeySettings("a", 1), KeySettings("b", concurrency=2)))
LANE = QueueLane(2, 3, 1, 7, 1_500, 1, 10, (QueueWorker("w", "host", 10, 5),))
INFO = QueueInfo("mail", LANE._replace(kind=1), LANE, SETTINGS, 9, (QueueKey("a", 1, 2),))


def test_round_trip() -> None:
    assert decode_queue_settings(unpack(pack(SETTINGS))) == SETTINGS
    assert decode_queue_info(unpack(pack(INFO))) == INFO
    assert decode_queue_list(unpack(pack(QueueList((INFO, INFO))))) == QueueList((INFO, INFO))


def test_the_settings_of_a_key() -> None:
    assert SETTINGS.key("b") == KeySettings("b", concurrency=2)
    assert SETTINGS.key("c") is None


def test_a_weight_alone_holds_nothing_back() -> None:
    assert SETTINGS.holds_back
    assert not SETTINGS._replace(rate_micro=0, keys=(KeySettings("a", 1),)).holds_back
