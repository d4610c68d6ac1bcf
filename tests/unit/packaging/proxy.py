"""A version, its keys and a bundle writer for the tests of what is written into the bucket."""

from __future__ import annotations

from reelkeep.encryption.keys import KeyClass, VersionKey
from reelkeep.encryption.sealing import SealContext
from reelkeep.ids import CompanyId, VersionId
from reelkeep.media import FrameRate, TrackKind
from reelkeep.packaging.bundle_index import ProxyPlan, RenditionDescription
from reelkeep.packaging.bundles import BundleWriter
from reelkeep.packaging.stills import TileLayout

COMPANY, VERSION = CompanyId("c" * 20), VersionId("v" * 20)
VERSION_KEY = VersionKey(VERSION, bytes(range(32)))
SALT = bytes(range(100, 132))
PLAN = ProxyPlan(240, FrameRate(24_000, 1001), 480_480, TileLayout(160, 90, 10, 10, 24), mark_bands=0)
DESCRIPTION = RenditionDescription(
    name="v360", kind=TrackKind.VIDEO, is_step=True, width_px=640, height_px=360, codecs="avc1.64001e",
    timescale=24_000, bandwidth_bps=800_000, key_id=bytes(range(1, 17)), iv=bytes(range(17, 33)),
    content_key_class=KeyClass.SD, codec_config=b"\x01\x64\x00\x1e", bands=(), wrapped_content_key=b"wrapped",
)  # fmt: skip


def context(attempt_number: int = 1, rendition: str = "v360") -> SealContext:
    return SealContext(COMPANY, VERSION, attempt_number, rendition)


def writer(
    attempt_number: int = 1, salt: bytes = SALT, description: RenditionDescription = DESCRIPTION
) -> BundleWriter:
    return BundleWriter(description, PLAN, VERSION_KEY, salt, context(attempt_number, description.name))
