"""N12: the metadata API with a million versions, while the same company's media process serves at half its rate.

What is asked for is what a reviewer's pages ask: a version, its comments, an asset with its versions, the productions,
who one is. The list of all assets of a production is not among it: its time is its size.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from sqlalchemy import text
from tests.services.platform import EMAIL, Platform, running_platform

from benchmarks.load import Line, Load, Server, run
from benchmarks.made_films import made_films
from benchmarks.measures.segments import FILMS, SEGMENT_BYTES
from benchmarks.paced import ask
from benchmarks.results import Result
from reelkeep.cli.installation import Installation
from reelkeep.companies import provisioning

VERSIONS: Final = int(os.environ.get("RKTEST_BENCH_VERSIONS", "1000000"))
PRODUCTIONS, VERSIONS_OF_ASSET, COMMENTS_OF_VERSION = 20, 10, 5
COMMENTED: Final = 100_000  # versions, or all of them
RATE: Final = 200  # requests a second
SECONDS: Final = 20.0
P99_SECONDS: Final = 0.025
_SEED: Final = 12
_MIX: Final = {
    "versions/{version}": 40,
    "versions/{version}/comments": 25,
    "assets/{asset}": 20,
    "me": 10,
    "productions": 5,
}
_PASSWORD: Final = "a long pass phrase"


def measure() -> list[Result]:
    """Return p99 and median of the API under half the load."""
    with running_platform(is_tls=True) as platform:
        media, paths = made_films(platform, FILMS, SEGMENT_BYTES)
        reader = _fill(platform)
        with platform.api() as api:
            token = api.login(reader, _PASSWORD)
        assert platform.authority is not None
        app = Server(int(platform.facts["port"]), "acme.localhost", platform.authority)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as beside:
            full = beside.submit(_serve, media, paths, 3.0, float("inf")).result()
            loading = beside.submit(_serve, media, paths, SECONDS + 4, full.bytes_per_second / 2)
            time.sleep(2)
            seconds = asyncio.run(ask(app, _paths(), RATE, SECONDS, token=token))
            half = loading.result()
    said = f"media process at {half.bytes_per_second / 1e6:.0f} of {full.bytes_per_second / 1e6:.0f} MB/s"
    what = f"API at {RATE} requests/s, {VERSIONS:,} versions, {said}"
    cuts = statistics.quantiles(seconds, n=100)
    return [
        Result("N12-p99", f"{what}: p99", cuts[98] * 1e3, "ms", P99_SECONDS * 1e3),
        Result("N12-median", f"{what}: median", cuts[49] * 1e3, "ms"),
    ]


def _serve(server: Server, paths: list[str], seconds: float, most_bytes_per_second: float) -> Load:
    """Be the viewers, in a process of their own."""
    return run([Line(server, path) for path in paths], seconds, most_bytes_per_second)


def _paths() -> Callable[[int], str]:
    chosen = random.Random(_SEED)

    def path_of(_: int) -> str:
        path, version = chosen.choices(list(_MIX), list(_MIX.values()))[0], chosen.randrange(VERSIONS)
        return "/api/v1/" + path.format(version=_id("v", version), asset=_id("a", version // VERSIONS_OF_ASSET))

    return path_of


def _id(kind: str, number: int) -> str:
    """Return the id of a made row: 20 characters, as all ids have (``reelkeep.ids``)."""
    return f"{kind}{number:019}"


_ROWS: Final = (
    "INSERT INTO productions (id, slug, name) SELECT 'p' || lpad(n::text, 19, '0'), 'made-' || n, 'Made ' || n "
    "FROM generate_series(0, :productions - 1) AS n",
    "INSERT INTO memberships (production_id, user_id, role) SELECT 'p' || lpad(n::text, 19, '0'), :person, 'reviewer' "
    "FROM generate_series(0, :productions - 1) AS n",
    "INSERT INTO assets (id, production_id, slug, name) SELECT 'a' || lpad(n::text, 19, '0'), "
    "'p' || lpad((n % :productions)::text, 19, '0'), 'shot-' || n, 'shot ' || n || '.mov' "
    "FROM generate_series(0, :assets - 1) AS n",
    "INSERT INTO versions (id, asset_id, number, state, connection_id, file_name, original_key, size_bytes, "
    "uploaded_by, stored_at) SELECT 'v' || lpad(n::text, 19, '0'), 'a' || lpad((n / :of_asset)::text, 19, '0'), "
    "n % :of_asset + 1, 'stored', :connection, 'shot ' || n / :of_asset || '.mov', 'originals/made/' || n, 1000, "
    ":person, now() FROM generate_series(0, :versions - 1) AS n",
    "INSERT INTO comments (id, version_id, author_id, frame, text) SELECT 'c' || lpad(n::text, 19, '0'), "
    "'v' || lpad((n / :comments * (:versions / :commented))::text, 19, '0'), :person, n % 1000, 'Lighter at the edge.' "
    "FROM generate_series(0, :commented * :comments - 1) AS n",
)


def _fill(platform: Platform) -> str:
    """Make the versions, and a reviewer of their productions; return the address that he signs in with."""
    operator, company = Installation(platform.data), platform.company
    assert company is not None
    person, _ = operator.create_user(company, f"reader.{EMAIL}", "Reader", _PASSWORD, is_company_admin=False)
    connection = operator.storage.connection(company, platform.bucket)
    count = {
        "versions": VERSIONS, "of_asset": VERSIONS_OF_ASSET, "assets": VERSIONS // VERSIONS_OF_ASSET,
        "productions": PRODUCTIONS, "commented": min(COMMENTED, VERSIONS), "comments": COMMENTS_OF_VERSION,
        "person": person.id, "connection": connection.id,
    }  # fmt: skip
    engine = provisioning.owner_engine(operator.folder.server(), operator.folder.keyring(), company)
    with engine.begin() as conn:
        for statement in _ROWS:
            conn.execute(text(statement), count)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    return person.email
