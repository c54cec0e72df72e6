"""Encryption: everything of yours is AES-GCM ciphertext wherever an engine, a database or Redis sees it.

The codec stands between conversion and the wire, in clients and workers alike; both need the key. Old keys are kept to
read what was written with them.

    pip install cryptography
    perdure dev                          # in one terminal
    python sdk/examples/encryption.py    # in another
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Sequence
from datetime import timedelta

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import Payload
from perdure.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec
from perdure.worker import Worker

TASK_QUEUE = "records"
NONCE_BYTES = 12
ENCODING = b"binary/encrypted"


class EncryptionCodec(PayloadCodec):
    """Encrypts with the first of its keys, decrypts with the one that a payload names."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        self._newest = next(iter(keys))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        data = self._keys[self._newest].encrypt(nonce, payload.SerializeToString(), None)
        return Payload({"encoding": ENCODING, "encryption-key-id": self._newest.encode()}, nonce + data)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload  # written before there was a codec
        key = payload.metadata["encryption-key-id"].decode()
        nonce, data = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        return Payload.FromString(self._keys[key].decrypt(nonce, data, None))


KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")  # yours comes from a key store

data_converter = DataConverter(
    payload_codec=EncryptionCodec({"2026-11": KEY}),
    failure_converter_class=DefaultFailureConverterWithEncodedAttributes,  # messages of errors, too
)
"""What the command line takes as well: `perdure workflow result ID --data-converter sdk/examples/encryption.py`."""


@activity.defn
async def diagnose(patient: str) -> str:
    return f"{patient} has a cold"


@workflow.defn
class Consultation:
    @workflow.run
    async def run(self, patient: str) -> str:
        return await workflow.execute_activity(diagnose, patient, start_to_close_timeout=timedelta(seconds=30))


async def main() -> None:
    async with await Client.connect(data_converter=data_converter) as client:
        worker = Worker(client, task_queue=TASK_QUEUE, workflows=[Consultation], activities=[diagnose])
        async with worker:
            handle = await client.start_workflow(
                Consultation.run, "Hopper", id=f"consultation-{uuid.uuid4()}", task_queue=TASK_QUEUE
            )
            print("result:", await handle.result())
            stored = (await handle.fetch_history()).to_json()
            print("in the history in the clear:", "Hopper" in stored or "cold" in stored)


if __name__ == "__main__":
    asyncio.run(main())
