"""Checks of who is let in: the roles, their external id, and what they must refuse."""

from __future__ import annotations

from typing import Final

from reelkeep.acceptance.bench import Bench
from reelkeep.acceptance.interface import Check, Group, NotVerifiable, Outcome, failed, passed, unsupported
from reelkeep.errors import StorageSetupError
from reelkeep.storage.sts import ExternalIdTry
from reelkeep.storage.trial import TrialClient

_POLICY_ALONE: Final = "give each company a role of its own, which no other company's requests can name"


def _is_role(client: TrialClient, role_arn: str) -> Outcome:
    answer = client.caller()
    if not answer.is_done:
        return unsupported("the role lets us in; this STS does not say as whom")
    arn = str(answer.data.get("Arn", ""))
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    if f":{account}:" not in arn or f"/{name}/" not in f"{arn}/":
        return failed("the session is another role's than the one that was asked", "Look at what answers as STS.")
    return passed(f"let in as the role {name} of account {account}")


def _right_role(bench: Bench) -> Outcome:
    stack = bench.subject.stack
    typed = stack.parameters.get("ExternalId") if stack else None
    ours = bench.connection.external_id
    if typed is not None and typed != ours:
        return failed(
            "the stack was deployed with another external id than was made for this connection",
            f"Update the stack with the external id {ours}, as it stands in the template; never type one of your own.",
        )
    try:
        client = bench.media
    except NotVerifiable as refusal:
        return failed(
            str(refusal),
            f"In the trust of {bench.connection.role_arn} allow this platform's principal with exactly the external "
            f"id {ours}; nobody types one by hand. Look at the role's name and account, too.",
        )
    return _is_role(client, bench.connection.role_arn)


def _audit_role(bench: Bench) -> Outcome:
    stack = bench.subject.stack
    if stack is None:
        if bench.subject.is_bound:
            return failed(
                "no audit role is known, so no setting of the bucket can be compared with the contract",
                "Give the stack's output PasteBack to `reelkeep storage connect --stack FILE`.",
            )
        raise NotVerifiable("this store has no stack, and so no audit role")
    try:
        client = bench.audit
    except NotVerifiable as refusal:
        return failed(str(refusal), "Update the stack from the template; its three roles have one trust.")
    return _is_role(client, stack.audit_role)


def _purge_role(bench: Bench) -> Outcome:
    stack = bench.subject.stack
    if stack is None or not stack.purge_role:
        raise NotVerifiable("AllowPurge is off: there is no purge role")
    try:
        bench.broker.trial_session(bench.connection.id, stack.purge_role, bench.roles)
    except StorageSetupError as error:
        return failed(f"the purge role gives no session: {error.message}", "Update the stack from the template.")
    return passed("the purge role lets us in; nothing was done with it")


def _refused(bench: Bench, tried: ExternalIdTry, words: str) -> Outcome:
    _ = bench.media  # a role that refuses everybody proves nothing
    roles = sorted(bench.roles)
    let_in = [arn.rpartition("/")[2] for arn in roles if not bench.broker.refuses(bench.connection.id, arn, tried)]
    if not let_in:
        return passed(f"refused by {len(roles)} of {len(roles)} roles; no credential was kept")
    if not bench.subject.is_bound:
        return unsupported(f"this store lets us in {words}: it does not look at external ids", _POLICY_ALONE)
    return failed(
        f"let in {words}: {', '.join(let_in)}",
        "Put the condition on sts:ExternalId back into the trust of this role, with this connection's external id.",
    )


def _without_external_id(bench: Bench) -> Outcome:
    return _refused(bench, ExternalIdTry.NONE, "without an external id")


def _wrong_external_id(bench: Bench) -> Outcome:
    return _refused(bench, ExternalIdTry.WRONG, "with a wrong external id")


def _canary(bench: Bench) -> Outcome:
    if not bench.subject.canary_arn:
        raise NotVerifiable(
            "no canary role is set: deploy deploy/cloudformation/operator.yaml and set canary_role_arn to its output"
        )
    if bench.broker.canary_refuses(bench.connection.id, bench.subject.canary_arn):
        return passed("the operator's canary role refused us")
    return failed(
        "the canary role, whose external id the platform does not know, let us in",
        "The operator's STS or account does not hold external ids up: do not go on before that is mended.",
    )


def _role_is_free(bench: Bench) -> Outcome:
    if bench.subject.role_is_taken:
        return failed("this role cannot be used for this connection", "Make roles of its own for this connection.")
    return passed("no other connection has one of these roles")


def _settings_are_closed(bench: Bench) -> Outcome:
    """Ask to close access lists, which harms nothing where it is done; a wide right to settings shows here, too.

    Nonsense is never sent to settings: there are stores that keep it.
    """
    tries = (
        bench.media.s3("put_bucket_acl", ACL="private"),
        bench.media.s3("put_object_acl", Key=bench.readable(), ACL="private"),
    )
    if all(answer.is_refused for answer in tries):
        return passed("the media role was refused the access lists of the bucket and of an object")
    if any(answer.is_silent for answer in tries):
        raise NotVerifiable("the store did not answer")
    return failed(
        "; ".join(answer.told() for answer in tries if not answer.is_refused),
        "Take every right to change settings, policies and access lists from the media role.",
    )


def _session_is_narrow(bench: Bench) -> Outcome:
    """Reach beyond the test folder with a session that is made for it alone, as all of the platform's are made."""
    client, beyond = bench.narrowed, bench.key(f"originals/reelkeep-acceptance-{bench.run}")
    written = bench.put(client, beyond, b"x")
    read = client.s3("get_object", Key=beyond)
    if written.is_refused and read.is_refused:
        return passed("a session for the test folder was refused another folder, for writing and for reading")
    if written.is_silent or read.is_silent:
        raise NotVerifiable("the store did not answer")
    return failed(
        f"a session reached beyond its folder: {written.told()}, {read.told()}",
        "This store does not hold session policies up; it keeps companies and jobs apart by roles alone. Use another.",
    )


CHECKS: Final = (
    Check("right-role", Group.ACCESS, "The media role lets this platform in.",
          "AssumeRole with the connection's external id, then GetCallerIdentity.", _right_role),
    Check("audit-role", Group.ACCESS, "The audit role lets this platform in.",
          "AssumeRole with the connection's external id, then GetCallerIdentity.", _audit_role),
    Check("purge-role", Group.ACCESS, "The purge role, if you allow it, lets this platform in.",
          "AssumeRole; the session is not used.", _purge_role),
    Check("no-external-id", Group.ACCESS, "Nobody gets a session without an external id.",
          "AssumeRole of every role without one; a credential would be discarded.", _without_external_id),
    Check("wrong-external-id", Group.ACCESS, "Nobody gets a session with another company's external id.",
          "AssumeRole of every role with one that was made for nobody.", _wrong_external_id),
    Check("canary", Group.ACCESS, "This platform's STS holds external ids up.",
          "AssumeRole of a role of the operator's whose external id the platform does not know.", _canary),
    Check("role-is-free", Group.ACCESS, "No other company can be pointed at your roles.",
          "The registry of connections.", _role_is_free),
    Check("settings-are-closed", Group.ACCESS, "The media role can change no setting and open no object.",
          "PutBucketAcl and PutObjectAcl, asking for private; its policy is compared besides.", _settings_are_closed),
    Check("session-is-narrow", Group.ACCESS, "A session reaches the folder it was made for and no other.",
          "PutObject and GetObject in another folder, with a session policy of one folder.", _session_is_narrow),
)  # fmt: skip
