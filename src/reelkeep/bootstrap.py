"""Opens a company in a process that was born for it: the only place that picks adapters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelkeep.companies.birth import seen_from_fields, storage_from_fields
from reelkeep.companies.company_key import open_company_key
from reelkeep.companies.databases import open_engine
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.link import SupervisorLink
from reelkeep.companies.lookout import Lookout
from reelkeep.encryption.keys import CompanyKey
from reelkeep.ids import CompanyId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.kms import KmsWrapping
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store


def open_company(link: SupervisorLink, birth: Mapping[str, Any]) -> CompanyHandle:
    """Return the handle of the one company that this process serves, kept up to date by the supervisor's pushes.

    Args:
        birth: the link's first frame.
    """
    company = birth["company"]
    storage = CompanyStorage(*storage_from_fields(birth), link, S3Store, ObstoreReader)
    storage.on_change(link.forget_sessions)
    link.on_push("storage", lambda fields: storage.update(*storage_from_fields(fields)))
    link.on_push("seen", lambda fields: storage.note_seen(seen_from_fields(fields)))
    engine = open_engine(birth["dsn"])
    lookout = Lookout(storage, engine, link)
    key = CompanyKey(bytes.fromhex(plain)) if (plain := birth.get("company_key")) else None
    if wrapped := birth.get("wrapped_company_key"):
        key = open_company_key(storage, bytes.fromhex(wrapped), link, KmsWrapping, lookout)
    return CompanyHandle(
        id=CompanyId(company["id"]),
        slug=company["slug"],
        name=company["name"],
        app_origin=company["app_origin"],
        media_origin=company["media_origin"],
        engine=engine,
        storage=storage,
        doorbell=link,
        company_key=key,
        lookout=lookout,
    )
