import json
from pathlib import Path

import pytest

from reelkeep.cli import exits, main


def test_no_command_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) in (exits.DONE, exits.USAGE)
    shown = capsys.readouterr()
    assert "upload" in shown.out + shown.err


@pytest.mark.parametrize("arguments", [["nonsense"], ["upload"], ["upload", "--nonsense"], ["up", "--port", "70000"]])
def test_a_wrong_command_line_is_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == exits.USAGE
    assert capsys.readouterr().err


def test_an_error_is_one_sentence_and_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["assets", "--production", "x"]) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "You are not signed in. Sign in with `reelkeep login ADDRESS --email YOU`.\n"


def test_an_error_for_programs_is_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["assets", "--production", "x", "--json"]) == 4
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["code"] == "sign_in"
    assert shown.err == ""


def test_an_operators_command_without_an_installation_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["company", "create", "acme", "--data", str(tmp_path / "none")]) == 5
    assert "reelkeep up" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_an_installation_that_is_not_running_is_a_dependency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["company", "create", "acme", "--data", str(tmp_path)]) == 8
    assert "not running" in capsys.readouterr().err


def test_the_platform_does_not_start_with_a_setting_that_is_unknown_or_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "reelkeep.toml"
    file.write_text("max_tracks = 0\n")
    assert main(["up", "--data", str(tmp_path / "data"), "--settings", str(file)]) == 3
    assert "The setting max_tracks must be from 1" in capsys.readouterr().err
    monkeypatch.setenv("REELKEEP_PROT", "80")
    assert main(["up", "--data", str(tmp_path / "data")]) == 3
    assert capsys.readouterr().err.startswith("There is no setting prot.")
    assert not (tmp_path / "data").exists()
