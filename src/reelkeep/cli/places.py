"""The operator's deeds on where companies' versions are stored: placing, switching off and on, retiring, telling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from reelkeep.acceptance.interface import Report
from reelkeep.catalog import audit, holdings, productions
from reelkeep.catalog.holdings import Held
from reelkeep.catalog.productions import Production
from reelkeep.cli.accepting import Accepting, refusal
from reelkeep.cli.connections import NewConnection
from reelkeep.cli.installation import Installation
from reelkeep.companies import registry, storage_registry
from reelkeep.companies.registry import Company
from reelkeep.errors import Conflict, StorageSetupError
from reelkeep.ids import CompanyId, ConnectionId, ProductionId
from reelkeep.jobs import queue
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.placement import COMPANY, HOSTED, Placement, check_resumable, resolve
from reelkeep.storage.private_endpoints import PrivateEndpoints

NAMED_VERSIONS: Final = 20  # that a refusal to retire lists
NOTHING_HELD: Final = Held(0, 0)


@dataclass(frozen=True)
class PlacedProduction:
    production: Production
    placement: Placement | None  # None: nobody has a setting


@dataclass(frozen=True)
class Overview:
    """A company's storage: its connections with what they hold, and where new versions go."""

    connections: Sequence[tuple[StorageConnection, Held]]
    company: Placement | None
    productions: Sequence[PlacedProduction]


