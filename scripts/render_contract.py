"""Writes what is made from the bucket contract: deploy/ and docs/security-review.md. Run by `make docs`."""

from __future__ import annotations

from pathlib import Path

from reelkeep.contract import faces

ROOT = Path(__file__).parents[1]


def main() -> None:
    for name, text in faces.files().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
