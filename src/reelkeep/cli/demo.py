"""``reelkeep demo``: the main job on one machine, every part real, with its figures.

It starts ``reelkeep up`` as a child, does an operator's and a user's steps through the same functions as their
commands, and measures. Times count from the moment the upload was complete, except ``upload_seconds``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import Json
from reelkeep.errors import DependencyError, MediaError, ReelkeepError
from reelkeep.transfer.api import Api
from reelkeep.transfer.upload import upload

if TYPE_CHECKING:
    from reelkeep.cli.installation import Installation, RenditionSize
    from reelkeep.companies.certificates import KeptCertificate

EMAIL: Final = "demo@acme.example"
START_SECONDS: Final = 90.0
ANSWER_SECONDS: Final = 30.0
PROCESS_SECONDS: Final = 3_600.0
STOP_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.05  # at first: the first picture is awaited; later, looking must not cost what is measured
POLL_SHARE: Final = 0.02  # of what was waited already, so that a figure is right to this
Renditions = Callable[[str], "list[RenditionSize]"]


@dataclass(frozen=True)
class Up:
    """The platform as it runs for the demo."""

    process: subprocess.Popen[bytes]
    port: int


@dataclass(frozen=True)
class SignIn:
    origin: str
    email: str
    password: str
    certificates: Mapping[str, KeptCertificate]  # by host name, of the app first; none: plain HTTP

    @property
    def authority(self) -> str | None:
        """Return what a program has to trust, in PEM."""
        return "".join(one.chain for one in self.certificates.values()) or None


def demo(
    clip: Annotated[Path | None, typer.Option("--clip", help="Your own film instead of a made one.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End once the film is ready.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Keep everything in this folder.")] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; the last one in this folder, or a free one.", min=0, max=65535),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve HTTPS, with certificates that the installation signs itself.")
    ] = False,
    insecure_no_sandbox: Annotated[
        bool, typer.Option("--insecure-no-sandbox", help="Transcode without a sandbox. Never use this for real.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Upload a film into a company's own bucket on this machine and watch it, encrypted, in a browser."""
    from reelkeep.cli.installation import Installation  # loads the database and storage libraries

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end in order, as after Ctrl-C
    options = ["--insecure-no-sandbox"] if insecure_no_sandbox else []
    with _folder(data) as folder, _up(folder, [*options, *_listening(folder, port, tls=tls)]) as up:
        installation = Installation(folder)
        sign_in = _provision(folder, installation, tls=tls)
        path = clip or _clip(folder)
        company = installation.company("acme")
        figures = _run(sign_in, path, lambda version_id: installation.renditions(company, version_id))
        address = f"{sign_in.origin}{figures['asset_url']}"
        figures = {**figures, "asset_url": address}
        if once:
            output.show(figures, _sentence(figures), as_json=as_json)
            return exits.DONE
        if as_json:
            output.show({**figures, "email": sign_in.email, "password": sign_in.password}, "", as_json=True)
        else:
            output.show({}, _sentence(figures), as_json=False)
            output.show({}, "\n".join(_directions(sign_in, address)), as_json=False)
            output.show({}, "Ctrl-C stops everything.", as_json=False)
        with contextlib.suppress(KeyboardInterrupt):
            up.process.wait()
    return exits.DONE


def _listening(folder: Path, port: int | None, *, tls: bool) -> list[str]:
    """Return the options of ``up``; the last port is taken again, since the bucket knows the page's address by it."""
    from reelkeep.supervisor.folder import DataFolder

    if tls:
        return ["--tls", str(DataFolder.open(folder).config().port if port is None else port)]
    return ["--port", str(port)] if port is not None else []


def _run(sign_in: SignIn, path: Path, renditions: Renditions) -> dict[str, Any]:
    """Upload, watch, and return the figures."""
    from reelkeep.cli.demo_browser import signed_in  # a browser is started only here

    with Api(sign_in.origin, authority=sign_in.authority) as api:
        _until_it_answers(api, sign_in)
        production = api.find_production("demo")
        trusted = [one.chain for one in sign_in.certificates.values()]
        with signed_in(sign_in.origin, sign_in.email, sign_in.password, trusted) as browser:
            output.note("Uploading.")
            sent = upload(api, str(production["id"]), path)
            stored = time.time()
            _wait(api, sent.version_id, lambda version: version["published_frames"] > 0)
            first_segment = time.time()
            asset_path = f"/assets/{sent.asset_id}"
            output.note("The first segment is published.")
            shown = browser.measure_first_frame(asset_path) if browser else None
            _wait(api, sent.version_id, lambda version: version["state"] == "ready")
            done = time.time()
    return {
        "upload_seconds": round(sent.seconds, 3),
        "upload_bytes_per_second": round(sent.sent_bytes / sent.seconds) if sent.seconds else None,
        "first_segment_seconds": round(first_segment - stored, 3),
        "first_frame_seconds": round(shown - stored, 3) if shown is not None else None,
        "done_seconds": round(done - stored, 3),
        "renditions": [vars(made) for made in renditions(sent.version_id)],
        "asset_url": asset_path,
        "asset_id": sent.asset_id,
        "version_id": sent.version_id,
        "sha256": sent.sha256.hex(),
    }


