"""MiniStack, an AWS emulator that enforces IAM (AUTH=true), on a free loopback port in an environment of its own.

It pins botocore, so it lives in ``.venv-ministack`` and not beside our packages. Two AWS accounts are set up as in
life: the platform's, with a user that may assume roles, and the company's, with a bucket and a role that trusts that
user under an external id. What it cannot show: ExpectedBucketOwner and MaxSessionDuration are not enforced.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.config import Config

from reelkeep.ids import ConnectionId, new_id
from reelkeep.storage.interface import Capability, StorageConnection
from reelkeep.storage.models import fresh_session
from reelkeep.storage.sts import PlatformIdentity

PROGRAM = Path(__file__).resolve().parents[2] / ".venv-ministack" / "bin" / "ministack"
PLATFORM_ACCOUNT, COMPANY_ACCOUNT = "111111111111", "222222222222"
REGION = "eu-central-1"
START_SECONDS = 60


@dataclass(frozen=True)
class Ministack:
    endpoint_url: str
    identity: PlatformIdentity

    def client(self, service: str, account: str) -> Any:
        """Return a client as the root of an account; MiniStack takes the account number as the access key."""
        return client_of(service, self.endpoint_url, account, "root")

    def add_company(self, bucket: str, external_id: str = "") -> StorageConnection:
        """Make a bucket and a role as the onboarding asks for them, and return the connection.

        Args:
            external_id: of a connection that is written down already; else one is made.
        """
        s3, iam = self.client("s3", COMPANY_ACCOUNT), self.client("iam", COMPANY_ACCOUNT)
        external_id, role = external_id or new_id(), f"reelkeep-{bucket}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{PLATFORM_ACCOUNT}:user/platform"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }
        made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=_policy(trust))
        objects = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        media = {"Effect": "Allow", "Action": "s3:*", "Resource": objects}
        iam.put_role_policy(RoleName=role, PolicyName="media", PolicyDocument=_policy(media))
        return StorageConnection(
            id=ConnectionId(new_id()),
            bucket=bucket,
            region=REGION,
            prefix="",
            role_arn=made["Role"]["Arn"],
            external_id=external_id,
            endpoint_url=self.endpoint_url,
            sts_endpoint_url=self.endpoint_url,
            path_style=True,
            capabilities=frozenset({Capability.CONDITIONAL_PUT, Capability.EXPECTED_OWNER, Capability.EXTERNAL_ID}),
        )

    def open_trust(self, connection: StorageConnection) -> None:
        """Loosen the role's trust, as somebody might one day: the external id no longer counts."""
        principal = {"AWS": f"arn:aws:iam::{PLATFORM_ACCOUNT}:user/platform"}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        role = connection.role_arn.rpartition("/")[2]
        self.client("iam", COMPANY_ACCOUNT).update_assume_role_policy(RoleName=role, PolicyDocument=_policy(trust))


def client_of(
    service: str, endpoint_url: str, access_key_id: str | None, secret: str | None, token: str | None = None
) -> Any:
    return fresh_session().create_client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )


def plain_client(connection: StorageConnection, identity: PlatformIdentity) -> Any:
    """Return an S3 client with the platform's own identity, without any role."""
    return fresh_session().create_client(
        "s3",
        endpoint_url=connection.endpoint_url,
        region_name=connection.region,
        aws_access_key_id=identity.access_key_id,
        aws_secret_access_key=identity.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Ministack]:
    """Start MiniStack with its log in ``folder``; stop it at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen([_program()], env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        endpoint_url = f"http://127.0.0.1:{port}"
        _await(process, endpoint_url)
        yield Ministack(endpoint_url, _platform(endpoint_url))
    finally:
        process.terminate()
        process.wait(20)


def _program() -> Path:
    """Return the program; scripts/setup.sh installs it for the level `test`."""
    if not PROGRAM.exists():
        raise RuntimeError("MiniStack is not installed: run `make setup-test`")
    return PROGRAM


def _await(process: subprocess.Popen[bytes], endpoint_url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=2).close()
            return
        time.sleep(0.1)
    raise RuntimeError("MiniStack did not start; see ministack.log")


def _platform(endpoint_url: str) -> PlatformIdentity:
    iam = Ministack(endpoint_url, PlatformIdentity()).client("iam", PLATFORM_ACCOUNT)
    iam.create_user(UserName="platform")
    assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    iam.put_user_policy(UserName="platform", PolicyName="assume", PolicyDocument=_policy(assume))
    made = iam.create_access_key(UserName="platform")["AccessKey"]
    return PlatformIdentity(made["AccessKeyId"], made["SecretAccessKey"])


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
