"""LUTs of a production: who may add and choose them, and what becomes of a film, by the API and on a whole platform."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import func, select, update
from tests.media.originals import make_original
from tests.media.sequences import shoot
from tests.services.command_line import CommandLine
from tests.services.platform import Platform
from tests.services.sites import Making, Site

from reelkeep.catalog import luts, tables
from reelkeep.catalog.productions import Production
from reelkeep.ids import LutId, new_id
from reelkeep.luts import Shaper
from reelkeep.transfer.upload import upload

API = "/api/v1"
AXIS = np.linspace(0, 1, 5)
CUBE = 'TITLE "Night"\nLUT_3D_SIZE 5\n' + "".join(
    f"{r:.3f} {g:.3f} {b:.3f}\n" for b in AXIS for g in AXIS for r in AXIS
)


def begun(client: httpx.Client, production: Production, body: bytes, name: str = "Näight v2.cube") -> httpx.Response:
    crc32 = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    form = {"file_name": name, "size_bytes": len(body), "crc32": crc32}
    return client.post(f"{API}/productions/{production.id}/luts", json=form)


def added(site: Site, client: httpx.Client, production: Production, body: bytes) -> httpx.Response:
    request = begun(client, production, body).json()
    assert site.bucket.send(request["method"], request["url"], request["headers"], body).status == 200
    return client.post(f"{API}/productions/{production.id}/luts/{request['id']}/complete")


def chosen(client: httpx.Client, production: Production, **choice: Any) -> httpx.Response:
    return client.patch(f"{API}/productions/{production.id}", json={"lut": choice or None})


def test_a_lut_is_added_chosen_and_taken_away_by_an_admin_of_its_production(site: Site) -> None:
    client = site.client(ada := site.user())
    production, other = site.production(production_admin=ada), site.production(production_admin=ada)
    lut = added(site, client, production, CUBE.encode()).json()["lut"]
    assert (lut["name"], lut["title"], lut["points"], lut["added_by"]) == ("Näight v2.cube", "Night", 5, "Ada")
    assert [one["id"] for one in client.get(f"{API}/productions/{production.id}/luts").json()["luts"]] == [lut["id"]]
    assert site.bucket.objects[f"attachments/lut/{lut['id']}/Naight_v2.cube"] == CUBE.encode()
    again = client.post(f"{API}/productions/{production.id}/luts/{lut['id']}/complete")
    assert (again.status_code, again.json()["lut"]) == (200, lut)
    changed = chosen(client, production, id=lut["id"], input="logc3", scope="all").json()
    assert changed["lut"] == {"id": lut["id"], "name": "Näight v2.cube", "input": "logc3", "scope": "all"}
    assert chosen(client, production, id=lut["id"], input="acescct").json()["lut"]["scope"] == "linear"
    assert client.patch(f"{API}/productions/{production.id}", json={"mark_bands": 0}).json()["lut"]["id"] == lut["id"]
    assert chosen(client, other, id=lut["id"], input="linear").status_code == 404
    assert client.get(f"{API}/productions/{other.id}/luts").json()["luts"] == []
    assert chosen(client, production, id=lut["id"], input="log").status_code == 400
    assert chosen(client, production, id="../x", input="linear").status_code == 400
    assert chosen(client, production).json()["lut"] is None
    with site.engine.begin() as conn:
        grants = conn.execute(select(tables.grants)).all()
    assert {(grant.object_key, grant.user_id) for grant in grants} == {
        (f"attachments/lut/{lut['id']}/Naight_v2.cube", ada.id)
    }
    assert {entry[2] for entry in site.bucket.log} <= {grant.id for grant in grants}


def test_a_lut_that_nobody_uses_is_deleted_and_one_in_use_is_not_and_says_by_whom(site: Site) -> None:
    client = site.client(ada := site.user())
    production = site.production("Night", production_admin=ada)
    body = CUBE.replace("LUT_3D_SIZE", "LUT_1D_SIZE 2\nLUT_3D_SIZE").replace(
        "LUT_3D_SIZE 5", "LUT_3D_SIZE 5\n0 0 0\n1 1 1"
    )
    lut = added(site, client, production, body.encode()).json()["lut"]
    this = f"{API}/productions/{production.id}/luts/{lut['id']}"
    chosen(client, production, id=lut["id"], input="linear")
    refused = client.delete(this)
    assert (
        refused.status_code,
        "the production Night" in refused.json()["error"]["message"].lower().replace("night", "Night"),
    ) == (409, True)
    version = site.version(production, ada, "reel 1.mov")
    making = Making(site, version)
    with site.engine.begin() as conn:
        values = {"lut_id": lut["id"], "lut_input": "linear"}
        conn.execute(update(tables.proxies).where(tables.proxies.c.version_id == version.id).values(values))
        assert luts.numbers(conn, LutId(lut["id"])).shaper == Shaper(0, 1, np.float32([0, 0, 0, 1, 1, 1]).tobytes())
    assert chosen(client, production).status_code == 200
    assert "reel 1.mov (version 1)" in client.delete(this).json()["error"]["message"]
    making.publish("v360", 0)
    making.complete(200)
    gone = client.delete(this)
    assert (gone.status_code, gone.json()["object_key"]) == (200, f"attachments/lut/{lut['id']}/Naight_v2.cube")
    assert gone.json()["object_key"] in site.bucket.objects  # the platform may delete nothing there
    with site.engine.begin() as conn:
        row = conn.execute(select(tables.luts)).one()
    assert (row.numbers, row.shaper_numbers, row.domain, row.deleted_by) == (None, None, None, ada.id)
    for again in (
        client.delete(this),
        client.post(f"{this}/complete"),
        chosen(client, production, id=lut["id"], input="linear"),
    ):
        assert again.status_code == 404
    assert client.get(f"{API}/productions/{production.id}/luts").json()["luts"] == []


@pytest.mark.parametrize(("role", "status"), [("uploader", 403), ("reviewer", 403), ("viewer", 403), (None, 404)])
def test_nobody_else_sees_adds_or_chooses_a_lut(site: Site, role: str | None, status: int) -> None:
    owner, user = site.user("Ada"), site.user("Eve")
    production = site.production(production_admin=owner, **({role: user} if role else {}))
    lut = added(site, site.client(owner), production, CUBE.encode()).json()["lut"]
    client, luts = site.client(user), f"{API}/productions/{production.id}/luts"
    assert client.get(luts).status_code == status
    assert begun(client, production, CUBE.encode()).status_code == status
    assert client.post(f"{luts}/{lut['id']}/complete").status_code == status
    assert client.delete(f"{luts}/{lut['id']}").status_code == status
    assert chosen(client, production, id=lut["id"], input="linear").status_code == status


def test_a_file_that_is_no_lut_is_refused_in_words_and_cannot_be_chosen(site: Site) -> None:
    client = site.client(ada := site.user())
    production = site.production(production_admin=ada)
    refused = added(site, client, production, CUBE.replace("0.250 0.000 0.000", "0.250 0.000").encode())
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "Line 4 is not three numbers."
    with site.engine.begin() as conn:
        lut_id = conn.execute(select(tables.luts.c.id)).scalar_one()
    assert chosen(client, production, id=lut_id, input="linear").status_code == 409
    assert client.get(f"{API}/productions/{production.id}/luts").json()["luts"] == []
    for name, body in (("show.lut", b"x"), ("show.cube", b""), ("show.cube", bytes((12 << 20) + 1))):
        assert begun(client, production, body, name).status_code == 422
    late = begun(client, production, CUBE.encode()).json()
    complete = f"{API}/productions/{production.id}/luts/{late['id']}/complete"
    assert client.post(complete).status_code == 409  # nothing has arrived
    assert client.post(f"{API}/productions/{production.id}/luts/{new_id()}/complete").status_code == 404
    assert site.bucket.send(late["method"], late["url"], late["headers"], CUBE[:-1].encode() + b" ").status == 400
    assert site.bucket.send(late["method"], late["url"], late["headers"], CUBE.encode()).status == 200
    assert client.post(complete).status_code == 200


def test_bytes_that_changed_in_the_bucket_are_not_taken_for_the_lut(site: Site) -> None:
    client = site.client(ada := site.user())
    production = site.production(production_admin=ada)
    assert added(site, client, production, b"nonsense").status_code == 422
    (key,) = site.bucket.objects
    site.bucket.objects[key] = b"nonsens3"
    refused = client.post(f"{API}/productions/{production.id}/luts/{key.split('/')[2]}/complete")
    assert refused.json()["error"]["code"] == "checksum"
    with site.engine.begin() as conn:
        assert conn.scalar(select(func.count()).where(tables.luts.c.checked_at.is_not(None))) == 0


def test_a_film_is_shown_through_the_lut_of_its_production(platform: Platform, tmp_path: Path) -> None:
    """By the command line, through a real bucket, a real job and its sandbox."""
    line = CommandLine.signed_in(platform, tmp_path / "home")
    cube = tmp_path / "Night v2.cube"
    cube.write_text(CUBE)
    with platform.api() as api:
        production = api.create_production("Night")
        slug, production_id = str(production["slug"]), str(production["id"])
        lut = line.run("production", "lut", "add", slug, cube, "--json").fields
        assert platform.body(f"attachments/lut/{lut['id']}/Night_v2.cube") == CUBE.encode()
        told = line.run("production", "lut", "choose", slug, "Night v2.cube", "--input", "acescct")
        assert told.code == 0, told.err
        (still,) = shoot(tmp_path / "still", "exr", [1])
        clip = make_original(tmp_path / "clip.mp4", frames=12)
        linear, television = (upload(api, production_id, path).version_id for path in (still, clip))
        for version_id in (linear, television):
            platform.wait_for(version_id, "ready")
        used = {"name": "Night v2.cube", "input": "acescct"}
        assert (api.facts(linear)["light"], api.facts(linear)["lut"]) == ("linear", used)
        assert api.playback_session(linear)["lut"] == used
        assert api.facts(television)["lut"] is None
        listed = line.run("production", "lut", "list", slug, "--json").fields
        assert [one["id"] for one in listed["luts"]] == [listed["chosen"]["id"]] == [lut["id"]]
        assert line.run("production", "lut", "delete", slug, "Night v2.cube").code != 0
        assert line.run("production", "lut", "none", slug).code == 0
        assert line.run("production", "lut", "delete", slug, "Night v2.cube").code == 0
        assert api.facts(linear)["lut"] == used  # what was made goes on saying by which
