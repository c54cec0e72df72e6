"""Content of runs: what their records say that they have, and what their values refer to, is there; nothing else is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from perdure.content.reading import references_in
from perdure.protocol.codec import DecodeError
from perdure.protocol.content import assemble, decode_reference, kept_size, split_hashes, unpack_piece
from perdure.protocol.events import ContentKept, HistoryEvent
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.rules import Finding, Rule


def size_of_content(run: Run) -> int:
    """Bytes that the content of a run takes."""
    return sum(sum(record.attributes.sizes) for record in run.records if isinstance(record.attributes, ContentKept))


def whole_events(evidence: Evidence, run: Run) -> Sequence[HistoryEvent]:
    """The events of a run, with what their values refer to.

    Raises:
        DecodeError: it is not there.
    """
    packed = run.payloads
    if not packed:
        return run.events
    pieces = {name: unpack_piece(name, data) for name, data in packed.items()}
    return [_whole(event, pieces) for event in run.events]


def _whole(event: HistoryEvent, pieces: dict[bytes, bytes]) -> HistoryEvent:
    attributes: Any = event.attributes
    for index in references_in(event):
        data = assemble(decode_reference(attributes[index]), pieces)
        attributes = attributes._replace(**{attributes._fields[index]: data})
    return event._replace(attributes=attributes)


def check_content(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.runs.values():
        said: dict[bytes, int] = {}
        for record in run.records:
            if isinstance(record.attributes, ContentKept):
                said.update(zip(split_hashes(record.attributes.hashes), record.attributes.sizes, strict=True))
        kept = run.payloads
        if said != {name: kept_size(data) for name, data in kept.items()}:
            yield Finding(Rule.CONTENT, f"{run}: its records say {len(said)} pieces, it has {len(kept)}")
        try:
            whole_events(evidence, run)
        except DecodeError as error:
            yield Finding(Rule.CONTENT, f"{run}: {error}")
