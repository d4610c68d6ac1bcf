"""A company as code below the web edge sees it: a handle that reaches this company and no other."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine

from reelkeep.companies.lookout import Lookout
from reelkeep.encryption.keys import CompanyKey
from reelkeep.ids import CompanyId
from reelkeep.jobs.interface import Doorbell
from reelkeep.storage.access import CompanyStorage


@dataclass(frozen=True)
class CompanyHandle:
    id: CompanyId
    slug: str
    name: str
    app_origin: str  # "http://acme.localhost:8000": scheme, host, port
    media_origin: str
    engine: Engine = field(repr=False)  # the app role of this company's own database
    storage: CompanyStorage = field(repr=False)
    doorbell: Doorbell = field(repr=False)
    company_key: CompanyKey | None = field(repr=False, default=None)  # media and job processes only
    lookout: Lookout | None = field(repr=False, default=None)  # looks whether a bucket still lets us in
