"""Entry of the app process: ``python -m reelkeep.web.app_process --link-fd N``. One company for life."""

from __future__ import annotations

from reelkeep.bootstrap import open_company
from reelkeep.companies.link import SupervisorLink
from reelkeep.web.app import make_app
from reelkeep.web.serve import listen, serve


def main() -> None:
    """Take birth from the supervisor, then serve the company's pages and API until told to stop."""
    link = SupervisorLink.from_arguments()
    birth = link.birth()
    company = open_company(link, birth)
    serve(company, make_app(company), listen(birth["handover_path"]), link)


if __name__ == "__main__":
    main()
