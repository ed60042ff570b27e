#!/usr/bin/env bash
# Sets up, builds everything and runs the tests. The last line is the total.
#
#   scripts/test.sh [--preset NAME] [ARGUMENT...]
#
#   --preset NAME   of CMakePresets.json; "release" unless told otherwise
#   ARGUMENT...     for ctest: `-L graph` runs one kind of test, `-R Adam` the tests of that name
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

preset=release
if [ "${1:-}" = --preset ]; then
  preset=$2
  shift 2
fi
"$root/scripts/build.sh" --preset "$preset" --tests

cd "$root"
report=$PWD/build/$preset/tests.xml
rm -f "$report"
status=0
ctest --preset "$preset" --output-junit "$report" "$@" || status=$?

# ctest counts a skipped test as passed; here it counts as skipped.
count() { sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$report" | head -n 1; }
if [ -f "$report" ]; then
  failed=$(count failures)
  skipped=$(($(count skipped) + $(count disabled)))
  passed=$(($(count tests) - failed - skipped))
  echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
fi
exit "$status"
