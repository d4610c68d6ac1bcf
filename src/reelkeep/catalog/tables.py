"""The company database: every table, in one place. No queries here.

Follows the promise I5: one database per company, so no table has a company column.
Times are aware UTC; sizes are bytes; media time is (value, rate) in integers.
The database's own roles are made in ``companies.provisioning``: the app role may only insert into and select from the
tables of ``APPEND_ONLY``.
"""

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


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _created() -> Column[object]:
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


# People -------------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),  # lower case
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),  # argon2id, encoded form
    Column("is_company_admin", Boolean, nullable=False, server_default="false"),
    Column("disabled_at", DateTime(timezone=True)),
    _created(),
)

login_sessions = Table(
    "login_sessions",
    metadata,
    _id(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the bearer or cookie token
    Column("kind", Text, nullable=False),  # browser | cli
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    _created(),
)

# What is reviewed ---------------------------------------------------------------------------------

productions = Table(
    "productions",
    metadata,
    _id(),
    Column("slug", Text, nullable=False, unique=True),  # ASCII, at most 40 characters, frozen
    Column("name", Text, nullable=False),
    Column("first_frame", Integer, nullable=False, server_default="0"),  # the number that people see on a first frame
    Column("mark_bands", Integer, nullable=False, server_default="2"),  # of new proxies; 0: the plain ladder
    Column("largest_edge_px", Integer, nullable=False, server_default="2160"),  # of new proxies' largest rungs
    _created(),
)

memberships = Table(
    "memberships",
    metadata,
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),  # catalog.roles.Role
    _created(),
)

folders = Table(
    "folders",
    metadata,
    _id(),
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", ForeignKey("folders.id", ondelete="CASCADE")),
    Column("name", Text, nullable=False),
    _created(),
    UniqueConstraint("production_id", "parent_id", "name", postgresql_nulls_not_distinct=True),
)

assets = Table(
    "assets",
    metadata,
    _id(),
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("folder_id", ForeignKey("folders.id", ondelete="CASCADE")),
    Column("slug", Text, nullable=False),  # part of the object key; ASCII, at most 40 characters, frozen
    Column("name", Text, nullable=False),  # as the uploader named it, at most 255 characters
    _created(),
    UniqueConstraint("production_id", "folder_id", "name", postgresql_nulls_not_distinct=True),
)

