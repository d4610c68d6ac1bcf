"""The platform's HTTP API (``/api/v1``) for programs: sign-in, productions, uploads, versions, downloads."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import httpx

from reelkeep.errors import DependencyError, NotFound, ReelkeepError, RequestError
from reelkeep.storage import crc
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer import network
from reelkeep.transfer.interface import (
    DonePart,
    DownloadLink,
    FrameFile,
    Original,
    ProxyTicket,
    SequenceTicket,
    SignedRequest,
    SmallFile,
    SmallTicket,
    StoredFrame,
    UploadTicket,
)
from reelkeep.transfer.names import as_text
from reelkeep.transfer.patience import Patience
from reelkeep.transfer.sequences import FoundSequence

_SERVER: Final = "the Reelkeep server"


def _kinds(kind: type[ReelkeepError]) -> dict[str, type[ReelkeepError]]:
    found = {kind.code: kind}
    for child in kind.__subclasses__():
        found = {**_kinds(child), **found}
    return found


def error_of(status: int, body: object) -> ReelkeepError:
    """Return the error that an answer of the API stands for.

    >>> error_of(404, {"error": {"code": "not_found", "message": "gone", "advice": "look again"}})
    NotFound('gone')
    >>> type(error_of(503, None)).__name__
    'DependencyError'
    """
    fields = body.get("error") if isinstance(body, dict) else None
    if not isinstance(fields, dict):
        if status >= 500 or status == 421:
            return DependencyError(f"{_SERVER} answered with {status}")
        return RequestError(f"{_SERVER} refused the request with {status}")
    assert ChecksumMismatch.code  # its module is loaded, so that the codes of storage are known here
    kind = _kinds(ReelkeepError).get(str(fields.get("code")), RequestError)
    error = kind.__new__(kind)
    ReelkeepError.__init__(error, str(fields.get("message")), advice=str(fields.get("advice") or "") or None)
    return error


class Api:
    """One user's way to one company. Implements ``UploadApi`` and ``DownloadApi``. Thread-safe.

    Args:
        address: of the company's app, "http://acme.localhost:8000".
        token: of the login session; None before signing in.
        authority: the certificates in PEM that are trusted, and no other; None: those that the machine trusts.
    """

    def __init__(self, address: str, token: str | None = None, *, authority: str | None = None) -> None:
        self.address = address.rstrip("/")
        self._token = token
        self._client = network.client(base_url=f"{self.address}/api/v1", authority=authority)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def login(self, email: str, password: str) -> str:
        """Sign in and return the token; later calls carry it.

        Raises:
            SignInRequired: the address or the password is wrong.
        """
        self._token = str(self._post("/login", {"email": email, "password": password, "kind": "cli"})["token"])
        return self._token

    def me(self) -> Mapping[str, Any]:
        return self._get("/me")

    def productions(self) -> list[Mapping[str, Any]]:
        return list(self._get("/productions")["productions"])

    def find_production(self, name: str) -> Mapping[str, Any]:
        """Return the production with this id, slug or name; raise NotFound if there is none for this user."""
        found = self.productions()
        for field in ("id", "slug", "name"):
            for production in found:
                if production[field] == name:
                    return production
        known = ", ".join(production["slug"] for production in found)
        advice = f"Your productions are: {known}." if known else "Ask an admin of the company to make you a member."
        raise NotFound(f"you have no production {name!r}", advice=advice)

    def create_production(self, name: str) -> Mapping[str, Any]:
        return self._post("/productions", {"name": name}, repeat=False)

    def change_production(self, production_id: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change settings of a production; return it as it is now."""
        return self._call("PATCH", f"/productions/{production_id}", fields)

    def luts(self, production_id: str) -> list[Mapping[str, Any]]:
        return list(self._get(f"/productions/{production_id}/luts")["luts"])

    def begin_lut(self, production_id: str, file_name: str, size_bytes: int, crc32: bytes) -> tuple[str, SignedRequest]:
        """Begin to add a LUT; return its id and the one request that sends it."""
        fields = {"file_name": file_name, "size_bytes": size_bytes, "crc32": crc.to_text(crc32)}
        answer = self._post(f"/productions/{production_id}/luts", fields)
        return str(answer["id"]), _signed(answer)

    def complete_lut(self, production_id: str, lut_id: str) -> Mapping[str, Any]:
        answer = self._post(f"/productions/{production_id}/luts/{lut_id}/complete", {})
        return answer["lut"]  # type: ignore[no-any-return]

    def delete_lut(self, production_id: str, lut_id: str) -> Mapping[str, Any]:
        """Forget a LUT that nobody uses; return its name and the key of its file."""
        return self._call("DELETE", f"/productions/{production_id}/luts/{lut_id}", None)

    def assets(self, production_id: str) -> list[Mapping[str, Any]]:
        return list(self._get(f"/productions/{production_id}/assets")["assets"])

    def asset(self, asset_id: str) -> Mapping[str, Any]:
        return self._get(f"/assets/{asset_id}")

    def version(self, version_id: str) -> Mapping[str, Any]:
        answer = self._get(f"/versions/{version_id}")
        return answer.get("version", answer)  # type: ignore[no-any-return]

    def delete_version(self, version_id: str) -> None:
        """Delete a version; its original waits in the bucket."""
        Patience().call(lambda: self._call("DELETE", f"/versions/{version_id}", None))

    def deleted(self, production_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the deleted versions of a production, the last deleted first."""
        return list(self._get(f"/productions/{production_id}/deleted")["versions"])

    def restore_version(self, version_id: str) -> Mapping[str, Any]:
        """Bring a deleted version back and return it."""
        return self._post(f"/versions/{version_id}/restore", {}, repeat=False)

    def remake_version(self, version_id: str) -> Mapping[str, Any]:
        """Let the proxy of a ready version be made anew, and return the version."""
        return self._post(f"/versions/{version_id}/remake", {}, repeat=False)

    def processes(self) -> Iterator[Mapping[str, Any]]:
        """Yield the processes that served the company, the newest first, page by page."""
        before: str | None = ""
        while before is not None:
            answer = self._get(f"/processes?before={before}")
            yield from answer["processes"]
            before = answer["next"]

    def facts(self, version_id: str) -> Mapping[str, Any]:
        """Return what is known of a version's original."""
        return self._get(f"/versions/{version_id}/facts")

    def playback_session(self, version_id: str) -> Mapping[str, Any]:
        return self._post(f"/versions/{version_id}/playback-sessions", {})

    def begin_upload(
        self, production_id: str, file_name: str, size_bytes: int, client_key: str, folder: str = ""
    ) -> UploadTicket:
        fields = {"file_name": file_name, "size_bytes": size_bytes, "client_key": client_key, "folder": folder}
        return _ticket(self._post(f"/productions/{production_id}/uploads", fields))

    def sign_parts(self, upload_id: str, parts: Sequence[tuple[int, bytes]]) -> Sequence[SignedRequest]:
        fields = {"parts": [{"number": number, "crc32": crc.to_text(crc32)} for number, crc32 in parts]}
        answer = self._post(f"/uploads/{upload_id}/parts", fields)
        return [_signed(request) for request in answer["requests"]]

    def complete_upload(self, upload_id: str, crc32: bytes, sha256: bytes) -> None:
        self._post(f"/uploads/{upload_id}/complete", {"crc32": crc.to_text(crc32), "sha256": sha256.hex()})

    def abort_upload(self, upload_id: str) -> None:
        self._call("DELETE", f"/uploads/{upload_id}", None)

    def known_uploads(self, production_id: str, client_keys: Sequence[str]) -> Mapping[str, str]:
        answer = self._post(f"/productions/{production_id}/uploads/known", {"client_keys": list(client_keys)})
        return dict(answer["known"])

    def cancel_uploads(self, production_id: str, client_keys: Sequence[str]) -> list[str]:
        """Give up the open uploads of these files; return their versions."""
        answer = self._post(f"/productions/{production_id}/uploads/cancel", {"client_keys": list(client_keys)})
        return list(answer["cancelled"])

    def begin_small(self, production_id: str, files: Sequence[SmallFile]) -> Sequence[SmallTicket | ReelkeepError]:
        fields = [
            {
                "folder": file.folder,
                "file_name": file.file_name,
                "size_bytes": file.size_bytes,
                "crc32": crc.to_text(file.crc32),
                "sha256": file.sha256.hex(),
                "client_key": file.client_key,
            }
            for file in files
        ]
        answer = self._post(f"/productions/{production_id}/small-uploads", {"files": fields})
        return [error_of(400, one) if "error" in one else _small_ticket(one) for one in answer["uploads"]]

    def complete_small(self, production_id: str, arrived: Mapping[str, bytes]) -> Mapping[str, str | ReelkeepError]:
        fields = [{"id": upload_id, "crc32": crc.to_text(crc32)} for upload_id, crc32 in arrived.items()]
        answer = self._post(f"/productions/{production_id}/small-uploads/complete", {"uploads": fields})
        return {one["id"]: error_of(400, one) if "error" in one else one["version_id"] for one in answer["uploads"]}

    def begin_sequence(self, production_id: str, found: FoundSequence, client_key: str) -> SequenceTicket:
        fields = {
            "folder": found.folder,
            "first_file": as_text(found.items[0].path.name),
            "last_file": as_text(found.items[-1].path.name),
            "files": len(found.items),
            "size_bytes": found.size_bytes,
            "rate": [found.rate.numerator, found.rate.denominator],
            "client_key": client_key,
        }
        answer = self._post(f"/productions/{production_id}/sequences", fields)
        return SequenceTicket(*(str(answer[name]) for name in ("id", "version_id", "asset_id", "name")))

    def sign_frames(self, upload_id: str, files: Sequence[FrameFile]) -> Sequence[SignedRequest | int | ReelkeepError]:
        fields = [
            {
                "file_name": file.file_name,
                "size_bytes": file.size_bytes,
                "crc32": crc.to_text(file.crc32),
                "sha256": file.sha256.hex(),
            }
            for file in files
        ]
        answer = self._post(f"/sequences/{upload_id}/frames", {"files": fields})
        return [_frame(one) for one in answer["frames"]]

    def arrived_frames(self, upload_id: str, sums: Mapping[int, bytes]) -> Mapping[int, ReelkeepError | None]:
        fields = [{"number": number, "crc32": crc.to_text(crc32)} for number, crc32 in sums.items()]
        answer = self._post(f"/sequences/{upload_id}/arrived", {"frames": fields})
        return {int(one["number"]): error_of(400, one) if "error" in one else None for one in answer["frames"]}

    def complete_sequence(self, upload_id: str) -> str:
        return str(self._post(f"/sequences/{upload_id}/complete", {})["version_id"])

    def frames(self, version_id: str) -> Iterator[StoredFrame]:
        """Yield the files of a sequence, page by page."""
        after: int | None = -1
        while after is not None:
            answer = self._get(f"/versions/{version_id}/frames?after={after}")
            for one in answer["frames"]:
                sha256 = bytes.fromhex(one["sha256"]) if one["sha256"] else None
                yield StoredFrame(int(one["number"]), str(one["file_name"]), int(one["size_bytes"]), sha256)
            after = answer["next"]

    def frame_links(self, version_id: str, numbers: Sequence[int]) -> Sequence[tuple[str, datetime]]:
        answer = self._post(f"/versions/{version_id}/frames/downloads", {"numbers": list(numbers)})
        return [(str(link["url"]), _time(link["expires_at"])) for link in answer["links"]]

    def originals(self, production_id: str) -> Iterator[Original]:
        """Yield what can be downloaded of a production, page by page."""
        after: str | None = ""
        while after is not None:
            answer = self._get(f"/productions/{production_id}/originals?after={after}")
            for one in answer["originals"]:
                sha256 = bytes.fromhex(one["sha256"]) if one["sha256"] else None
                size_bytes, frames = int(one["size_bytes"]), int(one["frames"])
                yield Original(one["version_id"], one["folder"], one["file_name"], size_bytes, sha256, frames)
            after = answer["next"]

    def download_links(self, production_id: str, version_ids: Sequence[str]) -> Sequence[tuple[str, datetime]]:
        answer = self._post(f"/productions/{production_id}/downloads", {"versions": list(version_ids)})
        return [(str(link["url"]), _time(link["expires_at"])) for link in answer["links"]]

    def download_link(self, version_id: str) -> DownloadLink:
        answer = self._get(f"/versions/{version_id}/download")
        sha256, crc32 = answer.get("sha256"), answer.get("crc32")
        return DownloadLink(
            url=str(answer["url"]),
            file_name=str(answer["file_name"]),
            size_bytes=int(answer["size_bytes"]),
            sha256=bytes.fromhex(sha256) if sha256 else None,
            crc32=crc.from_text(crc32) if crc32 else None,
            expires_at=_time(answer["expires_at"]),
        )

    def proxy_ticket(self, version_id: str, rendition: str = "") -> ProxyTicket:
        answer = self._post(f"/versions/{version_id}/proxy-downloads", {"rendition": rendition})
        return ProxyTicket(
            base=str(answer["base"]),
            rendition=str(answer["rendition"]),
            file_name=str(answer["file_name"]),
            parts_total=int(answer["parts_total"]),
            about_bytes=int(answer["about_bytes"]),
            made=str(answer["made"]),
            expires_at=_time(answer["expires_at"]),
        )

    def proxy_part(self, ticket: ProxyTicket, number: int) -> bytes:
        with network.no_answer(_SERVER):
            answer = self._client.get(f"{ticket.base}/{number}")  # no Authorization: the address is the right
        if not answer.is_success:
            raise error_of(answer.status_code, _json(answer))
        digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
        if answer.headers.get("repr-digest") != f"sha-256=:{digest}:":
            raise ChecksumMismatch("a part of the proxy did not arrive as it was sent", advice="Run it again.")
        return answer.content

    def _get(self, path: str) -> Mapping[str, Any]:
        return Patience().call(lambda: self._call("GET", path, None))

    def _post(self, path: str, fields: Mapping[str, Any], *, repeat: bool = True) -> Mapping[str, Any]:
        if not repeat:
            return self._call("POST", path, fields)
        return Patience().call(lambda: self._call("POST", path, fields))

    def _call(self, method: str, path: str, fields: Mapping[str, Any] | None) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        with network.no_answer(_SERVER):
            answer = self._client.request(method, path, json=fields, headers=headers)
        body = _json(answer)
        if not answer.is_success:
            raise error_of(answer.status_code, body)
        return body if isinstance(body, dict) else {}


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json() if answer.content else None
    except ValueError:
        return None


def _ticket(answer: Mapping[str, Any]) -> UploadTicket:
    done = [
        DonePart(int(part["number"]), int(part["size_bytes"]), crc.from_text(part["crc32"]) if part["crc32"] else None)
        for part in answer["done_parts"]
    ]
    return UploadTicket(
        id=str(answer["id"]),
        version_id=str(answer["version_id"]),
        asset_id=str(answer["asset_id"]),
        part_bytes=int(answer["part_bytes"]),
        parts_total=int(answer["parts_total"]),
        done_parts=done,
    )


def _small_ticket(answer: Mapping[str, Any]) -> SmallTicket:
    return SmallTicket(
        id=str(answer["id"]),
        version_id=str(answer["version_id"]),
        asset_id=str(answer["asset_id"]),
        request=_signed({**answer, "number": 1}),
    )


def _frame(answer: Mapping[str, Any]) -> SignedRequest | int | ReelkeepError:
    if "error" in answer:
        return error_of(400, answer)
    return int(answer["number"]) if answer["stored"] else _signed(answer)


def _signed(request: Mapping[str, Any]) -> SignedRequest:
    return SignedRequest(
        number=int(request["number"]),
        method=str(request["method"]),
        url=str(request["url"]),
        headers=dict(request["headers"]),
        expires_at=_time(request["expires_at"]),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
