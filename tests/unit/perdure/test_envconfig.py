"""Profiles from a file, and the environment above it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perdure.envconfig import ClientConfig, ClientConfigProfile, default_config_file

FILE = """
[profile.default]
address = "redis.example:6379"
namespace = "shop"

[profile.cloud]
address = "cloud.example:6380"
tls = true
colour = "red"
"""


def test_a_profile_becomes_arguments_of_connect() -> None:
    loaded = ClientConfigProfile.load(config_source=FILE, disable_env=True)
    assert loaded.to_client_connect_config() == {"target_host": "redis.example:6379", "namespace": "shop"}
    cloud = ClientConfigProfile.load("cloud", config_source=FILE.encode(), disable_env=True)
    assert cloud == ClientConfigProfile("cloud.example:6380", None, True)
    assert ClientConfigProfile.from_dict(cloud.to_dict()) == cloud


def test_the_environment_goes_above_the_file(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(FILE)
    env = {
        "PERDURE_CONFIG_FILE": str(tmp_path / "p.toml"),
        "PERDURE_PROFILE": "cloud",
        "PERDURE_NAMESPACE": "mine",
        "PERDURE_TLS": "false",
    }
    found = ClientConfig.load_client_connect_config(override_env_vars=env)
    assert found == {"target_host": "cloud.example:6380", "namespace": "mine", "tls": False}
    assert ClientConfig.load_client_connect_config(disable_file=True, override_env_vars={"PERDURE_ADDRESS": "a:1"}) == {
        "target_host": "a:1"
    }


def test_without_a_file_everything_is_left_to_the_defaults(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert ClientConfigProfile.load(override_env_vars=env) == ClientConfigProfile()
    assert ClientConfig.load(override_env_vars=env).profiles == {}
    assert default_config_file({"PERDURE_CONFIG_FILE": "x.toml"}) == Path("x.toml")


def test_all_profiles() -> None:
    config = ClientConfig.load(config_source=FILE)
    assert sorted(config.profiles) == ["cloud", "default"]
    assert ClientConfig.from_dict(config.to_dict()).profiles == config.profiles


@pytest.mark.parametrize(
    ("source", "options", "problem"),
    [
        (FILE, {"profile": "nowhere"}, "no profile 'nowhere'.*it has: cloud, default"),
        (FILE, {"profile": "cloud", "config_file_strict": True}, "unknown key 'colour'; known are address"),
        ("[profile.default]\naddress = 1", {}, "address must be str, not int"),
        ("profile = 1", {}, "must hold tables"),
        ("[profile", {}, "is not TOML"),
        (Path("nowhere.toml"), {}, "nowhere.toml cannot be read"),
        (FILE, {"override_env_vars": {"PERDURE_TLS": "perhaps"}}, "PERDURE_TLS is 'perhaps'"),
    ],
)
def test_mistakes_are_explained(source: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ClientConfigProfile.load(config_source=source, **options)
