"""Hostile: all proxy objects of two real runs, one of them resumed, read and changed with full rights to the bucket."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
from sqlalchemy import Engine, func, select
from tests.media.clips import strip_clip
from tests.services.installation import wait_until
from tests.services.platform import Platform

from reelkeep.catalog.tables import attempts, proxies, renditions, segments, stills, version_keys
from reelkeep.cli.installation import Installation
from reelkeep.companies import provisioning
from reelkeep.encryption.keys import VersionKey
from reelkeep.encryption.sealing import SealBroken, SealContext, SealKind
from reelkeep.errors import ReelkeepError
from reelkeep.ids import CompanyId, GrantId, VersionId
from reelkeep.isolation.view import INTERPRETER
from reelkeep.packaging.bundles import read_index
from reelkeep.packaging.footer import FOOTER_BYTES, sealed_part
from reelkeep.packaging.rebuild import RebuiltProxy, rebuild
from reelkeep.packaging.stills import StillKind
from reelkeep.storage.interface import ObjectFacts
from reelkeep.storage.layout import STILLS, BundlePlace, StillPlace, parse_proxy_key
from reelkeep.transfer import network

FRAMES = 288
GRANT = GrantId("g" * 20)


@dataclass
class RawStore:
    """What was read from the bucket with every right, as far as ``rebuild`` asks."""

    bodies: dict[str, bytes]

    def list(self, prefix: str, *, grant: GrantId) -> Iterator[ObjectFacts]:
        return (ObjectFacts(key, len(body)) for key, body in self.bodies.items() if key.startswith(prefix))

    def get(self, key: str, *, offset: int, length: int, grant: GrantId) -> bytes:
        return self.bodies[key][offset : offset + length]


@dataclass
class Made:
    """A version with its proxy, its keys, and everything that lies in the bucket for it."""

    platform: Platform
    version_id: VersionId
    company_id: CompanyId
    key: VersionKey
    bodies: dict[str, bytes]

    def rebuilt(self, **changed: bytes) -> RebuiltProxy:
        store = RawStore(self.bodies | changed)
        return rebuild(store, self.company_id, self.version_id, self.key, grant=GRANT)  # type: ignore[arg-type]

    def bundles(self, rendition: str) -> list[str]:
        """Return the keys of a rendition's bundles, in their order."""
        places = {key: parse_proxy_key(key) for key in self.bodies}
        ours = [key for key, at in places.items() if isinstance(at, BundlePlace) and at.rendition == rendition]
        return sorted(ours, key=lambda key: (places[key].attempt_number, places[key].number))  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def database(platform: Platform) -> Engine:
    return platform.company_engine()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return strip_clip(tmp_path_factory.mktemp("clip") / "Läufer.mp4", FRAMES, width=640, height=360, sound="aac")


@pytest.fixture(scope="module")
def whole(platform: Platform, database: Engine, clip: Path) -> Made:
    """Made in one go."""
    version_id = platform.upload(clip, platform.banded_id).version_id
    platform.wait_for(version_id, "ready")
    return made(platform, database, version_id)


@pytest.fixture(scope="module")
def resumed(platform: Platform, database: Engine, clip: Path) -> Made:
    """Made in two attempts: the codec of the first was killed when part of it was published."""
    version_id = platform.upload(clip, platform.banded_id).version_id

    def some_are_published() -> bool:
        published = select(func.count()).select_from(segments.join(renditions))
        with database.connect() as conn:
            return bool((conn.scalar(published.where(renditions.c.version_id == version_id)) or 0) >= 3)

    wait_until(some_are_published, 60)
    (codec,) = [pid for pid, line in platform.processes().items() if line[:1] == [INTERPRETER]]
    os.kill(codec, signal.SIGKILL)
    platform.wait_for(version_id, "ready")
    return made(platform, database, version_id)


def made(platform: Platform, database: Engine, version_id: str) -> Made:
    assert platform.company is not None
    keyring = Installation(platform.data).folder.keyring()
    with database.connect() as conn:
        wrapped = conn.scalars(select(version_keys.c.wrapped_key).where(version_keys.c.version_id == version_id)).one()
    key = provisioning.company_key(keyring, platform.company).unwrap_version_key(VersionId(version_id), wrapped)
    bodies = {name: platform.body(name) for name in platform.objects(f"proxies/{version_id}/")}
    return Made(platform, VersionId(version_id), platform.company.id, key, bodies)


