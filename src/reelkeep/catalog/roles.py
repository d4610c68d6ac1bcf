"""Roles within a production and what each may do. Pure; no I/O. Spec: promise V1."""

from __future__ import annotations

import enum
from typing import Final


class Role(enum.Enum):
    PRODUCTION_ADMIN = "production_admin"
    UPLOADER = "uploader"
    REVIEWER = "reviewer"
    VIEWER = "viewer"
    GUEST = "guest"


class Action(enum.Enum):
    VIEW = "view"
    COMMENT = "comment"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    TAKE_PROXY = "take_proxy"  # a proxy as a plain file; nothing says later who passed it on
    ADMINISTER = "administer"


ALLOWED: Final[dict[Role, frozenset[Action]]] = {
    Role.PRODUCTION_ADMIN: frozenset(Action),
    Role.UPLOADER: frozenset({Action.VIEW, Action.COMMENT, Action.UPLOAD, Action.DOWNLOAD}),
    Role.REVIEWER: frozenset({Action.VIEW, Action.COMMENT}),
    Role.VIEWER: frozenset({Action.VIEW}),
    Role.GUEST: frozenset({Action.VIEW}),
}
