"""docs/how-to/onboard-a-company.md from the first command to the last, on a model of AWS, with no edit by hand between.

The whole platform runs; the company's cloud team is MiniStack's root of the company's account. *Not verified on AWS*.
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
from tests.services import tls_stand_in
from tests.services.databases import open_folder
from tests.services.installation import wait_until
from tests.services.platform import EMAIL, Platform

from reelkeep.cli import main
from reelkeep.cli.installation import Installation
from reelkeep.transfer import network
from reelkeep.transfer.upload import upload


class Onboarded(Platform):
    """A platform with a company that has no bucket yet."""

    def provision(self) -> None:
        operator = Installation(self.data)
        self.company = operator.create_company("acme", "Acme Pictures", "localhost")
        user, password = operator.create_user(self.company, EMAIL, "Ada", None, is_company_admin=True)
        self.password = password or ""
        self.production_id = str(operator.create_production(self.company, "Trial", user).id)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[service.Ministack, str]]:
    with (
        service.running(tmp_path_factory.mktemp("ministack")) as server,
        tls_stand_in.in_front_of(server.endpoint_url) as url,
    ):
        yield server, url


@pytest.fixture(scope="module")
def platform(cloud: tuple[service.Ministack, str]) -> Iterator[Onboarded]:
    """`reelkeep up` with the platform's own identity at the model of AWS; the operator's commands have it, too."""
    identity = cloud[0].identity
    key, secret = identity.access_key_id or "", identity.secret_access_key or ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELKEEP_PLATFORM_ACCESS_KEY_ID", key)
        patch.setenv("REELKEEP_PLATFORM_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_ACCESS_KEY_ID", key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        one = Onboarded(open_folder("rk-on-") / "data", s3=True)
        one.start()
        try:
            one.provision()
            yield one
        finally:
            one.end_in_order()


def test_a_company_comes_onto_its_own_bucket_step_by_step_with_no_edit_between(
    platform: Onboarded, cloud: tuple[service.Ministack, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, url = cloud

    def run(*words: str) -> Any:
        capsys.readouterr()
        code = main([*words, "--company", "acme", "--data", str(platform.data), "--json"])
        out = capsys.readouterr().out
        assert code == 0, out
        return json.loads(out)

    def note(step: str, state: str = "--done") -> None:
        run("storage", "onboarding", state, step, "--owner", "Ada", "--evidence", "as agreed")

    note("contacts")
    where = ("--account", service.COMPANY_ACCOUNT, "--region", service.REGION, "--principal", stacks.PLATFORM_ARN)
    offered = run("storage", "template", *where, "--origin", platform.origin)
    note("review")
    stack = stacks.deploy(server, offered["parameters"])
    outputs = tmp_path / "outputs.json"
    outputs.write_text(stack.outputs["PasteBack"])
    made = run("storage", "connect", "--stack", str(outputs), "--endpoint", url, "--path-style")
    report = run("storage", "verify", made["name"], "--plain-url", server.endpoint_url)
    assert report["passed"]
    run("storage", "activate", made["name"], "--production", "Trial")
    clip = make_original(tmp_path / "reel 1.mp4", frames=12)
    with platform.api() as api:
        wait_until(lambda: api.find_production(platform.production_id)["placement"]["connection"] == made["name"])
        version_id = upload(api, platform.production_id, clip).version_id
        platform.wait_for(version_id, "ready")
        session = api.playback_session(version_id)
        step = next(each["name"] for each in session["renditions"] if each["is_step"])
        with network.client() as player:
            assert b"moof" in player.get(f"{session['base']}/{step}/0.m4s").raise_for_status().content
            assert player.get(api.download_link(version_id).url).raise_for_status().content == clip.read_bytes()
    note("acceptance")
    run("storage", "activate", made["name"])
    note("migration", "--left-out")
    audits = run("storage", "audit")["audits"]
    assert [one["clean"] for one in audits] == [True]
    assert set(audits[0]["found"]) <= {"unnamed"}  # the ends of proxies, which hold no segment
    assert [one["id"] for one in audits[0]["settings"] if one["result"] == "fail"] == []
    steps = run("storage", "onboarding")["steps"]
    assert [one["state"] for one in steps] == ["done"] * 6 + ["left out"]
    assert all(one["evidence"] for one in steps)
