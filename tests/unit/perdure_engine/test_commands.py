"""What store and broker raise at the start becomes an error of the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.exceptions import RequestError
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_engine.commands import explained, run_engine, run_migrate
from perdure_store.port import SchemaMissing, StoreUnavailable


@pytest.mark.parametrize("kind", [StoreUnavailable, SchemaMissing, BrokerUnavailable, WrongConfiguration])
def test_the_words_are_kept(kind: type[Exception]) -> None:
    with pytest.raises(RequestError, match="start it first"), explained():
        raise kind("start it first")


@pytest.mark.parametrize(("kind", "option"), [(StoreUnavailable, "--postgres"), (BrokerUnavailable, "--redis")])
def test_a_server_that_is_away_names_the_option(kind: type[Exception], option: str) -> None:
    with pytest.raises(RequestError, match=option), explained():
        raise kind("nothing answers")


def test_a_defect_stays_what_it_is() -> None:
    with pytest.raises(KeyError), explained():
        raise KeyError("ours")


def test_an_engine_without_servers_says_which_is_away() -> None:
    nobody = "postgresql://perdure:secret@127.0.0.1:1/perdure"
    with pytest.raises(RequestError, match=r"127\.0\.0\.1") as caught:
        run_engine(nobody, "127.0.0.1:1", visibility_timeout=timedelta(seconds=30), on_ready=print)
    assert "secret" not in str(caught.value)
    with pytest.raises(RequestError, match=r"127\.0\.0\.1"):
        run_migrate(nobody, 16, finish=False)
