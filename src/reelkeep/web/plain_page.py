"""A page that needs nothing but itself: its style is in it, by its hash in the policy, and it has no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

from starlette.responses import HTMLResponse

_STYLE: Final = """
:root { color-scheme: dark; background: #141414; color: #ededed; }
body { max-width: 42rem; margin: 0 auto; padding: 12vh 20px 40px; font: 16px/1.55 system-ui, "Segoe UI", Roboto,
  "Noto Sans", "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 24px; font-weight: 500; margin: 0 0 16px; }
p { margin: 16px 0; }
a { color: inherit; text-underline-offset: 3px; }
code { display: block; font: 15px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; padding: 12px 14px;
  border: 1px solid #4a4a4a; border-radius: 6px; background: #0e0e0e; overflow-wrap: anywhere; user-select: all; }
.quiet { color: #a8a8a8; }
:focus-visible { outline: 2px solid #ffffff; outline-offset: 2px; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – Reelkeep</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def plain_page(title: str, body: str, status: int, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """Return a page.

    Args:
        title, body: as HTML; what comes from outside is escaped by the caller.
    """
    page = _PAGE.format(title=title, style=_STYLE, body=body)
    return HTMLResponse(
        page, status, {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY, **(headers or {})}
    )
