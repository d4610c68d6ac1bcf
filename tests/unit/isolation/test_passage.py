"""Services of another user below folders that they may not pass. The mounts are real, so root is needed."""

from __future__ import annotations

import os
import pwd
import secrets
import signal
from pathlib import Path

import psycopg
import pytest

from reelkeep.isolation.passage import closed_above
from reelkeep.supervisor.child import Account, spawn
from reelkeep.supervisor.postgres import EmbeddedPostgres

NOBODY = pwd.getpwnam("nobody")
ACCOUNT = Account(NOBODY.pw_uid, NOBODY.pw_gid)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts services as other users")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only its owner may pass, as root's home is."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


def said(log: Path, program: list[str], *, directory: Path, reach: list[Path]) -> str:
    """Return what a program of nobody says."""
    log.unlink(missing_ok=True)
    fixed = {"directory": directory, "log": log, "account": ACCOUNT, "death_signal": signal.SIGKILL}
    child = spawn("service", program, reach=reach, **fixed)
    assert child.wait(20)
    return log.read_text()


@as_root
def test_a_service_reaches_what_it_needs_below_a_closed_folder_and_nothing_else_of_it(closed: Path) -> None:
    mine, others = closed / "project" / "mine", closed / "letters"
    for folder in (mine, others):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "page").write_text(f"of {folder.name}. ")
    program = ["/bin/cat", "page", str(mine / "page"), str(others / "page")]
    log = closed.parent / "log"
    assert "of mine" not in said(log, program, directory=Path("/"), reach=[])
    heard = said(log, program, directory=mine, reach=[mine, closed / "not there"])
    assert heard.startswith("of mine. of mine. ")
    assert "of letters" not in heard
    assert sorted(path.name for path in closed.iterdir()) == ["letters", "project"]
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_postgresql_runs_below_a_closed_folder(closed: Path) -> None:
    postgres = EmbeddedPostgres(closed / "db", closed / "run", closed / "postgres.log", secrets.token_urlsafe(24))
    postgres.prepare()
    child = postgres.start()
    try:
        postgres.wait_ready(child)
        with psycopg.connect(postgres.server.conninfo("postgres")) as conn:
            assert conn.execute("select 1").fetchone() == (1,)
    finally:
        child.stop(seconds=20, first=signal.SIGQUIT)
    child = postgres.start()  # its lock file is found again through the other way
    postgres.wait_ready(child)
    child.stop(seconds=20, first=signal.SIGQUIT)


def test_the_outermost_closed_folder_is_named(closed: Path) -> None:
    (closed / "a").mkdir(mode=0o700)
    stranger = os.geteuid() + 1
    open_above = closed_above(Path("/usr/bin/env"), stranger, stranger)
    assert open_above is None
    found = closed_above(closed / "a" / "file", stranger, stranger)
    assert found is not None
    assert found in closed.parents or found == closed
    assert closed_above(closed / "a" / "file", os.geteuid(), stranger) is None
