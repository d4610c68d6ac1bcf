"""No process holds a secret of another company than its own; those that serve all hold none (promise I4).

Over TLS: the plain development listener lets the gateway see the first bytes. PostgreSQL serves all companies, and the
supervisor starts them: neither is searched.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services.canaries import (
    Needles,
    a_clip,
    await_film,
    canary_platform,
    is_at_work,
    search,
    side_by_side,
    talk,
    work,
)
from tests.services.installation import wait_until
from tests.services.platform import Platform

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes' memory: root only"),
    pytest.mark.timeout(400),
]


@pytest.mark.parametrize(
    ("companies", "requests"), [(5, 200), pytest.param(50, 10_000, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])]
)
def test_no_process_holds_another_companys_secret(companies: int, requests: int, tmp_path: Path) -> None:
    short, long = a_clip(tmp_path, 24), a_clip(tmp_path, 1_200)
    with canary_platform(companies) as (platform, tenants):
        side_by_side(tenants, lambda tenant: work(tenant, short))
        side_by_side(tenants, lambda tenant: talk(tenant, requests // companies))
        side_by_side(tenants, await_film)
        side_by_side(tenants[:3], lambda tenant: work(tenant, long))
        wait_until(lambda: is_at_work(platform), 60)
        foreign, looked = search(platform, tenants)
        assert not foreign, "\n".join(map(str, foreign))
        everybody = {f"{role} of {tenant.slug}" for tenant in tenants for role in ("app", "media")}
        assert everybody | {"gateway", "egress", "zygote", "runner"} <= looked
        assert any(name.startswith("job of c") for name in looked)
        assert "codec" in looked


def test_what_a_process_holds_is_found_in_it_and_nothing_else() -> None:
    held, absent = ({secrets.token_urlsafe(30).encode() for _ in range(2)} for _ in range(2))
    code = "import sys, time; kept = sys.stdin.buffer.read(); print(len(kept), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b" ".join(held))
        process.stdin.close()
        assert int(process.stdout.readline()) > 60
        assert Needles([*held, *absent]).found_in(process.pid) == held
        process.kill()


def test_a_planted_leak_is_found() -> None:
    program = ("-m", "tests.isolation.leaky_up", *Platform.program[2:])
    with canary_platform(2, program) as (platform, tenants):
        foreign, _ = search(platform, tenants)
        assert any("database password" in str(one) for one in foreign)
