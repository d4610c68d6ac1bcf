"""Entry of the app process: ``python -m reelkeep.web.app_process --link-fd N``. One company for life."""

from __future__ import annotations

from reelkeep.bootstrap import open_company
from reelkeep.ids import ConnectionId
from reelkeep.web.app import make_app
from reelkeep.web.serve import born, serve


def main() -> None:
    """Take birth from the supervisor, then serve the company's pages and API until told to stop."""
    link, birth, handover = born()
    company = open_company(link, birth)

    def resume(connection_id: ConnectionId) -> None:
        link.call("resume", connection_id=connection_id)

    serve(company, make_app(company, resume), handover, link)


if __name__ == "__main__":
    main()
