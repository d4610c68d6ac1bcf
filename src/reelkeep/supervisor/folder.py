"""The data folder: what lies where, who may pass, and that one supervisor at a time runs in it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reelkeep.companies.databases import ADMIN_ROLE, DatabaseServer
from reelkeep.companies.hosts import origin
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.encryption.signing import SigningKey
from reelkeep.errors import Conflict
from reelkeep.ids import new_id
from reelkeep.supervisor.object_store import EmbeddedStore
from reelkeep.supervisor.postgres import CONNECTIONS, PORT, EmbeddedPostgres, sockets_in

_ADMIN_CONTEXT = "postgres-admin-password"


@dataclass(frozen=True)
class Config:
    """What a first start chose and every later one finds again."""

    port: int  # in the companies' addresses; 0: not chosen yet
    wrapped_admin_password: str = field(repr=False)
    scheme: str = "http"  # of the companies' addresses


class DataFolder:
    """An opened data folder. Commands read it while `reelkeep up` runs; ``lock`` is `up`'s alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Open the folder, or make it with its keyring and configuration.

        Where we are root, services run as users of their own, who must be able to pass the folder: its mode is 0711
        then and each of its parts is closed; otherwise it is 0700.
        """
        folder = cls(path.resolve())
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        passable = 0o711 if os.geteuid() == 0 else 0o700
        for part, mode in ((folder.path, passable), (folder.run, passable), (folder.log, 0o700)):
            part.mkdir(exist_ok=True)
            part.chmod(mode)
        keyring = folder.keyring()
        if not folder._config_path.exists():
            password = secrets.token_urlsafe(32).encode()
            folder._write_config(Config(0, keyring.wrap(password, _ADMIN_CONTEXT).hex()))
        return folder

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def _config_path(self) -> Path:
        return self.path / "config.json"

    def keyring(self) -> LocalKeyring:
        """Return the operator's keyring."""
        return LocalKeyring(self.path / "keyring.json")

    def signing_key(self) -> SigningKey:
        """Return the key that signs certificates of this installation, made when it is first asked for."""
        return SigningKey.open(self.path / "signing-key.json", self.keyring())

    def config(self) -> Config:
        return Config(**json.loads(self._config_path.read_text()))

    def remember_address(self, scheme: str, port: int) -> None:
        """Keep how the companies' addresses begin and end, for commands and the next start."""
        self._write_config(replace(self.config(), port=port, scheme=scheme))

    def origin(self, host: str) -> str:
        """Return the address of a host name of this installation, as browsers write it."""
        config = self.config()
        return origin(config.scheme, host, config.port)

    def host_id(self) -> str:
        """Return what stands for this folder in records that outlive host names; made when it is first asked for."""
        path = self.path / "host-id"
        if not path.exists():
            new = path.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(new_id(), encoding="ascii")
            new.replace(path)
        return path.read_text(encoding="ascii")

    def postgres(self, *, connections: int = CONNECTIONS) -> EmbeddedPostgres:
        """Return the embedded PostgreSQL of this folder, not started."""
        places = self.path / "postgres", self.run / "pg", self.log / "postgres.log"
        return EmbeddedPostgres(*places, self._admin_password(), connections=connections)

    def server(self) -> DatabaseServer:
        """Return where the folder's PostgreSQL is, with the admin role: for operator commands."""
        return DatabaseServer(sockets_in(self.run / "pg"), PORT, ADMIN_ROLE, self._admin_password())

    def store(self) -> EmbeddedStore:
        """Return the embedded object store of this folder, not started."""
        return EmbeddedStore.open(self.path / "s3", self.log)

    def lock(self) -> None:
        """Claim the folder for this process until it ends; raise Conflict if another supervisor runs in it."""
        descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Conflict(
                "Reelkeep runs already with this data folder", advice="Stop it first, or choose another --data."
            ) from None
        self._lock = descriptor

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_running(self) -> bool:
        """Tell whether a supervisor runs in this folder."""
        descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _admin_password(self) -> str:
        wrapped = bytes.fromhex(self.config().wrapped_admin_password)
        return self.keyring().unwrap(wrapped, _ADMIN_CONTEXT).decode()

    def _write_config(self, config: Config) -> None:
        fields: dict[str, Any] = vars(config)
        new = self._config_path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            json.dump(fields, file)
        new.replace(self._config_path)
