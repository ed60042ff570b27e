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

# shellcheck source=scripts/python_cases.sh
source scripts/python_cases.sh

scripts/setup.sh --browser
command -v chromium >/dev/null || not_run browser "there is no chromium (Debian: chromium)"
command -v chromedriver >/dev/null ||
  not_run browser "there is no chromedriver (Debian: chromium-driver)"
[ -e /usr/share/javascript/three/three.min.js ] ||
  not_run browser "there is no three.js, so 3-D pages cannot be made (Debian: libjs-three)"
make_environment browser selenium==4.51.0

folder=build/browser
scripts/build.sh --tests make_pages
mkdir -p "$folder"
rm -f "$folder"/*.png "$folder"/*.html
build/release/bin/make_pages "$folder"
run_cases browser "$folder" "$@"
