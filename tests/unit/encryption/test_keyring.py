from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from reelkeep.encryption.keyring import KeyringBroken, LocalKeyring


def test_a_keyring_is_created_once_and_then_opened(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    wrapped = LocalKeyring(path).wrap(b"company key", "company-key:acme")
    before = path.read_bytes()
    assert LocalKeyring(path).unwrap(wrapped, "company-key:acme") == b"company key"
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["keyring.json"]


def test_two_that_create_it_at_once_end_with_the_same_key(tmp_path: Path) -> None:
    path, start, made = tmp_path / "keyring.json", threading.Barrier(8), []

    def open_it() -> None:
        start.wait()
        made.append(LocalKeyring(path))

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wrapped = made[0].wrap(b"plain", "context")
    assert [keyring.unwrap(wrapped, "context") for keyring in made] == [b"plain"] * 8
    assert os.listdir(tmp_path) == ["keyring.json"]


def test_another_context_another_keyring_and_altered_bytes_are_refused(tmp_path: Path) -> None:
    keyring, other = LocalKeyring(tmp_path / "a.json"), LocalKeyring(tmp_path / "b.json")
    wrapped = keyring.wrap(b"plain", "company-key:acme")
    with pytest.raises(KeyringBroken):
        keyring.unwrap(wrapped, "company-key:borealis")
    with pytest.raises(KeyringBroken, match="another keyring"):
        other.unwrap(wrapped, "company-key:acme")
    for broken in (b"", wrapped[:8], wrapped[:-1], wrapped[:-1] + bytes([wrapped[-1] ^ 1])):
        with pytest.raises(KeyringBroken):
            keyring.unwrap(broken, "company-key:acme")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keyring.json"
    LocalKeyring(path)
    path.chmod(mode)
    with pytest.raises(KeyringBroken, match="0600"):
        LocalKeyring(path)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"format": "reelkeep-keyring-0"}', '{"format":"x","key_id":"00","key":"00"}', "\0" * 9],
)
def test_what_is_no_keyring_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyringBroken):
        LocalKeyring(path)
    assert path.read_text() == content


def test_links_folders_pipes_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    LocalKeyring(tmp_path / "real.json")
    (tmp_path / "link.json").symlink_to("real.json")
    (tmp_path / "dangling.json").symlink_to("nowhere.json")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link.json", "dangling.json", "folder", "pipe", "missing/keyring.json"):
        with pytest.raises(KeyringBroken):
            LocalKeyring(tmp_path / name)


def test_the_key_does_not_show(tmp_path: Path) -> None:
    keyring = LocalKeyring(tmp_path / "keyring.json")
    assert json.loads((tmp_path / "keyring.json").read_text())["key"] not in repr(keyring)
    assert b"secret" not in keyring.wrap(b"secret", "context")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    LocalKeyring(path)
    os.chown(path, 65_534, 65_534)
    with pytest.raises(KeyringBroken, match="another user"):
        LocalKeyring(path)
