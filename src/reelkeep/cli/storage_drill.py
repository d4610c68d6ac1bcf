"""``reelkeep storage drill``: is the platform dark when the company takes its rights away, and how soon?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json, Password, read_password
from reelkeep.errors import Conflict, RequestError

if TYPE_CHECKING:
    from reelkeep.cli.drill import Way
    from reelkeep.cli.installation import Installation
    from reelkeep.storage.interface import StorageConnection

ConnectionName = Annotated[str, typer.Argument(help="Name or id of the connection.", metavar="CONNECTION")]
By = Annotated[str, typer.Option("--by", help="bucket, role, trust, key or wrapping-key: how the rights go.")]
Email = Annotated[str, typer.Option("--email", help="Who watches meanwhile: an admin of the company.")]
Folder = Annotated[Path, typer.Option("--out", help="Where the certificate is written, as JSON and as a page.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Open no player's page, even if there is a browser.")]
_DENIED = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:DeleteObject")


@dataclass
class ByHand:
    """The company's own team makes the change; here it is only said what, and waited for."""

    what: str

    @property
    def by(self) -> str:
        return "the company"

    def revoke(self) -> datetime | None:
        output.note(f"Now {self.what}. The drill goes on by itself.")
        return None

    def restore(self) -> None:
        output.note("Everything is dark. Now let the platform in again; the drill goes on by itself.")


@dataclass
class EmbeddedBucketPolicy:
    """A denial in the bucket's policy on the embedded store, which this machine administers."""

    client: Any
    bucket: str

    @property
    def by(self) -> str:
        return "the drill, on its own store"

    def revoke(self) -> datetime | None:
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": list(_DENIED),
            "Resource": [f"arn:aws:s3:::{self.bucket}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        began = datetime.now(UTC)
        self.client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))
        return began

    def restore(self) -> None:
        self.client.delete_bucket_policy(Bucket=self.bucket)


def drill(
    connection: ConnectionName,
    by: By = "bucket",
    email: Email = "",
    password_file: Password = None,
    out: Folder = Path("."),
    no_browser: NoBrowser = False,
    company: CompanySlug = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> int:
    """Take the platform's rights away while a film plays, measure until all is dark, restore, write a certificate."""
    from reelkeep.cli import drill_certificate
    from reelkeep.cli.drill import Drill, Way
    from reelkeep.cli.drill_surfaces import Session
    from reelkeep.cli.installation import Installation
    from reelkeep.transfer.api import Api

    if by not in [way.value for way in Way]:
        names = ", ".join(way.value for way in Way)
        raise RequestError(f"there is no way {by!r}", advice=f"With --by choose one of {names}.")
    if not email:
        raise RequestError("somebody has to watch", advice="Name an admin of the company with --email.")
    installation, way = Installation(data), Way(by)
    chosen = installation.company(company)
    found = installation.storage.connection(chosen, connection)
    one = Drill(installation, chosen, found, way, output.note)
    film, change = one.film(), _change(installation, found, way)
    origin = installation.folder.origin(chosen.app_host)
    password = read_password(password_file, f"Password of {email}")
    with Api(origin) as api:
        session = Session(origin, api.login(email, password))
    try:
        with _page(origin, email, password, film.asset_id, no_browser=no_browser) as page:
            fields = one.run(session, film, change, page)
    finally:
        session.close()
    document = installation.signing_key().sign(drill_certificate.KIND, fields)
    name = f"drill-{chosen.slug}-{found.name}-{way.value}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    out.mkdir(parents=True, exist_ok=True)
    written = out / f"{name}.json", out / f"{name}.html"
    written[0].write_text(json.dumps(document, indent=1) + "\n", encoding="ascii")
    written[1].write_text(drill_certificate.page(document), encoding="utf-8")
    output.show({**fields, "files": [str(path) for path in written]}, _sentence(fields), as_json=as_json)
    if not as_json:
        rows = [
            (one["what"], "" if one["seconds"] is None else f"{one['seconds']:.2f} s") for one in fields["surfaces"]
        ]
        output.show_table(("what was asked for", "dark after"), rows)
        output.note(f"The certificate is in {written[0]} and {written[1]}.")
    return exits.DONE if fields["passed"] and not fields["restored"]["refused"] else exits.FINDINGS


@contextmanager
def _page(origin: str, email: str, password: str, asset_id: str, *, no_browser: bool) -> Iterator[Any]:
    from reelkeep.cli.demo_browser import signed_in

    if no_browser:
        yield None
        return
    with signed_in(origin, email, password) as browser:
        if browser is None:
            output.note("There is no browser here, so no player's page is measured.")
        else:
            browser.play(f"/assets/{asset_id}")
        yield browser


def _change(installation: Installation, connection: StorageConnection, way: Way) -> ByHand | EmbeddedBucketPolicy:
    from reelkeep.cli.drill import WHAT_TO_DO, Way

    if not installation.storage.is_embedded(connection):
        return ByHand(WHAT_TO_DO[way])
    if way is not Way.BUCKET:
        raise Conflict("the embedded store knows no other way", advice="Use --by bucket here.")
    return EmbeddedBucketPolicy(installation.folder.store().client("s3"), connection.bucket)


def _sentence(fields: dict[str, Any]) -> str:
    seconds, bound = fields["all_dark_seconds"], fields["bound_seconds"]
    refused = fields["restored"]["refused"]
    after = f" The connection is not in use again: {refused}" if refused else ""
    if fields["passed"]:
        return f"Dark {seconds:g} s after the first denial (at most {bound:g} are promised).{after}"
    return f"Not everything was dark within {bound:g} s of the first denial.{after}"
