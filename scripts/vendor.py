"""Fetch the page's libraries from the npm registry, or check that what is vendored is what was fetched.

``vendor.py`` compares every file under ``static/vendor`` with its SHA-256 in CHECKSUMS and needs no network.
``vendor.py --fetch`` packs each library at its pinned version, compares the package with its SHA-512 in CHECKSUMS
(or records it, with ``--record``), and writes the few files that the page loads.

lit's modules name each other by package ("lit-html"). A browser would need an import map for that, which is an inline
script and forbidden by the page's content security policy, so those names are rewritten to relative paths.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "src/reelkeep/web/static/vendor"
CHECKSUMS = VENDOR / "CHECKSUMS"
_IMPORT = re.compile(r"""((?:from|import)\s*)(["'])([^"'.][^"']*)\2""")
_SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=.*\n?")


@dataclass(frozen=True)
class Package:
    """One library at one version, and which of its files the page needs (path in the package -> path in vendor)."""

    name: str
    version: str
    files: dict[str, str]


PACKAGES = (
    Package("lit", "3.3.3", {"index.js": "lit/index.js", "LICENSE": "lit/LICENSE"}),
    Package(
        "lit-html",
        "3.3.3",
        {
            "lit-html.js": "lit-html/lit-html.js",
            "is-server.js": "lit-html/is-server.js",
            "directive.js": "lit-html/directive.js",
            "directive-helpers.js": "lit-html/directive-helpers.js",
            "directives/repeat.js": "lit-html/directives/repeat.js",
            "directives/live.js": "lit-html/directives/live.js",
        },
    ),
    Package("lit-element", "4.2.2", {"lit-element.js": "lit-element/lit-element.js"}),
    Package(
        "@lit/reactive-element",
        "2.1.2",
        {"reactive-element.js": "reactive-element/reactive-element.js", "css-tag.js": "reactive-element/css-tag.js"},
    ),
    Package(
        "shaka-player",
        "5.2.12",
        {"dist/shaka-player.dash-es2021.js": "shaka/shaka-player.dash.js", "LICENSE": "shaka/LICENSE"},
    ),
)
# Which vendored file stands for a package's bare name.
ENTRIES = {
    "lit-html": "lit-html/lit-html.js",
    "lit-element/lit-element.js": "lit-element/lit-element.js",
    "lit-html/is-server.js": "lit-html/is-server.js",
    "@lit/reactive-element": "reactive-element/reactive-element.js",
}


class Broken(Exception):
    """A checksum does not fit, or a file is missing or too many."""


def read_checksums() -> dict[str, str]:
    """Return what CHECKSUMS records: ``name@version`` or a path -> ``algorithm:hex``."""
    if not CHECKSUMS.exists():
        return {}
    lines = (line.split() for line in CHECKSUMS.read_text().splitlines() if line and not line.startswith("#"))
    return {name: digest for digest, name in lines}


def digest(algorithm: str, data: bytes) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def check() -> int:
    """Compare the vendored files with CHECKSUMS; return how many were compared.

    Raises:
        Broken: a file differs, is missing, or stands there without a checksum.
    """
    recorded = {name: value for name, value in read_checksums().items() if value.startswith("sha256:")}
    present = {
        str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file() and path.name != CHECKSUMS.name
    }
    if strange := present ^ recorded.keys():
        raise Broken(f"vendored files and CHECKSUMS do not name the same files: {', '.join(sorted(strange))}")
    for name, value in recorded.items():
        if digest("sha256", (VENDOR / name).read_bytes()) != value:
            raise Broken(f"{name} is not the file that was vendored; run scripts/vendor.py --fetch")
    return len(recorded)


def pack(package: Package, folder: Path) -> bytes:
    """Fetch one package's archive by the npm client."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{package.name}@{package.version}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return (folder / done.stdout.strip().splitlines()[-1]).read_bytes()


def relative_imports(text: str, target: str) -> str:
    """Replace bare package names in import statements by paths relative to ``target``."""

    def replace(match: re.Match[str]) -> str:
        if match[3] not in ENTRIES:
            raise Broken(f"{target} imports {match[3]}, which is not vendored")
        path = os.path.relpath(ENTRIES[match[3]], os.path.dirname(target))
        return f"{match[1]}{match[2]}{path if path.startswith('.') else './' + path}{match[2]}"

    return _IMPORT.sub(replace, text)


def extract(package: Package, archive: Path) -> dict[str, bytes]:
    """Return the wanted files of a package, ready to be written."""
    out: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:
        for source, target in package.files.items():
            member = tar.extractfile(f"package/{source}")
            if member is None:
                raise Broken(f"{package.name}@{package.version} has no {source}")
            data = member.read()
            if target.endswith(".js"):
                text = _SOURCE_MAP.sub("\n", data.decode())
                data = (text if package.name == "shaka-player" else relative_imports(text, target)).encode()
            out[target] = data
    return out


def fetch(*, record: bool) -> int:
    """Fetch every package, verify it and write its files; return how many files were written."""
    recorded = read_checksums()
    packages: dict[str, str] = {}
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for package in PACKAGES:
            name = f"{package.name}@{package.version}"
            archive = Path(temporary) / "package.tgz"
            archive.write_bytes(pack(package, Path(temporary)))
            packages[name] = digest("sha512", archive.read_bytes())
            if not record and recorded.get(name) != packages[name]:
                raise Broken(f"{name} from the registry is not the package recorded in CHECKSUMS")
            files |= extract(package, archive)
    for path, data in files.items():
        (VENDOR / path).parent.mkdir(parents=True, exist_ok=True)
        (VENDOR / path).write_bytes(data)
    lines = ["# Written by scripts/vendor.py: npm packages as fetched, then the files as vendored."]
    lines += [f"{value}  {name}" for name, value in sorted(packages.items())]
    lines += [f"{digest('sha256', files[path])}  {path}" for path in sorted(files)]
    CHECKSUMS.write_text("\n".join(lines) + "\n")
    return len(files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fetch", action="store_true", help="fetch the packages and write the files")
    parser.add_argument("--record", action="store_true", help="with --fetch: accept new packages and record them")
    arguments = parser.parse_args()
    try:
        count = fetch(record=arguments.record) if arguments.fetch else check()
    except Broken as problem:
        print(f"vendor: {problem}", file=sys.stderr)
        return 1
    print(f"vendor: {count} files {'written' if arguments.fetch else 'as recorded'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
