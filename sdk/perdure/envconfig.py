"""Where a program finds its cluster: a TOML file with profiles, and the environment above it.

    [profile.default]
    address = "redis.example:6379"
    namespace = "shop"
    tls = true

Read from PERDURE_CONFIG_FILE, else `perdure/perdure.toml` in the user's configuration directory. PERDURE_PROFILE names
the profile; PERDURE_ADDRESS, PERDURE_NAMESPACE and PERDURE_TLS go above what it says.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypedDict

DataSource = Path | str | bytes
"""A file, by its path, or its contents."""

DEFAULT_PROFILE = "default"
_KEYS = {"address": str, "namespace": str, "tls": bool}


class ClientConnectConfig(TypedDict, total=False):
    """Arguments of `Client.connect`."""

    target_host: str
    namespace: str
    tls: bool


class ClientConfigProfileDict(TypedDict, total=False):
    """A profile as TOML has it."""

    address: str
    namespace: str
    tls: bool


@dataclass(frozen=True)
class ClientConfigProfile:
    """One profile; what is None is left to the defaults of `Client.connect`."""

    address: str | None = None
    namespace: str | None = None
    tls: bool | None = None

    @classmethod
    def from_dict(cls, d: ClientConfigProfileDict) -> Self:
        """A profile from plain data.

        Raises:
            ValueError: a value is of the wrong type.
        """
        return cls(**_checked(DEFAULT_PROFILE, d, strict=False))

    def to_dict(self) -> ClientConfigProfileDict:
        """The profile as plain data."""
        found: ClientConfigProfileDict = {}
        if self.address is not None:
            found["address"] = self.address
        if self.namespace is not None:
            found["namespace"] = self.namespace
        if self.tls is not None:
            found["tls"] = self.tls
        return found

    def to_client_connect_config(self) -> ClientConnectConfig:
        """The profile as arguments: `await Client.connect(**profile.to_client_connect_config())`."""
        found: ClientConnectConfig = {}
        if self.address is not None:
            found["target_host"] = self.address
        if self.namespace is not None:
            found["namespace"] = self.namespace
        if self.tls is not None:
            found["tls"] = self.tls
        return found

    @staticmethod
    def load(
        profile: str | None = None,
        *,
        config_source: DataSource | None = None,
        disable_file: bool = False,
        disable_env: bool = False,
        config_file_strict: bool = False,
        override_env_vars: Mapping[str, str] | None = None,
    ) -> ClientConfigProfile:
        """Load one profile, the environment above the file.

        Args:
            profile: Its name; None: PERDURE_PROFILE, else "default".
            config_source: The file, or its contents; None: the usual place.
            disable_file: Read no file (unless `config_source` is given).
            disable_env: Do not look at the environment.
            config_file_strict: Refuse keys that are not known.
            override_env_vars: In place of the process's environment.

        Raises:
            ValueError: the file cannot be understood, or has no profile of a name that was asked for.
        """
        env: Mapping[str, str] = {}
        if not disable_env:
            env = os.environ if override_env_vars is None else override_env_vars
        name = profile or env.get("PERDURE_PROFILE") or DEFAULT_PROFILE
        tables = {} if disable_file and config_source is None else _profiles(config_source, env)
        if name not in tables and name != DEFAULT_PROFILE:
            known = ", ".join(sorted(tables)) or "none"
            raise ValueError(f"there is no profile {name!r} in the configuration; it has: {known}")
        values: dict[str, Any] = _checked(name, tables.get(name, {}), strict=config_file_strict)
        if env.get("PERDURE_ADDRESS"):
            values["address"] = env["PERDURE_ADDRESS"]
        if env.get("PERDURE_NAMESPACE"):
            values["namespace"] = env["PERDURE_NAMESPACE"]
        if env.get("PERDURE_TLS"):
            values["tls"] = _truth("PERDURE_TLS", env["PERDURE_TLS"])
        return ClientConfigProfile(**values)


@dataclass
class ClientConfig:
    """All profiles of a file, by name."""

    profiles: Mapping[str, ClientConfigProfile] = field(default_factory=dict)

    def to_dict(self) -> Mapping[str, ClientConfigProfileDict]:
        """The profiles as plain data."""
        return {name: profile.to_dict() for name, profile in self.profiles.items()}

    @classmethod
    def from_dict(cls, d: Mapping[str, Mapping[str, Any]]) -> Self:
        """Profiles from plain data.

        Raises:
            ValueError: a value is of the wrong type.
        """
        return cls({name: ClientConfigProfile(**_checked(name, table, strict=False)) for name, table in d.items()})

    @staticmethod
    def load(
        *,
        config_source: DataSource | None = None,
        config_file_strict: bool = False,
        override_env_vars: Mapping[str, str] | None = None,
    ) -> ClientConfig:
        """Load all profiles. The environment only says where the file is.

        Raises:
            ValueError: the file cannot be understood.
        """
        env = os.environ if override_env_vars is None else override_env_vars
        tables = _profiles(config_source, env)
        return ClientConfig(
            {
                name: ClientConfigProfile(**_checked(name, table, strict=config_file_strict))
                for name, table in tables.items()
            }
        )

    @staticmethod
    def load_client_connect_config(
        profile: str | None = None,
        *,
        config_file: str | None = None,
        disable_file: bool = False,
        disable_env: bool = False,
        config_file_strict: bool = False,
        override_env_vars: Mapping[str, str] | None = None,
    ) -> ClientConnectConfig:
        """`ClientConfigProfile.load`, as arguments of `Client.connect`."""
        source = Path(config_file) if config_file and not disable_file else None
        return ClientConfigProfile.load(
            profile,
            config_source=source,
            disable_file=disable_file,
            disable_env=disable_env,
            config_file_strict=config_file_strict,
            override_env_vars=override_env_vars,
        ).to_client_connect_config()


def default_config_file(env: Mapping[str, str]) -> Path:
    """Where the file is unless the program or PERDURE_CONFIG_FILE says otherwise."""
    if env.get("PERDURE_CONFIG_FILE"):
        return Path(env["PERDURE_CONFIG_FILE"])
    if sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "perdure" / "perdure.toml"


def _profiles(source: DataSource | None, env: Mapping[str, str]) -> Mapping[str, Any]:
    """The tables of all profiles; none when the file is not there and nobody asked for it."""
    where = "the configuration"
    if isinstance(source, bytes):
        text = source.decode()
    elif isinstance(source, str):
        text = source
    else:
        path = source or default_config_file(env)
        if source is None and not path.exists() and not env.get("PERDURE_CONFIG_FILE"):
            return {}
        where = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"the configuration file {path} cannot be read: {error.strerror}") from error
    try:
        tables = tomllib.loads(text).get("profile", {})
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where} is not TOML: {error}") from error
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ValueError(f'{where}: "profile" must hold tables, such as [profile.default]')
    return tables


def _checked(name: str, table: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    unknown = sorted(set(table) - set(_KEYS))
    if strict and unknown:
        raise ValueError(f"profile {name!r} has the unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}")
    for key, kind in _KEYS.items():
        if table.get(key) is not None and not isinstance(table[key], kind):
            raise ValueError(f"profile {name!r}: {key} must be {kind.__name__}, not {type(table[key]).__name__}")
    return {key: table[key] for key in _KEYS if table.get(key) is not None}


def _truth(name: str, text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{name} is {text!r}; it must be true or false")