versions = Table(
    "versions",
    metadata,
    _id(),
    Column("asset_id", ForeignKey("assets.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # from 1
    Column("state", Text, nullable=False),  # catalog.lifecycle.VersionState
    Column("problem_code", Text),  # errors.*.code
    Column("problem", Text),  # for the uploader, with what to do next
    Column("connection_id", Text, nullable=False, index=True),  # placement, recorded once (H2)
    Column("file_name", Text, nullable=False),  # the true name
    Column("original_key", Text, nullable=False, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("etag", Text),  # of the original when it arrived; null where the store said none
    Column("claimed_sha256", LargeBinary),
    Column("verified_sha256", LargeBinary),
    Column("probe", JSONB),  # media.Probe, written by the job
    Column("earlier_attempts", Integer, nullable=False, server_default="0"),  # at proxies that were taken away
    Column("uploaded_by", ForeignKey("users.id"), nullable=False),
    Column("stored_at", DateTime(timezone=True)),
    Column("ready_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),  # null: it is not deleted
    Column("deleted_by", ForeignKey("users.id")),
    Column("purged_at", DateTime(timezone=True)),  # of a deleted one: its original was taken out of the bucket, too
    _created(),
    UniqueConstraint("asset_id", "number"),
)

luts = Table(
    "luts",
    metadata,
    _id(),
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("file_name", Text, nullable=False),  # the true name
    Column("connection_id", Text, nullable=False),
    Column("object_key", Text, nullable=False, unique=True),
    Column("store_upload_id", Text, nullable=False),  # S3's UploadId
    Column("size_bytes", Integer, nullable=False),
    Column("crc32", LargeBinary, nullable=False),
    Column("etag", Text),
    Column("title", Text, nullable=False, server_default=""),  # as the file says
    Column("points", Integer),
    Column("domain", JSONB(none_as_null=True)),  # [[red, green, blue], [red, green, blue]]: its low and its high end
    Column("numbers", LargeBinary),  # luts.Lut.numbers; null: not checked, or no LUT
    Column("shaper_domain", JSONB(none_as_null=True)),  # [low, high]; null: no shaper
    Column("shaper_numbers", LargeBinary),  # luts.Shaper.numbers
    Column("added_by", ForeignKey("users.id"), nullable=False),
    Column("stored_at", DateTime(timezone=True)),
    Column("checked_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),  # nobody sees it any more; its file lies in the bucket still
    Column("deleted_by", ForeignKey("users.id")),
    _created(),
    CheckConstraint("(checked_at is null) = (numbers is null)", name="checked"),
    CheckConstraint("(shaper_domain is null) = (shaper_numbers is null)", name="shaper"),
)

lut_choices = Table(  # a production that has no row is shown without a LUT
    "lut_choices",
    metadata,
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE"), primary_key=True),
    Column("lut_id", ForeignKey("luts.id"), nullable=False),
    Column("input", Text, nullable=False),  # luts.LutInput
    Column("scope", Text, nullable=False),  # luts.LutScope
)

version_keys = Table(
    "version_keys",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),  # version key under the company key
    Column("content_keys", JSONB, nullable=False),  # class -> {kid, wrapped} under the version key, hex
    _created(),
)

# An original that is a set of files --------------------------------------------------------------

image_sequences = Table(
    "image_sequences",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, nullable=False),  # sequences.ImageKind
    Column("rate_numerator", Integer, nullable=False),  # as the uploader said: pictures have no clock
    Column("rate_denominator", Integer, nullable=False),
    Column("files", Integer, nullable=False),
    Column("first_number", Integer, nullable=False),
    Column("last_number", Integer, nullable=False),
    Column("gaps", JSONB, nullable=False),  # [[first, last], ...]: the first runs of numbers that no file has
    CheckConstraint("files between 2 and 100000", name="files"),
    CheckConstraint("first_number <= last_number", name="numbers"),
)

sequence_files = Table(
    "sequence_files",
    metadata,
    Column("version_id", ForeignKey("image_sequences.version_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("file_name", Text, nullable=False),  # the true name
    Column("object_key", Text, nullable=False, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("crc32", LargeBinary, nullable=False),
    Column("claimed_sha256", LargeBinary),
    Column("stored_at", DateTime(timezone=True)),  # null: has not been seen in the bucket yet
)

# The operator's people ----------------------------------------------------------------------------

support_access = Table(  # what an admin lets the operator's people look at, and how long
    "support_access",
    metadata,
    _id(),
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE")),  # null: the whole company
    Column("with_media", Boolean, nullable=False),  # pictures and sound, too
    Column("given_by", ForeignKey("users.id"), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),  # before that time, by an admin
    _created(),
)

support_people = Table(  # users who are none of the company's: one for each sign-in link, without a password
    "support_people",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("access_id", ForeignKey("support_access.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("link_hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the token in the link
    Column("link_ends_at", DateTime(timezone=True), nullable=False),
    Column("link_used_at", DateTime(timezone=True)),
    _created(),
)

# Upload -------------------------------------------------------------------------------------------

uploads = Table(
    "uploads",
    metadata,
    _id(),
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("state", Text, nullable=False),  # catalog.lifecycle.UploadState
    Column("store_upload_id", Text, nullable=False),  # S3's UploadId
    Column("part_bytes", BigInteger, nullable=False),
    Column("client_key", Text),  # the client's name for this file, so that a reload finds the upload again
    Column("completed_at", DateTime(timezone=True)),
    _created(),
    CheckConstraint("part_bytes > 0", name="part_bytes"),
    Index("ix_uploads_client_key", "client_key"),
)

# Jobs ---------------------------------------------------------------------------------------------

jobs = Table(
    "jobs",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),  # jobs.interface.JobKind
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE")),
    Column("state", Text, nullable=False),  # catalog.lifecycle.JobState
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("leased_until", DateTime(timezone=True)),
    Column("leased_by", Text),
    Column("cancel_requested_at", DateTime(timezone=True)),
    Column("last_problem", Text),
    Column("finished_at", DateTime(timezone=True)),
    _created(),
    Index("ix_jobs_due", "due_at", postgresql_where="state in ('waiting', 'running')"),
)

# Proxies ------------------------------------------------------------------------------------------

proxies = Table(
    "proxies",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("format_version", Integer, nullable=False),
    Column("planned_frames", Integer, nullable=False),
    Column("frames", Integer),  # the real count, once complete
    Column("rate_numerator", Integer, nullable=False),
    Column("rate_denominator", Integer, nullable=False),
    Column("planned_audio_samples", BigInteger, nullable=False),
    Column("tile_layout", JSONB),  # packaging.stills.TileLayout
    Column("mark_bands", Integer, nullable=False),  # that were asked for
    Column("largest_edge_px", Integer, nullable=False),  # that was asked for
    Column("lut_id", ForeignKey("luts.id")),  # that its pictures were shown through; null: none
    Column("lut_input", Text),  # luts.LutInput
    Column("completed_at", DateTime(timezone=True)),
    _created(),
    CheckConstraint("(lut_id is null) = (lut_input is null)", name="lut"),
)

units = Table(  # of a film that is cut; one that is not has none
    "units",
    metadata,
    Column("version_id", ForeignKey("proxies.version_id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),  # media.TrackKind: parts of the picture, and the sound, which is one
    Column("number", Integer, primary_key=True),  # from 0
    Column("first_frame", Integer, nullable=False),
    Column("end_frame", Integer),  # behind its last; of the last unit once it is known
    Column("job_id", ForeignKey("jobs.id")),  # whose it is while that job runs
    Column("attempt_number", Integer),  # that made its end
    Column("done_at", DateTime(timezone=True)),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    Column("version_id", ForeignKey("proxies.version_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("number", Integer, nullable=False),  # from 1; part of the object keys
    Column("salt", LargeBinary, nullable=False),  # 32 bytes, fresh: no (seal key, nonce) pair returns
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    _created(),
    UniqueConstraint("version_id", "number"),
    UniqueConstraint("salt"),
)

renditions = Table(
    "renditions",
    metadata,
    _id(),
    Column("version_id", ForeignKey("proxies.version_id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),  # "v360", "a1"; "a2" and on for more sound tracks
    Column("kind", Text, nullable=False),  # media.TrackKind
    Column("is_step", Boolean, nullable=False, server_default="false"),
    Column("width_px", Integer),
    Column("height_px", Integer),
    Column("codecs", Text, nullable=False),  # RFC 6381
    Column("timescale", Integer, nullable=False),
    Column("bandwidth_bps", Integer, nullable=False),
    Column("key_id", LargeBinary, nullable=False),  # KID, 16 bytes
    Column("iv", LargeBinary, nullable=False),  # constant IV of tenc, 16 bytes
    Column("content_key_class", Text, nullable=False),  # audio | sd | hd | uhd
    Column("codec_config", LargeBinary, nullable=False),  # avcC or AudioSpecificConfig: no picture in it
    Column("bands", JSONB, nullable=False),  # packaging.bundle_index.bands_to_json
    Column("language", Text, nullable=False, server_default=""),  # of sound: media.Sound.language
    Column("label", Text, nullable=False, server_default=""),  # of sound: its title in the original
    UniqueConstraint("version_id", "name"),
)

segments = Table(
    "segments",
    metadata,
    Column("rendition_id", ForeignKey("renditions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 0; also the nonce
    Column("attempt_id", ForeignKey("attempts.id"), nullable=False),
    Column("object_key", Text, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("length", Integer, nullable=False),  # sealed bytes
    Column("decode_time", BigInteger, nullable=False),  # in the rendition's timescale
    Column("duration", BigInteger, nullable=False),
    Column("samples", Integer, nullable=False),  # video: frames
    Column("plain_sha256", LargeBinary, nullable=False),  # of the segment inside the seal
    Column("band_ranges", LargeBinary, nullable=False),  # packaging.band_ranges: 8 bytes for each frame and band
)

stills = Table(
    "stills",
    metadata,
    Column("version_id", ForeignKey("proxies.version_id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),  # packaging.stills.StillKind: poster | tiles | peaks | times
    Column("number", Integer, primary_key=True),
    Column("attempt_id", ForeignKey("attempts.id"), nullable=False),
    Column("object_key", Text, nullable=False),
    Column("length", Integer, nullable=False),  # sealed bytes
    Column("content_type", Text, nullable=False),
)

# Play and review ----------------------------------------------------------------------------------

playback_sessions = Table(
    "playback_sessions",
    metadata,
    _id(),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("login_session_id", ForeignKey("login_sessions.id", ondelete="CASCADE"), nullable=False),
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE"), nullable=False),
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE")),  # null: posters of the production only
    Column("is_taking", Boolean, nullable=False, server_default="false"),  # for a file of its proxy, not to play it
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    _created(),
)

comments = Table(
    "comments",
    metadata,
    _id(),
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    Column("author_id", ForeignKey("users.id"), nullable=False),
    Column("frame", Integer, nullable=False),  # zero-based output frame; of a range the first
    Column("last_frame", Integer),  # of a range, and part of it; null: the one frame alone
    Column("text", Text, nullable=False),
    Column("edited_at", DateTime(timezone=True)),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolved_by", ForeignKey("users.id")),
    Column("deleted_at", DateTime(timezone=True)),
    _created(),
    Index("ix_comments_version_frame", "version_id", "frame"),
)

OF_SUPPORT = "what like 'support.%'"  # audit events that are about support access

# Records ------------------------------------------------------------------------------------------

grants = Table(
    "grants",
    metadata,
    _id(),  # the signed query parameter x-reelkeep, or the RoleSessionName
    Column("action", Text, nullable=False),  # catalog.grants.GrantAction
    Column("object_key", Text, nullable=False),  # a key, or a prefix that ends in "/"
    Column("reason", Text, nullable=False),
    Column("user_id", Text),
    Column("job_id", Text),
    Column("network", Text),  # where it may be used from; null: not restricted
    Column("expires_at", DateTime(timezone=True), nullable=False),
    _created(),
    Index("ix_grants_created_at", "created_at"),
)

audit_events = Table(
    "audit_events",
    metadata,
    _id(),
    Column("what", Text, nullable=False),  # "version.stored", "user.signed_in", ...
    Column("subject_id", Text),
    Column("user_id", Text),
    Column("details", JSONB, nullable=False, server_default="{}"),
    _created(),
    Index("ix_audit_events_created_at", "created_at"),
    Index("ix_audit_events_support", "created_at", postgresql_where=OF_SUPPORT),
)

process_events = Table(  # who served the company: two rows for each process, and none is ever changed
    "process_events",
    metadata,
    _id(),
    Column("process_id", Text, nullable=False),
    Column("event", Text, nullable=False),  # catalog.processes.Event
    Column("kind", Text, nullable=False),  # catalog.processes.ProcessKind
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),  # its name
    Column("host_id", Text, nullable=False),  # of the supervisor's data folder: names of hosts change
    Column("run_id", Text, nullable=False),  # of the supervisor, from its start to its end
    Column("reason", Text),  # catalog.processes.EndReason; null: it started
    Column("status", Integer),  # exit status, or the negative number of a signal; null: nobody was there to see it
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("process_id", "event"),
)

storage_audits = Table(  # what bucket and rows differed by; the newest of each connection, not all
    "storage_audits",
    metadata,
    _id(),
    Column("connection_id", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("is_clean", Boolean, nullable=False),
    Column("fresh", Integer, nullable=False),  # problems that were not there at the audit before
    Column("body", JSONB, nullable=False),  # custody.history.Compared.as_fields, with what was counted
    Column("marks", JSONB(none_as_null=True)),  # of every problem, for the next audit; null: a later one is there
    Column("noted_at", DateTime(timezone=True)),  # an admin has taken note of what was fresh
    Column("noted_by", ForeignKey("users.id")),
    Index("ix_storage_audits_connection_id_made_at", "connection_id", "made_at"),
)

APPEND_ONLY = (grants, audit_events, process_events)
CHANGED_CHANNEL = "reelkeep_changed"  # NOTIFY: {"production": id, "version": id, "what": "segments"|"state"|...}
