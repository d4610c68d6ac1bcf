from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.errors import StorageSetupError
from reelkeep.ids import AssetId, ProductionId, VersionId
from reelkeep.storage import layout

PRODUCTION, ASSET, VERSION = ProductionId("0" * 20), AssetId("1" * 20), VersionId("2" * 20)


@given(st.text(max_size=400))
def test_any_name_becomes_a_safe_one(name: str) -> None:
    safe = layout.safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}", safe)
    assert ".." not in safe
    assert layout.safe_name(safe) == safe


@given(st.text(max_size=400))
def test_any_name_becomes_a_slug(name: str) -> None:
    slug = layout.slug(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= 40
    assert layout.slug(slug) == slug


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Reel 3 v2.mov", "Reel_3_v2.mov"),
        ("a/b\\c.mp4", "c.mp4"),
        ("../../etc/passwd", "passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("🎬", "unnamed"),
        ("🎬.mov", "mov"),
        (".htaccess", "htaccess"),
        ("x\x00y\n.mov", "x_y.mov"),
        ("\u202egnp.exe.mov", "gnp.exe.mov"),
        ("Läufer – Ärger.mxf", "Laufer_Arger.mxf"),
        ("a／b.mov", "b.mov"),
        ("A.TAR.GZ", "A.TAR.GZ"),
        ("*?[x].mov", "x.mov"),
    ],
)
def test_names_of_films_stay_readable(name: str, safe: str) -> None:
    assert layout.safe_name(name) == safe


def test_a_long_name_keeps_its_extension() -> None:
    safe = layout.safe_name("n" * 300 + ".mov")
    assert len(safe) == 120
    assert safe.endswith("n.mov")
    assert len(layout.safe_name("a." + "b" * 300)) == len("a.") + 16


def test_scopes_end_in_a_slash_and_hold_their_keys() -> None:
    place = ("night-train", PRODUCTION, "reel-1", ASSET, VERSION)
    key = layout.original_key(*place, "../Reel 1.mov")
    assert key == f"originals/night-train-{PRODUCTION}/reel-1-{ASSET}/{VERSION}/Reel_1.mov"
    assert key.startswith(layout.original_scope(*place))
    assert layout.original_scope(*place).startswith(layout.production_scope("night-train", PRODUCTION))
    bundle = layout.bundle_key(VERSION, 3, "v360", 12)
    assert bundle == f"proxies/{VERSION}/3/v360/12"
    assert bundle.startswith(layout.attempt_scope(VERSION, 3))
    assert layout.attempt_scope(VERSION, 3).startswith(layout.proxy_scope(VERSION))
    for scope in (layout.original_scope(*place), layout.proxy_scope(VERSION), layout.attempt_scope(VERSION, 3)):
        assert scope.endswith("/")


def test_proxy_keys_can_be_read_back() -> None:
    still = layout.still_key(VERSION, 2, "tiles", 3)
    assert layout.parse_proxy_key(still) == layout.StillPlace(VERSION, 2, "tiles", 3)
    bundle = layout.bundle_key(VERSION, 2, "a1", 0)
    assert layout.parse_proxy_key(bundle) == layout.BundlePlace(VERSION, 2, "a1", 0)


@pytest.mark.parametrize(
    "key",
    [
        "", "proxies", "originals/a/b/c/d", f"proxies/{VERSION}/1/v360", f"proxies/{VERSION}/1/v360/0/0",
        f"proxies/{VERSION}/01/v360/0", f"proxies/{VERSION}/1/v360/00", f"proxies/{VERSION}/-1/v360/0",
        f"proxies/{VERSION}/1/V360/0", f"proxies/{VERSION}/1/../0", f"proxies/{VERSION}/1/stills/0",
        f"proxies/{VERSION}/1/v360/٣", f"proxies/{VERSION}/1/v360/1\n", f"proxies/{VERSION}/1/v360/" + "9" * 400,
    ],
)  # fmt: skip
def test_what_is_no_proxy_key_is_none(key: str) -> None:
    assert layout.parse_proxy_key(key) is None


@given(st.text(alphabet="proxies/0123456789abv-.\n", max_size=60))
def test_reading_keys_never_fails(key: str) -> None:
    layout.parse_proxy_key(key)


def test_the_longest_key_fits() -> None:
    prefix = "p" * (layout.KEY_BYTES - layout.longest_key_bytes(""))
    assert layout.check_prefix(prefix) == prefix
    longest = layout.original_key("s" * 40, PRODUCTION, "a" * 40, ASSET, VERSION, "n" * 300)
    assert len(f"{prefix}/{longest}".encode()) == layout.KEY_BYTES
    with pytest.raises(StorageSetupError, match="too long"):
        layout.check_prefix(prefix + "p")


@pytest.mark.parametrize("prefix", ["/", "a/", "/a", "a//b", "a/../b", ".", "ä", "a b", "a*", "a\n", "a?x"])
def test_a_prefix_that_breaks_keys_or_policies_is_refused(prefix: str) -> None:
    with pytest.raises(StorageSetupError):
        layout.check_prefix(prefix)


@pytest.mark.parametrize("prefix", ["", "media", "media/reelkeep-1"])
def test_plain_prefixes_are_taken(prefix: str) -> None:
    assert layout.check_prefix(prefix) == prefix
