"""A deployed stack, broken one row of the contract at a time by the company's own rights, and mended again."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.services import contract_stack as stacks
from tests.services.contract_stack import Stack
from tests.services.ministack import COMPANY_ACCOUNT, Ministack

from reelkeep.contract import table
from reelkeep.contract.interface import READS, WRITES, Document, Holder, Kind, Setting, Statement

# The roles that hold a document, by the parameter's name in the outputs.
ROLES = {Document.MEDIA: "media", Document.AUDIT: "audit", Document.PURGE: "purge", Document.TRUST: "media"}
KEYS = {Document.KEY: "KeyArn", Document.WRAPPING_KEY: "WrappingKeyArn"}
BUCKETS = {Document.MEDIA_BUCKET: "MediaBucketName", Document.LOG_BUCKET: "LogBucketName"}
OTHERWISE: dict[str, Any] = {
    "media-owner-enforced": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
    "log-owner-enforced": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
}


class BrokenStack:
    """Breaks and mends. ``widens``: a statement that allows more, or denies less, instead of one that is gone."""

    def __init__(self, ministack: Ministack, stack: Stack) -> None:
        self._stack = stack
        self._s3, self._iam, self._kms = (ministack.client(name, COMPANY_ACCOUNT) for name in ("s3", "iam", "kms"))

    @contextlib.contextmanager
    def without(self, row: Setting | Statement, *, widens: bool = False) -> Iterator[None]:
        if isinstance(row, Setting):
            with self._setting(row):
                yield
            return
        with self.document(row.document, lambda document: _broken(document, row, widens=widens)):
            yield

    @contextlib.contextmanager
    def document(self, document: Document, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Change a policy document in place, and put it back."""
        before = self._read(document)
        after = copy.deepcopy(before)
        change(after)
        assert after != before
        self._write(document, after)
        try:
            yield
        finally:
            self._write(document, before)

    @contextlib.contextmanager
    def _setting(self, row: Setting) -> Iterator[None]:
        rows = table.settings_of(table.ROWS, row.holder)[row.kind]
        if row.kind is Kind.SESSION_LENGTH:
            role = self._role(row.holder.name.partition("_")[0].lower())
            self._iam.update_role(RoleName=role, MaxSessionDuration=7_200)
            try:
                yield
            finally:
                self._iam.update_role(RoleName=role, MaxSessionDuration=3_600)
            return
        bucket = self._stack.facts.text(row.holder.value)
        operation, argument = WRITES[row.kind]
        whole = table.setting(rows, row.holder, row.kind, self._stack.facts)
        getattr(self._s3, operation)(Bucket=bucket, **{argument: _otherwise(row, whole)})
        try:
            yield
        finally:
            stacks.put(self._s3, self._stack.facts, row.holder, row.kind, rows)

    def put(self, kind: Kind, value: Any) -> None:
        """Write a setting of the media bucket."""
        operation, argument = WRITES[kind]
        getattr(self._s3, operation)(Bucket=self._stack.outputs["MediaBucketName"], **{argument: value})

    def mend(self, kind: Kind) -> None:
        rows = table.settings_of(table.ROWS, Holder.MEDIA_BUCKET)[kind]
        stacks.put(self._s3, self._stack.facts, Holder.MEDIA_BUCKET, kind, rows)

    def _role(self, name: str) -> str:
        return f"reelkeep-{self._stack.parameters['Name']}-{name}"

    def _read(self, document: Document) -> Any:
        reading = READS[document]
        if document in BUCKETS:
            return json.loads(self._s3.get_bucket_policy(Bucket=self._stack.outputs[BUCKETS[document]])["Policy"])
        if document in KEYS:
            key = self._stack.outputs[KEYS[document]]
            return json.loads(self._kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        role = self._role(ROLES[document])
        if document is Document.TRUST:
            return self._iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        assert reading.operation == "get_role_policy"
        return self._iam.get_role_policy(RoleName=role, PolicyName=document.value)["PolicyDocument"]

    def _write(self, document: Document, policy: Any) -> None:
        text = json.dumps(policy)
        if document in BUCKETS:
            self._s3.put_bucket_policy(Bucket=self._stack.outputs[BUCKETS[document]], Policy=text)
        elif document in KEYS:
            self._kms.put_key_policy(KeyId=self._stack.outputs[KEYS[document]], PolicyName="default", Policy=text)
        elif document is Document.TRUST:
            self._iam.update_assume_role_policy(RoleName=self._role("media"), PolicyDocument=text)
        else:
            self._iam.put_role_policy(
                RoleName=self._role(ROLES[document]), PolicyName=document.value, PolicyDocument=text
            )


def _broken(document: dict[str, Any], row: Statement, *, widens: bool) -> None:
    """Take the statement away, or let it say something else: more actions allowed, fewer denied."""
    found = next(one for one in document["Statement"] if one["Sid"] == row.id)
    if not widens:
        document["Statement"].remove(found)
    elif found.get("Condition"):
        del found["Condition"]
    else:
        found["Action"] = [*found["Action"], "s3:PutBucketPolicy"]


def _otherwise(row: Setting, whole: Any) -> Any:
    """Return the whole setting without what the row says."""
    if row.id in OTHERWISE:
        return OTHERWISE[row.id]
    match row.kind:
        case Kind.PUBLIC_ACCESS:
            return {**whole, **dict.fromkeys(row.value, False)}
        case Kind.LIFECYCLE:
            rules = [rule for rule in whole["Rules"] if rule["ID"] != row.id]
            other = {"ID": "other", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
            return {"Rules": [*rules, other]}
        case Kind.ENCRYPTION:
            rule = dict(whole["Rules"][0])
            if "ApplyServerSideEncryptionByDefault" in row.value:
                algorithm = rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
                other = "AES256" if algorithm != "AES256" else "aws:kms"
                rule["ApplyServerSideEncryptionByDefault"] = {"SSEAlgorithm": other}
            elif "BucketKeyEnabled" in row.value:
                rule["BucketKeyEnabled"] = not rule["BucketKeyEnabled"]
            else:
                rule["BlockedEncryptionTypes"] = {"EncryptionType": ["NONE"]}
            return {"Rules": [rule]}
        case Kind.VERSIONING:
            return {"Status": "Suspended"}
        case Kind.CORS:
            rule = {**whole["CORSRules"][0], "AllowedOrigins": ["https://elsewhere.example"]}
            return {"CORSRules": [rule]}
        case Kind.LOGGING:
            return {}
        case _:
            raise AssertionError(f"nobody has said how to break {row.id}")
