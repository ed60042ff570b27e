#!/usr/bin/env bash
# Formats the project's sources by .clang-format; with --check only says which ones need it.
#
# Versions of clang-format differ in details: 14, Debian bookworm's, is the one that counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

formatter=clang-format
if command -v clang-format-14 >/dev/null; then formatter=clang-format-14; fi
"$formatter" --version | grep -q 'version 14\.' ||
  echo "format: this is $("$formatter" --version), not version 14; results may differ" >&2

mapfile -t files < <(git ls-files --cached --others --exclude-standard \
  '*.h' '*.cpp' '*.cu' '*.cuh' '*.c')
if [ "${1:-}" != --check ]; then
  "$formatter" -i "${files[@]}"
elif ! "$formatter" --dry-run -Werror "${files[@]}"; then
  echo "format: run scripts/format.sh" >&2
  exit 1
fi
