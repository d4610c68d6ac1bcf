"""Settings of an installation: read once, from a TOML or JSON file and from REELKEEP_* variables, into a frozen value.

A variable wins over the file. Unknown names fail, because a misspelt setting is otherwise silently absent.
"""

from __future__ import annotations

import ipaddress
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, get_type_hints

from reelkeep.errors import RequestError
from reelkeep.media import MediaLimits

PREFIX: Final = "REELKEEP_"
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_MOST_AT_A_TIME: Final = 10_000
_MAX_PORT: Final = 65_535
_MAX_AUDIT_HOURS: Final = 24 * 366
# What the talk with the codec can name at most.
_MOST: Final = {"max_picture_px": 16_384**2, "max_tracks": 1_000, "max_media_seconds": 172_800}


class SettingsRefused(RequestError):
    """A setting is unknown or cannot be what it is set to."""

    code = "settings"
    default_advice = "Correct the settings file or the variable, and start again."


@dataclass(frozen=True)
class Settings:
    """What ``reelkeep up`` needs to know. The defaults suit one machine and loopback."""

    data: Path = Path("var")
    address: str = "127.0.0.1"  # of the plain listener; anything but loopback is refused until TLS ends here
    port: int | None = None  # of the plain listener; None: as at the last start; 0: a free one
    tls_port: int | None = None  # with one of these two there is TLS, and no plain listener; 0: a free one
    tls_proxy_port: int | None = None  # behind a load balancer that sends PROXY headers of version 2, and for it alone
    tls_address: str = "127.0.0.1"  # of both; "::" is every address of the machine
    tls_public_port: int | None = None  # as it stands in addresses; None: the port that is listened on
    tls_proxy_from: str = "127.0.0.0/8,::1/128"  # networks of the load balancer: nobody else's headers are believed
    domain: str = "localhost"
    egress_private: str = ""  # networks, not of the internet, to which a name in a company's list may lead, by commas
    s3_embedded: bool = False
    jobs: int = 1  # job processes at a time
    active_companies: int = 64  # in use at a time: for so many PostgreSQL keeps connections (companies.connections)
    backup_hours: int | None = None  # a company is backed up into its own bucket when its last is older; None: never
    idle_seconds: int = 300  # a company's process that nobody wants anything of for as long ends
    max_process_bytes: int = 1 << 30  # of a company's app or media process; one that has more is replaced
    zygote_forks: int = 500  # processes of companies from one zygote, before another takes over
    company_uids: str = "1900065536-1900131071"  # host users for companies' processes, if run by root; nobody else's
    media_cache_bytes: int = 256 << 20  # of each company's media process, in memory alone; 0: nothing is kept
    insecure_no_sandbox: bool = False  # demo only; every job warns
    max_picture_px: int = MediaLimits.max_picture_px  # these six bound what an original may ask for: media.MediaLimits
    max_media_seconds: int = MediaLimits.max_media_seconds
    max_tracks: int = MediaLimits.max_tracks
    max_codec_bytes: int = MediaLimits.max_codec_bytes
    max_opening_seconds: int = MediaLimits.max_opening_seconds
    max_work_seconds: int = MediaLimits.max_work_seconds
    platform_access_key_id: str | None = None  # the identity that assumes companies' roles; None: the machine's own
    platform_secret_access_key: str | None = field(default=None, repr=False)
    audit_hours: int = 24  # between two audits of a bucket in use; 0: none by itself
    canary_role_arn: str | None = (
        None  # a role of the operator's that must refuse the platform: acceptance tests ask it
    )

    def __post_init__(self) -> None:
        if self.address not in ("127.0.0.1", "::1"):
            raise SettingsRefused("address must be 127.0.0.1 or ::1: the plain listener stays on loopback")
        if self.port is not None and not 0 <= self.port <= _MAX_PORT:
            raise SettingsRefused("port must be 0 to 65535")
        for name in ("tls_port", "tls_proxy_port", "tls_public_port"):
            if (port := getattr(self, name)) is not None and not 0 <= port <= _MAX_PORT:
                raise SettingsRefused(f"{name} must be 0 to 65535")
        for text in self.egress_networks():
            try:
                ipaddress.ip_network(text)
            except ValueError:
                raise SettingsRefused(f"egress_private holds {text[:60]!r}, which is no network") from None
        for name in ("jobs", "active_companies"):
            if not 1 <= getattr(self, name) <= _MOST_AT_A_TIME:
                raise SettingsRefused(f"{name} must be from 1 to {_MOST_AT_A_TIME}")
        for name in ("idle_seconds", "max_process_bytes", "zygote_forks"):
            if getattr(self, name) < 1:
                raise SettingsRefused(f"{name} must be at least 1")
        if self.backup_hours is not None and self.backup_hours < 1:
            raise SettingsRefused("backup_hours must be at least 1")
        self.uids()
        if not 0 <= self.audit_hours <= _MAX_AUDIT_HOURS:
            raise SettingsRefused(f"audit_hours must be 0 to {_MAX_AUDIT_HOURS}")
        if self.media_cache_bytes < 0:
            raise SettingsRefused("media_cache_bytes must not be negative")
        for one in fields(MediaLimits):
            if not 1 <= getattr(self, one.name) <= _MOST.get(one.name, getattr(self, one.name)):
                raise SettingsRefused(f"the setting {one.name} must be from 1 to {_MOST.get(one.name, 'any number')}")
        if (self.platform_access_key_id is None) != (self.platform_secret_access_key is None):
            raise SettingsRefused("platform_access_key_id and platform_secret_access_key go together")

    @property
    def is_tls(self) -> bool:
        return self.tls_port is not None or self.tls_proxy_port is not None

    def egress_networks(self) -> list[str]:
        """Return the private networks to which companies' processes may connect by name."""
        return [text.strip() for text in self.egress_private.split(",") if text.strip()]

    def uids(self) -> range:
        """Return the host users for companies' processes."""
        first, dash, last = self.company_uids.partition("-")
        if not (dash and all(one.isascii() and one.isdigit() for one in (first, last)) and 0 < int(first) < int(last)):
            raise SettingsRefused("company_uids must be two numbers, the first not 0, with a dash between them")
        return range(int(first), int(last) + 1)

    def media_limits(self) -> MediaLimits:
        """Return what an original may ask for."""
        return MediaLimits(**{one.name: getattr(self, one.name) for one in fields(MediaLimits)})


