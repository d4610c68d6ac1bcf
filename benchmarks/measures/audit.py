"""H8: the audit of a bucket with a million objects: rows from a real database against a generated listing.

The listing is generated, so the figure is that of the platform's side: query, cursor, merge. A store's own listing
takes longer: a thousand keys for each request.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine, text

from benchmarks.results import Result
from reelkeep.catalog import assets, people, productions, versions
from reelkeep.catalog.tables import metadata
from reelkeep.custody.audit import audit
from reelkeep.custody.merge import FindingKind
from reelkeep.ids import ConnectionId, VersionId, new_id
from reelkeep.storage.listing import Listed
from reelkeep.supervisor.postgres import STOP_SECONDS, EmbeddedPostgres

KEYS = int(os.environ.get("RKTEST_BENCH_KEYS", "1000000"))
FEW = KEYS // 10
MAX_GROWTH_MB = 16.0
HERE = ConnectionId("here")


def measure() -> list[Result]:
    """Return keys a second, and how much more memory ten times as many keys take."""
    with _database() as engine:
        version_id = _fill(engine)
        names = sorted(str(number) for number in range(KEYS))  # there all the time: they are no memory of the audit's
        _audit(engine, version_id, names, FEW)
        before = _peak_mb()
        seconds = _audit(engine, version_id, names, KEYS)
        growth = _peak_mb() - before
    return [
        Result("H8-keys", f"audit of {KEYS:,} objects, rows and listing", KEYS / seconds, "keys/s"),
        Result("H8-memory", f"peak memory of {KEYS:,} over that of {FEW:,}", growth, "MB", MAX_GROWTH_MB),
    ]


@contextmanager
def _database() -> Iterator[Engine]:
    folder = Path(tempfile.mkdtemp(prefix="rk-bench-pg-"))
    os.chmod(folder, 0o711)
    postgres = EmbeddedPostgres(folder / "db", folder / "run", folder / "postgres.log", secrets.token_urlsafe(24))
    postgres.prepare()
    child = postgres.start()
    try:
        postgres.wait_ready(child)
        engine = postgres.server.engine("postgres")
        metadata.create_all(engine)
        yield engine
        engine.dispose()
    finally:
        child.stop(seconds=STOP_SECONDS, first=signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _fill(engine: Engine) -> VersionId:
    """Make one version with as many bundles as there are keys, two segments in each."""
    version_id, rows = VersionId(new_id()), {"version": "", "count": KEYS}
    with engine.begin() as conn:
        user = people.create(conn, email="a@example.org", name="A", password="a long pass phrase")
        production = productions.create(conn, "Show")
        asset = assets.find_or_create(conn, production.id, "a.mov")
        versions.create(
            conn, asset.id, version_id=version_id, connection_id=HERE, file_name="a.mov",
            original_key="originals/a.mov", size_bytes=5, uploaded_by=user.id,
        )  # fmt: skip
        rows["version"] = version_id
        for statement in _ROWS:
            conn.execute(text(statement), rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
    return version_id


_ROWS = (
    "INSERT INTO jobs (id, kind, version_id, state) VALUES ('j', 'transcode', :version, 'done')",
    "INSERT INTO proxies (version_id, format_version, planned_frames, rate_numerator, rate_denominator, "
    "planned_audio_samples, mark_bands) VALUES (:version, 1, 1, 24, 1, 0, 0)",
    "INSERT INTO attempts (id, version_id, number, salt, job_id) VALUES ('t', :version, 1, ''::bytea, 'j')",
    "INSERT INTO renditions (id, version_id, name, kind, codecs, timescale, bandwidth_bps, key_id, iv, "
    "content_key_class, codec_config, bands) "
    "VALUES ('r', :version, 'v360', 'video', 'avc1', 24, 1, '', '', 'sd', '', '[]')",
    'INSERT INTO segments (rendition_id, number, attempt_id, object_key, "offset", length, decode_time, duration, '
    "samples, plain_sha256, band_ranges) "
    "SELECT 'r', number, 't', 'proxies/' || CAST(:version AS text) || '/1/v360/' || number / 2, "
    "(number % 2) * 100, 100, 0, 48, 48, '', '' FROM generate_series(0, 2 * CAST(:count AS integer) - 1) AS number",
)


def _audit(engine: Engine, version_id: VersionId, names: Sequence[str], keys: int) -> float:
    """Audit the first ``keys`` bundles in the order of their names; what comes after them is missing."""

    def listing() -> Iterator[Listed]:
        for name in islice(names, keys):
            yield Listed(f"proxies/{version_id}/1/v360/{name}", 200, "etag", None)

    _forget_peak()
    began = time.perf_counter()
    report = audit(engine, [HERE], listing)
    seconds = time.perf_counter() - began
    assert report.counts.objects == keys
    assert report.found == ({FindingKind.MISSING: KEYS - keys} if keys < KEYS else {})
    return seconds


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak resident size begins anew


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
