"""The Compose files: valid by the specification's own schema, and what they promise holds together.

No container engine runs in the tests; what this cannot see is said at the top of the files.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from perdure.cli.main import perdure
from tests.tidy.source_tree import ROOT

FILES = sorted((ROOT / "compose").glob("*.yaml"))


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def compose_path(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def services(compose_path: Path) -> dict[str, dict[str, Any]]:
    """The services, with merged keys resolved as an engine would."""
    loaded: dict[str, dict[str, Any]] = YAML(typ="safe").load(compose_path)["services"]
    return loaded


def _validate(*paths: Path) -> subprocess.CompletedProcess[str]:
    """By the schema of the Compose specification, as `check-jsonschema` carries it. Asks no network."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_files_are_valid_by_the_specification() -> None:
    assert {path.name for path in FILES} == {"compose.yaml", "cockroach.yaml"}
    result = _validate(*FILES)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_schema_can_refuse(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text("services:\n  engine:\n    imaeg: perdure\n")
    assert _validate(wrong).returncode != 0


def test_dependencies_exist_and_can_be_met(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}, which does not exist"
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}, which has no check"
            if wanted["condition"] == "service_completed_successfully":
                assert services[other]["restart"].startswith("on-failure"), f"{other} would never complete"


def test_two_engines_run_and_stop_gracefully(services: dict[str, dict[str, Any]]) -> None:
    assert services["engine"]["deploy"]["replicas"] == 2
    assert services["engine"]["stop_grace_period"] == "30s"


def test_valkey_refuses_rather_than_forgets(services: dict[str, dict[str, Any]]) -> None:
    command = services["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"


def test_nothing_is_open_beyond_this_machine(services: dict[str, dict[str, Any]]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_cockroach_has_three_nodes() -> None:
    services = YAML(typ="safe").load(ROOT / "compose" / "cockroach.yaml")["services"]
    nodes = {name: service for name, service in services.items() if service.get("command", [""])[0] == "start"}
    assert len(nodes) == 3
    for name, service in nodes.items():
        assert f"--advertise-addr={name}" in service["command"]
        assert f"--join={','.join(sorted(nodes))}" in service["command"]


def test_the_image_runs_as_nobody_in_particular_and_builds_from_what_exists() -> None:
    lines = (ROOT / "compose" / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001"]
    stage = lines.index("FROM python:3.13-slim")
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert all((ROOT / source).exists() for sources in copied for source in sources)
    assert any(line.startswith("USER ") for line in lines[stage:])


def test_commands_and_their_options_exist(services: dict[str, dict[str, Any]]) -> None:
    """Each `perdure ...` of the files is understood: `--help` at the end shows help, or what is wrong before it."""
    ours = [service for service in services.values() if service["image"] == "perdure:local"]
    commands = [service["command"] for service in ours]
    commands += [service["healthcheck"]["test"][2:] for service in ours if "healthcheck" in service]
    for command in commands:
        result = CliRunner().invoke(perdure, [*command, "--help"])
        assert result.exit_code == 0, f"perdure {' '.join(command)}: {result.output}"