def load(environment: Mapping[str, str], path: Path | None = None, **given: Any) -> Settings:
    """Return the settings of the file, the variables and what the command line gave, the last winning.

    Args:
        given: values by name; None means that the command line did not say.

    Raises:
        SettingsRefused: a name is unknown or a value has the wrong type; no value is in the message.
    """
    found: dict[str, Any] = _of_file(path) if path is not None else {}
    found |= {
        name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)
    }
    if unknown := sorted(set(found) - {one.name for one in fields(Settings)}):
        raise SettingsRefused(f"there is no setting {unknown[0]}")
    types = get_type_hints(Settings)
    settings = Settings(**{name: _typed(name, value, types[name]) for name, value in found.items()})
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def _of_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        read: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsRefused(f"the settings file {path} cannot be read: {type(error).__name__}") from None
    if not isinstance(read, dict):
        raise SettingsRefused(f"the settings file {path} is not a table")
    return read


def _typed(name: str, value: object, wanted: object) -> Any:
    """Return a value of the file (typed) or of the environment (text) as the type of its field."""
    if wanted is bool and isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    if wanted in (int, int | None) and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if wanted is Path and isinstance(value, str):
        return Path(value)
    if wanted in (str, str | None) and isinstance(value, str):
        return value
    if (wanted is bool and isinstance(value, bool)) or (wanted in (int, int | None) and type(value) is int):
        return value
    raise SettingsRefused(f"the setting {name} has a value of the wrong type")
