#!/usr/bin/env bash
# Runs clang-tidy by .clang-tidy over the library, host/ and the headers that it includes.
#
#   scripts/tidy.sh            sources that differ from origin/main, or from HEAD where that is none
#   scripts/tidy.sh --last N   sources that the last N commits changed
#   scripts/tidy.sh --all      every source of host/: a quarter of an hour
#   scripts/tidy.sh FILE...    these
#
# Versions of clang-tidy differ in their checks: 14, Debian bookworm's, is the one that counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tidy=clang-tidy
if command -v clang-tidy-14 >/dev/null; then tidy=clang-tidy-14; fi

# Sources that differ from this commit.
changed_since() {
  git diff --name-only --diff-filter=d "$1" -- 'host/*.cpp'
  git ls-files --others --exclude-standard -- 'host/*.cpp'
}

if [ $# -eq 0 ]; then
  base=$(git rev-parse --verify --quiet origin/main || git rev-parse HEAD)
  mapfile -t files < <(changed_since "$base" | sort -u)
elif [ "$1" = --last ]; then
  base=$(git rev-parse --verify --quiet "HEAD~$2" || git hash-object -t tree /dev/null)
  mapfile -t files < <(changed_since "$base" | sort -u)
elif [ "$1" = --all ]; then
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'host/*.cpp')
else
  files=("$@")
fi
[ ${#files[@]} -gt 0 ] || exit 0

cmake --preset check --log-level=NOTICE >/dev/null  # writes the compilation database
if grep -q '^build fovea_onnx_schema:' build/check/build.ninja; then
  cmake --build build/check --target fovea_onnx_schema >/dev/null  # a header that the build writes
fi
# Only what the database knows: without oneDNN its plug-in is not compiled, nor checked.
for file in "${files[@]}"; do
  if grep -qF "$PWD/$file\"" build/check/compile_commands.json; then
    printf '%s\0' "$file"
  else
    echo "tidy: $file is not part of this build, so it is not checked" >&2
  fi
done | xargs -0 -r -n 1 -P "$(nproc)" "$tidy" -p build/check --quiet
