"""What a job of a version does next, and how it takes further units on the way.

One pass through the original makes one unit after the other, and the sound with them if the job is the version's
transcode job: that one makes the sound of the whole film, from its start to its end, with one encoder. Where the next
unit is another's, the pass goes on for the sound alone, or ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from sqlalchemy import Connection

from reelkeep.companies.handle import CompanyHandle
from reelkeep.ids import VersionId
from reelkeep.jobs import queue
from reelkeep.jobs.interface import Job, JobKind
from reelkeep.media import AUDIO_FRAME_SAMPLES, AUDIO_RATE_HZ, is_sound
from reelkeep.transcode import protocol, records, unit_records
from reelkeep.transcode.publisher import Desk
from reelkeep.transcode.records import Attempt
from reelkeep.transcode.resume import WHOLE, Published

TOGETHER_SECONDS: Final = 60  # picture and sound that are further apart are not made in one pass


@dataclass(frozen=True)
class Share:
    """One pass through the original.

    Args:
        rings: more help was asked for; ring the doorbell when the transaction is committed.
    """

    published: Published
    asked: protocol.Job
    rings: bool = False

    @property
    def place(self) -> tuple[tuple[str, int], ...]:
        """Return how far this share is published, to be compared with where it was before."""
        return tuple(each for each in self.published.place if self.asked.sound or not is_sound(each[0]))


def next_share(
    conn: Connection, version_id: VersionId, job: Job, *, size_bytes: int, unit_seconds: int
) -> Share | None:
    """Return what the job does next; its unit is the job's own from then on. None if nothing is left for it."""
    whole = records.published(conn, version_id)
    is_first = job.kind is JobKind.TRANSCODE
    if whole.complete:
        return None
    if not (cuts := unit_records.cuts_of(conn, version_id)):
        asked = replace(whole.job(size_bytes), unit_seconds=unit_seconds, find_cuts=not whole.resume_frame)
        return Share(whole, asked) if is_first else None
    sound = is_first and not unit_records.is_sound_done(conn, version_id)
    gives_way = not is_first and queue.others_wait(conn)
    unit = None if gives_way else unit_records.claim(conn, version_id, job.id)
    if unit is None and not sound:
        return None
    sheet_frames, rate = records.sheet_frames_and_rate(conn, version_id)
    published = records.published(conn, version_id, unit or WHOLE)
    asked = published.job(size_bytes, sheet_frames)
    apart = asked.resume_frame / rate - Fraction(asked.resume_audio_frame * AUDIO_FRAME_SAMPLES, AUDIO_RATE_HZ)
    picture = unit is not None and not (sound and abs(apart) > TOGETHER_SECONDS)
    asked = replace(
        asked,
        unit_seconds=unit_seconds,
        cuts=cuts,
        picture=picture,
        sound=sound,
        resume_frame=asked.resume_frame if picture else 0,
        resume_audio_frame=asked.resume_audio_frame if sound else 0,
        poster=asked.poster and picture and is_first,
        peaks=asked.peaks and sound,
    )
    rings = unit_records.has_free(conn, version_id) and queue.ask_for_help(conn, version_id)
    return Share(published, asked, rings)


class SharedUnits:
    """Takes units on the way, for one pass of one job: what ``publisher.Units`` asks for."""

    def __init__(self, company: CompanyHandle, desk: Desk, job: Job, share: Share) -> None:
        self._company, self._desk, self._job, self._share = company, desk, job, share
        self.stopped = False

    def cut(self, frames: tuple[int, ...], *, sound: bool) -> None:
        """Record where the film is cut, and ask for help."""
        self._desk.record(lambda conn: unit_records.cut(conn, self._desk.version_id, self._job.id, frames, sound=sound))
        self._company.doorbell.ring(JobKind.ASSIST)

    def go_on(self, frame: int) -> Published | None:
        """Record that the unit before ``frame`` is published; return what is published if the next one is ours."""
        version_id, found = self._desk.version_id, list[Published | None]()

        def write(conn: Connection) -> None:
            gives_way = self._job.kind is not JobKind.TRANSCODE and queue.others_wait(conn)
            ours = unit_records.go_on(conn, version_id, self._job.id, frame, take=not gives_way)
            found.append(records.published(conn, version_id) if ours else None)

        self._desk.record(write)
        self.stopped = found[-1] is None
        return found[-1]

    def end(self, conn: Connection, attempt: Attempt, frames: int) -> int | None:
        """Record what this pass has made; return the film's length if nothing is left to make."""
        version_id, asked = self._desk.version_id, self._share.asked
        if not unit_records.is_cut(conn, version_id):
            return frames
        if asked.picture and not self.stopped:
            unit_records.reached_end(conn, version_id, self._job.id, attempt.number, frames)
        if asked.sound:
            unit_records.sound_done(conn, version_id, attempt.number)
        return unit_records.total_frames(conn, version_id)
