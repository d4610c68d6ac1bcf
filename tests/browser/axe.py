"""axe (Deque's accessibility rules, from the Node packages), run on a page once it has its heading."""

from __future__ import annotations

import contextlib
from pathlib import Path

from playwright.sync_api import Page, TimeoutError

_SOURCE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
_RUN = "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)"


def violations(page: Page) -> list[str]:
    """Return every violation, as the rule's name and the element; all of axe's rules, of every level.

    A page that is still being put together gets some seconds to have its heading; axe tells of one that has none.
    """
    with contextlib.suppress(TimeoutError):
        page.get_by_role("heading", level=1).first.wait_for(state="attached", timeout=5_000)
    page.evaluate(_SOURCE.read_text(encoding="utf-8"))
    return [f"axe {each['id']}: {node['html'][:120]}" for each in page.evaluate(_RUN) for node in each["nodes"]]
