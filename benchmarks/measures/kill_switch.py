"""N13: from the store's first denial to everything dark, with a film playing in a browser, an upload and a job.

Each way is a drill as the command runs it: a denial in the bucket's policy on SeaweedFS and on a model of AWS, the
role's own policy, its trust and the company's own wrapping key on the model, and a bucket's KMS key that is disabled,
by a proxy that answers as S3 would (*not verified on AWS*). How long AWS itself takes to know a change is not in these
figures.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.media.clips import bunny_loop
from tests.services import faulty_store
from tests.services import ministack as service
from tests.services.platform import EMAIL, Platform, running_platform

from benchmarks.measures.unable import Unable
from benchmarks.results import Result
from reelkeep.cli.accepting import Accepting
from reelkeep.cli.connections import NewConnection
from reelkeep.cli.demo_browser import signed_in
from reelkeep.cli.drill import Chosen, Drill, Way
from reelkeep.cli.drill_surfaces import Session
from reelkeep.cli.installation import Installation
from reelkeep.cli.wrapping import Wrapping
from reelkeep.companies import stacks, storage_registry
from reelkeep.companies.onboarding_steps import Step, StepState
from reelkeep.contract.pasted import Stack
from reelkeep.contract.wrapping_statements import SINCE
from reelkeep.errors import ReelkeepError
from reelkeep.storage.interface import StorageConnection
from reelkeep.transfer.upload import upload

FILM_SECONDS, JOB_SECONDS = 6, 300
DENIED = ["s3:GetObject", "s3:PutObject"]


@dataclass
class Made:
    """A change that the measure makes itself."""

    take: Callable[[], Any]
    give: Callable[[], Any]
    by: str = "the measure"

    def revoke(self) -> datetime | None:
        began = datetime.now(UTC)
        self.take()
        return began

    def restore(self) -> None:
        self.give()


def measure() -> list[Result]:
    """Return the seconds until the last surface was dark, for each way."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rk-bench-")))
        try:
            aws = stack.enter_context(service.running(folder))
        except RuntimeError as error:
            raise Unable(str(error)) from None
        stack.enter_context(_identity(aws))
        platform = stack.enter_context(running_platform())
        bench = _Bench(platform, folder)
        found = [bench.run("N13-bucket-seaweedfs", "bucket denied, SeaweedFS", Way.BUCKET, *bench.seaweedfs())]
        proxy = stack.enter_context(faulty_store.in_front_of(Installation(platform.data).folder.store().endpoint_url))
        key = bench.run("N13-key", "KMS key disabled, by a proxy; not verified on AWS", Way.KEY, *bench.key(proxy))
        connection = bench.on_aws(aws)
        ways = {"bucket": Way.BUCKET, "role": Way.ROLE, "trust": Way.TRUST}
        for name, way in ways.items():
            what = f"{name} on a model of AWS; not verified on AWS"
            found.append(bench.run(f"N13-{name}", what, way, connection, _change(aws, connection, way)))
        what = "wrapping key disabled on a model of AWS; not verified on AWS"
        wrapping = bench.run("N13-wrapping-key", what, Way.WRAPPING_KEY, connection, bench.wrapped(aws, connection))
        return [*found, key, wrapping]


