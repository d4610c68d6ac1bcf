"""A drill of the kill switch: somebody takes the platform's rights away while a film plays, and it is measured.

The platform has no right to change a company's policies, so it waits for the company's team; on the embedded store,
whose administrator this command is, it makes the change itself. The clock starts with the first denial that the store,
or KMS, gave to anybody here, and stops at each surface with the first refusal after which nothing came any more.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import func, not_, select

from reelkeep import __version__
from reelkeep.catalog import grants
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.tables import assets, jobs, proxies, versions
from reelkeep.cli.accepting import GRANT_LIFE
from reelkeep.cli.drill_surfaces import Asking, Session, Surface
from reelkeep.cli.installation import Installation
from reelkeep.cli.places import Places
from reelkeep.companies import registry
from reelkeep.companies.registry import Company
from reelkeep.errors import Conflict, DependencyError, NotFound, StorageSetupError
from reelkeep.ids import GrantId
from reelkeep.jobs.presence import holder_is_gone
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection
from reelkeep.storage.layout import MARKER
from reelkeep.storage.refusals import Answer
from reelkeep.storage.watch import Eye

HOLD_SECONDS: Final = 5.0  # for which everything must have stayed dark
LOOK_SECONDS: Final = 0.5
BEFORE_SECONDS: Final = 15.0  # what went dark longer before the drill's own look was refused had another reason
DARK_SECONDS: Final = 150.0  # after the first denial; then the drill has failed
BACK_SECONDS: Final = 120.0
Tell = Callable[[str], None]


class Way(enum.Enum):
    """How the rights are taken away. N13 bounds the seconds from the first denial until everything is dark."""

    BUCKET = "bucket"
    ROLE = "role"
    TRUST = "trust"
    KEY = "key"
    WRAPPING_KEY = "wrapping-key"

    @property
    def bound_seconds(self) -> float:
        return 70.0 if self is Way.TRUST else 10.0


WHAT_TO_DO: Final = {
    Way.BUCKET: "put a statement into the bucket's policy that denies s3:GetObject and s3:PutObject to the media role",
    Way.ROLE: "take the media role's own policy away, or put a Deny of s3:* into it",
    Way.TRUST: "take the platform out of the media role's trust policy",
    Way.KEY: "disable the bucket's KMS key",
    Way.WRAPPING_KEY: "disable the wrapping key of the storage stack",
}
NOT_CUT: Final = (
    "Requests that the store had accepted before: a part that is being sent, a range that is being read.",
    "What a player of somebody's own making has put aside; this platform's own holds at most ten seconds ahead.",
    "Links that were signed before work at the store until it refuses them itself; if only the role's trust was "
    "removed, or the wrapping key disabled, until they end: 15 minutes for downloads, an hour at most for parts.",
    "Files that members have taken away, and what they have seen.",
)


class Change(Protocol):
    """Takes the rights away and gives them back."""

    @property
    def by(self) -> str: ...

    def revoke(self) -> datetime | None:
        """Return when it was begun, as far as that is known."""

    def restore(self) -> None: ...


class Film(Protocol):
    """A page with a player that is open and playing: ``demo_browser.Browser``."""

    def player(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Chosen:
    version_id: str
    production_id: str
    asset_id: str


class Drill:
    """One drill at one connection."""

    def __init__(
        self, installation: Installation, company: Company, connection: StorageConnection, way: Way, tell: Tell
    ) -> None:
        if connection.state is not ConnectionState.ACTIVE or connection.is_hosted:
            raise Conflict("a drill needs a connection of the company's own that is in use")
        if way is Way.WRAPPING_KEY and connection.wrapping_key is None:
            raise Conflict("no key of this connection's stack wraps the company key")
        self._installation, self._company, self._connection = installation, company, connection
        self._way, self._tell = way, tell
        request = SessionRequest(connection.id, Purpose.WATCH, MARKER)
        broker = installation.storage.broker(company, connection)
        self._eye = Eye(connection, lambda: broker.session(request), self._grant, assume_seconds=0.0)

    def film(self) -> Chosen:
        """Return the newest version with a complete proxy at the connection; raise NotFound if there is none."""
        query = select(versions.c.id, assets.c.production_id, assets.c.id).select_from(
            versions.join(assets, assets.c.id == versions.c.asset_id).join(
                proxies, proxies.c.version_id == versions.c.id
            )
        )
        ready = (versions.c.connection_id == self._connection.id, versions.c.state == VersionState.READY.value)
        with self._installation.on_company(self._company) as conn:
            row = conn.execute(query.where(*ready).order_by(versions.c.id.desc()).limit(1)).first()
        if row is None:
            raise NotFound("no film at this connection can be watched", advice="Upload one first, and wait for it.")
        return Chosen(*row)

    def run(self, session: Session, film: Chosen, change: Change, page: Film | None) -> dict[str, Any]:
        """Measure, restore, and return the certificate's fields."""
        upload_id, parts = session.upload(film.production_id)
        eye = Surface(
            "the store", "what the watch looks at, by a session of the drill's own", self._let_in, False, LOOK_SECONDS
        )
        surfaces = [*session.watch(film.version_id), *session.download(film.version_id), *parts]
        had_jobs = self._jobs_running()
        if had_jobs:
            surfaces.append(Surface("job", "a job at work on a film of this connection", self._jobs_running))
        shown = Surface("open player", "the player's page, playing", lambda: _shows(page)) if page else None
        everything = [eye, *surfaces, *([shown] if shown else [])]
        with Asking([eye, *surfaces]):
            self._await(lambda: all(one.lit_at for one in [eye, *surfaces]), shown, 30, "nothing could be watched")
            self._tell("Everything is lit; the rights are taken away now.")
            changed_at = change.revoke()
            self._await(lambda: eye.dark_at is not None, shown, 3600, "nobody was refused within an hour")
            self._tell("The first denial has come.")
            self._await(lambda: _all_dark(surfaces, shown), shown, DARK_SECONDS, "")
        said = page.player()["says"] if page else ""
        denied = _first_denial(everything, eye)
        back = self._restore(session, film, change, page, upload_id)
        surfaces += [shown] if shown else []
        return self._fields(change, changed_at, denied, surfaces, said, back)

    def _await(self, true: Callable[[], bool], shown: Surface | None, seconds: float, problem: str) -> None:
        """Wait, and look at the page meanwhile, which only this thread can; raise ``problem`` when it takes long."""
        deadline = time.monotonic() + seconds
        while True:
            if shown is not None:
                shown.look()
            if true():
                return
            if time.monotonic() > deadline:
                if problem:
                    raise DependencyError(problem, advice="Nothing was changed by the drill; run it again.")
                return
            time.sleep(0.1)

    def _restore(
        self, session: Session, film: Chosen, change: Change, page: Film | None, upload_id: str
    ) -> dict[str, float | str | None]:
        """Return how long it took until everything was back, or why the connection was not taken into use again."""
        change.restore()
        began = time.monotonic()
        self._wait_until(self._open, 3600)
        opened = time.monotonic()
        seconds = {"store_open_again_seconds": round(opened - began, 2)}
        try:
            Places(self._installation).resume(self._company, self._now())
        except StorageSetupError as problem:  # what was measured is true all the same
            return {**seconds, "segments_again_seconds": None, "page_again_seconds": None, "refused": problem.message}
        self._wait_until(lambda: session.plays(film.version_id), BACK_SECONDS)
        played = time.monotonic()
        if page is not None:
            self._wait_until(lambda: _shows(page), BACK_SECONDS)
        paged = time.monotonic() if page else None
        session.end_upload(upload_id)
        return {
            **seconds,
            "segments_again_seconds": round(played - opened, 2),
            "page_again_seconds": round(paged - opened, 2) if paged else None,
            "refused": None,
        }

    def _wait_until(self, true: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise DependencyError(
                    "it did not come back in time",
                    advice=f"Run `reelkeep storage resume {self._connection.name}` once the store lets Reelkeep in.",
                )
            time.sleep(LOOK_SECONDS)

    def _now(self) -> StorageConnection:
        return self._installation.storage.connection(self._company, self._connection.id)

    def _let_in(self) -> bool:
        return not self._eye.look().is_refused

    def _open(self) -> bool:
        return self._eye.look().answer is Answer.OPEN

    def _jobs_running(self) -> bool:
        at_work = (
            versions.c.connection_id == self._connection.id,
            jobs.c.state == JobState.RUNNING.value,
            not_(holder_is_gone()),
        )
        query = select(func.count()).select_from(jobs.join(versions, versions.c.id == jobs.c.version_id))
        with self._installation.on_company(self._company) as conn:
            return bool(conn.execute(query.where(*at_work)).scalar_one())

    def _grant(self) -> GrantId:
        end = datetime.now(UTC) + GRANT_LIFE
        reason = f"kill-switch drill of storage connection {self._connection.id}"
        with self._installation.on_company(self._company) as conn:
            return grants.record(conn, GrantAction.WATCH, MARKER, reason, expires_at=end)

    def _fields(
        self,
        change: Change,
        changed_at: datetime | None,
        denied: float,
        surfaces: Sequence[Surface],
        said: str,
        back: dict[str, float | str | None],
    ) -> dict[str, Any]:
        bound = self._way.bound_seconds
        told = [_told(one, denied, bound) for one in surfaces]
        with self._installation.on_registry() as conn:
            installation = registry.installation_id(conn)
        return {
            "installation": installation,
            "release": __version__,
            "company": {"id": self._company.id, "name": self._company.name},
            "connection": {
                "id": self._connection.id,
                "name": self._connection.name,
                "bucket": self._connection.bucket,
                "region": self._connection.region,
                "on_aws": self._connection.endpoint_url is None,
            },
            "way": self._way.value,
            "changed_by": change.by,
            "changed_at": changed_at.isoformat() if changed_at else None,
            "first_denial_at": _moment(denied),
            "change_to_first_denial_seconds": round(denied - changed_at.timestamp(), 2) if changed_at else None,
            "bound_seconds": bound,
            "surfaces": told,
            "all_dark_seconds": max((one["seconds"] for one in told if one["counts"] and one["seconds"] is not None),
                                    default=None),
            "passed": all(one["passed"] for one in told if one["counts"]),
            "page_said": said,
            "restored": back,
            "not_cut": list(NOT_CUT),
            "made_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip


def _shows(page: Film | None) -> bool:
    return page is not None and not page.player()["empty"]


def _first_denial(surfaces: Sequence[Surface], eye: Surface) -> float:
    """Return when anybody here was first refused for good; the drill's own eye, which asks seldom, may come later."""
    seen = eye.dark_at or time.time()
    moments = [one.dark_at for one in surfaces if one.dark_at is not None]
    return min((one for one in moments if one > seen - BEFORE_SECONDS), default=seen)


def _all_dark(surfaces: Sequence[Surface], shown: Surface | None) -> bool:
    ours = [one for one in [*surfaces, *([shown] if shown else [])] if one.of_platform]
    return all(one.dark_at is not None and time.time() - one.dark_at > HOLD_SECONDS for one in ours)


def _told(surface: Surface, denied: float, bound: float) -> dict[str, Any]:
    seconds = None if surface.dark_at is None else round(max(0.0, surface.dark_at - denied), 2)
    return {
        "name": surface.name,
        "what": surface.what,
        "counts": surface.of_platform,
        "seconds": seconds,
        "passed": seconds is not None and seconds <= bound,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
