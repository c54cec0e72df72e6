"""The client around a call."""

from __future__ import annotations

from perdure.tasks.surroundings import is_on_a_loop, surrounding_client, using
from tests.memory_cluster import memory_cluster


async def test_a_block_uses_a_client() -> None:
    assert surrounding_client() is None
    assert is_on_a_loop()
    async with memory_cluster() as client:
        with using(client) as used:
            assert surrounding_client() is used is client
        assert surrounding_client() is None


def test_plain_code_is_on_no_loop() -> None:
    assert not is_on_a_loop()
