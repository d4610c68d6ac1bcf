"""N7, a first look: the upload of the command line against one plain PUT of the same bytes, into one real store.

rclone is the baseline of the target; where the machine has it, it is measured too. The rounds alternate, so that a
slow minute of the machine hits all of them. The platform's answers come from the store directly, without its API.
"""

from __future__ import annotations

import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import httpx

from benchmarks.results import Result
from reelkeep.ids import ConnectionId, GrantId, new_id
from reelkeep.ingest.parts import plan_parts
from reelkeep.storage.interface import Capability, StorageConnection, StsSession
from reelkeep.storage.s3 import S3Store
from reelkeep.supervisor.object_store import EmbeddedStore
from reelkeep.transfer.interface import SignedRequest, UploadTicket
from reelkeep.transfer.upload import upload

SIZE_BYTES = 512 << 20
ROUNDS = 5
BUCKET = "bench-media"


def measure() -> list[Result]:
    """Return the upload's rate, and its ratio to each baseline."""
    with _store() as store, tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        path = Path(folder) / "clip.bin"
        path.write_bytes(secrets.token_bytes(SIZE_BYTES))
        ways: dict[str, Callable[[], None]] = {
            "ours": lambda: _ours(store, path),
            "one plain PUT": lambda: _plain(store, path),
        }
        if rclone := shutil.which("rclone"):
            ways["rclone"] = lambda: _rclone(rclone, store, path)
        rates = _rates(ways)
    ours = rates.pop("ours")
    what = f"upload of {SIZE_BYTES >> 20} MiB to the embedded store"
    results = [Result("N7-upload", f"{what}, checksums included", ours / 1e6, "MB/s")]
    for name, rate in rates.items():
        target = 1.0 if name == "rclone" else None
        identity = "N7-rclone" if name == "rclone" else "N7-plain-put"
        results.append(
            Result(identity, f"{what} / {name}", ours / rate, "", target, "at least", f"{name}: {rate / 1e6:.0f} MB/s")
        )
    return results


def _rates(ways: dict[str, Callable[[], None]]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    return {name: SIZE_BYTES / statistics.median(values) for name, values in seconds.items()}


@contextmanager
def _store() -> Iterator[EmbeddedStore]:
    folder = Path(tempfile.mkdtemp(prefix="rk-bench-s3-"))
    os.chmod(folder, 0o711)  # the store has a user of its own
    store = EmbeddedStore.open(folder / "s3")
    store.record_company(BUCKET, "http://bench.localhost:8000")
    child = store.start()
    try:
        store.wait_ready(child)
        yield store
    finally:
        store.stop()
        shutil.rmtree(folder, ignore_errors=True)


class _Platform:
    """Answers as the platform's API would, by the same adapter with a session of the company's role."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._connection = _connection(store)
        self._session = _session(store)
        self._s3 = S3Store(self._connection, lambda: self._session)
        self._key, self._grant = f"originals/{secrets.token_hex(8)}", GrantId(new_id())
        self._upload_id = ""

    def begin_upload(self, production_id: str, file_name: str, size_bytes: int, client_key: str) -> UploadTicket:
        self._upload_id = self._s3.create_upload(self._key, content_type="video/mp4", grant=self._grant)
        self._plan = plan_parts(size_bytes)
        return UploadTicket(self._upload_id, "version", "asset", self._plan.part_bytes, self._plan.count, [])

    def sign_parts(self, upload_id: str, parts: Sequence[tuple[int, bytes]]) -> Sequence[SignedRequest]:
        return [self._sign(number, crc32) for number, crc32 in parts]

    def complete_upload(self, upload_id: str, crc32: bytes, sha256: bytes) -> None:
        parts = self._s3.list_parts(self._key, upload_id, grant=self._grant)
        self._s3.complete_upload(self._key, upload_id, parts, crc32=crc32, grant=self._grant)

    def _sign(self, number: int, crc32: bytes) -> SignedRequest:
        request = self._s3.presign_part(
            self._key, self._upload_id, number=number, size_bytes=self._plan.length(number), crc32=crc32,
            seconds=900, grant=self._grant,
        )  # fmt: skip
        return SignedRequest(number, request.method, request.url, request.headers, request.expires_at)


def _ours(store: EmbeddedStore, path: Path) -> None:
    upload(_Platform(store), "production", path)


def _plain(store: EmbeddedStore, path: Path) -> None:
    parameters = {"Bucket": BUCKET, "Key": f"plain/{secrets.token_hex(8)}"}
    url = store.client("s3").generate_presigned_url("put_object", Params=parameters, ExpiresIn=900)
    with path.open("rb") as body, httpx.Client(timeout=300) as client:
        answer = client.put(url, content=_chunks(body), headers={"content-length": str(SIZE_BYTES)})
    answer.raise_for_status()


def _chunks(body: BinaryIO) -> Iterator[bytes]:
    while chunk := body.read(1 << 20):
        yield chunk


def _rclone(program: str, store: EmbeddedStore, path: Path) -> None:
    session = _session(store)
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": "/nonexistent",
        "RCLONE_CONFIG_B_TYPE": "s3", "RCLONE_CONFIG_B_PROVIDER": "Other",
        "RCLONE_CONFIG_B_ENDPOINT": store.endpoint_url, "RCLONE_CONFIG_B_ACCESS_KEY_ID": session.access_key_id,
        "RCLONE_CONFIG_B_SECRET_ACCESS_KEY": session.secret_access_key,
        "RCLONE_CONFIG_B_SESSION_TOKEN": session.session_token,
    }  # fmt: skip
    target = f"b:{BUCKET}/rclone/{secrets.token_hex(8)}"
    subprocess.run(
        [program, "copyto", "--s3-no-check-bucket", str(path), target], env=environment, check=True, capture_output=True
    )


def _connection(store: EmbeddedStore) -> StorageConnection:
    fields = store.connection_fields(BUCKET)
    return StorageConnection(
        id=ConnectionId(new_id()), bucket=BUCKET, region=fields.region, prefix="bench", role_arn=fields.role_arn,
        external_id=secrets.token_urlsafe(32), endpoint_url=fields.endpoint_url,
        sts_endpoint_url=fields.sts_endpoint_url, path_style=True,
        capabilities=frozenset({Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32}),
    )  # fmt: skip


def _session(store: EmbeddedStore) -> StsSession:
    sts = store.client("sts", store.platform_credentials)
    role_arn = store.connection_fields(BUCKET).role_arn
    given = sts.assume_role(RoleArn=role_arn, RoleSessionName="reelkeep-bench", DurationSeconds=3600)["Credentials"]
    return StsSession(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], datetime.now(UTC) + timedelta(hours=1)
    )
