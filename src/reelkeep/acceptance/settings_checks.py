"""Checks of settings: each row of the contract, and what must not stand beside the rows.

The same comparison serves an acceptance test and an audit. What cannot be read with the audit role is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from reelkeep.acceptance.bench import Bench
from reelkeep.acceptance.interface import (
    Check,
    Group,
    NotVerifiable,
    Outcome,
    Unsupported,
    failed,
    passed,
    unsupported,
)
from reelkeep.contract import table
from reelkeep.contract.bucket_settings import LOG_PREFIX
from reelkeep.contract.comparison import setting_holds, statement_holds, statements
from reelkeep.contract.interface import READS, Document, Holder, Kind, Reading, Setting, Statement
from reelkeep.storage.access_log import read_lines
from reelkeep.storage.trial import Answer

EMULATOR_GAP: Final = "emulator gap, not verified on AWS"
_BUCKETS: Final = frozenset({Holder.MEDIA_BUCKET, Holder.LOG_BUCKET})
_BUCKET_OF: Final = {Document.MEDIA_BUCKET: "MediaBucket", Document.LOG_BUCKET: "LogBucket"}
_ROLE_OF: Final = {Document.MEDIA: "MediaRole", Document.AUDIT: "AuditRole", Document.PURGE: "PurgeRole"}
_OBJECT_LOCK: Final = Reading(
    "s3", "get_object_lock_configuration", ("ObjectLockConfiguration",), ("ObjectLockConfigurationNotFoundError",)
)
_REPLICATION: Final = Reading(
    "s3", "get_bucket_replication", ("ReplicationConfiguration",), ("ReplicationConfigurationNotFoundError",)
)
RECENT_LOGS: Final = timedelta(days=2)
LOG_BYTES: Final = 1 << 20  # read of one log object
_PAYER: Final = Reading("s3", "get_bucket_request_payment", ("Payer",))


class _Unread(Exception):
    """A setting could not be read."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.told())
        self.answer = answer


def of_contract(version: int, *, is_aws: bool, is_required: bool) -> tuple[Check, ...]:
    """Return a check for each row of a version of the contract.

    Args:
        is_required: a stack owes these settings; a bucket that no stack made is advised to have them.
    """
    return tuple(_check(row, is_aws=is_aws, is_required=is_required) for row in table.rows_of(version))


def _check(row: Setting | Statement, *, is_aws: bool, is_required: bool) -> Check:
    what = READS.get(row.document if isinstance(row, Statement) else row.kind)
    return Check(
        table.key(row),
        Group.SETTINGS,
        row.reason,
        f"{what.operation} with the audit role, compared with the contract." if what else "The bucket's name.",
        partial(_row, row),
        is_required=is_required,
        note=EMULATOR_GAP if row.emulator_gap and is_required and not is_aws else "",
    )


def _row(row: Setting | Statement, bench: Bench) -> Outcome:
    known = bench.known
    if bench.subject.stack is None and (isinstance(row, Statement) or row.holder is not Holder.MEDIA_BUCKET):
        raise NotVerifiable("the company has told of no stack, so its policies and its log bucket are not compared")
    expected = known.expects(row)
    if expected is False:
        raise NotVerifiable("not chosen: this part of the contract is off in this stack")
    if isinstance(row, Setting) and row.kind is Kind.NAMESPACE:
        return _namespace(row, bench)
    readings = _readings(row, bench)
    if not readings:
        raise NotVerifiable("nothing of this kind is known of this stack")
    wrong, named = [], set[str]()
    try:
        for place, reading, arguments in readings:
            found = _read(bench, reading, arguments)
            verdict = (
                statement_holds(row, found, known) if isinstance(row, Statement) else setting_holds(row, found, known)
            )
            if not found and isinstance(row, Setting) and row.kind is Kind.LOGGING and bench.subject.stack is None:
                return unsupported("this store tells of no access log for the bucket", f"Without it: {row.breaks}")
            if expected is None and isinstance(row, Statement) and verdict.differs == "it is not there":
                raise NotVerifiable("not chosen, as far as can be seen: the stack's parameters were not told")
            named |= set(verdict.named)
            if not verdict.holds:
                wrong.append(f"{place}: {verdict.differs}")
    except _Unread as unread:
        return _unread(unread.answer, row, bench)
    if wrong:
        return failed(
            f"it is not as agreed ({'; '.join(wrong)})",
            f"{row.advice} Without it: {row.breaks[:1].lower()}{row.breaks[1:]}",
        )
    others = f"; your stack also names {', '.join(sorted(named))}" if named else ""
    return passed(f"as agreed{others}")


