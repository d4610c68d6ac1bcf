#!/usr/bin/env bash
# Runs every suite in three parts: what mostly waits for processes and stores, three files at a time; the browser's, two
# at a time; and what counts dropped frames, alone. Fails if one of them did. Arguments go to pytest.
set -uo pipefail
cd "$(dirname "$0")/.."
RKTEST_PARTS=$(mktemp)
export RKTEST_PARTS
trap 'rm -f "$RKTEST_PARTS"' EXIT
nothing=5 # pytest's exit status when no test has the name asked for
interrupted=2

part() { .venv/bin/python -m pytest -p tests.suite_times --dist loadfile --no-loadscope-reorder "$@"; }

failed=0 found=0
note() {
    [ "$1" -eq "$interrupted" ] && exit "$interrupted"
    [ "$1" -eq "$nothing" ] || found=1
    [ "$1" -eq 0 ] || [ "$1" -eq "$nothing" ] || failed=$1
}
part -m "not slow" -n 3 tests/{isolation,integration,contract,unit} "$@"
note $?
part -m "not slow and not alone" -n 2 tests/browser "$@"
note $?
part -m "not slow and alone" tests/browser "$@"
note $?
[ "$found" -eq 1 ] || exit "$nothing"
exit "$failed"
