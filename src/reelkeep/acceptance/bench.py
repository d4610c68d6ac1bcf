"""What the checks of one acceptance test share: the sessions, the test object, and the list of what must go again.

Everything is written below ``probe/<run>/`` of the connection's prefix, the one folder that is reserved for tests, and
each version that was written is removed by its id. Sessions are made when the first check needs them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from reelkeep.acceptance.interface import NotVerifiable
from reelkeep.contract.comparison import Known
from reelkeep.contract.pasted import Stack, without_stack
from reelkeep.errors import ReelkeepError
from reelkeep.ids import CompanyId, GrantId, new_id
from reelkeep.storage.interface import Capability, Purpose, SessionRequest, StorageConnection, StsSession, WrappingKey
from reelkeep.storage.kms import KmsWrapping
from reelkeep.storage.marker import Marker
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import StsBroker
from reelkeep.storage.trial import Answer, TrialClient

T = TypeVar("T")
BODY: Final = b"Reelkeep tries out this bucket; this object goes again.\n" * 20
TYPE: Final = "application/octet-stream"
PROBE_FOLDER: Final = "probe/"


@dataclass(frozen=True)
class Subject:
    """What is tried out, and what the registry knows of it.

    Args:
        stack: what the company told; None: nothing.
        origin: of the company's pages.
        canary_arn: a role of the operator's that must refuse us; "" if there is none.
        plain_url: where the store answers without TLS; "": as follows from the connection.
        was_in_use: versions lie there, or it was in use before markers were written.
        role_is_taken, bucket_is_taken: somebody else has it.
    """

    connection: StorageConnection
    marker: Marker
    origin: str
    stack: Stack | None = None
    canary_arn: str = ""
    plain_url: str = ""
    was_in_use: bool = False
    role_is_taken: bool = False
    bucket_is_taken: bool = False

    @property
    def is_bound(self) -> bool:
        """Whether the contract's settings are owed: always on AWS, and wherever a stack was told of."""
        return self.stack is not None or self.connection.endpoint_url is None

    @property
    def is_aws(self) -> bool:
        return self.connection.endpoint_url is None


