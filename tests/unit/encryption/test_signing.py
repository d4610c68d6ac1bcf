"""Signed documents: what was signed comes back, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reelkeep.cli.drill_certificate import KIND, document_of, page
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.encryption.signing import NotSigned, SigningKey, check

FIELDS = {
    "installation": "i", "company": {"id": "c", "name": "Acme <Pictures> & Söhne"}, "way": "bucket",
    "connection": {"id": "s", "name": "main", "bucket": "acme", "region": "r", "on_aws": False},
    "changed_by": "the company", "changed_at": None, "first_denial_at": "t", "change_to_first_denial_seconds": None,
    "bound_seconds": 10.0, "all_dark_seconds": 1.5, "passed": True, "page_said": "</pre><script>alert(1)</script>",
    "surfaces": [{"name": "s", "what": "a segment", "counts": True, "seconds": 1.5, "passed": True}],
    "restored": {"segments_again_seconds": 2.0}, "not_cut": ["a"], "made_at": "t",
}  # fmt: skip


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.open(tmp_path / "signing-key.json", LocalKeyring(tmp_path / "keyring.json"))


def test_what_was_signed_comes_back_also_from_the_page(key: SigningKey) -> None:
    document = key.sign(KIND, FIELDS)
    for text in (json.dumps(document), page(document)):
        assert check(document_of(text), key.public_text) == {**FIELDS, "type": KIND}
    assert "<script" not in page(document)


def test_what_was_altered_or_signed_by_another_key_does_not(key: SigningKey, tmp_path: Path) -> None:
    document = key.sign(KIND, FIELDS)
    (tmp_path / "other").mkdir()
    other = SigningKey.open(tmp_path / "other" / "signing-key.json", LocalKeyring(tmp_path / "other" / "keyring.json"))
    altered = {**document, "signed": document["signed"].replace("1.5", "0.5")}
    wrong = [({**document, "type": "another"}, key), (document, other), (altered, key), ({}, key), ({"signed": 1}, key)]
    for found, by in wrong:
        with pytest.raises(NotSigned):
            check(found, by.public_text)
    with pytest.raises(NotSigned):
        check(document, "no key")
    with pytest.raises(ValueError, match="no document of this type"):
        key.sign("anything", {})


def test_the_key_stays_the_same_and_opens_under_its_own_keyring_only(key: SigningKey, tmp_path: Path) -> None:
    again = SigningKey.open(tmp_path / "signing-key.json", LocalKeyring(tmp_path / "keyring.json"))
    assert again.public_text == key.public_text
    assert "public" not in repr(key)
    (tmp_path / "keyring.json").unlink()
    with pytest.raises(Exception, match="another keyring"):
        SigningKey.open(tmp_path / "signing-key.json", LocalKeyring(tmp_path / "keyring.json"))
