"""Compares a real stack on AWS with the contract, reading only, and dates the result. Run by `make aws-check`.

Needs credentials of the company's account in the environment, with the rights of the audit role or more, and the name
and region of the stack: `make aws-check ARGS="reelkeep-acme eu-central-1"`. The result goes to the standard output as
JSON; the exit code is 1 if a row differs.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError
from botocore.session import Session

from reelkeep.contract import table
from reelkeep.contract.comparison import Known, setting_holds, statement_holds
from reelkeep.contract.expressions import Facts, resolve
from reelkeep.contract.interface import READS, Document, Holder, Kind, Reading, Setting, Statement
from reelkeep.contract.parameters import BY_NAME, ROLE_NAMES, Place, facts

_BUCKET_OF: Final = {Document.MEDIA_BUCKET: "MediaBucket", Document.LOG_BUCKET: "LogBucket"}
_ROLE_OF: Final = {
    Document.TRUST: "MediaRole",
    Document.MEDIA: "MediaRole",
    Document.AUDIT: "AuditRole",
    Document.PURGE: "PurgeRole",
}


def main(stack_name: str, region: str) -> int:
    session: Any = Session()  # its clients have their operations at run time only
    session.set_config_variable("region", region)
    stack = session.create_client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}
    given = {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}
    account = session.create_client("sts").get_caller_identity()["Account"]
    partition = stack["StackId"].split(":")[1]
    chosen = {name: value for name, value in given.items() if name in BY_NAME}
    found = facts(
        chosen,
        Place(account, region, partition),
        key_arn=outputs.get("KeyArn", ""),
        wrapping_key_arn=outputs.get("WrappingKeyArn", ""),
    )
    rows = [_checked(session, row, found) for row in table.ROWS if _is_there(row, found)]
    report = {
        "stack": stack_name,
        "region": region,
        "contract": table.VERSION,
        "reported_by_stack": outputs.get("ContractVersion"),
        "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": rows,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return int(any(row["result"] == "differs" for row in rows))


def _is_there(row: Setting | Statement, found: Facts) -> bool:
    return found.conditions.issuperset(table.conditions_of(row))


def _checked(session: Any, row: Setting | Statement, found: Facts) -> dict[str, str]:
    what = row.document if isinstance(row, Statement) else row.kind
    if what is Kind.NAMESPACE:
        return {"row": table.key(row), "result": "not read", "why": "the name shows it"}
    try:
        answer = _read(session, READS[what], row, found)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code not in READS[what].absent:
            return {"row": table.key(row), "result": "not read", "why": code}
        answer = {}
    known = Known(found)
    verdict = statement_holds(row, answer, known) if isinstance(row, Statement) else setting_holds(row, answer, known)
    return {"row": table.key(row), "result": "as agreed"} if verdict.holds else _differs(row)


def _differs(row: Setting | Statement) -> dict[str, str]:
    return {"row": table.key(row), "result": "differs", "breaks": row.breaks, "advice": row.advice}


def _read(session: Any, reading: Reading, row: Setting | Statement, found: Facts) -> Any:
    answer = getattr(session.create_client(reading.service), reading.operation)(**_named(row, found))
    for step in reading.at:
        answer = answer[step]
    return json.loads(answer) if isinstance(answer, str) else answer


def _named(row: Setting | Statement, found: Facts) -> dict[str, str]:
    """Return the arguments that name what is read."""
    if isinstance(row, Setting):
        if row.holder in (Holder.MEDIA_BUCKET, Holder.LOG_BUCKET):
            return {"Bucket": found.text(row.holder.value)}
        return {"RoleName": _text(ROLE_NAMES[row.holder.value], found)}
    if row.document in _BUCKET_OF:
        return {"Bucket": found.text(_BUCKET_OF[row.document])}
    if row.document is Document.KEY:
        return {"KeyId": found.text("KeyArn")}
    if row.document is Document.WRAPPING_KEY:
        return {"KeyId": found.text("WrappingKeyArn")}
    role = {"RoleName": _text(ROLE_NAMES[_ROLE_OF[row.document]], found)}
    return role if row.document is Document.TRUST else {**role, "PolicyName": row.document.value}


def _text(value: Any, found: Facts) -> str:
    return str(resolve(value, found))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: check_aws.py STACK REGION")
    sys.exit(main(sys.argv[1], sys.argv[2]))
