"""Storage connections in the registry: names, states, the hosted one, and rows of the release before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine, text
from tests.services.databases import MakeCompany

from reelkeep.companies import onboarding, provisioning, stacks, storage_registry
from reelkeep.companies import registry as queries
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.migrations import MIGRATIONS
from reelkeep.companies.onboarding_steps import BY_PEOPLE, Note, Step, StepState
from reelkeep.contract.pasted import Stack
from reelkeep.encryption.keyring import KeyringBroken, LocalKeyring
from reelkeep.errors import Conflict, Forbidden, NotFound
from reelkeep.ids import CompanyId, ConnectionId, new_id
from reelkeep.storage.connection_states import ConnectionState, Revocation
from reelkeep.storage.interface import Capability, StorageConnection, WrappingKey
from reelkeep.storage.placement import HOSTED
from reelkeep.supervisor.switch import RegistrySwitch

S = ConnectionState


def connect(conn: Any, company_id: CompanyId | None, **changed: Any) -> StorageConnection:
    fields = {
        "bucket": "reels",
        "region": "us-east-1",
        "prefix": "",
        "role_arn": f"arn:aws:iam::1:role/{new_id()}",
        "endpoint_url": None,
        "sts_endpoint_url": None,
        "path_style": False,
    }
    return storage_registry.add_connection(conn, company_id, **{**fields, **changed})


def state(conn: Any, company_id: CompanyId, connection: StorageConnection) -> ConnectionState | None:
    found = storage_registry.connections(conn, company_id).get(connection.id)
    return found.state if found else None


def test_a_connection_begins_as_a_draft_and_is_used_only_after_a_check(
    registry: Engine, make_company: MakeCompany
) -> None:
    ours = make_company()
    with registry.begin() as conn:
        made = connect(conn, ours.id)
        assert made.state is S.DRAFT
        for refused in (
            lambda: storage_registry.place(conn, ours.id, "", made.id),
            lambda: storage_registry.activate_connection(conn, made.id),
            lambda: storage_registry.move_connection(conn, made.id, S.SUSPENDED),
        ):
            with pytest.raises(Conflict):
                refused()
        assert (state(conn, ours.id, made), storage_registry.placements(conn, ours.id)) == (S.DRAFT, {})
        storage_registry.verify_connection(conn, made.id, frozenset({Capability.CONDITIONAL_PUT}))
        with pytest.raises(Conflict):
            storage_registry.place(conn, ours.id, "", made.id)
        storage_registry.activate_connection(conn, made.id)
        storage_registry.place(conn, ours.id, "", made.id)
        storage_registry.verify_connection(conn, made.id, frozenset())  # a check of one in use
        storage_registry.activate_connection(conn, made.id)
        assert state(conn, ours.id, made) is S.ACTIVE
        assert storage_registry.placed_at(conn, made.id) == [(ours.id, "")]
        for gone in (S.SUSPENDED, S.RETIRED):
            storage_registry.move_connection(conn, made.id, gone)
        with pytest.raises(Conflict):
            storage_registry.verify_connection(conn, made.id, frozenset())
        assert state(conn, ours.id, made) is None
        with pytest.raises(NotFound):
            storage_registry.move_connection(conn, ConnectionId(new_id()), S.VERIFIED)


def test_names_are_made_from_buckets_and_are_unique_in_a_company(registry: Engine, make_company: MakeCompany) -> None:
    ours, theirs = make_company(), make_company()
    with registry.begin() as conn:
        assert [connect(conn, ours.id).name for _ in range(2)] == ["reels", "reels-2"]
        assert connect(conn, theirs.id).name == "reels"
        assert connect(conn, ours.id, name="main").name == "main"
        for name in ("main", "Not a name", "-"):
            with pytest.raises(Conflict):
                connect(conn, ours.id, name=name)


def test_the_hosted_connection_is_each_companys_own_prefix(registry: Engine, make_company: MakeCompany) -> None:
    ours, theirs = make_company(), make_company()
    with registry.connect() as conn, conn.begin() as undone:
        hosted = connect(conn, None, prefix="media", state=S.ACTIVE, name=f"hosted-{new_id()}")
        storage_registry.place_hosted(conn, hosted.id)
        for company in (ours, theirs):
            seen = storage_registry.connections(conn, company.id)[hosted.id]
            assert (seen.prefix, seen.is_hosted) == (f"media/{company.id}", True)
            assert storage_registry.placements(conn, company.id) == {HOSTED: hosted.id}
        assert storage_registry.placed_at(conn, hosted.id) == [(None, HOSTED)]
        with pytest.raises(Conflict):  # the operator's role is no company's
            connect(conn, ours.id, role_arn=hosted.role_arn)
        with pytest.raises(NotFound):
            storage_registry.place_hosted(conn, connect(conn, ours.id, state=S.ACTIVE).id)
        undone.rollback()  # other tests' companies have no hosted place


def test_rows_of_the_release_before_get_names_and_stay_in_use(postgres_server: DatabaseServer) -> None:
    name = f"old_{new_id()}"
    admin = postgres_server.engine("postgres").execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    engine = postgres_server.engine(name)
    try:
        with engine.begin() as conn:
            MIGRATIONS.upgrade(conn, "0001")
            conn.execute(text(_OLD_COMPANY))
            for number, state in enumerate(("active", "active", "pending", "disabled")):
                conn.execute(text(_OLD_CONNECTION), {"id": f"s{number}", "state": state})
        with engine.begin() as conn:
            MIGRATIONS.upgrade(conn)
            found = storage_registry.connections(conn, CompanyId("c"))
        assert [(one.name, one.state) for one in found.values()] == [
            ("reels", S.ACTIVE),
            ("reels-2", S.ACTIVE),
            ("reels-3", S.DRAFT),
            ("reels-4", S.SUSPENDED),
        ]
    finally:
        engine.dispose()
        with admin.connect() as conn:
            conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


_OLD_COMPANY = (
    "INSERT INTO companies (id, slug, name, app_host, media_host, state, database_name, owner_role, app_role, "
    "wrapped_owner_password, wrapped_app_password, wrapped_company_key) "
    "VALUES ('c', 'c', 'C', 'a', 'm', 'active', 'd', 'o', 'r', '', '', '')"
)
_OLD_CONNECTION = (
    "INSERT INTO storage_connections (id, company_id, bucket, region, prefix, role_arn, external_id, addressing, "
    "capabilities, state) VALUES (:id, 'c', 'reels', 'r', '', 'a', 'e', 'path', '', :state)"
)


def stack(role: str, **changed: str) -> Stack:
    account = "222222222222"
    fields = {
        "bucket": "reels",
        "region": "us-east-1",
        "prefix": "",
        "media_role": role,
        "audit_role": f"arn:aws:iam::{account}:role/audit-{new_id()}",
        "log_bucket": "logs",
        "encryption": "SSE-S3",
    }
    return Stack(contract=1, **{**fields, **changed})


def test_what_a_stack_told_is_kept_and_told_again_it_takes_its_place(
    registry: Engine, make_company: MakeCompany
) -> None:
    ours = make_company()
    with registry.begin() as conn:
        made = connect(conn, ours.id)
        assert stacks.stack_of(conn, made.id) is None
        first, second = stack(made.role_arn), stack(made.role_arn, purge_role="arn:aws:iam::222222222222:role/p")
        assert stacks.stack_number(conn, made.id) == 0
        for told, number in ((first, 1), (first, 1), (second, 2), (first, 3)):
            stacks.set_stack(conn, made.id, told)
            assert (stacks.stack_of(conn, made.id), stacks.stack_number(conn, made.id)) == (told, number)


def test_a_role_or_a_bucket_that_somebody_else_has_is_known_whatever_it_is_used_for(
    registry: Engine, make_company: MakeCompany
) -> None:
    ours, theirs, name = make_company(), make_company(), f"reels-{new_id()}"
    with registry.begin() as conn:
        their = connect(conn, theirs.id, bucket=name, prefix="a/b")
        told = stack(their.role_arn)
        stacks.set_stack(conn, their.id, told)
        for prefix, taken in (("", True), ("a", True), ("a/b", True), ("a/b/c", True), ("a/bc", False), ("x", False)):
            mine = connect(conn, ours.id, bucket=name, prefix=prefix)
            assert stacks.others_have_bucket(conn, mine) is taken, prefix
            assert not stacks.others_have_role(conn, mine, mine.role_arn)
            assert stacks.others_have_role(conn, mine, told.audit_role)
            assert stacks.others_have_role(conn, mine, their.role_arn)
        same = connect(conn, theirs.id, bucket=name, prefix="a/b", role_arn=their.role_arn)
        assert not stacks.others_have_role(conn, same, their.role_arn)
        elsewhere = connect(conn, ours.id, bucket=name, prefix="a/b", endpoint_url="https://s3.example")
        assert not stacks.others_have_bucket(conn, elsewhere)


def test_a_company_whose_key_opens_with_one_connection_uses_none_while_that_one_is_not_in_use(
    registry: Engine, make_company: MakeCompany, keyring: LocalKeyring
) -> None:
    ours = make_company()
    with registry.begin() as conn:
        opener, other = (connect(conn, ours.id) for _ in range(2))
        for one in (opener, other):
            for state in (S.VERIFIED, S.ACTIVE):
                storage_registry.move_connection(conn, one.id, state)
        key = WrappingKey("arn:aws:kms:eu-central-1:222222222222:key/k", ours.id, b"probe")
        outer = provisioning.wrap_inner_key(keyring, ours.id, b"within")
        queries.set_company_key(conn, ours.id, outer, key, opener.id)
        company = queries.lock_company(conn, ours.id)
        assert provisioning.inner_key(keyring, company) == b"within"
        with pytest.raises(KeyringBroken):
            provisioning.company_key(keyring, company)
        found = storage_registry.connections(conn, ours.id)
        assert (found[opener.id].wrapping_key, found[other.id].wrapping_key) == (key, None)
        assert found[other.id].state is S.ACTIVE
        assert not storage_registry.revoke_connection(conn, ours.id, other.id, Revocation.WRAPPING_KEY)
        assert storage_registry.revoke_connection(conn, ours.id, opener.id, Revocation.WRAPPING_KEY)
        found = storage_registry.connections(conn, ours.id)
        assert [found[one.id].state for one in (opener, other)] == [S.REVOKED, S.REVOKED]
        assert (found[opener.id].waits_for_key, found[other.id].waits_for_key) == (False, True)
        with pytest.raises(Conflict, match="wrapping key"):
            storage_registry.move_connection(conn, opener.id, S.RETIRED)
        storage_registry.resume_revoked(conn, ours.id, opener.id)
        storage_registry.move_connection(conn, opener.id, S.SUSPENDED)
        assert storage_registry.connections(conn, ours.id)[other.id].state is S.SUSPENDED
        assert all(one.state is S.ACTIVE for one in storage_registry.connections(conn, make_company().id).values())
        for again in (S.VERIFIED, S.ACTIVE):
            storage_registry.move_connection(conn, opener.id, again)
        queries.set_company_key(conn, ours.id, ours.wrapped_company_key, None, None)
        assert not storage_registry.revoke_connection(conn, ours.id, opener.id, Revocation.WRAPPING_KEY)
        assert storage_registry.connections(conn, ours.id)[other.id].state is S.ACTIVE
        assert provisioning.company_key(keyring, queries.lock_company(conn, ours.id)).reveal()


def test_reports_and_notes_are_kept_for_each_company_with_the_newest_in_front(
    registry: Engine, make_company: MakeCompany
) -> None:
    ours, theirs = make_company(), make_company()
    with registry.begin() as conn:
        made = connect(conn, ours.id)
        for passed in (True, False):
            stacks.keep_report(conn, ours.id, made.id, passed=passed, body={"passed": passed}, stack_number=0)
        assert [one.passed for one in stacks.reports(conn, ours.id, made.id, limit=5)] == [False, True]
        assert len(stacks.reports(conn, ours.id, made.id, limit=1)) == 1
        assert stacks.reports(conn, theirs.id, made.id, limit=5) == []
        for state in ("open", "done"):
            stacks.note_step(conn, ours.id, "review", state, "Grace", "ticket")
        assert [one.state for one in stacks.noted_steps(conn, ours.id)] == ["open", "done"]
        assert stacks.noted_steps(conn, theirs.id) == []


def test_a_companys_process_notes_only_what_people_judge_of_its_own_company_and_not_without_end(
    registry: Engine, make_company: MakeCompany
) -> None:
    ours, theirs = make_company(), make_company()
    switch = RegistrySwitch(registry, ours.id)

    def note(step: Step) -> None:
        asyncio.run(switch.note_step(Note(step, StepState.DONE, "Grace", "ticket")))

    for step in Step:
        if step in BY_PEOPLE:
            note(step)
        else:
            with pytest.raises(Forbidden):
                note(step)
    with registry.begin() as conn:
        assert {Step(one.step) for one in stacks.noted_steps(conn, ours.id)} == BY_PEOPLE
        assert stacks.noted_steps(conn, theirs.id) == []
        for _ in range(onboarding.MAX_NOTES - len(BY_PEOPLE)):
            stacks.note_step(conn, ours.id, "review", "done", "Grace", "ticket")
    with pytest.raises(Conflict):
        note(Step.REVIEW)
    with registry.begin() as conn:
        assert stacks.count_noted(conn, ours.id) == onboarding.MAX_NOTES
