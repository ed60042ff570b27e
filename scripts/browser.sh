#!/usr/bin/env bash
# Opens the pages that the library writes in a headless Chromium, and tries them as people do: looks
# at what is drawn, moves the mouse, clicks, draws. Builds the preset "release", makes the pages with
# tests/browser/make_pages.cpp and runs every tests/browser/*_cases.py. Pages and screenshots stay in
# build/browser. The last line is the total.
#
#   scripts/browser.sh [PART]     only cases whose names hold PART
#
# Needs Debian's chromium and chromium-driver, and selenium from PyPI, in build/browser-venv. Where
# they cannot be had nothing is tested, which it says, and succeeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

package=selenium==4.51.0
environment=$PWD/build/browser-venv
python=$environment/bin/python
folder=build/browser

not_run() {
  echo "**********************************************************************"
  echo "BROWSER TESTS NOT RUN: $*"
  echo "**********************************************************************"
  exit 0
}

prepare() {
  scripts/setup.sh --browser
  command -v chromium >/dev/null || not_run "there is no chromium (Debian: chromium)"
  command -v chromedriver >/dev/null || not_run "there is no chromedriver (Debian: chromium-driver)"
  [ -e /usr/share/javascript/three/three.min.js ] ||
    not_run "there is no three.js, so 3-D pages cannot be made (Debian: libjs-three)"
  [ "$(cat "$environment/packages" 2>/dev/null)" != "$package" ] || return 0
  local log=$PWD/build/browser-pip.log
  mkdir -p build
  echo "browser: installing $package into ${environment#"$PWD"/}"
  python3 -m venv "$environment" >"$log" 2>&1 ||
    not_run "there is no python3 with venv (Debian: python3-venv); see build/browser-pip.log"
  "$python" -m pip install --quiet "$package" >>"$log" 2>&1 ||
    not_run "pip cannot install $package; see build/browser-pip.log"
  echo "$package" >"$environment/packages"
}

prepare
scripts/build.sh --tests make_pages
mkdir -p "$folder"
rm -f "$folder"/*.png "$folder"/*.html
build/release/bin/make_pages "$folder"
passed=0
failed=0
for script in tests/browser/*_cases.py; do
  echo "=== $script"
  output=$(mktemp)
  PYTHONDONTWRITEBYTECODE=1 "$python" "$script" "$folder" "$@" 2>&1 | tee "$output" || true
  # A script that ends without its own total has failed as a whole.
  total=$(sed -n 's/^cases: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$output" | tail -n 1)
  rm -f "$output"
  [ -n "$total" ] || total="0 1"
  passed=$((passed + ${total% *}))
  failed=$((failed + ${total#* }))
done
echo "browser: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
