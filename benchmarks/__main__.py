"""`make bench`: measure all or some, keep the figures, write RESULTS.md.

A measure that cannot run here says so and is left out; what it measured before stays, with its date.
The exit code is 0 if everything that was asked for could be measured, also when a target was missed.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from typing import Final

from benchmarks import report, results
from benchmarks.measures.unable import Unable

MEASURES: Final = {
    "audit": "H8: a million objects against their rows",
    "bands": "mark bands: bits, quality and CPU beside the plain ladder",
    "metadata": "N12: the API with a million versions, while the media process serves at half its rate",
    "scenes": "whether a rate for each scene would save bits",
    "damaged_files": "N15: ten thousand damaged files",
    "companies": "N5: the first answer after a cold start; N6: memory of companies in use",
    "encryption": "cbcs and the seal, alone",
    "first_frame": "N1: the end of an upload to the first picture",
    "gateway": "what the gateway adds to a connection, and how many one core hands over",
    "kill_switch": "N13: from the store's first denial to everything dark, for each way of revoking",
    "neighbours": "what one company's flood does to another's 99th percentile",
    "segments": "N3 and N4: segments over TLS against nginx with plain files, cached and not",
    "transcode": "N2: from the decoder to the seal, and the whole job",
    "memory": "memory of the codec by resolution, and with the length of the film",
    "transfer": "N7: upload and download against rclone, one large file and many small ones",
    "stepping": "N11: frames read from screenshots while stepping and seeking",
}


def main() -> int:
    """Run the measures that were named, or all."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    chosen = parser.parse_args().measures or list(MEASURES)
    if unknown := set(chosen) - set(MEASURES):
        parser.error(f"there is no measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    complete = True
    for name in chosen:
        complete &= _run(name)
    report.write(results.load())
    return 0 if complete else 1


def _run(name: str) -> bool:
    print(f"{name}: {MEASURES[name]}", flush=True)
    started = time.monotonic()
    try:
        fresh = importlib.import_module(f"benchmarks.measures.{name}").measure()
    except Unable as reason:
        print(f"  not measured: {reason}", flush=True)
        return False
    results.store(fresh)
    for result in fresh:
        verdict = {True: "met", False: "MISSED", None: ""}[result.passed]
        print(f"  {result.id:<22} {result.value:10.4g} {result.unit:<8} {verdict}", flush=True)
    print(f"  ({time.monotonic() - started:.0f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
