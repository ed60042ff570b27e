#!/usr/bin/env bash
# Runs clang-tidy by .clang-tidy over the library, host/ and the headers that it includes.
#
#   scripts/tidy.sh            sources that differ from origin/main, or from HEAD where that is none
#   scripts/tidy.sh --all      every source of host/
#   scripts/tidy.sh FILE...    these
#
# Versions of clang-tidy differ in their checks: 14, Debian bookworm's, is the one that counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tidy=clang-tidy
if command -v clang-tidy-14 >/dev/null; then tidy=clang-tidy-14; fi

if [ $# -eq 0 ]; then
  base=$(git rev-parse --verify --quiet origin/main || git rev-parse HEAD)
  mapfile -t files < <({
    git diff --name-only --diff-filter=d "$base" -- 'host/*.cpp'
    git ls-files --others --exclude-standard -- 'host/*.cpp'
  } | sort -u)
elif [ "$1" = --all ]; then
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'host/*.cpp')
else
  files=("$@")
fi
[ ${#files[@]} -gt 0 ] || exit 0

cmake --preset clang --log-level=NOTICE >/dev/null  # writes the compilation database
generated=onnx/onnx_file.pb.h  # what sources include that the build writes
if grep -qF "$generated" build/clang/build.ninja; then
  cmake --build build/clang --target "$generated" >/dev/null
fi
# Only what the database knows: without oneDNN its plug-in is not compiled, nor checked.
for file in "${files[@]}"; do
  if grep -qF "$PWD/$file\"" build/clang/compile_commands.json; then
    printf '%s\0' "$file"
  else
    echo "tidy: $file is not part of this build, so it is not checked" >&2
  fi
done | xargs -0 -r -n 1 -P "$(nproc)" "$tidy" -p build/clang --quiet