@dataclass
class Bench:
    """Asks the store of one subject. Thread-safe."""

    subject: Subject
    broker: StsBroker
    grant: GrantId
    run: str = field(default_factory=new_id)
    written: list[tuple[str, str]] = field(default_factory=list)  # key and version id of what must go again
    _made: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _locks: dict[str, threading.RLock] = field(default_factory=dict)

    @property
    def connection(self) -> StorageConnection:
        return self.subject.connection

    @property
    def known(self) -> Known:
        """What is known of the stack; of a bucket without one, where it lies and below which prefix."""
        return self._once("the platform's own identity", self._known, "known")

    def _known(self) -> Known:
        if self.subject.stack is not None:
            own = self.broker.own_account(self.connection.id)
            return self.subject.stack.known(self.connection.external_id, own)
        return without_stack(self.connection.bucket, f"{self.connection.prefix}/".lstrip("/"))

    def key(self, below: str) -> str:
        """Return a whole key from one below the connection's prefix."""
        return f"{self.connection.prefix}/{below}" if self.connection.prefix else below

    def test_key(self, name: str) -> str:
        return self.key(f"{PROBE_FOLDER}{self.run}/{name}")

    @property
    def roles(self) -> frozenset[str]:
        """The connection's own roles; sessions are asked of no other."""
        stack = self.subject.stack
        others = (stack.audit_role, stack.purge_role) if stack else ()
        return frozenset(filter(None, (self.connection.role_arn, *others)))

    @property
    def media(self) -> TrialClient:
        """A client with all rights of the media role."""
        return self._once("the media role", lambda: self._as(self.connection.role_arn))

    @property
    def audit(self) -> TrialClient:
        """A client with all rights of the audit role."""
        stack = self.subject.stack
        if stack is None:
            raise NotVerifiable("no audit role is known: the company has told of no stack")
        return self._once("the audit role", lambda: self._as(stack.audit_role))

    @property
    def narrowed(self) -> TrialClient:
        """A client as the platform's own are: its session reaches the test folder and nothing else."""
        request = SessionRequest(self.connection.id, Purpose.PROBE, f"{PROBE_FOLDER}{self.run}/")
        return self._once("the media role", lambda: self._client(self.broker.session(request)), "narrowed")

    def wrapping(self, *, external_id: str = "") -> KmsWrapping:
        """The company's own key, with all rights of the media role; raise NotVerifiable if there is none.

        Args:
            external_id: stands in the encryption context in the place of the connection's.
        """
        stack = self.subject.stack
        if stack is None or not stack.wrapping_key:
            raise NotVerifiable("the stack made no wrapping key")
        key = self.connection.wrapping_key or WrappingKey(stack.wrapping_key, CompanyId(self.subject.marker.company))
        asked = replace(self.connection, wrapping_key=key, external_id=external_id or self.connection.external_id)
        session = self._once("the media role", lambda: self._session(self.connection.role_arn), "session")
        return KmsWrapping(asked, lambda: session)

    def store(self, *, writes_once: bool = False) -> S3Store:
        """Return the object store as the platform's own parts see it, with all rights of the media role.

        Args:
            writes_once: the store was found to refuse to replace an object.
        """
        capabilities = frozenset({Capability.CONDITIONAL_PUT}) if writes_once else frozenset[Capability]()

        def make() -> S3Store:
            session = self._session(self.connection.role_arn)
            return S3Store(replace(self.connection, capabilities=capabilities), lambda: session)

        return self._once("the media role", make, f"store {writes_once}")

    @property
    def nobody(self) -> TrialClient:
        return self._once("nobody", lambda: TrialClient(self.connection, None, self.grant))

    def audit_answer(self, service: str, operation: str, arguments: Mapping[str, str]) -> Answer:
        """Ask with the audit role, or the media role where there is no stack; each question is asked once in a run."""
        client = self.audit if self.subject.stack else self.media
        name = f"{service} {operation} {sorted(arguments.items())}"
        asks = {"s3": client.s3, "iam": client.iam, "kms": client.kms}
        return self._once("an answer", lambda: asks[service](operation, **arguments), name)

    def plain(self, url: str) -> TrialClient:
        """A client with the media role's session that speaks plain HTTP."""
        session = self._once("the media role", lambda: self._session(self.connection.role_arn), "session")
        return TrialClient(self.connection, session, self.grant, endpoint_url=url)

    def by_public_name(self) -> TrialClient:
        """A client with the media role's session that asks by the bucket's public name, isolated or not."""
        session = self._once("the media role", lambda: self._session(self.connection.role_arn), "session")
        return TrialClient(replace(self.connection, private=None), session, self.grant)

    def test_object(self) -> tuple[str, Answer]:
        """Return the key of the one test object, and what came of writing it."""

        def write() -> tuple[str, Answer]:
            key = self.test_key("object")
            return key, self.put(self.media, key, BODY)

        return self._once("a test object", write, "object")

    def readable(self) -> str:
        """Return the key of the test object; raise NotVerifiable if it could not be written."""
        key, answer = self.test_object()
        if not answer.is_done:
            raise NotVerifiable("no test object could be written")
        return key

    def put(self, client: TrialClient, key: str, body: bytes, **more: Any) -> Answer:
        """Write an object, and note that it must go again."""
        answer = client.s3("put_object", Key=key, Body=body, ContentType=TYPE, **more)
        if answer.is_done:
            self.note(key, answer)
        return answer

    def note(self, key: str, answer: Answer) -> None:
        """Note that a version was made, of an object or of a marker that hides one."""
        with self._lock:
            self.written.append((key, str(answer.data.get("VersionId") or "")))

    def remove(self, key: str, version_id: str) -> Answer:
        which = {"VersionId": version_id} if version_id and version_id != "null" else {}
        answer = self.media.s3("delete_object", Key=key, **which)
        if answer.is_refused and which:  # an older stack: it goes with the noncurrent versions
            answer = self.media.s3("delete_object", Key=key)
        return answer

    def _as(self, role_arn: str) -> TrialClient:
        return self._client(self._session(role_arn))

    def _session(self, role_arn: str) -> StsSession:
        return self.broker.trial_session(self.connection.id, role_arn, self.roles)

    def _client(self, session: StsSession) -> TrialClient:
        return TrialClient(self.connection, session, self.grant)

    def _once(self, what: str, make: Callable[[], T], name: str = "") -> T:
        """Make a thing that several checks need, once; if that fails, none of them can be made."""
        key = name or what
        with self._lock:
            one_at_a_time = self._locks.setdefault(key, threading.RLock())
        with one_at_a_time:  # of this thing alone: a store that hangs at one question keeps no other waiting
            if key not in self._made:
                try:
                    self._made[key] = make()
                except ReelkeepError as error:
                    self._made[key] = NotVerifiable(f"{what} gives no session: {error.message}")
            made = self._made[key]
        if isinstance(made, NotVerifiable):
            raise NotVerifiable(*made.args)
        return made  # type: ignore[no-any-return]
