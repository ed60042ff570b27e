#!/usr/bin/env bash
# Compares the library with programs that it exchanges files with: Keras, ONNX Runtime, NumPy, the
# Python library safetensors and TensorBoard. Builds the preset "release", makes a Python environment
# in build/interop-venv and runs every tests/interop/*_cases.py. The last line is the total.
#
#   scripts/interop.sh [PART]     only cases whose names hold PART
#
# FOVEA_INTEROP_PYTHON=/some/python uses that Python and its packages instead. Where the packages
# cannot be had nothing is compared, which it says, and succeeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 numpy==2.4.6 safetensors==0.8.0
          onnx==1.23.2 onnxruntime==1.31.1 tensorboard==2.21.0)
environment=$PWD/build/interop-venv

not_run() {
  echo "**********************************************************************"
  echo "INTEROP NOT RUN: $*"
  echo "**********************************************************************"
  exit 0
}

# Sets `python` to one that has the packages.
prepare() {
  if [ -n "${FOVEA_INTEROP_PYTHON:-}" ]; then
    python=$FOVEA_INTEROP_PYTHON
    return
  fi
  python=$environment/bin/python
  local log=$PWD/build/interop-pip.log
  [ "$(cat "$environment/packages" 2>/dev/null)" != "${packages[*]}" ] || return 0
  mkdir -p build
  echo "interop: installing ${packages[*]} into ${environment#"$PWD"/}"
  python3 -m venv "$environment" >"$log" 2>&1 ||
    not_run "there is no python3 with venv (Debian: python3-venv); see build/interop-pip.log"
  "$python" -m pip install --quiet "${packages[@]}" >>"$log" 2>&1 ||
    not_run "pip cannot install the packages; see build/interop-pip.log"
  echo "${packages[*]}" >"$environment/packages"
}

prepare
scripts/build.sh --tests fovea_io fovea_events
passed=0
failed=0
for script in tests/interop/*_cases.py; do
  echo "=== $script"
  output=$(mktemp)
  PYTHONDONTWRITEBYTECODE=1 "$python" "$script" build/release/bin/fovea_io "$@" 2>&1 |
    tee "$output" || true
  # A script that ends without its own total has failed as a whole.
  total=$(sed -n 's/^cases: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$output" | tail -n 1)
  rm -f "$output"
  [ -n "$total" ] || total="0 1"
  passed=$((passed + ${total% *}))
  failed=$((failed + ${total#* }))
done
echo "interop: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
