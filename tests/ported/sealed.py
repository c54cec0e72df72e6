"""A codec, a converter of one's own, and another client made from the configuration of the first."""

import asyncio
import dataclasses
import os
import zlib
from typing import Any, Iterable, List, Optional, Type

import temporalio.api.common.v1
import temporalio.converter
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    PayloadCodec,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker


class Sealing(PayloadCodec):
    async def encode(self, payloads: Iterable[Payload]) -> List[Payload]:
        return [
            Payload(metadata={"encoding": b"binary/sealed"}, data=zlib.compress(payload.SerializeToString()))
            for payload in payloads
        ]

    async def decode(self, payloads: Iterable[Payload]) -> List[Payload]:
        return [
            Payload.FromString(zlib.decompress(payload.data))
            if payload.metadata.get("encoding") == b"binary/sealed"
            else payload
            for payload in payloads
        ]


class Coordinate:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class CoordinateConverter(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return "text/coordinate"

    def to_payload(self, value: Any) -> Optional[Payload]:
        if not isinstance(value, Coordinate):
            return None
        return Payload(metadata={"encoding": self.encoding.encode()}, data=f"{value.x}:{value.y}".encode())

    def from_payload(self, payload: Payload, type_hint: Optional[Type[Any]] = None) -> Any:
        x, y = payload.data.decode().split(":")
        return Coordinate(int(x), int(y))


class WithCoordinates(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(CoordinateConverter(), *DefaultPayloadConverter.default_encoding_payload_converters)


@workflow.defn
class Move:
    @workflow.run
    async def run(self, place: Coordinate) -> Coordinate:
        if place.x < 0:
            raise ApplicationError("off the map", place.x)
        return Coordinate(place.x + 1, place.y)


async def main() -> None:
    plain = await Client.connect(os.environ["TEMPORAL_ADDRESS"], data_converter=DataConverter.default)
    config = plain.config()
    config["data_converter"] = dataclasses.replace(
        temporalio.converter.default(),
        payload_converter_class=WithCoordinates,
        payload_codec=Sealing(),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    client = Client(**config)
    async with Worker(client, task_queue="sealed", workflows=[Move]):
        moved = await client.execute_workflow(Move.run, Coordinate(3, 4), id="move", task_queue="sealed")
        print(moved.x, moved.y)
        try:
            await client.execute_workflow(Move.run, Coordinate(-1, 0), id="astray", task_queue="sealed")
        except WorkflowFailureError as error:
            print(error.cause)
        history = await plain.get_workflow_handle("move").fetch_history()
        print("3:4" in history.to_json())


if __name__ == "__main__":
    asyncio.run(main())
