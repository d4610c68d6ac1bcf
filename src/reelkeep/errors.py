"""One tree of errors, split by who must act. Pure; no I/O.

ReelkeepError
 ├─ RequestError          the caller: what was asked cannot be done as asked
 │   ├─ NotFound            not there, or not yours: one answer for both
 │   ├─ Forbidden           known to be there, but the role does not allow it
 │   ├─ Conflict            the state has moved on; read it again
 │   └─ SignInRequired      no login session, or it has ended
 ├─ MediaError            the uploader: the file itself
 ├─ StorageSetupError     the company's cloud team: role, bucket, policy
 │   ├─ StorageRefused      the company's role says no to the platform itself
 │   └─ StorageStopped      the connection is not in use: revoked, suspended, not tried out yet
 ├─ DependencyError       nobody; a part we rely on is away, retry
 └─ IsolationError        us; stop: a barrier is missing or was touched

Messages are written for the person who must act. They hold no secret, no presigned URL and no file content.
A message is a clause, so that it can stand within another; where people read it, it becomes a ``sentence``.
HTTP codes are assigned in ``web`` alone.
"""

from __future__ import annotations

from typing import ClassVar


def sentence(clause: str) -> str:
    """Return a message as a sentence.

    >>> sentence("the file is empty"), sentence("Is it there?"), sentence("")
    ('The file is empty.', 'Is it there?', '')
    """
    whole = clause[:1].upper() + clause[1:].rstrip()
    return whole if not whole or whole[-1] in ".!?" else f"{whole}."


class ReelkeepError(Exception):
    """Something Reelkeep refuses or could not do."""

    code: ClassVar[str] = "error"
    default_advice: ClassVar[str] = "Try again; if it happens again, tell the operator of this installation."

    def __init__(self, message: str | None = None, *, advice: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").split("\n", 1)[0]
        self._advice = advice
        super().__init__(self.message)

    def advice(self) -> str:
        """Return what to do next, as one sentence."""
        return self._advice or self.default_advice


class RequestError(ReelkeepError):
    """The request cannot be carried out as it was made."""

    code = "request"
    default_advice = "Correct the request and send it again."


class NotFound(RequestError):
    """There is no such thing here, or you may not see it."""

    code = "not_found"
    default_advice = "Check the name or the link, and ask an admin of the company for access."


class Forbidden(RequestError):
    """Your role does not allow this."""

    code = "forbidden"
    default_advice = "Ask an admin of the production for a role that allows it."


class Conflict(RequestError):
    """Somebody else has changed this meanwhile."""

    code = "conflict"
    default_advice = "Load it again and repeat the change."


class SignInRequired(RequestError):
    """You are not signed in, or your login session has ended."""

    code = "sign_in"
    default_advice = "Sign in and try again."


class MediaError(ReelkeepError):
    """The file cannot be read as a film, a sound or a picture."""

    code = "media"
    default_advice = "Export the file again and upload it as a new version; the original stays stored as it is."


class StorageSetupError(ReelkeepError):
    """The company's bucket or role does not let the platform in."""

    code = "storage_setup"
    default_advice = "Ask your cloud team to check the role, its external id and the bucket of this storage connection."


class StorageRefused(StorageSetupError):
    """The company's role refuses the platform."""

    code = "storage_refused"


class StorageStopped(StorageSetupError):
    """The storage connection is not in use, so nothing is read from its bucket or written to it."""

    code = "storage_stopped"
    default_advice = "Nothing is lost; ask an admin of your company what happened."


class DependencyError(ReelkeepError):
    """A service that Reelkeep needs does not answer."""

    code = "dependency"
    default_advice = "Nothing is lost; it is tried again by itself."


class IsolationError(ReelkeepError):
    """A barrier that must stand is missing; the work was stopped."""

    code = "isolation"
    default_advice = "The operator must mend the host before this work can run."
