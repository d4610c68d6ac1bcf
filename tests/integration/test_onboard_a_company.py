"""docs/how-to/onboard-a-company.md from the first command to the last, with no edit by hand between.

The whole platform runs. The company's cloud team is MiniStack's root of the company's account (*not verified on AWS*),
or the administrator of the embedded SeaweedFS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.media.originals import make_original
from tests.services import contract_stack as stacks
from tests.services import ministack as service
from tests.services.newcomers import Cloud, Newcomer, Operator, in_the_cloud, without_a_bucket

from reelkeep.cli.installation import Installation


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with in_the_cloud(tmp_path_factory.mktemp("ministack")) as one:
        yield one


@pytest.fixture(scope="module")
def platform(cloud: Cloud) -> Iterator[Newcomer]:
    with without_a_bucket(cloud) as one:
        yield one


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_original(tmp_path_factory.mktemp("films") / "reel 1.mp4", frames=12)


def test_a_company_comes_onto_its_own_bucket_on_a_model_of_aws(
    platform: Newcomer, cloud: Cloud, film: Path, tmp_path: Path, capsys: Any
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
