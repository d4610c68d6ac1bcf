"""Settings: the command line wins over variables, variables over the file; unknown names and wrong types fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelkeep.media import MediaLimits
from reelkeep.settings import Settings, SettingsRefused, load


def test_without_anything_the_defaults_hold() -> None:
    assert load({}) == Settings()


def test_the_later_source_wins(tmp_path: Path) -> None:
    file = tmp_path / "reelkeep.toml"
    file.write_text('port = 1000\ndomain = "file"\njobs = 2\n')
    settings = load({"REELKEEP_PORT": "2000", "REELKEEP_DOMAIN": "variable"}, file, port=3000, data=None)
    assert (settings.port, settings.domain, settings.jobs) == (3000, "variable", 2)


def test_the_limits_of_originals_are_settings() -> None:
    settings = load({"REELKEEP_MAX_TRACKS": "64", "REELKEEP_MAX_CODEC_BYTES": "1000000000"})
    assert settings.media_limits() == MediaLimits(max_tracks=64, max_codec_bytes=1_000_000_000)
    assert Settings().media_limits() == MediaLimits()


def test_json_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"s3_embedded": true, "data": "/srv/reelkeep"}')
    assert load({}, tmp_path / "s.json") == Settings(s3_embedded=True, data=Path("/srv/reelkeep"))


@pytest.mark.parametrize(
    "variables",
    [
        {"REELKEEP_PROT": "1"},
        {"REELKEEP_PORT": "eighty"},
        {"REELKEEP_PORT": "70000"},
        {"REELKEEP_S3_EMBEDDED": "perhaps"},
        {"REELKEEP_ADDRESS": "0.0.0.0"},
        {"REELKEEP_JOBS": "0"},
        {"REELKEEP_AUDIT_HOURS": "9000"},
        {"REELKEEP_MEDIA_CACHE_BYTES": "-1"},
        {"REELKEEP_MAX_TRACKS": "0"},
        {"REELKEEP_MAX_PICTURE_PX": "999999999"},
        {"REELKEEP_PLATFORM_ACCESS_KEY_ID": "AKIA"},
    ],
)
def test_what_cannot_be_is_refused_without_telling_the_value(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsRefused) as refused:
        load(variables)
    assert "eighty" not in refused.value.message
    assert "perhaps" not in refused.value.message


@pytest.mark.parametrize("text", ["not toml", "[table]\nx = 1", "port = '1'\njobs = 'x'"])
def test_a_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(SettingsRefused):
        load({}, tmp_path / "s.toml")


def test_the_secret_key_does_not_show_in_repr() -> None:
    settings = load({"REELKEEP_PLATFORM_ACCESS_KEY_ID": "AKIA", "REELKEEP_PLATFORM_SECRET_ACCESS_KEY": "hush"})
    assert settings.platform_secret_access_key == "hush"
    assert "hush" not in repr(settings)