def test_the_resumed_run_has_two_attempts_that_both_count(whole: Made, resumed: Made, database: Engine) -> None:
    with database.connect() as conn:
        query = select(attempts.c.number).join(segments, segments.c.attempt_id == attempts.c.id).distinct()
        counting = {made: conn.scalars(query.where(attempts.c.version_id == made)).all() for made in versions_of(conn)}
    assert sorted(counting[whole.version_id]) == [1]
    assert sorted(counting[resumed.version_id]) == [1, 2]


def versions_of(conn: Any) -> list[str]:
    return list(conn.scalars(select(proxies.c.version_id)))


# Nothing can be seen or heard ---------------------------------------------------------------------


def decoded(body: bytes) -> int:
    """Return how many whole pictures and blocks of sound a media parser finds."""
    found = 0
    with contextlib.suppress(av.FFmpegError, ValueError, EOFError), av.open(io.BytesIO(body)) as opened:
        for stream in [*opened.streams.video, *opened.streams.audio]:
            stream.thread_type = "NONE"
        for packet in opened.demux():
            with contextlib.suppress(av.FFmpegError, ValueError, EOFError):
                found += sum(not frame.is_corrupt for frame in packet.decode() if hasattr(frame, "is_corrupt"))
    return found


def test_no_media_parser_finds_a_picture_or_a_sound_in_any_object(whole: Made, resumed: Made, clip: Path) -> None:
    poster = next(each for each in whole.rebuilt().stills if each.kind is StillKind.POSTER)
    assert decoded(clip.read_bytes()) > FRAMES  # pictures and sound: the parser can see
    with whole.platform.api() as api, network.client() as client:
        base = api.playback_session(whole.version_id)["base"]
        assert decoded(client.get(f"{base}/poster.jpg").content) == 1
    assert decoded(whole.bodies[poster.object_key]) == 0
    for made in (whole, resumed):
        assert len(made.bodies) > 8
        assert {key: decoded(body) for key, body in made.bodies.items() if decoded(body)} == {}


def test_no_object_has_a_pattern_or_a_name_in_it(whole: Made, resumed: Made) -> None:
    found: Counter[bytes] = Counter()
    for made in (whole, resumed):
        for key, body in made.bodies.items():
            found.update({word: body.count(word) for word in (b"fer.mp4", b"acme", b"avc1", b"moof", b"JFIF", b"v360")})
            assert len(zlib.compress(body[:-FOOTER_BYTES], 9)) >= len(body) - FOOTER_BYTES, key
    by_chance = {word for word, count in found.items() if count == 1 and len(word) == 4}  # one in 4 GiB each
    assert not {word for word, count in found.items() if count} - by_chance


# No key and nonce twice ---------------------------------------------------------------------------


def seals(made: Made) -> list[tuple[str, bytes, str, SealKind, int]]:
    """Return version, salt, rendition (which together give the key), kind and number of every seal in the bucket."""
    found = []
    for key, body in made.bodies.items():
        salt = sealed_part(body)[0].salt
        match parse_proxy_key(key):
            case BundlePlace() as at:
                context = SealContext(made.company_id, made.version_id, at.attempt_number, at.rendition)
                index = read_index(body, made.key, context, at.number)
                found.append((made.version_id, salt, at.rendition, SealKind.INDEX, at.number))
                numbers = [each.number for each in index.segments]
                found += [(made.version_id, salt, at.rendition, SealKind.SEGMENT, number) for number in numbers]
            case StillPlace() as at:
                found.append((made.version_id, salt, STILLS, StillKind(at.kind).seal_kind, at.number))
    return found


