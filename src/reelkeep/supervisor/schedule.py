"""Which of the operator's commands run by themselves, and when first: acceptance tests, audits, backups."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any, Final

from reelkeep.settings import Settings
from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.folder import DataFolder
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.recurring import Recurring

FIRST_TESTS_SECONDS: Final = 300.0  # after the start
FIRST_BACKUPS_SECONDS: Final = 450.0
FIRST_AUDITS_SECONDS: Final = 600.0
LONGEST_AUDITS_SECONDS: Final = 6 * 3600.0  # of all companies together: at 5,000 keys a second a hundred million


def scheduled(
    settings: Settings, programs: Programs, folder: DataFolder, identity: PlatformIdentity
) -> Iterator[Coroutine[Any, Any, None]]:
    """Yield what runs each command again and again, until it is cancelled."""
    data = ["--data", str(folder.path)]
    canary = ["--canary", settings.canary_role_arn] if settings.canary_role_arn else []
    tests = Recurring("acceptance tests", [*programs.verify, *data, *canary], folder.log / "verify.log", identity)
    yield tests.keep(first_seconds=FIRST_TESTS_SECONDS)
    if settings.audit_hours:
        program = [*programs.audit, *data, "--hours", str(settings.audit_hours)]
        audits = Recurring("audits", program, folder.log / "audit.log", identity, LONGEST_AUDITS_SECONDS)
        yield audits.keep(first_seconds=FIRST_AUDITS_SECONDS)
    if settings.backup_hours is not None:
        program = [*programs.backup, *data, "--hours", str(settings.backup_hours)]
        backups = Recurring("backups", program, folder.log / "backup.log", identity)
        yield backups.keep(first_seconds=FIRST_BACKUPS_SECONDS)
