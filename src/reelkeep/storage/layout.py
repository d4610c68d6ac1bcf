"""Object keys below a connection's prefix, and the slugs and safe names in them. Pure; no I/O.

Keys hold ids and ASCII alone; the true name of a file is in the database. Slugs and safe names are frozen at
creation. Limits: 40 and 120 characters, so that a whole key stays below S3's 1,024 bytes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from reelkeep.errors import StorageSetupError
from reelkeep.ids import ID_CHARACTERS, ID_PATTERN, AssetId, BackupId, LutId, ProductionId, VersionId, is_id
from reelkeep.sequences import FrameName

SLUG_CHARACTERS: Final = 40
SAFE_NAME_CHARACTERS: Final = 120
EXTENSION_CHARACTERS: Final = 16
KEY_BYTES: Final = 900  # of S3's 1,024: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
NAMELESS: Final = "unnamed"
STILLS: Final = "stills"
LUTS_SCOPE: Final = "attachments/lut/"  # the prefix of a company's LUTs
BACKUPS_SCOPE: Final = "custody/backups/"  # the prefix of backups of the company's database
MARKER: Final = "reelkeep.json"  # whose bucket, or whose part of it, this is: storage.marker
_RENDITION = re.compile(r"[a-z][a-z0-9]{0,15}")
_STILL = re.compile(r"([a-z]{1,16})-([0-9]{1,9})")
_NAMED_ID = rf"[a-z0-9-]{{1,{SLUG_CHARACTERS}}}-{ID_PATTERN}"
_ORIGINAL = re.compile(rf"originals/{_NAMED_ID}/{_NAMED_ID}/{ID_PATTERN}/[A-Za-z0-9._-]{{1,{SAFE_NAME_CHARACTERS}}}")
_LUT = re.compile(rf"{LUTS_SCOPE}{ID_PATTERN}/[A-Za-z0-9._-]{{1,{SAFE_NAME_CHARACTERS}}}")
_BACKUP = re.compile(rf"{BACKUPS_SCOPE}({ID_PATTERN})/(?:[0-9]{{5}}|whole\.json)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class BundlePlace:
    version_id: VersionId
    attempt_number: int
    rendition: str
    number: int


@dataclass(frozen=True)
class StillPlace:
    version_id: VersionId
    attempt_number: int
    kind: str
    number: int


def slug(name: str) -> str:
    """Return ``name`` as lower-case ASCII words joined by hyphens, at most SLUG_CHARACTERS long, never empty.

    >>> slug("Der Läufer: Rolle 2"), slug("  "), slug("🎬")
    ('der-laufer-rolle-2', 'unnamed', 'unnamed')
    """
    words = re.sub(r"[^a-z0-9]+", "-", _ascii(name).lower())
    return words.strip("-")[:SLUG_CHARACTERS].rstrip("-") or NAMELESS


def safe_name(file_name: str) -> str:
    """Return a file name as ASCII letters, digits, ``._-``: no folder, no leading dot, its extension kept.

    >>> safe_name("../../etc/passwd"), safe_name("Rolle 2 (final).MOV"), safe_name(".mp4")
    ('passwd', 'Rolle_2_final.MOV', 'mp4')
    >>> safe_name("x" * 300 + ".mxf")[-8:]
    'xxxx.mxf'
    """
    last = re.split(r"[/\\]", _ascii(file_name).rstrip("/\\ "))[-1]
    name = re.sub(r"_*\.[._]*", ".", re.sub(r"[^A-Za-z0-9._-]+", "_", last)).strip("._-")
    if len(name) > SAFE_NAME_CHARACTERS:
        stem, dot, extension = name.rpartition(".")
        ending = dot + extension[:EXTENSION_CHARACTERS] if stem else ""
        name = (stem or name)[: SAFE_NAME_CHARACTERS - len(ending)] + ending
    return name or NAMELESS


def production_scope(production_slug: str, production_id: ProductionId) -> str:
    """Return the prefix of all originals of a production."""
    return f"originals/{production_slug}-{production_id}/"


def original_scope(
    production_slug: str, production_id: ProductionId, asset_slug: str, asset_id: AssetId, version_id: VersionId
) -> str:
    """Return the prefix under which one version's original lies alone: as far as a session policy may name it."""
    return f"{production_scope(production_slug, production_id)}{asset_slug}-{asset_id}/{version_id}/"


