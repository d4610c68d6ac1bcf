#!/usr/bin/env bash
# Runs every suite, in two parts: what mostly waits for processes and stores, two files at a time; then the browser's
# alone, because it counts dropped frames. Fails if either part did. Arguments go to pytest.
set -uo pipefail
cd "$(dirname "$0")/.."
RKTEST_PARTS=$(mktemp)
export RKTEST_PARTS
trap 'rm -f "$RKTEST_PARTS"' EXIT
nothing=5 # pytest's exit status when no test has the name asked for

part() { .venv/bin/python -m pytest -p tests.suite_times -m "not slow" "$@"; }

part -n 2 --dist loadfile --no-loadscope-reorder tests/{isolation,integration,contract,unit} "$@"
first=$?
[ "$first" -eq 2 ] && exit 2 # interrupted
part tests/browser "$@"
second=$?
[ "$first" -eq 0 ] && [ "$second" -eq "$nothing" ] && exit 0
[ "$first" -eq 0 ] || [ "$first" -eq "$nothing" ] && exit "$second"
exit "$first"
