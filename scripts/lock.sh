#!/usr/bin/env bash
# Writes the locks in requirements/ anew from pyproject.toml. Needs `uv` on the PATH, or UV=/path/to/uv.
#
# check.txt is everything; run.txt, parquet.txt and test.txt are parts of it with the same pins, so that they agree.
# The locks hold hashes and no address of a registry: pip asks the registry it is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() { # output, then arguments
  "${UV:-uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
    --custom-compile-command "make locks" --output-file "requirements/$1" "${@:2}"
}

binary=(--only-binary :all:)
compile check.txt "${binary[@]}" pyproject.toml requirements/build.in --extra test --extra check
compile test.txt "${binary[@]}" pyproject.toml requirements/build.in --extra test --constraint requirements/check.txt
compile run.txt "${binary[@]}" pyproject.toml requirements/build.in --constraint requirements/check.txt
compile parquet.txt "${binary[@]}" pyproject.toml requirements/build.in --extra parquet --constraint requirements/check.txt
compile ministack.txt requirements/ministack.in
compile policy.txt requirements/policy.in
