"""Who holds whose secrets: command lines, environments, descriptors and memory of every process of an installation."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.services.installation import Installation, ask, installation, wait_until
from tests.services.memory import holds

from reelkeep.companies import provisioning, registry, storage_registry
from reelkeep.companies.registry import Company
from reelkeep.storage.connection_states import Revocation
from reelkeep.supervisor.folder import DataFolder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes' memory: root only")


@dataclass(frozen=True)
class Secrets:
    """What one company has to lose."""

    password: bytes
    owner_password: bytes
    key_hex: bytes


@pytest.fixture(scope="module")
def up() -> Iterator[tuple[Installation, dict[str, Secrets]]]:
    with installation(s3=True) as one:
        secrets = {}
        for slug in ("acme", "borealis"):
            company = one.create_company(slug)
            secrets[slug] = secrets_of(one, company)
            for host in (company.app_host, company.media_host):
                wait_until(lambda host=host: ask(one, host))  # its name is known
        yield one, secrets


def secrets_of(one: Installation, company: Company) -> Secrets:
    keyring = DataFolder.open(one.data).keyring()
    return Secrets(
        keyring.unwrap(company.wrapped_app_password, f"app-password:{company.id}"),
        keyring.unwrap(company.wrapped_owner_password, f"owner-password:{company.id}"),
        provisioning.company_key(keyring, company).reveal().hex().encode(),
    )


def platform_secrets(one: Installation) -> list[bytes]:
    """Everything that only the supervisor may hold."""
    folder = DataFolder.open(one.data)
    state = json.loads((folder.path / "s3" / "store.json").read_text())
    keyring = json.loads((folder.path / "keyring.json").read_text())
    texts = [keyring["key"], folder.server().admin_password, state["platform"]["secret_access_key"]]
    texts += [state["operator"]["secret_access_key"], state["signing_key"], *state["internal_keys"]]
    return [text.encode() for text in texts]


def company_process(one: Installation, slug: str, role: str) -> int:
    pid: int = ask(one, f"{slug}.localhost" if role == "app" else f"{slug}-media.localhost")["pid"]
    return pid


def by_module(one: Installation, word: str) -> int:
    return next(pid for pid, line in one.processes().items() if any(word in part for part in line))


def test_no_command_line_and_no_environment_tells_a_secret(up: tuple[Installation, dict[str, Secrets]]) -> None:
    one, secrets = up
    all_secrets = [value for company in secrets.values() for value in vars(company).values()]
    all_secrets += [*platform_secrets(one), b"environment-secret"]
    assert b"environment-secret" in Path(f"/proc/{one.pid}/environ").read_bytes()  # the check can see one
    seen = 0
    for pid, line in one.processes().items():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            shown = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
            assert not [secret for secret in all_secrets if secret in shown], line
            seen += 1
    assert seen >= 8


@pytest.mark.parametrize(("ours", "theirs"), [("acme", "borealis"), ("borealis", "acme")])
@pytest.mark.parametrize("role", ["app", "media"])
def test_a_companys_process_holds_its_own_companys_secrets_only(
    up: tuple[Installation, dict[str, Secrets]], ours: str, theirs: str, role: str
) -> None:
    one, secrets = up
    pid = company_process(one, ours, role)
    assert holds(pid, secrets[ours].password)
    assert holds(pid, secrets[ours].key_hex) == (role == "media")
    assert not holds(pid, secrets[ours].owner_password)
    for secret in (*vars(secrets[theirs]).values(), *platform_secrets(one)):
        assert not holds(pid, secret)


def test_once_a_company_took_its_rights_back_its_media_process_is_another_one_without_its_key(
    up: tuple[Installation, dict[str, Secrets]],
) -> None:
    one, secrets = up
    engine = registry.engine(DataFolder.open(one.data).server())
    with engine.begin() as conn:
        company = registry.find_company(conn, "borealis")
    connection = one.connect_bucket(company)
    first, key = company_process(one, "borealis", "media"), secrets["borealis"].key_hex
    assert holds(first, key)
    with engine.begin() as conn:
        assert storage_registry.revoke_connection(conn, company.id, connection.id, Revocation.BUCKET)
    second = wait_until(lambda: another(one, first), 30)
    assert not Path(f"/proc/{first}/maps").exists()
    assert not holds(second, key)
    with engine.begin() as conn:
        storage_registry.resume_revoked(conn, company.id, connection.id)
    assert holds(wait_until(lambda: another(one, second), 30), key)
    engine.dispose()


def another(one: Installation, before: int) -> int | None:
    try:
        found = company_process(one, "borealis", "media")
    except (http.client.HTTPException, AssertionError, ValueError):  # it is being replaced
        return None
    return found if found != before else None


@pytest.mark.parametrize("module", ["gateway_process", "runner_process", "stub_zygote"])
def test_gateway_runner_and_zygote_hold_no_companys_secret_and_none_of_the_platforms(
    up: tuple[Installation, dict[str, Secrets]], module: str
) -> None:
    one, secrets = up
    pid = by_module(one, module)
    assert holds(pid, module.encode())  # the check can see what is there
    for secret in (
        *(value for company in secrets.values() for value in vars(company).values()),
        *platform_secrets(one),
    ):
        assert not holds(pid, secret)


def test_no_two_processes_share_a_link(up: tuple[Installation, dict[str, Secrets]]) -> None:
    one, _ = up
    holders: dict[str, set[int]] = {}
    for pid, line in one.processes().items():
        if {"--link-fd", "--orders-fd"} & set(line) or line[0].startswith("stub_process"):
            for target in sockets_of(pid):
                holders.setdefault(target, set()).add(pid)
    links = {target: pids for target, pids in holders.items() if len(pids) > 1}
    assert not links
    assert len({pid for pids in holders.values() for pid in pids}) >= 7


def sockets_of(pid: int) -> set[str]:
    """The sockets that a process has open; none of one that ended meanwhile."""
    targets = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                targets.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return {target for target in targets if target.startswith("socket:")}


def test_services_do_not_run_as_root(up: tuple[Installation, dict[str, Secrets]]) -> None:
    one, _ = up
    for word in ("-volume.max", "-iam.config", "postgres"):
        status = Path(f"/proc/{by_module(one, word)}/status").read_text()
        assert re.search(r"^Uid:\s+([1-9]\d*)\s+\1\s+\1\s+\1$", status, re.MULTILINE)


def test_no_file_of_the_data_folder_can_be_read_by_other_users(up: tuple[Installation, dict[str, Secrets]]) -> None:
    one, _ = up
    keyring = one.data / "keyring.json"
    keyring.chmod(0o644)
    assert readable_by_others(one.data) == [keyring]  # the check can see one
    keyring.chmod(0o600)
    assert readable_by_others(one.data) == []


def readable_by_others(folder: Path) -> list[Path]:
    found = []
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if path.is_dir() and mode & 0o001:
            found += readable_by_others(path)
        elif path.is_file() and mode & 0o004:
            found.append(path)
    return found