def _unread(answer: Answer, row: Setting | Statement, bench: Bench) -> Outcome:
    if answer.is_silent:
        raise NotVerifiable("the store did not answer")
    if bench.subject.stack is None and answer.is_refused:
        raise NotVerifiable("it cannot be read: no audit role is known, and the media role may not read settings")
    if answer.is_unsupported:
        return unsupported(f"this store does not know {answer.operation}", f"Without it: {row.breaks}")
    return failed(
        f"it cannot be read ({answer.told()})",
        "Update the stack from the template: the audit role may read every setting, and changes none.",
    )


def _namespace(row: Setting, bench: Bench) -> Outcome:
    stack = bench.subject.stack
    if stack is None:
        raise NotVerifiable("the company has told of no stack, so the bucket's name is its own matter")
    name = stack.bucket if row.holder is Holder.MEDIA_BUCKET else stack.log_bucket
    account = bench.connection.role_arn.split(":")[4]
    if name.endswith(f"-{account}-{bench.connection.region}-an"):
        return passed("the name ends in your account and region")
    if not stack.parameters or stack.parameters.get("BucketName"):
        return passed(f"you gave the bucket a name of its own; {row.breaks[:1].lower()}{row.breaks[1:].rstrip('.')}")
    return failed("the name does not end in your account and region", row.advice)


def _readings(row: Setting | Statement, bench: Bench) -> list[tuple[str, Reading, dict[str, str]]]:
    """Return what is read for a row: the place in words, how, and the arguments that name it."""
    names, stack = bench.known.facts, bench.subject.stack
    if isinstance(row, Setting):
        reading = READS[row.kind]
        if row.holder in _BUCKETS:
            return [(row.holder.value, reading, {"Bucket": names.text(row.holder.value)})]
        if stack is None:
            return []
        role = _role(names.text(f"{row.holder.value}Arn"))
        return [] if row.holder is Holder.PURGE_ROLE and not stack.purge_role else [(role, reading, {"RoleName": role})]
    reading = READS[row.document]
    if stack is None:
        return []
    if row.document in _BUCKET_OF:
        name = _BUCKET_OF[row.document]
        return [(name, reading, {"Bucket": names.text(name)})]
    if row.document is Document.KEY:
        return [("Key", reading, {"KeyId": stack.key_arn})] if stack.key_arn else []
    if row.document is Document.WRAPPING_KEY:
        return [("WrappingKey", reading, {"KeyId": stack.wrapping_key})] if stack.wrapping_key else []
    if row.document is Document.TRUST:
        roles = [_role(arn) for arn in (stack.media_role, stack.audit_role, stack.purge_role) if arn]
        return [(role, reading, {"RoleName": role}) for role in roles]
    if row.document is Document.PURGE and not stack.purge_role:
        return []
    role = _role(names.text(f"{_ROLE_OF[row.document]}Arn"))
    return [(role, reading, {"RoleName": role, "PolicyName": row.document.value})]


def _role(arn: str) -> str:
    return arn.rpartition("/")[2]


def _read(bench: Bench, reading: Reading, arguments: Mapping[str, str]) -> Any:
    """Return a setting or a document; None where nothing is set. Raises _Unread."""
    answer = bench.audit_answer(reading.service, reading.operation, arguments)
    if answer.code in reading.absent:
        return None
    if not answer.is_done:
        raise _Unread(answer)
    found: Any = {name: value for name, value in answer.data.items() if name != "ResponseMetadata"}
    for step in reading.at:
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str) and reading.at[-1:] == ("Policy",):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            return None
    return found


def _media(bench: Bench) -> dict[str, str]:
    return {"Bucket": bench.connection.bucket}


def _guarded(bench: Bench, reading: Reading, arguments: Mapping[str, str]) -> Any:
    try:
        return _read(bench, reading, arguments)
    except _Unread as unread:
        if unread.answer.is_unsupported:
            raise Unsupported(f"this store does not know {unread.answer.operation}") from None
        raise NotVerifiable(f"it cannot be read ({unread.answer.told()})") from None


def _originals_are_spared(bench: Bench) -> Outcome:
    found = _guarded(bench, READS[Kind.LIFECYCLE], _media(bench))
    rules = [rule for rule in (found or {}).get("Rules", ()) if rule.get("Status") == "Enabled"]
    originals = bench.key("originals/")
    for rule in rules:
        prefix = _prefix(rule)
        if not (originals.startswith(prefix) or prefix.startswith(originals)):
            continue
        expiration = rule.get("Expiration") or {}
        if "Days" in expiration or "Date" in expiration:
            return failed(
                f"the lifecycle rule {_name(rule)} deletes originals",
                "Take the rule away, or let it name downloads/ alone: what it deletes is gone.",
            )
        archives = [one.get("StorageClass") for one in rule.get("Transitions", ())]
        if any(one in ("GLACIER", "DEEP_ARCHIVE") for one in archives):
            return failed(
                f"the lifecycle rule {_name(rule)} moves originals where they cannot be read at once",
                "Use STANDARD_IA, INTELLIGENT_TIERING or GLACIER_IR, or leave originals where they are.",
            )
    return passed(f"none of {len(rules)} lifecycle rules deletes or archives what lies below originals/")


