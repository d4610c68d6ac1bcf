"""The surfaces of a kill-switch drill: what a watching session, an upload and a job still get, asked again and again.

Each surface is asked in a thread of its own, until long after it went dark: a surface is dark from the first refusal
after which nothing came any more.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from reelkeep.errors import ReelkeepError
from reelkeep.storage import crc
from reelkeep.transfer import network

ASK_SECONDS: Final = 0.2
UPLOAD_BYTES: Final = 65_536
RENEW_SECONDS: Final = 300.0  # of links, while a drill waits for somebody; the shortest live for 15 minutes
_BODY: Final = bytes(UPLOAD_BYTES)
Ask = Callable[[], bool]  # True: something came


@dataclass
class Surface:
    """One thing that is asked for. ``at`` is by the clock of ``time.time``.

    Args:
        what: for the certificate.
        of_platform: what the platform gives; else what the store gives for a link that was signed before.
    """

    name: str
    what: str
    ask: Ask
    of_platform: bool = True
    every_seconds: float = ASK_SECONDS
    lit_at: float | None = None  # the last time that something came
    dark_at: float | None = None  # the first refusal after it

    def look(self) -> None:
        """Ask once. What cannot be reached gives nothing."""
        asked = time.time()
        try:
            came = self.ask()
        except (httpx.TransportError, ReelkeepError):
            came = False
        if came:
            self.lit_at, self.dark_at = time.time(), None
        elif self.dark_at is None:
            self.dark_at = asked


@dataclass
class Asking:
    """Asks every surface until the block ends."""

    surfaces: Sequence[Surface]
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Asking:
        for surface in self.surfaces:
            thread = threading.Thread(target=self._run, args=(surface,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, surface: Surface) -> None:
        while not self._stop.is_set():
            surface.look()
            self._stop.wait(surface.every_seconds)


class Session:
    """A user's way to one company for a drill: plain requests, nothing is repeated."""

    def __init__(self, origin: str, token: str) -> None:
        # A connection belongs to the host name that it was made for, and all names are one address here.
        self._client, self._media, self._store = (network.client(connections=16) for _ in range(3))
        self._api = f"{origin}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"}

    def close(self) -> None:
        for client in (self._client, self._media, self._store):
            client.close()

    def get(self, path: str) -> Any:
        """Return an answer of the API; raise httpx.HTTPStatusError if it is no success."""
        return self._client.get(f"{self._api}{path}", headers=self._headers).raise_for_status().json()

    def post(self, path: str, fields: Mapping[str, Any]) -> Any:
        """Return an answer of the API; raise httpx.HTTPStatusError if it is no success."""
        return self._client.post(f"{self._api}{path}", json=fields, headers=self._headers).raise_for_status().json()

    def watch(self, version_id: str) -> list[Surface]:
        """Begin a playback session and return what it gives: manifest, a cached segment, the licence; and a new one."""
        session = self.post(f"/versions/{version_id}/playback-sessions", {})
        base = session["base"]
        uri = f"{base}/{session['manifest']}"
        manifest = self._media.get(uri).raise_for_status().text
        wanted = {"kids": [_key_id(text) for text in manifest.split('default_KID="')[1:]]}
        segment = f"{base}/{session['renditions'][0]['name']}/0.m4s"
        self._media.get(segment).raise_for_status()
        return [
            Surface("manifest", "the manifest of an open session", lambda: self._comes(uri)),
            Surface("segment", "a segment that is in the platform's memory", lambda: self._comes(segment)),
            Surface("licence", "the keys of an open session",
                    lambda: self._media.post(f"{base}/licence", json=wanted).is_success),
            Surface("session", "a new playback session",
                    lambda: self._calls("POST", f"/versions/{version_id}/playback-sessions")),
        ]  # fmt: skip

    def download(self, version_id: str) -> list[Surface]:
        """Get a link to an original; return the surfaces: another link from the platform, and what this one gives."""
        fresh = _Kept(lambda: self.get(f"/versions/{version_id}/download"))
        first_byte = {"Range": "bytes=0-0"}
        return [
            Surface("link", "a signed link to an original",
                    lambda: self._calls("GET", f"/versions/{version_id}/download")),
            Surface("link at the store", "an original by a link that was signed before",
                    lambda: self._store.get(fresh.value()["url"], headers=first_byte).is_success,
                    of_platform=False, every_seconds=0.5),
        ]  # fmt: skip

    def upload(self, production_id: str) -> tuple[str, list[Surface]]:
        """Begin an upload; return its id and the surfaces: a link for a part, and a part by an earlier link."""
        fields = {"file_name": "kill-switch drill.mov", "size_bytes": UPLOAD_BYTES}
        upload_id = str(self.post(f"/productions/{production_id}/uploads", fields)["id"])
        wanted = {"parts": [{"number": 1, "crc32": crc.to_text(crc.to_bytes(zlib.crc32(_BODY)))}]}
        fresh = _Kept(lambda: self.post(f"/uploads/{upload_id}/parts", wanted)["requests"][0])

        def put() -> bool:
            signed = fresh.value()
            return self._store.put(signed["url"], headers=signed["headers"], content=_BODY).is_success

        return upload_id, [
            Surface("upload part", "a signed link for a part of an upload",
                    lambda: self._calls("POST", f"/uploads/{upload_id}/parts", wanted)),
            Surface("part at the store", "a part by a link that was signed before",
                    put, of_platform=False, every_seconds=0.5),
        ]  # fmt: skip

    def end_upload(self, upload_id: str) -> None:
        self._client.delete(f"{self._api}/uploads/{upload_id}", headers=self._headers)

    def plays(self, version_id: str) -> bool:
        """Tell whether a fresh session gives a segment now."""
        try:
            session = self.post(f"/versions/{version_id}/playback-sessions", {})
            return self._comes(f"{session['base']}/{session['renditions'][0]['name']}/0.m4s")
        except httpx.HTTPError:
            return False

    def _comes(self, url: str) -> bool:
        return self._media.get(url).is_success

    def _calls(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> bool:
        body = fields if fields is not None or method == "GET" else {}
        return self._client.request(method, f"{self._api}{path}", json=body, headers=self._headers).is_success


class _Kept:
    """A signed link that is made anew long before it ends, as long as the platform signs any."""

    def __init__(self, sign: Callable[[], Any]) -> None:
        self._sign, self._signed, self._at = sign, sign(), time.monotonic()

    def value(self) -> Any:
        if time.monotonic() - self._at > RENEW_SECONDS:
            with contextlib.suppress(httpx.HTTPError):
                self._signed, self._at = self._sign(), time.monotonic()
        return self._signed


def _key_id(text: str) -> str:
    """Return a key id of a manifest, as a licence request names it (W3C EME, Clear Key)."""
    raw = bytes.fromhex(text[:36].replace("-", ""))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
