"""Connect, verify, activate by the operator's commands, on the embedded store and with a stack of the contract."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tests.media.originals import make_original
from tests.services import contract_stack as stacks
from tests.services import ministack as service
from tests.services import tls_stand_in
from tests.services.platform import Platform

from reelkeep.catalog.tables import audit_events
from reelkeep.cli import exits, main
from reelkeep.cli.installation import Installation
from reelkeep.companies import tables
from reelkeep.contract.table import VERSION
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.recurring import Recurring
from reelkeep.transfer.upload import upload

BUCKET = "acme-tried"


class Operator:
    """Runs commands in this process, as on the machine where the platform runs."""

    def __init__(self, platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
        self.platform, self._capsys = platform, capsys

    def run(self, *words: str) -> tuple[int, Any]:
        self._capsys.readouterr()
        code = main([*words, "--company", "acme", "--data", str(self.platform.data), "--json"])
        return code, json.loads(self._capsys.readouterr().out)

    def tell(self, *words: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main([*words, "--company", "acme", "--data", str(self.platform.data)])
        told = self._capsys.readouterr()
        return code, told.out + told.err

    @property
    def installation(self) -> Installation:
        return Installation(self.platform.data)

    def state(self, name: str) -> ConnectionState:
        assert self.platform.company is not None
        return self.installation.storage.connection(self.platform.company, name).state

    def events(self, what: str) -> list[dict[str, Any]]:
        with self.platform.company_engine().connect() as conn:
            query = select(audit_events.c.details).where(audit_events.c.what == what).order_by(audit_events.c.id)
            return list(conn.scalars(query))


@pytest.fixture
def operator(platform: Platform, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(platform, capsys)


@pytest.fixture
def other_bucket(operator: Operator) -> dict[str, str]:
    """A bucket with a role of its own on the embedded store, which nobody has connected yet."""
    made = operator.installation.storage.bucket_on_store(BUCKET, operator.platform.origin)
    return {"bucket": made.bucket, "role": made.role_arn, "endpoint": made.endpoint_url or ""}


def test_only_a_connection_that_passed_is_used_first_by_a_production_and_then_by_the_company(
    operator: Operator, other_bucket: dict[str, str], tmp_path: Path
) -> None:
    connect = ["storage", "connect", "--bucket", other_bucket["bucket"], "--role", other_bucket["role"]]
    code, made = operator.run(*connect, "--endpoint", other_bucket["endpoint"], "--path-style")
    assert (code, made["state"]) == (0, "draft")
    name = made["name"]
    assert operator.run("storage", "activate", name, "--production", "Demo")[0] == 3
    store, other = operator.platform.store(), {"AllowedOrigins": ["https://x.example"], "AllowedMethods": ["GET"]}
    kept = store.get_bucket_cors(Bucket=BUCKET)
    store.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [other]})
    code, report = operator.run("storage", "verify", name)
    assert (code, report["passed"]) == (exits.FINDINGS, False)
    assert {one["id"] for one in report["checks"] if one["is_required"] and one["result"] == "fail"} == {
        "cors-own",
        "no-other-origin",
    }
    assert operator.state(name) is ConnectionState.DRAFT
    code, refused = operator.run("storage", "activate", name, "--production", "Demo")
    assert "cors-own" in refused["error"]["message"]
    store.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": kept["CORSRules"]})
    code, report = operator.run("storage", "verify", name)
    assert (code, report["passed"]) == (0, True)
    assert [one["id"] for one in report["changes"] if one["before"] == "fail"] >= ["cors-own"]
    assert operator.state(name) is ConnectionState.VERIFIED
    code, refused = operator.run("storage", "activate", name)
    assert "No production has stored a version" in refused["error"]["message"]
    with operator.platform.api() as api:
        production = api.create_production("Trial")
        assert operator.run("storage", "activate", name, "--production", production["id"])[0] == 0
        assert operator.state(name) is ConnectionState.ACTIVE
        for _ in range(100):
            if api.find_production(production["id"])["placement"]["connection"] == name:
                break
        upload(api, production["id"], make_original(tmp_path / "trial.mp4", frames=12))
    assert operator.run("storage", "activate", name)[0] == 0
    assert operator.run("storage", "place", "--connection", "acme-media")[0] == 0
    code, listed = operator.run("storage", "reports", name)
    assert [one["passed"] for one in listed["reports"]] == [True, False]


def test_what_changes_is_an_event_and_a_connection_in_use_stays_in_use(operator: Operator, tmp_path: Path) -> None:
    store, bucket = operator.platform.store(), operator.platform.bucket
    assert operator.run("storage", "verify", bucket)[0] == 0
    before = len(operator.events("storage.changed"))
    kept = store.get_bucket_cors(Bucket=bucket)
    other = {"AllowedOrigins": ["https://x.example"], "AllowedMethods": ["GET"]}
    store.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [other]})
    html = tmp_path / "report.html"
    try:
        code, words = operator.tell("storage", "verify", bucket, "--html", str(html))
    finally:
        store.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": kept["CORSRules"]})
    assert code == exits.FINDINGS
    assert "cors-own" in words
    assert "nothing here is verified on AWS" in words
    assert operator.state(bucket) is ConnectionState.ACTIVE
    changed = operator.events("storage.changed")[before:]
    assert ("cors-own", "pass", "fail") in [(one["check"], one["before"], one["after"]) for one in changed]
    text = html.read_text(encoding="utf-8")
    assert "Not passed" in text
    assert "<script" not in text
    assert "http://" not in text.replace("http://127.0.0.1", "").replace("http://acme.localhost", "")
    code, findings = operator.run("storage", "audit")
    assert "reelkeep.json" not in json.dumps(findings["audits"][0]["findings"])
    assert "versioning" in [one["id"] for one in findings["audits"][0]["settings"] if one["result"] == "fail"]
    assert operator.run("storage", "verify", bucket)[0] == 0


def test_connections_are_tried_out_again_each_day_by_themselves(operator: Operator, tmp_path: Path) -> None:
    platform, table = operator.platform, tables.acceptance_reports
    log = tmp_path / "verify.log"
    program = [*Programs().verify, "--data", str(platform.data)]
    verifying = Recurring("acceptance tests", program, log, PlatformIdentity())

    def count() -> int:
        with operator.installation.on_registry() as conn:
            return int(conn.execute(select(func.count()).select_from(table)).scalar_one())

    assert operator.run("storage", "verify", platform.bucket)[0] == 0
    recent = count()
    assert asyncio.run(verifying.once()) == 0, log.read_text()
    assert count() == recent
    with operator.installation.on_registry() as conn:
        conn.execute(update(table).values(made_at=table.c.made_at - timedelta(days=2)))
    assert asyncio.run(verifying.once()) == 0, log.read_text()
    assert count() > recent
    assert "acme: acme-media passed, 0 changes." in log.read_text()


def test_a_stack_is_connected_by_what_its_company_pastes_back(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.running(tmp_path) as server, tls_stand_in.in_front_of(server.endpoint_url) as url:
        asked = ("--account", service.COMPANY_ACCOUNT, "--region", service.REGION, "--principal", stacks.PLATFORM_ARN)
        code, offered = operator.run("storage", "template", *asked, "--origin", "https://acme.example")
        assert code == 0
        stack = stacks.deploy(server, offered["parameters"])
        outputs = tmp_path / "outputs.json"
        outputs.write_text(json.dumps([{"OutputKey": k, "OutputValue": v} for k, v in stack.outputs.items()]))
        code, made = operator.run("storage", "connect", "--stack", str(outputs), "--endpoint", url, "--path-style")
        assert (code, made["id"], made["state"]) == (0, offered["connection"], "draft")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.identity.access_key_id or "")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.identity.secret_access_key or "")
        asked = ("--origin", "https://acme.example", "--plain-url", server.endpoint_url)
        code, report = operator.run("storage", "verify", made["name"], *asked)
        wrong = [(one["id"], one["found"]) for one in report["checks"] if one["result"] == "fail"]
        assert (code, wrong) == (0, [])
        assert report["contract"] == VERSION
        assert report["audit_role"] == stack.outputs["AuditRoleArn"]
        assert operator.state(made["name"]) is ConnectionState.VERIFIED
        activate = ("storage", "activate", made["name"], "--production", "Demo")
        outputs.write_text(json.dumps({"Stacks": [_described(stack.outputs, {"AllowPurge": "No"})]}))
        assert operator.run("storage", "connect", "--stack", str(outputs))[0] == 0
        code, refused = operator.run(*activate)
        assert code == 3
        assert "before its stack was told anew" in refused["error"]["message"]
        assert operator.state(made["name"]) is ConnectionState.VERIFIED
        assert operator.run("storage", "verify", made["name"], *asked)[0] == 0
        assert operator.run("storage", "connect", "--stack", str(outputs))[0] == 0  # the same again changes nothing
        assert operator.run(*activate)[0] == 0
        assert operator.run("storage", "place", "--inherit", "--production", "Demo")[0] == 0
        assert operator.run("storage", "suspend", made["name"])[0] == 0
        assert operator.run("storage", "retire", made["name"])[0] == 0


def _described(outputs: dict[str, str], parameters: dict[str, str]) -> dict[str, Any]:
    """Return a stack as ``aws cloudformation describe-stacks`` tells of it."""
    return {
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }


def test_a_paste_of_something_else_is_refused_in_words(operator: Operator, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"bucket": "x"}))
    code, told = operator.run("storage", "connect", "--stack", str(wrong))
    assert code == 7
    assert "PasteBack" in told["error"]["advice"] or "template" in told["error"]["advice"]
    assert operator.run("storage", "connect", "--stack", str(tmp_path / "nothing"))[0] == 3


def test_onboarding_shows_what_is_done_and_names_what_was_passed_over(operator: Operator) -> None:
    code, found = operator.run("storage", "onboarding")
    states = {one["step"]: one["state"] for one in found["steps"]}
    assert (code, states["deploy"], states["company"], states["contacts"]) == (0, "done", "done", "open")
    assert "acme-media" in next(one["evidence"] for one in found["steps"] if one["step"] == "company")
    assert "contacts is open though a later step is done" in operator.tell("storage", "onboarding")[1].replace(
        "\n", " "
    )
    assert operator.run("storage", "onboarding", "--done", "contacts")[0] == 3
    assert operator.run("storage", "onboarding", "--done", "lunch", "--owner", "A", "--evidence", "B")[0] == 3
    note = ("--owner", "Ada Lovelace", "--evidence", "mail of 26 November")
    code, found = operator.run("storage", "onboarding", "--left-out", "migration", *note)
    line = found["steps"][-1]
    assert (line["state"], line["owner"], line["next"]) == ("left out", "Ada Lovelace", "")
    assert operator.events("onboarding.noted")[-1] == {
        "step": "migration",
        "state": "left out",
        "owner": "Ada Lovelace",
        "evidence": "mail of 26 November",
    }
    assert operator.run("storage", "onboarding", "--done", "review", "--reopen", "migration", *note)[0] == 3
    code, found = operator.run("storage", "onboarding", "--reopen", "migration", *note)
    assert (code, found["steps"][-1]["state"]) == (0, "open")
