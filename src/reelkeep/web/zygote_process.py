"""Entry of the zygote: ``python -m reelkeep.web.zygote_process --orders-fd N``. Imports what web processes need."""

from __future__ import annotations

import gc

from reelkeep.isolation import zygote


def main() -> None:
    """Fork app and media processes, and those of closed sites, until the supervisor is gone."""
    gc.disable()  # all that is imported stays: looking for garbage in it would take a third of the time
    from reelkeep.storage import models
    from reelkeep.web import app_process, closed_process, media_process, rehearsal

    models.read_ahead()
    rehearsal.before_the_fork()
    roles = {"app": app_process.run, "media": media_process.run, "closed": closed_process.run}
    zygote.main(roles, {"app": rehearsal.while_it_waits})


if __name__ == "__main__":
    main()
