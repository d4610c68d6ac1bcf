import stat
from pathlib import Path

import pytest

from reelkeep.cli.logins import Logins
from reelkeep.errors import SignInRequired


def test_the_last_login_is_the_default_and_others_are_kept(tmp_path: Path) -> None:
    logins = Logins(tmp_path / "reelkeep" / "logins.json")
    logins.keep("http://acme.localhost:1", "a")
    logins.keep("http://borealis.localhost:1", "b")
    with logins.open(None) as last, logins.open("http://acme.localhost:1/") as other:
        assert (last.address, other.address) == ("http://borealis.localhost:1", "http://acme.localhost:1")


def test_nobody_else_can_read_the_tokens(tmp_path: Path) -> None:
    logins = Logins(tmp_path / "reelkeep" / "logins.json")
    logins.keep("http://acme.localhost:1", "a")
    assert stat.S_IMODE(logins.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(logins.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "[]", '{"tokens": 1}', "{"])
def test_a_broken_file_means_not_signed_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "logins.json").write_text(text)
    with pytest.raises(SignInRequired):
        Logins(tmp_path / "logins.json").open(None)


def test_another_address_needs_its_own_login(tmp_path: Path) -> None:
    logins = Logins(tmp_path / "logins.json")
    logins.keep("http://acme.localhost:1", "a")
    with pytest.raises(SignInRequired, match=r"borealis\.localhost"):
        logins.open("http://borealis.localhost:1")
