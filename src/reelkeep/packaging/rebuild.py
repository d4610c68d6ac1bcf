"""Rebuilds the database's index of a proxy from the bucket and the keys alone.

Lists the objects of one version, reads the tail of each bundle and the whole of each still. Writes nothing.
Where two attempts wrote one segment, the later attempt's counts: an attempt begins at the first segment that was not
published, so what an earlier one has beyond that never reached the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reelkeep.encryption.keys import VersionKey
from reelkeep.encryption.sealing import SealBroken, SealContext
from reelkeep.ids import CompanyId, GrantId, VersionId
from reelkeep.packaging.bundle_index import BundleIndex, ProxyPlan, RenditionDescription, SegmentFacts
from reelkeep.packaging.bundles import TAIL_BYTES, read_index
from reelkeep.packaging.footer import FOOTER_BYTES, Footer, sealed_part
from reelkeep.packaging.stills import StillKind, unseal_still
from reelkeep.storage.interface import ObjectFacts, ObjectStore
from reelkeep.storage.layout import BundlePlace, StillPlace, parse_proxy_key, proxy_scope

_STILL_KINDS: Final = frozenset(each.value for each in StillKind)


@dataclass(frozen=True)
class RebuiltSegment:
    rendition: str
    attempt_number: int
    object_key: str
    facts: SegmentFacts


@dataclass(frozen=True)
class RebuiltStill:
    kind: StillKind
    number: int
    attempt_number: int
    object_key: str
    length: int


@dataclass(frozen=True)
class RebuiltProxy:
    """The rows of one version, in the order of their numbers."""

    plan: ProxyPlan | None  # None: no bundle was ever written
    total_frames: dict[str, int]  # rendition to its real length, where it is complete
    attempts: dict[int, bytes]  # number to salt
    renditions: dict[str, RenditionDescription]
    segments: tuple[RebuiltSegment, ...]
    stills: tuple[RebuiltStill, ...]


def rebuild(
    store: ObjectStore, company_id: CompanyId, version_id: VersionId, version_key: VersionKey, *, grant: GrantId
) -> RebuiltProxy:
    """Return the rows of a version's proxy.

    Args:
        store: may list and get the proxies of this version.

    Raises:
        SealBroken: an object was altered or does not belong where it lies. Objects with keys not of ours are left out.
    """
    reader = _Reader(store, company_id, version_id, version_key, grant)
    for facts in sorted(store.list(proxy_scope(version_id), grant=grant), key=lambda each: each.key):
        match parse_proxy_key(facts.key):
            case BundlePlace() as place:
                reader.read_bundle(facts, place)
            case StillPlace() as place if place.kind in _STILL_KINDS:
                reader.read_still(facts, place)
            case _:
                continue  # not written by this version of Reelkeep
    return reader.result()


class _Reader:
    def __init__(
        self,
        store: ObjectStore,
        company_id: CompanyId,
        version_id: VersionId,
        version_key: VersionKey,
        grant: GrantId,
    ) -> None:
        self._store, self._grant = store, grant
        self._company_id, self._version_id, self._version_key = company_id, version_id, version_key
        self._attempts: dict[int, bytes] = {}
        self._indexes: list[tuple[int, str, BundleIndex]] = []  # attempt number, object key
        self._stills: dict[tuple[str, int], RebuiltStill] = {}

    def read_bundle(self, facts: ObjectFacts, place: BundlePlace) -> None:
        tail = self._tail(facts, TAIL_BYTES)
        context = SealContext(self._company_id, self._version_id, place.attempt_number, place.rendition)
        index = read_index(tail, self._version_key, context, place.number)
        self._note_salt(sealed_part(tail)[0])
        self._indexes.append((place.attempt_number, facts.key, index))

    def read_still(self, facts: ObjectFacts, place: StillPlace) -> None:
        footer, sealed = sealed_part(self._tail(facts, facts.size_bytes))
        kind = StillKind(place.kind)
        unseal_still(
            self._version_key, footer.salt, self._company_id, self._version_id, place.attempt_number, kind,
            place.number, sealed,
        )  # fmt: skip
        self._note_salt(footer)
        still = RebuiltStill(kind, place.number, place.attempt_number, facts.key, facts.size_bytes - FOOTER_BYTES)
        earlier = self._stills.get((place.kind, place.number))
        if earlier is None or earlier.attempt_number < still.attempt_number:
            self._stills[place.kind, place.number] = still

    def result(self) -> RebuiltProxy:
        renditions: dict[str, RenditionDescription] = {}
        totals: dict[str, int] = {}
        segments: dict[tuple[str, int], RebuiltSegment] = {}
        plan = None
        for attempt_number, object_key, index in sorted(self._indexes, key=lambda each: each[0]):
            name = index.description.name
            plan = plan or index.plan
            renditions.setdefault(name, index.description)
            if index.total_frames is not None:
                totals[name] = index.total_frames
            for facts in index.segments:
                segments[name, facts.number] = RebuiltSegment(name, attempt_number, object_key, facts)
        return RebuiltProxy(
            plan, totals, dict(sorted(self._attempts.items())), renditions,
            tuple(segments[key] for key in sorted(segments)), tuple(self._stills[key] for key in sorted(self._stills)),
        )  # fmt: skip

    def _tail(self, facts: ObjectFacts, most_bytes: int) -> bytes:
        length = min(facts.size_bytes, most_bytes)
        offset = facts.size_bytes - length
        return bytes(self._store.get(facts.key, offset=offset, length=length, grant=self._grant))

    def _note_salt(self, footer: Footer) -> None:
        if self._attempts.setdefault(footer.attempt_number, footer.salt) != footer.salt:
            raise SealBroken("two objects of one attempt have different salts")
