"""The storage connections of an installation's companies: written down, found, and reached by sessions."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from reelkeep.companies import stacks, storage_registry
from reelkeep.companies.registry import Company
from reelkeep.contract import offer as offers
from reelkeep.contract.offer import Offer
from reelkeep.contract.parameters import Place
from reelkeep.contract.pasted import Stack
from reelkeep.errors import NotFound, StorageSetupError
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.layout import check_prefix
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.supervisor.folder import DataFolder

UNKNOWN_ID: Final = "not-made-yet-not-used"  # stands for an external id where only names are asked for


@dataclass(frozen=True)
class NewConnection:
    """Where a company's bucket is; None as endpoint means AWS."""

    bucket: str
    region: str
    role_arn: str
    prefix: str = ""
    endpoint_url: str | None = None
    sts_endpoint_url: str | None = None
    path_style: bool = False
    name: str = ""  # as people will call the connection; made from the bucket's if empty


class Connections:
    """What an operator does with storage connections; reached as ``Installation.storage``.

    Args:
        on_registry: opens one transaction on the registry.
    """

    def __init__(self, folder: DataFolder, on_registry: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._folder, self._on_registry = folder, on_registry
        self._own_identity = PlatformIdentity()  # towards AWS: the machine's own, unless the supervisor says another

    def take_identity(self, descriptor: int) -> None:
        """Take the platform's own identity from a pipe of the supervisor's; -1: there is none, it is the machine's."""
        if descriptor >= 0:
            with open(descriptor, encoding="ascii") as pipe:
                self._own_identity = PlatformIdentity(**json.load(pipe))

    def connection(self, company: Company, wanted: str) -> StorageConnection:
        """Return a connection that a company may use, by its name or id; raise NotFound."""
        with self._on_registry() as conn:
            found = storage_registry.connections(conn, company.id)
        for connection in found.values():
            if wanted in (connection.name, connection.id):
                return connection
        names = ", ".join(one.name for one in found.values()) or "none yet"
        advice = f"The connections of {company.slug} are: {names}."
        raise NotFound(f"the company {company.slug} has no storage connection {wanted}", advice=advice)

    def connect(self, company: Company | None, new: NewConnection) -> StorageConnection:
        """Write a connection down as a draft; its external id is made here.

        It is not used before it has passed the acceptance test.

        Args:
            company: None for the operator's hosted storage.
        """
        with self._on_registry() as conn:
            return storage_registry.add_connection(
                conn,
                company.id if company else None,
                bucket=new.bucket,
                region=new.region,
                prefix=check_prefix(new.prefix.strip("/")),
                role_arn=new.role_arn,
                endpoint_url=new.endpoint_url,
                sts_endpoint_url=new.sts_endpoint_url or new.endpoint_url,
                path_style=new.path_style,
                name=new.name,
            )

    def connect_stack(self, company: Company, stack: Stack, new: NewConnection) -> StorageConnection:
        """Write down what a company told of its stack, with the connection that `storage template` made for it.

        Told again, as after an update of the stack, it takes the place of what was told before.

        Args:
            new: where the store is, and how it is called if there is no connection for this stack yet.

        Raises:
            StorageSetupError: the connection has another region or prefix. Conflict: somebody else has the role.
        """
        prefix = stack.prefix.rstrip("/")
        with self._on_registry() as conn:
            known = list(storage_registry.connections(conn, company.id).values())
        same = [one for one in known if (one.bucket, one.role_arn) == (stack.bucket, stack.media_role)]
        found = same[0] if same else None
        if found is None:
            place = replace(new, bucket=stack.bucket, region=stack.region, role_arn=stack.media_role, prefix=prefix)
            found = self.connect(company, place)
        elif (found.region, found.prefix) != (stack.region, prefix):
            raise StorageSetupError(
                f"the stack lies in {stack.region} below {prefix or 'no prefix'}, the connection {found.name} in "
                f"{found.region} below {found.prefix or 'no prefix'}",
                advice="Deploy the template that was printed for this connection, with its values as they are.",
            )
        stack.known(found.external_id)  # raises what does not go together
        with self._on_registry() as conn:
            if new.endpoint_url is not None and same:
                sts = new.sts_endpoint_url or new.endpoint_url
                storage_registry.set_endpoint(conn, found.id, new.endpoint_url, sts, path_style=new.path_style)
            stacks.set_stack(conn, found.id, stack)
        return self.connection(company, found.id)

    def offer(
        self, company: Company, place: Place, principal_arn: str, origins: tuple[str, ...], prefix: str
    ) -> tuple[StorageConnection, Offer]:
        """Return the template's values for a company, and the connection whose external id stands in them.

        The names of bucket and role follow from account, region and company, so the connection is written down before
        the stack exists; asked again, the same one is found. It is not used before it has passed the acceptance test.
        """

        def of(external_id: str) -> Offer:
            return offers.offer(
                company.slug,
                place,
                principal_arn=principal_arn,
                external_id=external_id,
                origins=origins,
                prefix=check_prefix(prefix.strip("/")),
            )

        names = of(UNKNOWN_ID).facts
        bucket, role_arn = names.text("MediaBucket"), names.text("MediaRoleArn")
        with self._on_registry() as conn:
            known = storage_registry.connections(conn, company.id).values()
        same = (found for found in known if (found.bucket, found.role_arn) == (bucket, role_arn))
        connection = next(same, None) or self.connect(company, NewConnection(bucket, place.region, role_arn, prefix))
        return connection, of(connection.external_id)

    def embedded_bucket(self, company: Company, origin: str, bucket: str = "") -> NewConnection:
        """Make a bucket and a role for the company on the embedded store; takes some seconds."""
        return self.bucket_on_store(bucket or f"{company.slug}-media", origin)

    def bucket_on_store(self, bucket: str, origin: str) -> NewConnection:
        """Make a bucket and a role of its own on the embedded store, for pages of ``origin``; takes some seconds."""
        fields = self._folder.store().add_company(bucket, origin)
        return NewConnection(
            fields.bucket,
            fields.region,
            fields.role_arn,
            fields.prefix,
            fields.endpoint_url,
            fields.sts_endpoint_url,
            fields.path_style,
        )

    def origin(self, company: Company, connection: StorageConnection) -> str:
        """Return the address of the company's pages: of this machine for a store on it, else of its host name."""
        if connection.endpoint_url is None:
            return f"https://{company.app_host}"
        return self._folder.origin(company.app_host)

    def broker(self, company: Company, connection: StorageConnection) -> StsBroker:
        """Return a broker of sessions at this one connection, in whatever state it is."""
        return StsBroker(self._identity(connection), lambda _: connection, company.slug)

    def _identity(self, connection: StorageConnection) -> PlatformIdentity:
        """Return the platform's own identity at an STS: the embedded store's, else this machine's for AWS."""
        if self.is_embedded(connection):
            key = self._folder.store().platform_credentials
            return PlatformIdentity(key.access_key_id, key.secret_access_key)
        return self._own_identity

    def is_embedded(self, connection: StorageConnection) -> bool:
        """Tell whether a connection is to the embedded store of this installation."""
        has_store = (self._folder.path / "s3").exists()
        return has_store and connection.sts_endpoint_url == self._folder.store().endpoint_url
