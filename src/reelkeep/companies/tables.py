"""The registry: which companies exist, where their databases and buckets are. No media metadata, no queries here."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

companies = Table(
    "companies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),  # the host name's first label
    Column("name", Text, nullable=False),
    Column("app_host", Text, nullable=False, unique=True),  # acme.localhost
    Column("media_host", Text, nullable=False, unique=True),  # acme-media.localhost
    Column("state", Text, nullable=False),  # companies.company_states.CompanyState
    Column("database_name", Text, nullable=False, unique=True),  # opaque
    Column("owner_role", Text, nullable=False, unique=True),  # opaque; migrations only
    Column("app_role", Text, nullable=False, unique=True),  # opaque
    Column("wrapped_owner_password", LargeBinary, nullable=False),  # under the operator's keyring
    Column("wrapped_app_password", LargeBinary, nullable=False),
    Column("wrapped_company_key", LargeBinary, nullable=False),  # and under the company's own key, if it has one:
    Column("key_connection_id", ForeignKey("storage_connections.id", use_alter=True)),  # with whose role it is used
    Column("key_arn", Text),
    Column("key_probe", LargeBinary),  # storage.interface.Wrapped.PROBE
    Column("network", JSONB(none_as_null=True)),  # companies.network_policy; null: the site is open to everybody
    Column("wrapped_server", LargeBinary),  # address of a PostgreSQL server of its own; null: the installation's
    Column("schema_revision", Text),  # of its database, as somebody last saw it
    Column("schema_floor", Text),  # companies.migrating.Schema
    Column("roll_overs", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

certificates = Table(
    "certificates",
    metadata,
    Column("company_id", ForeignKey("companies.id"), primary_key=True),
    Column("host", Text, primary_key=True),  # the company's app_host or media_host
    Column("chain", Text, nullable=False),  # PEM, the host's own certificate first
    Column("wrapped_key", LargeBinary, nullable=False),  # PEM under the operator's keyring
    Column("fingerprint", Text, nullable=False),  # SHA-256 of the certificate, hexadecimal
    Column("not_after", DateTime(timezone=True), nullable=False),
    Column("is_self_signed", Boolean, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

refused_sources = Table(
    "refused_sources",
    metadata,
    Column("company_id", ForeignKey("companies.id"), primary_key=True),
    Column("source", Text, primary_key=True),  # an address, an endpoint id, or companies.refused.OTHERS
    Column("connections", BigInteger, nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

storage_connections = Table(
    "storage_connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("company_id", ForeignKey("companies.id"), index=True),  # null: the operator's hosted storage, for all
    Column("name", Text, nullable=False),  # as people call it; storage.layout.slug
    Column("bucket", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("prefix", Text, nullable=False),  # "" or "a/b": no leading, no trailing slash
    Column("role_arn", Text, nullable=False),
    Column("external_id", Text, nullable=False),  # made by the platform, never typed in
    Column("endpoint_url", Text),  # null: AWS; else an S3-compatible store
    Column("sts_endpoint_url", Text),
    Column("client_endpoint_url", Text),  # storage.private_endpoints; null: a direct connection
    Column("platform_endpoint_url", Text),
    Column("addressing", Text, nullable=False),  # virtual | path
    Column("capabilities", Text, nullable=False),  # comma-separated: storage.interface.Capability
    Column("state", Text, nullable=False),  # storage.connection_states.ConnectionState
    Column("revoked_by", Text),  # storage.connection_states.Revocation; null unless revoked
    Column("has_marker", Boolean, nullable=False, server_default="false"),  # storage.marker was written
    Column("state_since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("audit_role_arn", Text),  # null: no stack was told of
    Column("purge_role_arn", Text),  # null: the company does not allow purging
    Column("contract_version", Integer),  # that the stack reported
    Column("stack", JSONB),  # contract.pasted.Stack
    Column("stack_number", Integer, nullable=False, server_default="0"),  # goes up with each one that differs
    UniqueConstraint("company_id", "name", postgresql_nulls_not_distinct=True),
    CheckConstraint("(client_endpoint_url is null) = (platform_endpoint_url is null)", name="isolated"),
)

acceptance_reports = Table(
    "acceptance_reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection_id", ForeignKey("storage_connections.id"), nullable=False),
    Column("company_id", ForeignKey("companies.id"), nullable=False),  # on whose behalf; of hosted storage, too
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("passed", Boolean, nullable=False),
    Column("body", JSONB, nullable=False),  # acceptance.report.as_fields
    Column("stack_number", Integer, nullable=False, server_default="0"),  # of the stack that was tried out
    Index("ix_acceptance_reports_connection_id_made_at", "connection_id", "made_at"),
)

onboarding_steps = Table(
    "onboarding_steps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("company_id", ForeignKey("companies.id"), nullable=False, index=True),
    Column("step", Text, nullable=False),  # acceptance.onboarding.Step; the newest row of a step counts
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("contract_version", Integer, nullable=False, server_default="1"),  # of the release in which it was noted
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

placements = Table(
    "placements",
    metadata,
    Column("company_id", ForeignKey("companies.id"), primary_key=True),
    Column("production_id", Text, primary_key=True),  # "": the company's default
    Column("connection_id", ForeignKey("storage_connections.id"), nullable=False),
)

hosted_placement = Table(
    "hosted_placement",
    metadata,
    Column("id", Text, primary_key=True),  # one row: new versions of whoever has no other place
    Column("connection_id", ForeignKey("storage_connections.id"), nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("proxy_format_version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

REGISTRY_CHANGED_CHANNEL = "reelkeep_registry"
