"""What the policies of the contract allow and refuse, asked of an IAM simulator; and that each statement is needed."""

from __future__ import annotations

import copy
import fnmatch
import json
from collections.abc import Iterator
from typing import Any

from tests.services import iam_simulator
from tests.unit.contract.policy_cases import (
    BUCKET,
    CASES,
    COMPANY,
    EVERYTHING,
    KEY,
    LOGS,
    REVOKED,
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
BROAD = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def resource_document(case: Case) -> Document | None:
    """Return the document of what is asked for: a trust, a bucket's policy, a key's."""
    if case.action.startswith("sts:"):
        return Document.TRUST
    if case.resource.startswith(LOGS):
        return Document.LOG_BUCKET
    if case.resource.startswith(BUCKET):
        return Document.MEDIA_BUCKET
    return Document.KEY if case.resource == KEY else None


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
        "resource": name_of(resource, revoked=case.revoked) if resource else "",
        "allowed": case.allowed,
    }


def asked_of(statement: dict[str, Any], document: str, questions: list[dict[str, Any]]) -> list[int]:
    """Return the questions that the document can decide, those about the statement's own actions first."""
    actions = statement["Action"]
    indexes = [i for i, asked in enumerate(questions) if document in (asked["own"], asked["resource"])]
    return sorted(
        indexes, key=lambda i: not any(fnmatch.fnmatchcase(questions[i]["request"]["action"], a) for a in actions)
    )


def text_of(case: Case) -> str:
    who = case.actor.principal.removeprefix("arn:aws:sts::")
    return f"{who} {case.action} {case.resource} {dict(case.context)} revoked={case.revoked}"


def mutants(statement: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield the statement removed, narrowed and widened at one place each; None stands for removed."""
    yield "removed", None
    for part in ("Action", "Resource"):
        for index, item in enumerate(statement.get(part, ())):
            if len(statement[part]) > 1:
                changed = copy.deepcopy(statement)
                del changed[part][index]
                yield f"without {item}", changed
    for operator, keys in statement.get("Condition", {}).items():
        for name, values in keys.items():
            changed = copy.deepcopy(statement)
            del changed["Condition"][operator][name]
            if not changed["Condition"][operator]:
                del changed["Condition"][operator]
            if not changed["Condition"]:
                del changed["Condition"]
            yield f"without condition {operator} {name}", changed
            for index, value in enumerate(values):
                if len(values) > 1:
                    changed = copy.deepcopy(statement)
                    del changed["Condition"][operator][name][index]
                    yield f"without {name} {value}", changed
    service = statement["Action"][0].partition(":")[0]
    if statement["Action"] != ["*"] and statement["Action"] != [f"{service}:*"]:
        yield "action *", {**statement, "Action": [f"{service}:*"]}
    if statement["Effect"] == "Allow":
        if "Resource" in statement and statement["Resource"] != ["*"] and "Principal" not in statement:
            yield "resource *", {**statement, "Resource": ["*"]}
        if "Principal" in statement and "Resource" in statement and statement["Resource"] != ["*"]:
            bucket = statement["Resource"][0].partition("/")[0]
            widened = [bucket, f"{bucket}/*"]
            if statement["Resource"] != [bucket]:
                yield "resource the whole bucket", {**statement, "Resource": widened}
        if "Principal" in statement:
            yield "principal *", {**statement, "Principal": "*"}


QUESTIONS = [question(case) for case in CASES]


def documents() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"all": BROAD}
    for revoked, chosen in ((False, EVERYTHING), (True, REVOKED)):
        found |= {name_of(document, revoked=revoked): policy for document, policy in policies(chosen).items()}
    return found


def every_mutant(found: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, policy in found.items():
        plain = found.get(name.removesuffix("/revoked"), {}) if name.endswith("/revoked") else {}
        known = plain.get("Statement", ())
        for index, statement in enumerate(policy["Statement"]):
            if name == "all" or statement in known:
                continue
            for what, mutant in mutants(statement):
                if statement["Effect"] == "Deny" and name.startswith("trust"):
                    continue  # while access is revoked the trust allows nothing, with its denials or without
                changed = copy.deepcopy(policy)
                changed["Statement"][index : index + 1] = [] if mutant is None else [mutant]
                yield {
                    "name": f"{name}/{statement['Sid']}: {what}",
                    "document": name,
                    "policy": changed,
                    "asked": asked_of(statement, name, QUESTIONS),
                }


def test_everybody_may_do_what_the_cases_say_and_no_statement_can_go_or_change_unnoticed() -> None:
    """One run of the simulator answers the cases, and then again with each statement removed, narrowed or widened."""
    found = documents()
    made = list(every_mutant(found))
    answer = iam_simulator.run(QUESTIONS, found, made)
    assert not answer["wrong"], "\n".join(text_of(CASES[index]) for index in answer["wrong"])
    assert len(made) > 200
    assert not answer["survivors"], json.dumps(answer["survivors"], indent=1)