@contextmanager
def _identity(aws: service.Ministack) -> Iterator[None]:
    """Be the platform's identity at the model of AWS, for the installation and for its commands."""
    identity = aws.identity
    assert identity.access_key_id is not None
    assert identity.secret_access_key is not None
    pair = (identity.access_key_id, identity.secret_access_key)
    names = ("REELKEEP_PLATFORM_ACCESS_KEY_ID", "REELKEEP_PLATFORM_SECRET_ACCESS_KEY")
    names += ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(zip(names, pair * 2, strict=True))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Bench:
    def __init__(self, platform: Platform, folder: Path) -> None:
        self._platform, self._folder = platform, folder
        self._operator = Installation(platform.data)
        assert platform.company is not None
        self._company = platform.company

    def seaweedfs(self) -> tuple[StorageConnection, Made]:
        connection = self._operator.storage.connection(self._company, "acme-media")
        return connection, _bucket(self._platform.store(), connection.bucket)

    def key(self, proxy: faulty_store.FaultyStore) -> tuple[StorageConnection, Made]:
        new = self._operator.storage.embedded_bucket(self._company, self._platform.origin, "acme-key")
        made = self._operator.storage.connect(self._company, replace(new, endpoint_url=proxy.endpoint_url))
        Accepting(self._operator, self._company).put_into_use(made)
        return self._now(made), Made(proxy.key_disabled.set, proxy.key_disabled.clear)

    def on_aws(self, aws: service.Ministack) -> StorageConnection:
        bucket = "acme-on-aws"
        role = f"arn:aws:iam::{service.COMPANY_ACCOUNT}:role/reelkeep-{bucket}"
        new = NewConnection(bucket, service.REGION, role, "", aws.endpoint_url, aws.endpoint_url, path_style=True)
        made = self._operator.storage.connect(self._company, new)
        aws.add_company(bucket, made.external_id)
        Accepting(self._operator, self._company).put_into_use(made)
        return self._now(made)

    def wrapped(self, aws: service.Ministack, connection: StorageConnection) -> Made:
        """Have the company key wrapped by a key of the company's account, as if its stack had made one."""
        kms, iam = (aws.client(name, service.COMPANY_ACCOUNT) for name in ("kms", "iam"))
        key = kms.create_key(Description="wrapping key")["KeyMetadata"]["Arn"]
        use = {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": key}
        role = connection.role_arn.rpartition("/")[2]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [use]})
        iam.put_role_policy(RoleName=role, PolicyName="wrap", PolicyDocument=policy)
        told = Stack(
            SINCE, connection.bucket, connection.region, "", connection.role_arn, connection.role_arn,
            "no log bucket", "SSE-S3", wrapping_key=key,
        )  # fmt: skip
        with self._operator.on_registry() as conn:
            stacks.set_stack(conn, connection.id, told)
            stacks.note_step(conn, self._company.id, Step.REVIEW.value, StepState.DONE.value, "the measure", "")
        Wrapping(self._operator, self._company).wrap(self._now(connection))
        return Made(lambda: kms.disable_key(KeyId=key), lambda: kms.enable_key(KeyId=key))

    def run(self, identity: str, what: str, way: Way, connection: StorageConnection, change: Made) -> Result:
        """Drill with a film that plays, and a job at work on another."""
        platform = self._platform
        with platform.api() as api:
            production = api.create_production(identity)
            with self._operator.on_registry() as conn:
                storage_registry.place(conn, self._company.id, str(production["id"]), connection.id)
            clip, long = (
                bunny_loop(self._folder / f"{identity}-{seconds}.mp4", seconds)
                for seconds in (FILM_SECONDS, JOB_SECONDS)
            )
            film = upload(api, str(production["id"]), clip)
            platform.wait_for(film.version_id, "ready")
            job = upload(api, str(production["id"]), long)
            platform.wait_for(job.version_id, "playable")
            drill = Drill(self._operator, self._company, self._now(connection), way, lambda text: print(f"  {text}"))
            session = Session(platform.origin, api.login(EMAIL, platform.password))
            chosen = Chosen(film.version_id, str(production["id"]), film.asset_id)
            with signed_in(platform.origin, EMAIL, platform.password) as browser:
                if browser is None:
                    raise Unable("there is no browser here")
                browser.play(f"/assets/{film.asset_id}")
                fields = drill.run(session, chosen, change, browser)
            session.close()
            with suppress(ReelkeepError):
                api._post(f"/versions/{job.version_id}/cancel", {})
            platform.wait_for(job.version_id, "cancelled", "ready")
        slowest = fields["all_dark_seconds"]
        told = ", ".join(f"{one['name']} {one['seconds']}" for one in fields["surfaces"])
        print(f"  {identity}: {told}; from the change to the denial {fields['change_to_first_denial_seconds']}")
        text = f"first denial to everything dark, {what}"
        return Result(identity, text, float("inf") if slowest is None else slowest, "s", way.bound_seconds)

    def _now(self, connection: StorageConnection) -> StorageConnection:
        return self._operator.storage.connection(self._company, connection.id)


def _bucket(s3: Any, bucket: str) -> Made:
    statement = {"Effect": "Deny", "Principal": "*", "Action": DENIED, "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Made(
        lambda: s3.put_bucket_policy(Bucket=bucket, Policy=policy), lambda: s3.delete_bucket_policy(Bucket=bucket)
    )


def _change(aws: service.Ministack, connection: StorageConnection, way: Way) -> Made:
    iam, s3 = (aws.client(name, service.COMPANY_ACCOUNT) for name in ("iam", "s3"))
    role = connection.role_arn.rpartition("/")[2]
    if way is Way.BUCKET:
        return _bucket(s3, connection.bucket)
    if way is Way.ROLE:
        own = json.dumps(iam.get_role_policy(RoleName=role, PolicyName="media")["PolicyDocument"])
        return Made(
            lambda: iam.delete_role_policy(RoleName=role, PolicyName="media"),
            lambda: iam.put_role_policy(RoleName=role, PolicyName="media", PolicyDocument=own),
        )
    trust = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])
    nobody = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    closed = json.dumps({"Version": "2012-10-17", "Statement": [nobody]})
    return Made(
        lambda: iam.update_assume_role_policy(RoleName=role, PolicyDocument=closed),
        lambda: iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust),
    )