def original_key(
    production_slug: str,
    production_id: ProductionId,
    asset_slug: str,
    asset_id: AssetId,
    version_id: VersionId,
    file_name: str,
) -> str:
    """Return the key of an original. ``file_name`` is what the uploader called it, in any form."""
    return original_scope(production_slug, production_id, asset_slug, asset_id, version_id) + safe_name(file_name)


def frame_key(scope: str, file_name: str, name: FrameName) -> str:
    """Return the key of one frame of an image sequence. Frames of one sequence have different keys.

    Args:
        scope: of ``original_scope``.
        name: ``file_name``, taken apart.

    >>> from reelkeep.sequences import frame_name
    >>> names = [frame_name(text) for text in ("Läufer 2.0001.exr", "x" * 300 + ".0001.exr")]
    >>> frame_key("a/", "Läufer 2.0001.exr", names[0]), frame_key("a/", "x" * 300 + ".0001.exr", names[1])
    ('a/Laufer_2.0001.exr', 'a/0001.exr')
    """
    number = f"{name.digits}.{name.extension}"
    readable = safe_name(file_name)  # a cut one may have lost its number
    return scope + (readable if readable.endswith(number) and len(readable) < SAFE_NAME_CHARACTERS else number)


def without_names(key: str) -> str:
    """Return a key below the prefix as whoever learns no names may see it: with its ids, and no slug or file name.

    A key of another form is somebody else's, and stands as the beginning of its SHA-256, by which its owner finds it.

    >>> without_names(f"originals/show-{'0' * 20}/reel-1-{'1' * 20}/{'2' * 20}/reel_1.mov")
    'originals/*-00000000000000000000/*-11111111111111111111/22222222222222222222/*'
    >>> without_names("My film.mov"), without_names(MARKER)
    ('sha256:6a8a2f8ef8450d3b', 'reelkeep.json')
    """
    if _ORIGINAL.fullmatch(key):
        production, asset, version_id = key.split("/")[1:4]
        return f"originals/*{production[-ID_CHARACTERS - 1 :]}/*{asset[-ID_CHARACTERS - 1 :]}/{version_id}/*"
    if _LUT.fullmatch(key):
        return f"{key.rpartition('/')[0]}/*"
    if key == MARKER or parse_proxy_key(key) is not None:
        return key
    return f"sha256:{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:16]}"


def lut_key(lut_id: LutId, file_name: str) -> str:
    """Return the key of a LUT. ``file_name`` is what its uploader called it, in any form."""
    return f"{LUTS_SCOPE}{lut_id}/{safe_name(file_name)}"


def backup_scope(backup_id: BackupId) -> str:
    """Return the prefix of one backup of the company's database."""
    return f"{BACKUPS_SCOPE}{backup_id}/"


def backup_part_key(backup_id: BackupId, number: int) -> str:
    """Return the key of a part of a backup; parts are counted from 0, 100,000 at most."""
    return f"{backup_scope(backup_id)}{number:05}"


def backup_end_key(backup_id: BackupId) -> str:
    """Return the key of what is written last: a backup without it is not whole."""
    return f"{backup_scope(backup_id)}whole.json"


def parse_backup_key(key: str) -> BackupId | None:
    """Return the backup that a key belongs to, or None if it is no key of ours.

    >>> parse_backup_key(backup_part_key(BackupId("4" * 20), 7)), parse_backup_key("custody/backups/x/00001")
    ('44444444444444444444', None)
    """
    found = _BACKUP.fullmatch(key)
    return BackupId(found[1]) if found else None


