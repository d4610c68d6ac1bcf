"""Companies over TLS whose every secret is a canary, and a search for all of them in the memory of every process."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.media.clips import small_silent
from tests.services.databases import open_folder
from tests.services.platform import Platform, patiently

from reelkeep.cli.accepting import Accepting
from reelkeep.cli.installation import Installation
from reelkeep.companies import provisioning
from reelkeep.companies.certificates import KeptCertificate, tls_fields
from reelkeep.companies.registry import Company
from reelkeep.transfer.api import Api
from reelkeep.transfer.network import LoopbackTransport
from reelkeep.transfer.upload import upload

EMAIL = "ada@example.com"
_CHUNK_BYTES = 4 << 20
_CALLERS = 4


class TlsPlatform(Platform):
    """The platform with a TLS listener, and no company yet."""

    def start(self) -> None:
        self.program = (*self.program, "--tls", "0", "--jobs", "3")
        super().start()


class TrustingApi(Api):
    """Takes the demo's self-signed certificates."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._client.close()
        self._client = httpx.Client(
            base_url=f"{self.address}/api/v1", transport=LoopbackTransport(verify=False), timeout=60.0
        )


@dataclass
class Tenant:
    """A company and everything of it that no other one's process may hold."""

    slug: str
    company: Company
    origin: str
    password: str
    canaries: dict[str, bytes] = field(default_factory=dict)
    version_id: str = ""

    def canary(self, kind: str) -> str:
        made = f"{kind}-{secrets.token_hex(12)}"
        self.canaries[kind] = made.encode()
        return made

    def api(self) -> TrustingApi:
        api = TrustingApi(self.origin)
        self.canaries[f"session {len(self.canaries)}"] = patiently(lambda: api.login(EMAIL, self.password)).encode()
        return api


def settle(platform: TlsPlatform, slug: str) -> Tenant:
    """Make a company with a bucket, an admin and a production."""
    operator = Installation(platform.data)
    name = f"name-{secrets.token_hex(12)}"
    company = operator.create_company(slug, name, "localhost")
    origin = f"https://{company.app_host}:{platform.facts['port']}"
    storage = operator.storage
    Accepting(operator, company).put_into_use(storage.connect(company, storage.embedded_bucket(company, origin)))
    _, password = operator.create_user(company, EMAIL, "Ada", None, is_company_admin=True)
    tenant = Tenant(slug, company, origin, password or "")
    keyring = operator.folder.keyring()
    tenant.canaries["name"] = name.encode()
    tenant.canaries["database password"] = keyring.unwrap(company.wrapped_app_password, f"app-password:{company.id}")
    tenant.canaries["company key"] = provisioning.company_key(keyring, company).reveal().hex().encode()
    for host, kept in patiently(lambda: _both_certificates(operator, company)).items():
        role = "app" if host == company.app_host else "media"
        key = str(tls_fields(keyring, company.id, kept)["key"])
        tenant.canaries[f"{role} certificate key"] = key.splitlines()[1].encode()
    return tenant


def _both_certificates(operator: Installation, company: Company) -> dict[str, KeptCertificate]:
    found = operator.certificates(company)
    assert len(found) == 2  # the supervisor makes them when it meets the company
    return found


def work(tenant: Tenant, clip: Path) -> None:
    """Upload a film, which becomes a job."""
    with tenant.api() as api:
        production = api.create_production(tenant.canary("title"))
        tenant.version_id = upload(api, str(production["id"]), clip).version_id


def await_film(tenant: Tenant) -> None:
    """Wait until the film is made."""
    with tenant.api() as api:
        while api.version(tenant.version_id)["state"] != "ready":
            time.sleep(0.2)


def talk(tenant: Tenant, requests: int) -> None:
    """Comment on the film, once its job has begun, and list comments and productions."""
    with tenant.api() as api:
        patiently(lambda: _comment(api, tenant, 0), seconds=120)
        for number in range(requests):
            match number % 4:
                case 0:
                    _comment(api, tenant, number % 16)
                case 1:
                    api._get(f"/versions/{tenant.version_id}/comments")
                case 2:
                    api.productions()
                case 3:
                    api.me()


def _comment(api: Api, tenant: Tenant, number: int) -> None:
    text = {"text": tenant.canary(f"comment {number}"), "frame": 0, "last_frame": None}
    api._post(f"/versions/{tenant.version_id}/comments", text)


@dataclass(frozen=True)
class Finding:
    process: str
    canary: str  # whose, and which

    def __str__(self) -> str:
        return f"{self.process} holds {self.canary}"