def _wait(api: Api, version_id: str, reached: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
    """Return the version once it is where it should be; raise what the platform says if it cannot get there."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < PROCESS_SECONDS:
        version = api.version(version_id)
        if reached(version):
            return version
        if version["state"] in ("failed", "cancelled"):
            raise MediaError(_problem(version), advice="See the runner's log in the data folder.")
        time.sleep(max(POLL_SECONDS, POLL_SHARE * waited))
    raise DependencyError("the film was not ready within an hour")


def _problem(version: Mapping[str, Any]) -> str:
    problem = version.get("problem")
    words = problem.get("message") if isinstance(problem, Mapping) else problem
    return f"the film could not be processed: {words or version['state']}"


def _until_it_answers(api: Api, sign_in: SignIn) -> None:
    """Sign in; the company's processes may still be starting."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            api.login(sign_in.email, sign_in.password)
            return
        except ReelkeepError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _provision(folder: Path, installation: Installation, *, tls: bool) -> SignIn:
    """Do the operator's part, once: company, bucket, user, production."""
    from reelkeep.cli.accepting import Accepting

    kept = folder / "demo.json"
    origin = installation.folder.origin("acme.localhost")
    if kept.exists():
        password = json.loads(kept.read_text())["password"]
        return SignIn(origin, EMAIL, password, _certificates(installation) if tls else {})
    output.note("Creating the company acme with its own bucket.")
    company = installation.create_company("acme", "Acme Pictures", "localhost")
    connection = installation.storage.connect(company, installation.storage.embedded_bucket(company, origin))
    Accepting(installation, company).put_into_use(connection)
    user, password = installation.create_user(company, EMAIL, "Demo", None, is_company_admin=True)
    assert password is not None
    installation.create_production(company, "demo", user)
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"password": password}, file)
    return SignIn(origin, EMAIL, password, _certificates(installation) if tls else {})


def _certificates(installation: Installation) -> dict[str, KeptCertificate]:
    """Return the certificates of the demo's company; the platform makes them when it first sees it."""
    company, deadline = installation.company("acme"), time.monotonic() + ANSWER_SECONDS
    while True:
        found = installation.certificates(company)
        if {company.app_host, company.media_host} <= set(found):
            return {host: found[host] for host in (company.app_host, company.media_host)}
        if time.monotonic() > deadline:
            raise DependencyError("the platform made no certificates")
        time.sleep(POLL_SECONDS)


def _directions(sign_in: SignIn, address: str) -> Iterator[str]:
    """Say where to go; over TLS also what the browser will ask, once for each of the two names."""
    yield f"Open {address}"
    if sign_in.certificates:
        yield "The certificates are signed by this installation alone: your browser warns, once for each of two names."
        port = urlsplit(address).port
        for host, one in sign_in.certificates.items():
            yield f"  https://{host}:{port}/ shows SHA-256 {_spaced(one.fingerprint)}"
        yield "Accept what matches; the page tells you when it is the second one's turn."
    yield f"Sign in as {sign_in.email} with {sign_in.password}"


def _spaced(fingerprint: str) -> str:
    """Return a fingerprint as browsers show it.

    >>> _spaced("0aff01")
    '0A:FF:01'
    """
    return bytes.fromhex(fingerprint).hex(":").upper()


def _clip(folder: Path) -> Path:
    from reelkeep.cli.demo_clip import make_clip  # the media library is of no use to the other commands

    output.note("Making a clip.")
    return make_clip(folder / "numbered frames.mp4")


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="reelkeep-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _up(folder: Path, options: list[str]) -> Iterator[Up]:
    """Run ``reelkeep up`` until the block ends; its own words go to ``up.log``."""
    output.note(f"Starting the platform in {folder}.")
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "reelkeep.cli", "up", "--data", str(folder), "--s3", "embedded"]
    command += ["--ready-fd", str(write_end), "--parent", str(os.getpid()), *options]
    log_path = folder / "up.log"
    with os.fdopen(os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, pass_fds=[write_end])
    os.close(write_end)
    try:
        yield Up(process, int(_ready(process, read_end, folder)["port"]))
    finally:
        os.close(read_end)
        _end(process)


def _ready(process: subprocess.Popen[bytes], descriptor: int, folder: Path) -> Mapping[str, Any]:
    deadline, line = time.monotonic() + START_SECONDS, b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        readable, _, _ = select.select([descriptor], [], [], max(0.0, left))
        chunk = os.read(descriptor, 65_536) if readable else b""
        if not chunk:
            raise DependencyError(_why(process, folder), advice=f"Read {folder / 'up.log'}.")
        line += chunk
    answer: Mapping[str, Any] = json.loads(line)
    return answer


def _why(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Return the platform's own last words, since a throw-away folder takes its log with it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
    words = (folder / "up.log").read_text(errors="replace").strip().splitlines()[-3:]
    return "the platform did not start: " + (" ".join(words) or "it said nothing")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the platform in order, as Ctrl-C does. A terminal's Ctrl-C reaches it by itself, too."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its children die with it
        process.wait()


def _sentence(figures: Mapping[str, Any]) -> str:
    shown = figures["first_frame_seconds"]
    seen = f"first picture in a browser after {shown} s" if shown is not None else "no browser to measure with"
    return (
        f"Uploaded in {figures['upload_seconds']} s ({figures['upload_bytes_per_second'] / 1e6:.1f} MB/s); after that: "
        f"first segment after {figures['first_segment_seconds']} s, {seen}, ready after {figures['done_seconds']} s."
    )
