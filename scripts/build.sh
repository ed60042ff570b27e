#!/usr/bin/env bash
# Sets up, configures and builds; what it says goes to stderr.
#
#   scripts/build.sh [--preset NAME] [--tests] [--lint] [TARGET...]
#
#   --preset NAME     of CMakePresets.json; "release" unless told otherwise
#   --tests, --lint   what else the set-up must find: see scripts/setup.sh
#   TARGET...         what to build; everything unless told otherwise
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

preset=release
setup_arguments=()
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --preset)
      preset=$2
      shift
      ;;
    --tests | --lint) setup_arguments+=("$1") ;;
    *) targets+=("$1") ;;
  esac
  shift
done

[ "$preset" != check ] || setup_arguments+=(--lint)  # clang++ compiles it
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh" "${setup_arguments[@]}"
cd "$root"
# What ccache keeps serves every checkout, wherever it lies.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
cmake --preset "$preset" --log-level=NOTICE >/dev/null  # notices and errors go to stderr
cmake --build --preset "$preset" ${targets[0]:+--target "${targets[@]}"} >&2