def test_no_two_seals_share_key_and_nonce_over_retries(whole: Made, resumed: Made, database: Engine) -> None:
    found = [*seals(whole), *seals(resumed)]
    assert len(found) > 40
    assert len(found) == len(set(found))
    with database.connect() as conn:
        salts = conn.scalars(select(attempts.c.salt)).all()
        query = (
            select(attempts.c.salt, renditions.c.name, segments.c.number)
            .join(segments, segments.c.attempt_id == attempts.c.id)
            .join(renditions, renditions.c.id == segments.c.rendition_id)
        )
        rows = [tuple(row) for row in conn.execute(query)]
    assert len(salts) == len(set(salts)) >= 3
    assert len(rows) == len(set(rows))
    in_bucket = {(salt, name, number) for _, salt, name, kind, number in found if kind is SealKind.SEGMENT}
    ours = {salt for _, salt, _, _, _ in found}
    assert {row for row in rows if row[0] in ours} <= in_bucket
    sealed = [body[:16] for body in (*whole.bodies.values(), *resumed.bodies.values())]
    assert len(sealed) == len(set(sealed))  # one key, one nonce and one beginning would show here


# A change is refused ------------------------------------------------------------------------------


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


Harm = Callable[[Made, Made, list[str]], dict[str, bytes]]
# Rendition, the bundle that is harmed, and how. The media process reads ahead, so later bundles are harmed first.
HARMS: dict[str, tuple[str, int, Harm]] = {
    "a bit of a segment flipped": ("v360", 3, lambda a, _, keys: {keys[0]: flipped(a.bodies[keys[0]], 100)}),
    "a bit of its tag flipped": (
        "a1", 2, lambda a, _, keys: {keys[0]: flipped(a.bodies[keys[0]], first_length(a, keys[0]) - 1)},
    ),
    "two bundles of one rendition swapped": ("v360", 1, lambda a, _, keys: {
        keys[0]: padded(a.bodies[keys[1]], a.bodies[keys[0]]),
        keys[1]: padded(a.bodies[keys[0]], a.bodies[keys[1]]),
    }),
    "cut off": ("a1", 1, lambda a, _, keys: {keys[0]: a.bodies[keys[0]][:50]}),
    "the same bundle of another version": ("v360", 0, lambda a, b, keys: {
        keys[0]: padded(b.bodies[keys[0].replace(a.version_id, b.version_id)], a.bodies[keys[0]])
    }),
    "zeros": ("a1", 0, lambda a, _, keys: {keys[0]: bytes(len(a.bodies[keys[0]]))}),
}  # fmt: skip


def padded(body: bytes, wanted: bytes) -> bytes:
    """Return a body that is at least as long as the one it stands for, so that length alone does not give it away."""
    return body + bytes(max(0, len(wanted) - len(body)))


def first_length(made: Made, key: str) -> int:
    return next(each.facts.length for each in made.rebuilt().segments if each.object_key == key)


@pytest.mark.parametrize("harm", HARMS)
def test_a_changed_bundle_is_refused_by_the_real_media_process(whole: Made, resumed: Made, harm: str) -> None:
    """Each harm is done where nobody has looked yet, so that no cache can help; afterwards all plays again."""
    platform = whole.platform
    rendition, first, harmed = HARMS[harm]
    changed = harmed(whole, resumed, whole.bundles(rendition)[first : first + 2])
    numbers = [each.facts.number for each in whole.rebuilt().segments if each.object_key in changed]
    assert numbers
    with platform.api() as api, network.client() as client:
        base = api.playback_session(whole.version_id)["base"]
        for key, body in changed.items():
            platform.store().put_object(Bucket=platform.bucket, Key=key, Body=body)
        try:
            for number in numbers:
                answer = client.get(f"{base}/{rendition}/{number}.m4s")
                assert answer.status_code == 500
                assert answer.headers["content-type"] == "application/json"
                assert set(answer.json()) == {"error"}
                assert len(answer.content) < 500
        finally:
            for key in changed:
                platform.store().put_object(Bucket=platform.bucket, Key=key, Body=whole.bodies[key])
        for number in numbers:
            assert client.get(f"{base}/{rendition}/{number}.m4s").status_code == 200


