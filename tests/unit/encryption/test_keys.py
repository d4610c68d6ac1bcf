from __future__ import annotations

import pytest

from reelkeep.encryption.aead import WrapBroken
from reelkeep.encryption.keys import (
    CompanyKey,
    ContentKey,
    KeyClass,
    VersionKey,
    content_keys_from_json,
    content_keys_to_json,
    new_iv,
    new_salt,
)
from reelkeep.ids import VersionId

VERSION, OTHER = VersionId("0" * 20), VersionId("1" * 20)
SALT = bytes(range(32))


def a_version_key(byte: int = 7) -> VersionKey:
    return VersionKey(VERSION, bytes([byte]) * 32)


def test_a_version_key_opens_with_its_company_and_version_only() -> None:
    company = CompanyKey.new()
    made, wrapped = company.new_version_key(VERSION)
    assert company.unwrap_version_key(VERSION, wrapped).seal_key(SALT, "v360") == made.seal_key(SALT, "v360")
    with pytest.raises(WrapBroken):
        company.unwrap_version_key(OTHER, wrapped)
    with pytest.raises(WrapBroken):
        CompanyKey.new().unwrap_version_key(VERSION, wrapped)
    for broken in (b"", wrapped[:27], wrapped[:-1], wrapped + b"\0", bytes([wrapped[0] ^ 1]) + wrapped[1:]):
        with pytest.raises(WrapBroken):
            company.unwrap_version_key(VERSION, broken)


def test_wrapping_twice_gives_different_bytes() -> None:
    key = a_version_key()
    content_key = ContentKey(bytes(16), bytes(16))
    assert key.wrap_content_key(content_key) != key.wrap_content_key(content_key)


def test_seal_keys_differ_by_salt_rendition_purpose_and_version() -> None:
    keys = {
        version.seal_key(salt, rendition)
        for version in (a_version_key(), a_version_key(8))
        for salt in (SALT, bytes(32))
        for rendition in ("v360", "v720", "a1", "stills")
    }
    keys |= {a_version_key().index_key(salt, "v360") for salt in (SALT, bytes(32))}
    assert len(keys) == 2 * 2 * 4 + 2
    assert all(len(key) == 32 for key in keys)


def test_the_derivation_is_that_of_rfc_5869_and_never_changes() -> None:
    # HMAC by hand, independent of the library's HKDF: stored proxies depend on these bytes.
    import hashlib
    import hmac

    extracted = hmac.digest(SALT, bytes([7]) * 32, hashlib.sha256)
    expected = hmac.digest(extracted, b"reelkeep/seal/v0/v360" + b"\x01", hashlib.sha256)
    assert a_version_key().seal_key(SALT, "v360") == expected


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_a_salt_of_another_length_is_refused(salt: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        a_version_key().seal_key(salt, "v360")


def test_content_keys_survive_the_database_and_open_for_their_own_id_only() -> None:
    version = a_version_key()
    keys = version.new_content_keys((KeyClass.AUDIO, KeyClass.SD, KeyClass.HD))
    stored = content_keys_to_json(version, keys)
    assert set(stored) == {"audio", "sd", "hd"}
    assert all(key.key.hex() not in str(stored) for key in keys.values())
    assert content_keys_from_json(version, stored) == keys
    assert len({key.key for key in keys.values()}) == len({key.key_id for key in keys.values()}) == 3
    swapped = {"audio": {"kid": stored["audio"]["kid"], "wrapped": stored["hd"]["wrapped"]}}
    with pytest.raises(WrapBroken):
        content_keys_from_json(version, swapped)
    with pytest.raises(WrapBroken):
        content_keys_from_json(a_version_key(8), stored)


def test_no_key_shows_in_a_repr() -> None:
    company = CompanyKey(b"\xab" * 32)
    version = VersionKey(VERSION, b"\xab" * 32)
    content = ContentKey(bytes(16), b"\xab" * 16)
    for shown in (repr(company), repr(version), repr(content), str(content), f"{[company, version, content]}"):
        assert "abab" not in shown
        assert "\\xab" not in shown


def test_salts_ivs_and_keys_are_fresh_and_of_the_right_length() -> None:
    assert len({new_salt() for _ in range(100)}) == 100
    assert (len(new_salt()), len(new_iv()), len(CompanyKey.new().reveal())) == (32, 16, 32)
    with pytest.raises(WrapBroken):
        CompanyKey(bytes(31))
    with pytest.raises(ValueError, match="16 bytes"):
        ContentKey(bytes(15), bytes(16))