class Places:
    """The places of one installation. Every method is one deed of the operator."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def overview(self, company: Company) -> Overview:
        with self._installation.on_registry() as conn:
            connections = storage_registry.connections(conn, company.id)
            placed = storage_registry.placements(conn, company.id)
        with self._installation.on_company(company) as conn:
            held, found = holdings.held(conn), productions.every(conn)

        def place(production_id: ProductionId | None) -> Placement | None:
            try:
                return resolve(production_id, placed, connections)
            except StorageSetupError:
                return None

        return Overview(
            [(one, held.get(one.id, NOTHING_HELD)) for one in connections.values()],
            place(None),
            [PlacedProduction(one, place(one.id)) for one in found],
        )

    def place(self, company: Company, production: str, connection: StorageConnection) -> Placement:
        """Have new versions of a production (by name, slug or id), or of the company (""), stored at a connection.

        Raises:
            NotFound: there is no such production. Conflict: the connection is not in use. Nothing was changed.
        """
        target = self._target(company, production)
        with self._installation.on_registry() as conn:
            storage_registry.place(conn, company.id, target, connection.id)
        self._record(company, "storage.placed", connection.id, target)
        return self.setting(company, target)

    def inherit(self, company: Company, production: str) -> Placement:
        """Let a production, or the company (""), have no place of its own any more; return what it inherits.

        Raises:
            StorageSetupError: nothing is inherited; new versions have no place now.
        """
        target = self._target(company, production)
        with self._installation.on_registry() as conn:
            storage_registry.unplace(conn, company.id, target)
        self._record(company, "storage.unplaced", None, target)
        return self.setting(company, target)

    def setting(self, company: Company, target: str) -> Placement:
        with self._installation.on_registry() as conn:
            placed, connections = (
                storage_registry.placements(conn, company.id),
                storage_registry.connections(conn, company.id),
            )
        return resolve(ProductionId(target) if target else None, placed, connections)

    def host(self, new: NewConnection, company: Company) -> tuple[StorageConnection, Report]:
        """Connect the operator's own storage, for every company without a place of its own.

        Args:
            company: on whose behalf, and below whose prefix, it is tried out.

        Raises:
            StorageSetupError, DependencyError: it does not work; it stays a draft.
        """
        made = self._installation.storage.connect(None, new)
        as_seen = self._installation.storage.connection(company, made.id)
        found = Accepting(self._installation, company).put_into_use(as_seen).report
        with self._installation.on_registry() as conn:
            storage_registry.place_hosted(conn, made.id)
        return made, found

    def suspend(self, company: Company, connection: StorageConnection) -> None:
        """Switch a connection off: no session is given for it any more. What lies there stays."""
        with self._installation.on_registry() as conn:
            storage_registry.move_connection(conn, connection.id, ConnectionState.SUSPENDED)
        self._record(company, "storage.suspended", connection.id, COMPANY)

    def resume(self, company: Company, connection: StorageConnection) -> Report:
        """Switch a connection on again, if it passes its check.

        Raises:
            StorageSetupError: it does not pass. Conflict: another one's wrapping key is closed. It is as it was.
        """
        check_resumable(connection)
        found = Accepting(self._installation, company).put_into_use(connection, resume=True).report
        self._record(company, "storage.resumed", connection.id, COMPANY)
        with self._installation.on_company(company) as conn:
            kinds = queue.unpark(conn, connection.id if connection.wrapping_key is None else None)
        self._installation.ring(company, kinds)
        return found

    def set_private(
        self, company: Company, connection: StorageConnection, private: PrivateEndpoints | None
    ) -> StorageConnection:
        """Have a bucket reached by its private names alone, or by its public one (None); return it as it is then.

        Raises:
            StorageSetupError: it does not pass its acceptance test so; it is as it was.
            Conflict: it is the operator's own, for everybody.
        """
        if connection.is_hosted:
            raise Conflict("hosted storage is reached by its public name", advice="Isolate a company's own bucket.")
        wanted = replace(connection, private=private)
        found = Accepting(self._installation, company).verify(wanted)
        if not found.report.passed:
            raise refusal(found.report)
        with self._installation.on_registry() as conn:
            storage_registry.set_private(conn, connection.id, private)
        what = "storage.isolated" if private is not None else "storage.direct"
        self._record(company, what, connection.id, COMPANY)
        return wanted

    def retire(self, company: Company, connection: StorageConnection) -> None:
        """Give a connection up for good.

        Raises:
            Conflict: versions lie there, new ones go there, or it is in use; it is as it was.
        """
        with self._installation.on_registry() as conn:
            everybody = [company] if not connection.is_hosted else registry.companies(conn)
            placed = storage_registry.placed_at(conn, connection.id)
        self._refuse_if_placed(connection, placed)
        for one in everybody:
            self._refuse_if_held(one, connection)
        with self._installation.on_registry() as conn:
            if connection.state is ConnectionState.ACTIVE:
                advice = f"Run `reelkeep storage suspend {connection.name} --company {company.slug}` first."
                raise Conflict(f"the storage connection {connection.name} is in use", advice=advice)
            storage_registry.move_connection(conn, connection.id, ConnectionState.RETIRED)
        self._record(company, "storage.retired", connection.id, COMPANY)

    @staticmethod
    def _refuse_if_placed(connection: StorageConnection, placed: Sequence[tuple[CompanyId | None, str]]) -> None:
        if not placed:
            return
        words = {COMPANY: "the company", HOSTED: "every company without a place of its own"}
        told = ", ".join(words.get(target) or f"the production {target}" for _, target in placed)
        advice = "Place them elsewhere with `reelkeep storage place`, or let them inherit with `--inherit`."
        raise Conflict(f"new versions of {told} go to the storage connection {connection.name}", advice=advice)

    def _refuse_if_held(self, company: Company, connection: StorageConnection) -> None:
        with self._installation.on_company(company) as conn:
            count = holdings.held(conn).get(connection.id, NOTHING_HELD).versions
            some = holdings.versions_at(conn, connection.id, limit=NAMED_VERSIONS)
        if not count:
            return
        named = ", ".join(some)
        more = f"; and {count - len(some):,} more" if count > len(some) else ""
        what = "1 version lies" if count == 1 else f"{count:,} versions lie"
        raise Conflict(
            f"{what} at the storage connection {connection.name}: {named}{more}",
            advice="Versions keep their place; the connection can be retired once none lies there.",
        )

    def _target(self, company: Company, production: str) -> str:
        if not production:
            return COMPANY
        with self._installation.on_company(company) as conn:
            return productions.find(conn, production).id

    def _record(self, company: Company, what: str, connection_id: ConnectionId | None, target: str) -> None:
        with self._installation.on_company(company) as conn:
            audit.record(conn, what, connection_id, None, production=target or None)