def test_a_changed_still_is_refused_by_the_real_media_process(whole: Made, resumed: Made) -> None:
    platform = whole.platform
    kinds = {at.kind: key for key in resumed.bodies if isinstance(at := parse_proxy_key(key), StillPlace)}
    with platform.api() as api, network.client() as client:
        base = api.playback_session(resumed.version_id)["base"]
        for name, key, harmed in (
            ("poster.jpg", kinds["poster"], flipped(resumed.bodies[kinds["poster"]], 9)),
            ("tiles/0.jpg", kinds["tiles"], padded(resumed.bodies[kinds["poster"]], resumed.bodies[kinds["tiles"]])),
        ):
            platform.store().put_object(Bucket=platform.bucket, Key=key, Body=harmed)
            answer = client.get(f"{base}/{name}")
            platform.store().put_object(Bucket=platform.bucket, Key=key, Body=resumed.bodies[key])
            assert (answer.status_code, set(answer.json())) == (500, {"error"})
            assert client.get(f"{base}/{name}").content[:2] == b"\xff\xd8"


def test_a_changed_object_stops_the_rebuild(whole: Made, resumed: Made) -> None:
    keys = whole.bundles("v360")
    for changed in (
        {keys[0]: flipped(whole.bodies[keys[0]], -FOOTER_BYTES - 5)},
        {keys[0]: whole.bodies[keys[1]]},
        {keys[0]: resumed.bodies[keys[0].replace(whole.version_id, resumed.version_id)]},
    ):
        with pytest.raises(SealBroken):
            whole.rebuilt(**changed)


# The index comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["whole", "resumed"])
def test_bucket_and_keys_give_the_rows_of_the_database(
    which: str, request: pytest.FixtureRequest, database: Engine
) -> None:
    made: Made = request.getfixturevalue(which)
    found = made.rebuilt()
    with database.connect() as conn:
        rows = conn.execute(
            select(segments, renditions.c.name, attempts.c.number.label("attempt"))
            .join(renditions, renditions.c.id == segments.c.rendition_id)
            .join(attempts, attempts.c.id == segments.c.attempt_id)
            .where(renditions.c.version_id == made.version_id)
            .order_by(renditions.c.name, segments.c.number)
        ).all()
        shown = conn.execute(
            select(stills, attempts.c.number.label("attempt"))
            .join(attempts, attempts.c.id == stills.c.attempt_id)
            .where(stills.c.version_id == made.version_id)
        ).all()
        described = conn.execute(select(renditions).where(renditions.c.version_id == made.version_id)).all()
        proxy = conn.execute(select(proxies).where(proxies.c.version_id == made.version_id)).one()
        every = select(attempts.c.number, attempts.c.salt).where(attempts.c.version_id == made.version_id)
        tried = {row.number: row.salt for row in conn.execute(every)}
    assert len(rows) > 10
    columns = ("number", "offset", "length", "decode_time", "duration", "samples", "plain_sha256", "band_ranges")
    assert [
        (each.rendition, each.attempt_number, each.object_key, *(getattr(each.facts, name) for name in columns))
        for each in found.segments
    ] == [(row.name, row.attempt, row.object_key, *(getattr(row, name) for name in columns)) for row in rows]
    assert {
        (each.kind.value, each.number, each.attempt_number, each.object_key, each.length) for each in found.stills
    } == {(row.kind, row.number, row.attempt, row.object_key, row.length) for row in shown}
    names = ("name", "is_step", "width_px", "height_px", "codecs", "timescale", "key_id", "iv", "codec_config")
    assert {name: tuple(getattr(each, field) for field in names) for name, each in found.renditions.items()} == {
        row.name: tuple(getattr(row, field) for field in names) for row in described
    }
    assert found.plan is not None
    assert (found.plan.planned_frames, found.plan.rate.numerator, found.plan.rate.denominator) == (
        proxy.planned_frames, proxy.rate_numerator, proxy.rate_denominator,
    )  # fmt: skip
    assert found.total_frames["v360"] == proxy.frames == FRAMES
    assert found.attempts == tried


def test_another_companys_key_opens_nothing(whole: Made) -> None:
    with pytest.raises(ReelkeepError):
        rebuild(
            RawStore(whole.bodies), whole.company_id, whole.version_id,  # type: ignore[arg-type]
            VersionKey(whole.version_id, os.urandom(32)), grant=GRANT,
        )  # fmt: skip
