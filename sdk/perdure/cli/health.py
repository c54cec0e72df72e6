"""The health of a worker, as its command line tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from perdure.worker.health_check import HealthCheck, HealthTarget
from perdure.worker.progress import WorkerProgress


def health_target(text: str) -> HealthTarget:
    """Where to tell.

    Raises:
        click.BadParameter: it is no place.
    """
    try:
        return HealthTarget.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@contextmanager
def health_told(workers: Sequence[WorkerProgress], target: HealthTarget | None) -> Iterator[None]:
    """Tell the health of workers while the block runs.

    Raises:
        click.ClickException: the port is taken, or the file cannot be written.
    """
    check = HealthCheck(workers, target)
    try:
        check.start()
    except OSError as error:
        where = target.path if target is not None and target.path is not None else f"port {target and target.port}"
        raise click.ClickException(f"--health-check cannot use {where}: {error}") from None
    try:
        yield
    finally:
        check.stop()
