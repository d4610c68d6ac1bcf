"""docs/how-to/onboard-a-company.md from the first command to the last, with no edit by hand between.

The whole platform runs. The company's cloud team is MiniStack's root of the company's account (*not verified on AWS*),
or the administrator of the embedded SeaweedFS.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.media.originals import make_original
from tests.services import contract_stack as stacks
from tests.services import ministack as service
from tests.services import tls_stand_in
from tests.services.command_line import CommandLine
from tests.services.databases import open_folder
from tests.services.installation import wait_until
from tests.services.platform import EMAIL, Platform

from reelkeep.cli import exits, main
from reelkeep.cli.installation import Installation
from reelkeep.transfer import network
from reelkeep.transfer.upload import upload


class Newcomer(Platform):
    """A platform as it is when a company comes: it has no bucket yet."""

    slug: str = "acme"

    def provision(self) -> None:
        operator = Installation(self.data)
        self.company = operator.create_company(self.slug, f"{self.slug.title()} Pictures", "localhost")
        user, password = operator.create_user(self.company, EMAIL, "Ada", None, is_company_admin=True)
        self.password = password or ""
        self.production_id = str(operator.create_production(self.company, "Trial", user).id)

    @property
    def origin(self) -> str:
        return f"http://{self.slug}.localhost:{self.facts['port']}"


@dataclass(frozen=True)
class Operator:
    """The operator at the command line of one company."""

    platform: Newcomer
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str) -> Any:
        self.capsys.readouterr()
        code = main([*words, "--company", self.platform.slug, "--data", str(self.platform.data), "--json"])
        out = self.capsys.readouterr().out
        assert code == 0, out
        return json.loads(out)

    def note(self, step: str, state: str = "--done") -> None:
        self.run("storage", "onboarding", state, step, "--owner", "Ada", "--evidence", "as agreed")

    def try_out(self, connection: str, *verify: str) -> Any:
        """Verify, and put the connection into use for the trial alone; return the report."""
        report = self.run("storage", "verify", connection, *verify)
        assert report["passed"]
        self.run("storage", "activate", connection, "--production", "Trial")
        return report

    def take_into_use(self, connection: str, film: Path) -> str:
        """Upload, play, take the original back; then the whole company. Return the film's version."""
        platform = self.platform
        with platform.api() as api:
            wait_until(lambda: api.find_production(platform.production_id)["placement"]["connection"] == connection)
            version_id = upload(api, platform.production_id, film).version_id
            platform.wait_for(version_id, "ready")
            session = api.playback_session(version_id)
            step = next(each["name"] for each in session["renditions"] if each["is_step"])
            with network.client() as player:
                assert b"moof" in player.get(f"{session['base']}/{step}/0.m4s").raise_for_status().content
                assert player.get(api.download_link(version_id).url).raise_for_status().content == film.read_bytes()
        self.note("acceptance")
        self.run("storage", "activate", connection)
        self.note("migration", "--left-out")
        return version_id

    def is_in_order(self) -> list[str]:
        """The bucket holds what it should, and no step was passed over; return which settings are not as agreed."""
        (audit,) = self.run("storage", "audit")["audits"]
        assert audit["clean"]
        assert set(audit["found"]) <= {"unnamed"}  # the ends of proxies, which hold no segment
        steps = self.run("storage", "onboarding")["steps"]
        assert [one["state"] for one in steps] == ["done"] * 6 + ["left out"]
        assert all(one["evidence"] for one in steps)
        return [one["id"] for one in audit["settings"] if one["result"] == "fail"]

    def drill(self, connection: str, home: Path, when_told: dict[str, Callable[[], Any]]) -> Any:
        """Run the drill; do what the company does once the drill asks for it in these words. Return the certificate."""
        password = home / "password"
        password.write_text(self.platform.password)
        words = ("--company", self.platform.slug, "--email", EMAIL, "--password-file", password, "--out", home)
        process = CommandLine(home).start(
            "storage", "drill", connection, "--data", self.platform.data, *words, "--no-browser", "--json"
        )
        try:
            said = _do_as_told(process.stderr, when_told)
            out, rest = process.communicate(timeout=90)
        finally:
            process.kill()
        # How many seconds it took is the benchmark's matter.
        assert process.returncode in (exits.DONE, exits.FINDINGS), said + rest
        found = json.loads(out.splitlines()[-1])
        assert all(one["seconds"] is not None for one in found["surfaces"]), found
        return found


def _do_as_told(stderr: Any, when_told: dict[str, Callable[[], Any]], seconds: float = 150.0) -> str:
    said, waiting, deadline = "", dict(when_told), time.monotonic() + seconds
    while waiting:
        assert select.select([stderr], [], [], max(0.0, deadline - time.monotonic()))[0], said
        more = os.read(stderr.fileno(), 65_536).decode()
        assert more, said
        said = " ".join(f"{said}{more}".split())
        for words in [words for words in waiting if words in said]:
            waiting.pop(words)()
    return said


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[service.Ministack, str]]:
    with (
        service.running(tmp_path_factory.mktemp("ministack")) as server,
        tls_stand_in.in_front_of(server.endpoint_url) as url,
    ):
        yield server, url


