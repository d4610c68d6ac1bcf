"""What the policies of the contract allow and refuse, asked of an IAM simulator; and that each statement is needed."""

from __future__ import annotations

import copy
import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.services import iam_simulator
from tests.unit.contract.policy_cases import (
    BUCKET,
    CASES,
    COMPANY,
    EVERYTHING,
    KEY,
    LOGS,
    OTHER_KEY,
    REVOKED,
    WRAPPING_KEY,
    Case,
    policies,
)

from reelkeep.contract.interface import Document

BASE = {
    "aws:SecureTransport": "true",
    "s3:TlsVersion": "1.3",
    "aws:SourceIp": "198.51.100.7",
    "aws:TokenIssueTime": "2026-11-01T12:00:00Z",
}
# Changes that nobody could notice, each with its reason.
EQUIVALENT = {
    "trust/LetThePlatformIn: every action": "no other action of STS knows an external id",
    "trust/LetThePlatformIn: every principal": "the condition still names one principal of one account",
    "trust/LetSessionsCarryNames: every principal": "the condition still names one principal of one account",
    "media_bucket/RefuseCustomerKeys: every action": "writes alone bring a key of their own",
    "media_bucket/RefuseOtherNetworks: without aws:PrincipalArn arn:aws:iam::222222222222:root": (
        "it stands there because a list may not be empty; NamedPrincipalsOnly refuses the root user objects anyway"
    ),
    "media_bucket/WriteOriginalsOnce: every action": "PutObject alone knows s3:ObjectCreationOperation",
    "media/WrapTheCompanyKey: without StringEquals kms:EncryptionContext:reelkeep-external-id": (
        "the wrapping key's own policy refuses the role another external id, too"
    ),
    "log_bucket/LetCloudTrailLook: the whole bucket": "objects have no bucket's access list",
}
# A key of the company's with AWS's own default policy, which leaves everything to IAM.
PLAIN_KEY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{COMPANY}:root"},
            "Action": ["kms:*"],
            "Resource": ["*"],
        }
    ],
}
PLAIN = "plain key"
BROAD = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def resource_document(case: Case) -> Document | None:
    """Return the document of what is asked for: a trust, a bucket's policy, a key's."""
    if case.action.startswith("sts:"):
        return Document.TRUST
    if case.resource.startswith(LOGS):
        return Document.LOG_BUCKET
    if case.resource.startswith(BUCKET):
        return Document.MEDIA_BUCKET
    return {KEY: Document.KEY, WRAPPING_KEY: Document.WRAPPING_KEY}.get(case.resource)


def name_of(document: Document, *, revoked: bool) -> str:
    return f"{document.value}{'/revoked' if revoked else ''}"


def question(case: Case) -> dict[str, Any]:
    context = {**BASE, "aws:PrincipalIsAWSService": str(case.actor.is_service).lower(), **case.context}
    if not case.actor.is_service:
        context["aws:PrincipalArn"] = case.actor.principal_arn
    own, resource = case.actor.own, resource_document(case)
    return {
        "request": {
            "principal": case.actor.principal,
            "action": case.action,
            "resource": {"resource": case.resource, "accountId": COMPANY},
            "contextVariables": {name: value for name, value in context.items() if value},
        },
        "own": name_of(own, revoked=case.revoked) if isinstance(own, Document) else own,
        "resource": name_of(resource, revoked=case.revoked) if resource else PLAIN * (case.resource == OTHER_KEY),
        "allowed": case.allowed,
    }


@dataclass(frozen=True)
class Mutant:
    """A statement changed at one place; ``statement`` is None where it is gone."""

    what: str
    statement: dict[str, Any] | None
    is_wider: bool  # it covers more requests than before
    removed: str = ""