def _prefix(rule: Mapping[str, Any]) -> str:
    holder = rule.get("Filter") or {}
    within = holder.get("And") or holder
    return str(within.get("Prefix", rule.get("Prefix", "")) or "")


def _name(rule: Mapping[str, Any]) -> str:
    return "".join(c for c in str(rule.get("ID", "without a name")) if c.isascii() and c.isprintable())[:60]


def _nobody_else_pays(bench: Bench) -> Outcome:
    payer = _guarded(bench, _PAYER, _media(bench))
    if payer == "Requester":
        return failed(
            "requester pays is on: every request without a special header is refused",
            "Set the payer back to BucketOwner.",
        )
    return passed("the owner pays for requests")


def _no_lock(bench: Bench) -> Outcome:
    found = _guarded(bench, _OBJECT_LOCK, _media(bench)) or {}
    if found.get("ObjectLockEnabled") != "Enabled":
        return passed("object lock is off")
    kept = (found.get("Rule") or {}).get("DefaultRetention")
    if kept:
        return failed(
            f"object lock keeps every object ({kept.get('Mode', '')}): proxies, downloads and test objects cannot go",
            "Take the default retention away, or use a bucket without object lock; legal holds keep single originals.",
        )
    return passed("object lock is on, without a default retention")


def _no_other_allow(bench: Bench) -> Outcome:
    """Look for statements that let somebody in and are not of the contract; denials are the company's own business."""
    if bench.subject.stack is None:
        raise NotVerifiable("the company has told of no stack, so its policies are not compared")
    rows = [row for row in table.ROWS if isinstance(row, Statement)]
    seen: set[tuple[Document, str]] = set()
    foreign = []
    for row in rows:
        for place, reading, arguments in _readings(row, bench):
            if (row.document, place) in seen:
                continue
            seen.add((row.document, place))
            ours = {one.id for one in rows if one.document is row.document}
            document = _guarded(bench, reading, arguments)
            foreign += [
                f"{place}: {_sid(one)}"
                for one in statements(document)
                if one.get("Effect") == "Allow" and one.get("Sid") not in ours
            ]
    if foreign:
        return failed(
            f"somebody is let in by statements that are not of the contract: {', '.join(foreign[:10])}",
            "Take these statements away, or name who needs access in the stack's parameters.",
        )
    return passed(f"{len(seen)} policies let nobody in but by statements of the contract")


def _sid(statement: Mapping[str, Any]) -> str:
    found = str(statement.get("Sid") or "a statement without a name")
    return "".join(c for c in found if c.isascii() and c.isprintable())[:60]


def _no_other_policy(bench: Bench) -> Outcome:
    """Look for policies that somebody has added to the roles."""
    stack = bench.subject.stack
    if stack is None:
        raise NotVerifiable("the company has told of no stack, so its roles are not compared")
    roles = [("media", stack.media_role), ("audit", stack.audit_role), ("purge", stack.purge_role)]
    more = []
    for policy, role in ((policy, _role(arn)) for policy, arn in roles if arn):
        inline = _guarded(bench, Reading("iam", "list_role_policies", ("PolicyNames",)), {"RoleName": role})
        attached = _guarded(
            bench, Reading("iam", "list_attached_role_policies", ("AttachedPolicies",)), {"RoleName": role}
        )
        more += [f"{role}: {name}" for name in _names(inline) if name != policy]
        more += [f"{role}: {one.get('PolicyName', '')}" for one in attached or ()]
    if more:
        return failed(
            f"the roles have policies that are not of the contract: {', '.join(more[:10])}", "Detach these policies."
        )
    return passed("each role has the contract's policy and no other")


def _names(found: Any) -> Iterable[str]:
    return [str(one) for one in found or ()]