class Needles:
    """What is searched for: all of them in one pass, by grep, which finds many words about as fast as one."""

    def __init__(self, all_of_them: Iterable[bytes]) -> None:
        self._words = b"\n".join(all_of_them)

    def found_in(self, pid: int) -> set[bytes]:
        """Return which of these are in the memory of a process, outside of unchanged files."""
        with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as found:
            words.write(self._words)
            words.flush()
            program = ["grep", "--text", "--null-data", "--only-matching", "--fixed-strings"]
            with subprocess.Popen(
                [*program, f"--file=/dev/fd/{words.fileno()}"],
                stdin=subprocess.PIPE,
                stdout=found,
                pass_fds=[words.fileno()],
                env={**os.environ, "LC_ALL": "C"},
            ) as grep:
                assert grep.stdin is not None
                for piece in _memory_of(pid):
                    grep.stdin.write(piece)
            assert grep.returncode in (0, 1), "grep could not look"  # 1: it found nothing
            found.seek(0)
            return set(found.read().split(b"\0")) - {b""}


def _memory_of(pid: int) -> Iterator[bytes]:
    """Yield what a process has in memory; nothing of one that has ended."""
    with (
        contextlib.suppress(OSError),
        open(f"/proc/{pid}/smaps", encoding="utf-8") as maps,
        open(f"/proc/{pid}/mem", "rb", buffering=0) as memory,
    ):
        for start, end in _touched(maps):
            yield from _chunks(memory, start, end)


def _touched(maps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the writable areas of proc(5)'s smaps that have a page in memory; swap counts, too."""
    area: tuple[int, int] | None = None
    for line in maps:
        if (found := re.match(r"([0-9a-f]+)-([0-9a-f]+) (..)", line)) is not None:
            area = (int(found[1], 16), int(found[2], 16)) if found[3] == "rw" else None
        elif area is not None and re.match(r"(Rss|Swap): +[1-9]", line):
            yield area
            area = None


def _chunks(memory: Any, start: int, end: int) -> Iterator[bytes]:
    position = start
    while position < end:
        try:
            memory.seek(position)
            chunk = memory.read(min(_CHUNK_BYTES, end - position))
        except OSError:
            return
        if not chunk:
            return
        yield chunk
        position += len(chunk)


def search(platform: Platform, tenants: Sequence[Tenant]) -> tuple[list[Finding], set[str]]:
    """Look for every canary in every process but the supervisor, PostgreSQL and the store.

    Returns:
        what was found where it may not be, and the names of the processes that were looked at.
    """
    owners = {needle: (tenant.slug, kind) for tenant in tenants for kind, needle in tenant.canaries.items()}
    needles = Needles(owners)
    foreign: list[Finding] = []
    looked: set[str] = set()
    running = {pid: name for pid, line in platform.processes().items() if (name := kind_of(" ".join(line)))}
    with _held([pid for pid, name in running.items() if name in ("job", "codec")]):
        for pid, name in running.items():
            found = [owners[needle] for needle in needles.found_in(pid)]
            if name == "egress":  # the store here speaks plain HTTP: keys of objects are seen, and hold titles
                found = [(slug, kind) for slug, kind in found if kind != "title"]
            if name in ("app", "media", "job"):  # of the one company whose database it can open
                own = next((slug for slug, kind in found if kind == "database password"), "nobody")
                looked.add(f"{name} of {own}")
                foreign += [Finding(f"{name} of {own}", f"{slug}'s {kind}") for slug, kind in found if slug != own]
            else:
                looked.add(name)
                foreign += [Finding(name, f"{slug}'s {kind}") for slug, kind in found]
    return foreign, looked


@contextlib.contextmanager
def _held(pids: Sequence[int]) -> Iterator[None]:
    """Keep processes as they are meanwhile: jobs would come to their end while others are looked at."""
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


_KINDS = {
    "web.app_process": "app", "web.media_process": "media", "zygote_process": "zygote", "leaky_zygote": "zygote",
    "gateway_process": "gateway", "egress_process": "egress", "runner_process": "runner", "job_process": "job",
    "isolation.unborn": "unborn", "isolation.builder": "builder", "isolation.inside": "codec",
}  # fmt: skip


def kind_of(line: str) -> str | None:
    if line.startswith("bwrap"):
        return None
    return next((kind for word, kind in _KINDS.items() if word in line), None)


@contextlib.contextmanager
def canary_platform(
    count: int, program: Sequence[str] = Platform.program, *, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[TlsPlatform, list[Tenant]]]:
    """Run a platform with so many companies."""
    one = TlsPlatform(open_folder("rk-canary-") / "data", s3=True, program=program, settings=settings or {})
    one.start()
    try:
        yield one, [settle(one, f"c{number}") for number in range(count)]
    finally:
        one.end_in_order()
        shutil.rmtree(one.data.parent, ignore_errors=True)


def side_by_side(tenants: Sequence[Tenant], do: Callable[[Tenant], None]) -> None:
    with ThreadPoolExecutor(_CALLERS) as callers:
        list(callers.map(do, tenants))


def is_at_work(platform: TlsPlatform) -> bool:
    """Tell whether a job and its codec run."""
    return {"job", "codec"} <= {kind_of(" ".join(line)) for line in platform.processes().values()}


def a_clip(folder: Path, frames: int) -> Path:
    return small_silent(folder / f"clip-{frames}.mp4", frames)
