"""The operator's deeds on a company key: wrap it by the company's own key as well, take that off again, tell of it.

The company key itself stays what it is, so whatever it wraps stays valid; only its wrapped form is written anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from reelkeep.catalog import audit
from reelkeep.cli.installation import Installation
from reelkeep.companies import onboarding, registry, stacks, storage_registry
from reelkeep.companies.onboarding_steps import Step, StepState, is_outgrown
from reelkeep.companies.registry import Company
from reelkeep.contract import table
from reelkeep.contract.wrapping_statements import SINCE
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import Conflict, ReelkeepError, StorageSetupError
from reelkeep.ids import ConnectionId
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession, Wrapped, WrappingKey
from reelkeep.storage.kms import KmsWrapping, WrappingKeyClosed
from reelkeep.storage.layout import MARKER
from reelkeep.storage.refusals import Answer
from reelkeep.storage.session_policy import WHOLE

PROBE_BYTES: Final = 32


@dataclass(frozen=True)
class KeyFacts:
    """How a company key is wrapped now. ``opens``: None where KMS or STS does not answer, or no key of its own is."""

    connection: StorageConnection | None
    key_arn: str
    opens: bool | None


class Wrapping:
    """The company key of one company."""

    def __init__(self, installation: Installation, company: Company) -> None:
        self._installation, self._company = installation, company

    def facts(self) -> KeyFacts:
        """Tell by which key of its own the company key is wrapped, and whether it opens now."""
        connection = self._opener()
        if connection is None or connection.wrapping_key is None:
            return KeyFacts(None, "", None)
        return KeyFacts(connection, connection.wrapping_key.arn, self._opens(connection))

    def company_key(self) -> CompanyKey:
        """Open the company key, by the company's own key, too, if that wraps it.

        Raises:
            WrappingKeyClosed: the company's key refuses. DependencyError: KMS does not answer.
        """
        connection = self._opener()
        if connection is None:
            return self._installation.company_key(self._company)
        return self._opened(self._company, connection)

    def wrap(self, connection: StorageConnection) -> WrappingKey:
        """Have the company key wrapped by the key that a connection's stack made, besides the operator's.

        The copy that the operator's keyring alone opens is overwritten; backups from before still hold it.

        Raises:
            Conflict: it is wrapped so already, the connection is not in use, or this version of the contract was not
                signed. StorageSetupError: the stack tells of no such key, or the key did not pass the try.
                DependencyError: KMS does not answer. Nothing was changed.
        """
        found = self._key_of_stack(connection)
        made = replace(connection, wrapping_key=found)
        with self._installation.on_registry() as conn:
            company = registry.lock_company(conn, self._company.id)
            if company.key_connection_id is not None:
                raise Conflict(
                    "the company key is wrapped by a key of the company's own already",
                    advice=f"See `reelkeep company key --company {company.slug}`.",
                )
            wrapping = self._wrapping(made, Purpose.WRAP)
            key = replace(found, probe=self._tried(made, wrapping))
            plain = self._installation.company_key(company)
            wrapped = wrapping.wrap(plain.reveal(), Wrapped.COMPANY_KEY)
            if wrapping.unwrap(wrapped, Wrapped.COMPANY_KEY) != plain.reveal():
                raise StorageSetupError("the company's own key did not give back what it wrapped")
            outer = self._installation.wrap_inner_key(company, wrapped)
            registry.set_company_key(conn, company.id, outer, key, connection.id)
        self._record("company_key.wrapped", connection.id, key.arn)
        self._installation.forget_former_keys()
        return key

    def unwrap(self) -> None:
        """Have the company key wrapped by the operator's keyring alone; takes the company's key once more.

        Raises:
            Conflict: it is not wrapped by another. WrappingKeyClosed: the key refuses. DependencyError: KMS does not
                answer. Nothing was changed.
        """
        connection = self._opener()
        if connection is None or connection.wrapping_key is None:
            raise Conflict("no key of the company's own wraps its company key")
        with self._installation.on_registry() as conn:
            company = registry.lock_company(conn, self._company.id)
            if company.key_connection_id != connection.id:
                raise Conflict("somebody else has changed how the company key is wrapped", advice="Look again.")
            plain = self._opened(company, connection)
            registry.set_company_key(conn, company.id, self._installation.wrap_company_key(company, plain), None, None)
        self._record("company_key.unwrapped", connection.id, connection.wrapping_key.arn)

    def _opened(self, company: Company, connection: StorageConnection) -> CompanyKey:
        wrapped = self._installation.inner_key(company)
        return CompanyKey(self._wrapping(connection, Purpose.UNWRAP).unwrap(wrapped, Wrapped.COMPANY_KEY))

    def _opener(self) -> StorageConnection | None:
        with self._installation.on_registry() as conn:
            found = storage_registry.connections(conn, self._company.id).values()
        return next((one for one in found if one.wrapping_key is not None), None)

    def _key_of_stack(self, connection: StorageConnection) -> WrappingKey:
        with self._installation.on_registry() as conn:
            stack = stacks.stack_of(conn, connection.id)
            noted = onboarding.known(conn, self._company.id).noted.get(Step.REVIEW)
        if stack is None or stack.contract < SINCE:
            raise StorageSetupError(
                f"the stack of {connection.name} keeps no version of the contract that has a wrapping key",
                advice=f"Offer version {table.VERSION} with `reelkeep storage contract {connection.name}`; once the "
                "stack is updated, connect it again with what it gives back.",
            )
        if not stack.wrapping_key:
            raise StorageSetupError(
                f"the stack of {connection.name} made no wrapping key",
                advice="The company sets CompanyKeyWrap to On in its stack, and the operator connects it again.",
            )
        if noted is None or noted.state is not StepState.DONE or is_outgrown(noted, Step.REVIEW, SINCE):
            raise Conflict(
                f"version {SINCE} of the contract, which has the wrapping key, was not signed off by the company",
                advice=f"Hand over `reelkeep storage contract {connection.name}`, and note who signed it with "
                "`reelkeep storage onboarding --done review`.",
            )
        if connection.state is not ConnectionState.ACTIVE:
            raise Conflict(f"the storage connection {connection.name} is {connection.state.value}, not in use")
        return WrappingKey(stack.wrapping_key, self._company.id)

    def _tried(self, connection: StorageConnection, wrapping: KmsWrapping) -> bytes:
        """Return the probe as the key wraps it, after both ways and two refusals were tried."""
        probe = secrets.token_bytes(PROBE_BYTES)
        wrapped = wrapping.wrap(probe, Wrapped.PROBE)
        if wrapping.unwrap(wrapped, Wrapped.PROBE) != probe:
            raise StorageSetupError("the company's own key did not give back what it wrapped")
        if not _refuses(lambda: wrapping.unwrap(wrapped, Wrapped.COMPANY_KEY)):
            raise StorageSetupError("the company's own key unwraps one thing as another: it looks at no context")
        stranger = self._wrapping(connection, Purpose.WRAP, external_id=secrets.token_urlsafe(PROBE_BYTES))
        # A model of AWS knows no encryption context in a policy; that AWS does is for the IAM simulator to show.
        if connection.endpoint_url is None and not _refuses(lambda: stranger.wrap(probe, Wrapped.PROBE)):
            raise StorageSetupError(
                "the company's own key wraps under another company's external id",
                advice="Update the stack from the template: the media role's and the key's policy must look at it.",
            )
        return wrapped

    def _wrapping(self, connection: StorageConnection, purpose: Purpose, *, external_id: str = "") -> KmsWrapping:
        """Open the key; ``external_id`` stands in the context in the place of the connection's own."""
        session = self._session(connection, purpose, WHOLE)
        asked = replace(connection, external_id=external_id) if external_id else connection
        return KmsWrapping(asked, lambda: session)

    def _session(self, connection: StorageConnection, purpose: Purpose, scope: str) -> StsSession:
        broker = self._installation.storage.broker(self._company, connection)
        return broker.session(SessionRequest(connection.id, purpose, scope))

    def _opens(self, connection: StorageConnection) -> bool | None:
        try:
            session = self._session(connection, Purpose.WATCH, MARKER)
        except StorageSetupError:
            return False
        except ReelkeepError:
            return None
        told = KmsWrapping(connection, lambda: session).look()
        return None if told.answer is Answer.AWAY else told.answer is Answer.OPEN

    def _record(self, what: str, connection_id: ConnectionId, key_arn: str) -> None:
        with self._installation.on_company(self._company) as conn:
            audit.record(conn, what, connection_id, None, key=key_arn)


def _refuses(ask: Callable[[], bytes]) -> bool:
    try:
        ask()
    except WrappingKeyClosed:
        return True
    return False
