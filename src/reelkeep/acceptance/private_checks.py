"""Checks of an isolated connection: nobody of ours uses the bucket's public name, and it leads nowhere."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from reelkeep.acceptance.bench import BODY, Bench
from reelkeep.acceptance.interface import Check, Group, NotVerifiable, Outcome, failed, passed, unsupported
from reelkeep.storage.private_endpoints import PrivateEndpoints
from reelkeep.storage.signature import address_at

LINK_SECONDS: Final = 60


def _private(bench: Bench) -> PrivateEndpoints:
    if bench.connection.private is None:
        raise NotVerifiable("this connection is direct: clients reach the bucket by its public name")
    return bench.connection.private


def _links(bench: Bench) -> Outcome:
    private, one = _private(bench), bench.connection
    wanted = address_at(private.clients, one.bucket, path_style=one.path_style).host
    link = bench.store().presign_get("probe/name", file_name="a", seconds=LINK_SECONDS, grant=bench.grant)
    signed = urlsplit(link.url).netloc
    if signed != wanted:
        return failed(f"a link names {signed} in the place of {wanted}", "Report this: no link may name another host.")
    return passed(f"links name {signed}; whether clients reach it only they can tell")


def _reads(bench: Bench) -> Outcome:
    private = _private(bench)
    answer = bench.media.s3("get_object", Key=bench.readable())
    if answer.is_done and answer.body == BODY:
        return passed(f"an object came by way of {urlsplit(private.platform).netloc}")
    return failed(
        answer.told(), "Allow the platform's endpoint in the bucket's policy, and the bucket in the endpoint's."
    )


def _public(bench: Bench) -> Outcome:
    _private(bench)
    answer = bench.by_public_name().s3("get_object", Key=bench.readable())
    if answer.is_silent:
        return passed("nobody answers by the public name")
    if answer.is_refused:
        return passed("the very request that works through the endpoint was refused by the public name")
    if answer.is_done and not bench.subject.is_bound:
        return unsupported("this store looks at no name it is asked by: its network alone keeps it private")
    if answer.is_done:
        return failed(
            "an object came by the public name",
            "Set AllowedEndpoints of the stack to your endpoint and the platform's: its policy then refuses the rest.",
        )
    return passed(f"the public name gave no object ({answer.told()})")


CHECKS: Final = (
    Check("private-links", Group.BUCKET, "Links for people name your own endpoint and no public host.",
          "A signed GetObject; the host in it is compared.", _links),
    Check("private-reads", Group.BUCKET, "The platform reaches the bucket through its own endpoint.",
          "GetObject through the platform's endpoint.", _reads),
    Check("public-is-closed", Group.BUCKET, "The bucket's public name gives nothing.",
          "The same GetObject by the public name.", _public),
)  # fmt: skip
