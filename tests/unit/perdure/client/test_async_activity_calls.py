"""Which activity a task token or ids name, and whose shard has it."""

from __future__ import annotations

import pytest

from perdure.client import AsyncActivityIDReference
from perdure.client.async_activity_calls import AsyncActivityTarget, target_of
from perdure.protocol.codec import pack


def test_a_token_says_all_of_it() -> None:
    token = pack(("other", "w", "run", 5, 3))
    assert target_of("default", token) == AsyncActivityTarget("other", "w", "run", "", 5, 3)
    token = pack(("other", "", "run", 5, 3, "mail"))
    assert target_of("default", token) == AsyncActivityTarget("other", "", "run", "mail", 5, 3)
    with pytest.raises(ValueError, match="this is no task token"):
        target_of("default", b"token")


def test_ids_are_of_the_clients_namespace() -> None:
    of_workflow = AsyncActivityIDReference("w", None, "7")
    assert target_of("default", of_workflow) == AsyncActivityTarget("default", "w", "", "7", 0, 0)
    alone = AsyncActivityIDReference(None, "run", "mail")
    assert target_of("default", alone) == AsyncActivityTarget("default", "", "run", "mail", 0, 0)
    with pytest.raises(ValueError, match="workflow_id must not be empty"):
        target_of("default", AsyncActivityIDReference("", None, "7"))