@pytest.fixture(scope="module")
def platform(cloud: tuple[service.Ministack, str]) -> Iterator[Newcomer]:
    """`reelkeep up` with the platform's own identity at the model of AWS; the operator's commands have it, too."""
    identity = cloud[0].identity
    key, secret = identity.access_key_id or "", identity.secret_access_key or ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELKEEP_PLATFORM_ACCESS_KEY_ID", key)
        patch.setenv("REELKEEP_PLATFORM_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_ACCESS_KEY_ID", key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        one = Newcomer(open_folder("rk-on-") / "data", s3=True)
        one.start()
        try:
            one.provision()
            yield one
        finally:
            one.end_in_order()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_original(tmp_path_factory.mktemp("films") / "reel 1.mp4", frames=12)


def test_a_company_comes_onto_its_own_bucket_on_a_model_of_aws(
    platform: Newcomer, cloud: tuple[service.Ministack, str], film: Path, tmp_path: Path, capsys: Any
) -> None:
    server, url = cloud
    operator = Operator(platform, capsys)
    operator.note("contacts")
    where = ("--account", service.COMPANY_ACCOUNT, "--region", service.REGION, "--principal", stacks.PLATFORM_ARN)
    offered = operator.run("storage", "template", *where, "--origin", platform.origin)
    operator.note("review")
    stack = stacks.deploy(server, {**offered["parameters"], "AllowPurge": "Yes"})
    outputs = tmp_path / "outputs.json"
    told = [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()]
    outputs.write_text(json.dumps({"Stacks": [{"Outputs": told}]}))  # as `aws cloudformation describe-stacks` says it
    made = operator.run("storage", "connect", "--stack", str(outputs), "--endpoint", url, "--path-style")["name"]
    operator.try_out(made, "--plain-url", server.endpoint_url)
    version_id = operator.take_into_use(made, film)

    s3, bucket = server.client("s3", service.COMPANY_ACCOUNT), stack.outputs["MediaBucketName"]
    agreed = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    refused = {
        "Sid": "Drill", "Effect": "Deny", "Principal": {"AWS": stack.outputs["MediaRoleArn"]},
        "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{bucket}/*",
    }  # fmt: skip
    policy = json.loads(agreed)
    policy["Statement"].append(refused)
    found = operator.drill(
        made,
        tmp_path,
        {
            "Now put a statement into the bucket's policy": lambda: s3.put_bucket_policy(
                Bucket=bucket, Policy=json.dumps(policy)
            ),
            "Now let the platform in again": lambda: s3.put_bucket_policy(Bucket=bucket, Policy=agreed),
        },
    )
    assert found["changed_by"] == "the company"
    assert operator.is_in_order() == []

    def versions_in_bucket() -> list[str]:
        listed = s3.list_object_versions(Bucket=bucket, Prefix="originals/")
        return [one["Key"] for one in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]]

    with platform.api() as api:
        api.delete_version(version_id)
    assert len(versions_in_bucket()) == 1
    (waiting,) = operator.run("storage", "purge")["connections"]
    assert (waiting["allowed"], [one["version_id"] for one in waiting["waiting"]]) == (True, [version_id])
    (purged,) = operator.run("storage", "purge", "--yes")["connections"]
    assert (purged["purged"], purged["problem"], purged["waiting"]) == (1, "", [])
    assert versions_in_bucket() == []
    assert operator.is_in_order() == []


def test_a_company_comes_onto_a_bucket_on_seaweedfs_bound_by_a_role_of_its_own(
    platform: Newcomer, film: Path, tmp_path: Path, capsys: Any
) -> None:
    other = Newcomer(platform.data, s3=True, facts=platform.facts, process=platform.process)
    other.slug = "zenith"
    other.provision()
    operator = Operator(other, capsys)
    operator.note("contacts")
    operator.note("review")
    theirs = Installation(platform.data).folder.store().add_company("zenith-reels", other.origin)  # their cloud team
    assert theirs.endpoint_url is not None
    where = ("--bucket", theirs.bucket, "--role", theirs.role_arn, "--endpoint", theirs.endpoint_url, "--path-style")
    made = operator.run("storage", "connect", *where)["name"]
    report = operator.try_out(made)
    results = {check["id"]: check["result"] for check in report["checks"]}
    unsupported = {check for check, result in results.items() if result == "unsupported by this store"}
    assert {"no-external-id", "wrong-external-id", "access-logs"} <= unsupported, results
    operator.take_into_use(made, film)
    operator.drill(made, tmp_path, {})
    assert [one["allowed"] for one in operator.run("storage", "purge")["connections"]] == [False]
    assert operator.is_in_order() != []  # settings are advice on such a store, and told
    other.close()