def proxy_scope(version_id: VersionId) -> str:
    """Return the prefix of everything made from one version."""
    return f"proxies/{version_id}/"


def attempt_scope(version_id: VersionId, attempt_number: int) -> str:
    return f"{proxy_scope(version_id)}{attempt_number}/"


def bundle_key(version_id: VersionId, attempt_number: int, rendition: str, bundle_number: int) -> str:
    return f"{attempt_scope(version_id, attempt_number)}{rendition}/{bundle_number}"


def still_key(version_id: VersionId, attempt_number: int, kind: str, number: int) -> str:
    return f"{attempt_scope(version_id, attempt_number)}{STILLS}/{kind}-{number}"


def parse_proxy_key(key: str) -> BundlePlace | StillPlace | None:
    """Return what a proxy key names, or None if it is no key of ours.

    >>> parse_proxy_key(bundle_key(VersionId("0" * 20), 1, "v360", 7))
    BundlePlace(version_id='00000000000000000000', attempt_number=1, rendition='v360', number=7)
    >>> parse_proxy_key("proxies/x/1/v360/7")
    """
    parts = key.split("/")
    if len(parts) != 5 or parts[0] != "proxies" or not is_id(parts[1]) or not _NUMBER.fullmatch(parts[2]):
        return None
    version_id, attempt_number = VersionId(parts[1]), int(parts[2])
    if parts[3] == STILLS:
        still = _STILL.fullmatch(parts[4])
        return StillPlace(version_id, attempt_number, still[1], int(still[2])) if still else None
    if not _RENDITION.fullmatch(parts[3]) or not _NUMBER.fullmatch(parts[4]):
        return None
    return BundlePlace(version_id, attempt_number, parts[3], int(parts[4]))


def is_upload_key(key: str) -> bool:
    """Tell whether a key is one that people's files get here: that of an original or a LUT.

    >>> is_upload_key(lut_key(LutId("3" * 20), "show.cube")), is_upload_key("attachments/lut/show.cube")
    (True, False)
    """
    return is_original_key(key) or _LUT.fullmatch(key) is not None


def is_original_key(key: str) -> bool:
    """Tell whether a key has the form of ``original_key``: made here, not by somebody else under the same prefix.

    >>> ids = [ProductionId("0" * 20), AssetId("1" * 20), VersionId("2" * 20)]
    >>> is_original_key(original_key("demo", ids[0], "clip", ids[1], ids[2], "clip.mov"))
    True
    >>> is_original_key("originals/rushes/day-1/clip.mov"), is_original_key("originals/")
    (False, False)
    """
    return _ORIGINAL.fullmatch(key) is not None


def longest_key_bytes(prefix: str) -> int:
    """Return how long a key below ``prefix`` can get, in bytes (all characters are ASCII)."""
    named = SLUG_CHARACTERS + 1 + ID_CHARACTERS
    below = len("originals/") + 2 * (named + 1) + ID_CHARACTERS + 1 + SAFE_NAME_CHARACTERS
    return len(prefix.encode()) + 1 + below


def check_prefix(prefix: str) -> str:
    """Return a connection's prefix, ``""`` or ``a/b``.

    Raises:
        StorageSetupError: it is not printable ASCII, has empty or dotted parts, or leaves too little room for keys.
    """
    parts = prefix.split("/")
    if prefix and any(not re.fullmatch(r"[A-Za-z0-9!_.'()=+@-]+", part) or part.strip(".") == "" for part in parts):
        raise StorageSetupError(
            "the prefix may hold letters, digits and !_.'()=+@- in parts divided by single slashes",
            advice="Choose another prefix for this storage connection, such as media/reelkeep.",
        )
    if longest_key_bytes(prefix) > KEY_BYTES:
        raise StorageSetupError(
            "the prefix is too long for the keys below it",
            advice="Choose a shorter prefix for this connection.",
        )
    return prefix


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
