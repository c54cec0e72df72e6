"""Worker deployments on the command line."""

from __future__ import annotations

from perdure.protocol import deployment as wire
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.test_deployments import SHOP, engine_of


def test_list(terminal: Terminal) -> None:
    terminal.answer(engine_of(SHOP))
    assert "v2 (2.5 %)" in terminal.run("deployment", "list").stdout
    assert terminal.json("deployment", "list")[0]["currentBuildId"] == "v1"


def test_describe(terminal: Terminal) -> None:
    terminal.answer(engine_of(SHOP))
    shown = terminal.run("deployment", "describe", "shop").stdout
    assert "Ramping: v2 (2.5 %)" in shown
    assert "CURRENT" in shown
    [version] = terminal.json("deployment", "describe", "shop")["versions"]
    assert (version["status"], version["pinnedRuns"], version["workers"]) == ("CURRENT", 7, 2)


def test_nothing_is_current(terminal: Terminal) -> None:
    terminal.answer(engine_of(SHOP._replace(current="", ramping="", share=0)))
    assert "(workers without a version)" in terminal.run("deployment", "describe", "shop").stdout


def test_set_current(terminal: Terminal) -> None:
    terminal.answer(engine_of(SHOP))
    result = terminal.run("deployment", "set-current", "shop", "v1", "--revision", "3", "--allow-no-pollers")
    assert result.stdout == "Runs of shop go to v1, some to v2 (2.5 %)\n"
    [request] = terminal.requests(wire.SetCurrentVersion)
    assert request[:6] == ("default", "shop", "v1", False, True, 3)
    assert terminal.json("deployment", "set-current", "shop", "--unversioned")["name"] == "shop"
    assert "give a BUILD_ID, or --unversioned" in terminal.run("deployment", "set-current", "shop").stderr


def test_set_ramping(terminal: Terminal) -> None:
    terminal.answer(engine_of(SHOP))
    assert terminal.run("deployment", "set-ramping", "shop", "v2", "--percentage", "2.5").exit_code == 0
    [request] = terminal.requests(wire.SetRampingVersion)
    assert request[2:4] == ("v2", 250)
    assert terminal.run("deployment", "set-ramping", "shop", "--end").exit_code == 0
    for arguments in (("shop", "v2"), ("shop",), ("shop", "v2", "--end")):
        assert "a --percentage, or --end" in terminal.run("deployment", "set-ramping", *arguments).stderr


def test_delete(terminal: Terminal) -> None:
    terminal.answer(engine_of(SHOP))
    assert terminal.run("deployment", "delete", "shop", "v1", "--skip-drainage").stdout == "Forgot shop.v1.\n"
    assert terminal.requests() == [wire.DeleteVersion("default", "shop", "v1", True)]
    assert terminal.json("deployment", "delete", "shop") == {"name": "shop", "buildId": None}
