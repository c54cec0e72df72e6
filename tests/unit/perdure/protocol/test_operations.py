"""What operators are answered."""

from __future__ import annotations

from perdure.protocol import operations
from perdure.protocol.codec import pack, unpack


def test_reply_bodies_survive_the_codec() -> None:
    batch = operations.BatchInfo("default", "b", 1, 2, "query", "why", "me", 50, 10, 9, 1, 1_000, 2_000, "gone")
    namespace = operations.NamespaceInfo("short", 60_000, 1_000, "words")
    for body, decode in (
        (batch, operations.decode_batch_info),
        (operations.BatchList((batch,)), operations.decode_batch_list),
        (namespace, operations.decode_namespace_info),
        (operations.NamespaceList((namespace,)), operations.decode_namespace_list),
        (operations.SearchAttributeTypes({"Amount": 3}), operations.decode_search_attribute_types),
    ):
        assert decode(unpack(pack(body))) == body


def test_what_an_earlier_engine_says_of_a_namespace_is_understood() -> None:
    assert operations.decode_namespace_info(("short", 60_000)) == operations.NamespaceInfo("short", 60_000, 0, "")
