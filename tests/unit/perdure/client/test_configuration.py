"""The dictionaries that clients are made of have the keys that making one takes."""

from __future__ import annotations

import inspect

from perdure.client import Client, ClientConfig, ClientConnectConfig


def test_every_key_is_an_argument() -> None:
    assert set(ClientConfig.__annotations__) == set(inspect.signature(Client).parameters)
    assert set(ClientConnectConfig.__annotations__) == set(inspect.signature(Client.connect).parameters)
