"""Errors of commands: one line or a few on standard error that say what is wrong and what to do; no traceback.

Rules: exit status 1 for what went wrong, 2 for a command line that cannot be understood. A defect of ours (any
exception that is not listed) keeps its traceback. `--log-level debug` shows that of expected errors too.
"""

from __future__ import annotations

import logging
import sys
from typing import IO, Any

import click
from rich.console import Console

from perdure.exceptions import PerdureError

logger = logging.getLogger("perdure.cli")

EXPECTED: tuple[type[BaseException], ...] = (PerdureError, ValueError, OSError)
"""What the parts of Perdure raise for mistakes and for servers that are away."""


class CommandFailed(click.ClickException):
    """A command could not do what it was asked. The message is for the user."""

    def show(self, file: IO[Any] | None = None) -> None:
        console = Console(stderr=True, file=file or sys.stderr, soft_wrap=True, highlight=False)
        console.print("[bold red]Error:[/]", end=" ")
        console.print(self.format_message(), markup=False)


class CommandGroup(click.Group):
    """A group whose commands end in a message, not in a traceback, when something expected goes wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            logger.debug("The command failed.", exc_info=True)
            raise CommandFailed(explain(error)) from error


def explain(error: BaseException) -> str:
    """The message of an error, with its causes."""
    lines: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        text = str(link) or type(link).__name__
        # A cause that the message quotes already says nothing new.
        if not any(_words(text) in _words(line) for line in lines):
            lines.append(text if not lines else f"  caused by {type(link).__name__}: {text}")
        link = link.__cause__
    return "\n".join(lines)


def _words(text: str) -> str:
    return " ".join(text.split())
