"""`perdure workflow replay`: replay histories with the code that is here, for a CI job or under a debugger."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from perdure.cli.definitions import load_definitions
from perdure.cli.errors import CommandFailed
from perdure.cli.options import connection_options, run_id_option, with_client
from perdure.cli.output import console, exception_data, note, print_json
from perdure.client import Client, WorkflowHistory
from perdure.worker import Replayer, WorkflowReplayResult


@click.command()
@click.argument("module")
@click.option(
    "--history",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, allow_dash=True),
    help="A history as JSON, as `show --json` and Temporal write it; or a folder of them; or -. May be repeated.",
)
@click.option("--workflow-id", help="A workflow of the cluster.")
@run_id_option
@click.option(
    "--filter",
    "--query",
    "list_query",
    metavar="QUERY",
    help="Workflows of the cluster, as for `list`: WorkflowType = 'X' AND ExecutionStatus = 'Running'. '' for all.",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many of these.")
@click.option("--debug", is_flag=True, help="Stop in Python's debugger at the first line of the workflow.")
@click.option("--event-id", type=click.IntRange(min=1), help="With --debug: stop where the workflow sees this event.")
@connection_options
def replay(
    module: str,
    files: tuple[Path, ...],
    workflow_id: str | None,
    run_id: str | None,
    list_query: str | None,
    limit: int,
    debug: bool,
    event_id: int | None,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Replay histories with the workflows of MODULE, and say where they part. Exit status 1 if any does.

    MODULE is pkg.mod, file.py, or either with :attribute. Histories come from files, or from a cluster.
    """
    if sum((bool(files), workflow_id is not None, list_query is not None)) != 1:
        raise click.UsageError("say which histories: --history FILE, --workflow-id ID, or --filter QUERY")
    if event_id is not None and not debug:
        raise click.UsageError("--event-id goes with --debug")
    workflows = load_definitions(module).workflows
    if not workflows:
        raise click.UsageError(f"{module} defines no workflow, so that there is nothing to replay with")
    replayer = Replayer(workflows=workflows, namespace=namespace, debug_mode=debug)

    async def on_cluster(client: Client) -> list[WorkflowReplayResult]:
        if workflow_id is not None:
            history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
            return await _work(replayer, [history], debug, event_id, as_json)
        found = client.list_workflows(list_query, limit=limit).map_histories()
        return await _work(replayer, found, debug, event_id, as_json)

    if files:
        results = asyncio.run(_work(replayer, _read(files), debug, event_id, as_json))
    else:
        results = with_client(address, namespace, on_cluster)
    if not debug:
        _conclude(results, as_json)


async def _work(
    replayer: Replayer,
    histories: Iterable[WorkflowHistory] | AsyncIterator[WorkflowHistory],
    debug: bool,
    event_id: int | None,
    as_json: bool,
) -> list[WorkflowReplayResult]:
    results = []
    async for history in _each(histories):
        if debug:
            note(f"Replaying {history.workflow_id}, {len(history.events)} events; `q` ends it.")
            await replayer.debug_workflow(history, event_id=event_id or 1)
            continue
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        results.append(result)
        if not as_json:
            _tell(result)
    return results


async def _each(
    histories: Iterable[WorkflowHistory] | AsyncIterator[WorkflowHistory],
) -> AsyncIterator[WorkflowHistory]:
    if isinstance(histories, AsyncIterator):
        async for history in histories:
            yield history
    else:
        for history in histories:
            yield history


def _read(files: Iterable[Path]) -> Iterator[WorkflowHistory]:
    """The histories in files, and in the folders among them. A file is named by its workflow."""
    for path in files:
        if path.is_dir():
            found = sorted(path.glob("*.json"))
            if not found:
                raise CommandFailed(f"the folder {path} has no *.json")
            yield from _read(found)
            continue
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        try:
            yield WorkflowHistory.from_json(path.stem, text)
        except ValueError as error:
            raise CommandFailed(f"{path} is no history: {error}") from error


def _tell(result: WorkflowReplayResult) -> None:
    history, failure = result.history, result.replay_failure
    out = console()
    if failure is None:
        out.print(f"ok      {history.workflow_id}  ({len(history.events)} events)", style="green", markup=False)
        return
    out.print(f"FAILED  {history.workflow_id}  (run {history.run_id})", style="bold red", markup=False)
    text = f"{type(failure).__name__}: {failure}"
    out.print("\n".join(f"        {line}" for line in text.splitlines()), markup=False)


def _conclude(results: list[WorkflowReplayResult], as_json: bool) -> None:
    failed = [result for result in results if result.replay_failure is not None]
    if as_json:
        print_json({"replayed": len(results), "failed": len(failed), "histories": [_data(r) for r in results]})
    if not results:
        raise CommandFailed("no workflow matches, so that nothing was replayed")
    if failed:
        raise CommandFailed(f"{len(failed)} of {len(results)} histories do not replay with this code")
    if not as_json:
        console().print(f"{len(results)} of {len(results)} histories replay with this code.", markup=False)


def _data(result: WorkflowReplayResult) -> dict[str, Any]:
    history, failure = result.history, result.replay_failure
    return {
        "workflow_id": history.workflow_id,
        "run_id": history.run_id,
        "events": len(history.events),
        "failure": None if failure is None else exception_data(failure),
    }