def _no_other_origin(bench: Bench) -> Outcome:
    stack = bench.subject.stack
    if bench.connection.is_hosted:
        raise NotVerifiable("the operator's own bucket serves the pages of all its companies")
    told = stack.parameters.get("SiteOrigins", "").split(",") if stack else []
    ours = {bench.subject.origin, *told}
    found = _guarded(bench, READS[Kind.CORS], _media(bench)) or {}
    rules = found.get("CORSRules", ())
    if stack is not None and told == [""]:  # which origins the stack was given is not known, so its own rule says
        rules = [rule for rule in rules if rule.get("ID") != "reelkeep"]
    others = {str(one)[:60] for rule in rules for one in rule.get("AllowedOrigins", ())} - ours
    if others:
        return failed(
            f"CORS rules let pages of {', '.join(sorted(others)[:5])} reach the bucket, too",
            "Allow exactly the origins of your company's site.",
        )
    return passed("no page of another origin is named")


def _copies(bench: Bench) -> Outcome:
    found = _guarded(bench, _REPLICATION, _media(bench))
    rules = [rule for rule in (found or {}).get("Rules", ()) if rule.get("Status") == "Enabled"]
    places = sorted({str((rule.get("Destination") or {}).get("Bucket", ""))[:120] for rule in rules})
    return passed(f"objects are copied to {', '.join(places)}" if places else "objects are copied nowhere")


def _log_bucket(bench: Bench) -> Outcome:
    stack = bench.subject.stack
    if stack is None:
        raise NotVerifiable("the company has told of no log bucket")
    since = datetime.now(UTC) - RECENT_LOGS
    after = f"{LOG_PREFIX}{since:%Y-%m-%d-%H-%M-%S}"  # names begin with when they were written (S3 User Guide)
    recent = bench.audit.s3("list_objects_v2", Bucket=stack.log_bucket, Prefix=LOG_PREFIX, StartAfter=after)
    if not recent.is_done:
        return failed(f"the log bucket cannot be read ({recent.told()})", "Update the stack from the template.")
    if found := recent.data.get("Contents"):
        return _arrived(bench, stack.log_bucket, max(found, key=lambda one: one["LastModified"]))
    ever = bench.audit.s3("list_objects_v2", Bucket=stack.log_bucket, Prefix=LOG_PREFIX, MaxKeys=1)
    if ever.data.get("Contents"):
        return passed("the log bucket is there; lines have arrived before, and none in the last two days")
    return passed("the log bucket is there; no line has arrived yet (S3 delivers within hours)")


def _arrived(bench: Bench, bucket: str, newest: Mapping[str, Any]) -> Outcome:
    """Tell what the newest log object of a listing holds, as far as one read of it goes."""
    read = bench.audit.s3("get_object", Bucket=bucket, Key=newest["Key"], Range=f"bytes=0-{LOG_BYTES - 1}")
    at = f"{newest['LastModified']:%Y-%m-%d %H:%M} UTC"
    if not read.is_done:
        return failed(
            f"lines have arrived at {at}, and cannot be read ({read.told()})", "Update the stack from the template."
        )
    is_cut = int(newest["Size"]) > len(read.body)
    lines, unread = read_lines(read.body if is_cut else read.body + b"\n")
    ours = sum(line.grant is not None for line in lines)
    told = f"lines have arrived at {at}: {len(lines):,} in the newest file, {ours:,} with a grant of Reelkeep's"
    told += f", and {unread:,} that are no lines of an access log" if unread else ""
    return passed(told, lines=len(lines), with_grant=ours, unread=unread)


BESIDE: Final = (
    Check("originals-are-spared", Group.SETTINGS, "No lifecycle rule deletes or archives originals.",
          "get_bucket_lifecycle_configuration with the audit role.", _originals_are_spared),
    Check("owner-pays", Group.SETTINGS, "Requests need no special header.",
          "get_bucket_request_payment with the audit role.", _nobody_else_pays),
    Check("no-object-lock", Group.SETTINGS, "What can be made again can go again.",
          "get_object_lock_configuration with the audit role.", _no_lock),
    Check("no-other-allow", Group.SETTINGS, "The policies let nobody in but by the contract.",
          "Every policy, read with the audit role.", _no_other_allow),
    Check("no-other-policy", Group.SETTINGS, "The roles have no rights beside the contract's.",
          "list_role_policies and list_attached_role_policies with the audit role.", _no_other_policy),
    Check("no-other-origin", Group.SETTINGS, "No other site's pages reach the bucket.",
          "get_bucket_cors with the audit role.", _no_other_origin),
    Check("copies", Group.SETTINGS, "You know where copies of objects go.",
          "get_bucket_replication with the audit role.", _copies, is_required=False),
    Check("log-bucket", Group.SETTINGS, "Access logs arrive, and can be read.",
          "ListObjectsV2, and GetObject of the newest log, with the audit role.", _log_bucket),
)  # fmt: skip
