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
    VIEW = "view"  # names, states and comments
    WATCH = "watch"  # pictures and sound
    COMMENT = "comment"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    TAKE_PROXY = "take_proxy"  # a proxy as a plain file; nothing says later who passed it on
    ADMINISTER = "administer"


ALLOWED: Final[dict[Role, frozenset[Action]]] = {
    Role.PRODUCTION_ADMIN: frozenset(Action),
    Role.UPLOADER: frozenset({Action.VIEW, Action.WATCH, Action.COMMENT, Action.UPLOAD, Action.DOWNLOAD}),
    Role.REVIEWER: frozenset({Action.VIEW, Action.WATCH, Action.COMMENT}),
    Role.VIEWER: frozenset({Action.VIEW, Action.WATCH}),
    Role.GUEST: frozenset({Action.VIEW, Action.WATCH}),
}
SUPPORT_ROLE: Final = Role.VIEWER  # as which the operator's people are shown


def allowed_to_support(*, with_media: bool) -> frozenset[Action]:
    """Return what the operator's people may do while an admin of the company lets them in."""
    return frozenset({Action.VIEW, Action.WATCH} if with_media else {Action.VIEW})
