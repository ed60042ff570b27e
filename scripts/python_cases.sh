# What scripts/interop.sh and scripts/browser.sh share, which source it: a Python environment with
# packages from PyPI, and programs tests/<kind>/*_cases.py, each of which ends with its total.
#
# shellcheck shell=bash

# Says that nothing was tested, and why, so that nobody overlooks it; ends well.
not_run() {  # not_run KIND REASON
  echo "**********************************************************************"
  echo "${1^^} NOT RUN: $2"
  echo "**********************************************************************"
  exit 0
}

# Makes build/KIND-venv with these packages, and sets `python` to its interpreter.
make_environment() {  # make_environment KIND PACKAGE...
  local kind=$1 environment=$PWD/build/$1-venv log=$PWD/build/$1-pip.log
  shift
  python=$environment/bin/python
  [ "$(cat "$environment/packages" 2>/dev/null)" != "$*" ] || return 0
  mkdir -p build
  echo "$kind: installing $* into ${environment#"$PWD"/}"
  python3 -m venv "$environment" >"$log" 2>&1 ||
    not_run "$kind" "there is no python3 with venv (Debian: python3-venv); see build/$kind-pip.log"
  "$python" -m pip install --quiet "$@" >>"$log" 2>&1 ||
    not_run "$kind" "pip cannot install the packages; see build/$kind-pip.log"
  echo "$*" >"$environment/packages"
}

# Runs every tests/KIND/*_cases.py and prints the total; false where a case failed, or none ran.
run_cases() {  # run_cases KIND ARGUMENT...
  local kind=$1 passed=0 failed=0 script output total
  shift
  for script in tests/"$kind"/*_cases.py; do
    echo "=== $script"
    output=$(mktemp)
    PYTHONDONTWRITEBYTECODE=1 "$python" "$script" "$@" 2>&1 | tee "$output" || true
    # A script that ends without its own total has failed as a whole.
    total=$(sed -n 's/^cases: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$output" | tail -n 1)
    rm -f "$output"
    [ -n "$total" ] || total="0 1"
    passed=$((passed + ${total% *}))
    failed=$((failed + ${total#* }))
  done
  echo "$kind: $passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