def mutants(statement: dict[str, Any]) -> Iterator[Mutant]:
    yield Mutant("removed", None, is_wider=False)
    for part in ("Action", "Resource"):
        for index, item in enumerate(statement.get(part, ())):
            if len(statement[part]) > 1:
                changed = copy.deepcopy(statement)
                del changed[part][index]
                yield Mutant(f"without {item}", changed, is_wider=False, removed=item.rstrip("*"))
    yield from without_conditions(statement)
    service = statement["Action"][0].partition(":")[0]
    if statement["Action"] not in (["*"], [f"{service}:*"]):
        yield Mutant("every action", {**statement, "Action": [f"{service}:*"]}, is_wider=True)
    if statement["Effect"] == "Allow" and "Principal" in statement:
        yield Mutant("every principal", {**statement, "Principal": "*"}, is_wider=True)
        bucket = statement.get("Resource", ["*"])[0].partition("/")[0]
        if bucket != "*":
            yield Mutant("the whole bucket", {**statement, "Resource": [bucket, f"{bucket}/*"]}, is_wider=True)
    elif statement["Effect"] == "Allow":
        yield Mutant("every resource", {**statement, "Resource": ["*"]}, is_wider=True)


def without_conditions(statement: dict[str, Any]) -> Iterator[Mutant]:
    """Yield the statement without each condition, and without each value of a condition that has several."""
    for operator, keys in statement.get("Condition", {}).items():
        for name, values in keys.items():
            changed = copy.deepcopy(statement)
            del changed["Condition"][operator][name]
            if not changed["Condition"][operator]:
                del changed["Condition"][operator]
            yield Mutant(f"without {operator} {name}", changed, is_wider=True)
            for index, value in enumerate(values):
                if len(values) > 1:
                    changed = copy.deepcopy(statement)
                    del changed["Condition"][operator][name][index]
                    yield Mutant(f"without {name} {value}", changed, is_wider="Not" in operator)


def matches(patterns: list[str], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def asked_of(mutant: Mutant, statement: dict[str, Any], document: str) -> list[int]:
    """Return the questions that could notice a mutant.

    Who is granted less is noticed by what must be allowed, who is granted more by what must be refused; and a change
    is noticed by what the wider one of the two statements is about.
    """
    grants_more = mutant.is_wider == (statement["Effect"] == "Allow")
    wider = (mutant.statement or statement) if mutant.is_wider else statement

    def could_notice(asked: dict[str, Any]) -> bool:
        request = asked["request"]
        about = matches(wider["Action"], request["action"]) and matches(
            wider.get("Resource", ["*"]), request["resource"]["resource"]
        )
        return asked["allowed"] is not grants_more and document in (asked["own"], asked["resource"]) and about

    found = [index for index, asked in enumerate(QUESTIONS) if could_notice(asked)]
    return sorted(found, key=lambda index: mutant.removed not in str(QUESTIONS[index]["request"]))


def text_of(case: Case) -> str:
    who = case.actor.principal.removeprefix("arn:aws:sts::")
    return f"{who} {case.action} {case.resource} {dict(case.context)} revoked={case.revoked}"


QUESTIONS = [question(case) for case in CASES]


def documents() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"all": BROAD, PLAIN: PLAIN_KEY}
    for revoked, chosen in ((False, EVERYTHING), (True, REVOKED)):
        found |= {name_of(document, revoked=revoked): policy for document, policy in policies(chosen).items()}
    return found


def every_mutant(found: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, policy in found.items():
        plain = found.get(name.removesuffix("/revoked"), {}) if name.endswith("/revoked") else {}
        known = plain.get("Statement", ())
        for index, statement in enumerate(policy["Statement"]):
            if name in ("all", PLAIN) or statement in known:
                continue
            if statement["Effect"] == "Deny" and name.startswith("trust"):
                continue  # while access is revoked the trust allows nothing, with its denials or without
            for mutant in mutants(statement):
                changed = copy.deepcopy(policy)
                changed["Statement"][index : index + 1] = [] if mutant.statement is None else [mutant.statement]
                yield {
                    "name": f"{name}/{statement['Sid']}: {mutant.what}",
                    "document": name,
                    "policy": changed,
                    "asked": asked_of(mutant, statement, name),
                }


def test_everybody_may_do_what_the_cases_say_and_no_statement_can_go_or_change_unnoticed() -> None:
    """One run of the simulator answers the cases, and then again with each statement removed, narrowed or widened."""
    found = documents()
    made = list(every_mutant(found))
    answer = iam_simulator.run(QUESTIONS, found, made)
    assert not answer["wrong"], "\n".join(text_of(CASES[index]) for index in answer["wrong"])
    assert len(made) > 200
    assert set(answer["survivors"]) == set(EQUIVALENT), json.dumps(answer["survivors"], indent=1)
