#!/usr/bin/env bash
# Builds the fuzzers (preset "check": clang++, libFuzzer, AddressSanitizer, UBSan) and runs each for a
# while. Fails on any crash, leak, timeout or allocation beyond the limits; what caused it stays in
# build/check/fuzz/finds. What is learned stays in build/check/fuzz/corpus for the next time.
#
#   scripts/fuzz.sh [SECONDS] [PARSER...]
#
#   SECONDS   for each parser; 10 unless told otherwise
#   PARSER    of tests/fuzz/<parser>_fuzzer.cpp; all unless told otherwise
#
# FOVEA_FUZZ_SEED=N makes the same inputs up each time, as far as the time goes; else they are new.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

seconds=${1:-10}
shift || true
parsers=("$@")
if [ ${#parsers[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzzer.cpp; do
    name=${source##*/}
    parsers+=("${name%_fuzzer.cpp}")
  done
fi

scripts/build.sh --preset check fuzzers
programs=$root/build/check/bin
build=$root/build/check/fuzz
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0
export UBSAN_OPTIONS=print_stacktrace=1
export OMP_NUM_THREADS=1
export LSAN_OPTIONS=suppressions=$root/tests/leaks.txt:print_suppressions=0
"$programs/fuzz_seeds" "$build/seeds"
# Files of other programs.
seed() {  # seed PARSER FILE...
  mkdir -p "$build/seeds/$1"
  cp "${@:2}" "$build/seeds/$1/"
}
seed onnx tests/golden/onnx/*.onnx
seed npy tests/golden/npy/*.npy
seed zip tests/golden/npy/*.npz
seed zip tests/golden/keras/*.keras
seed hdf5 tests/golden/keras/*.h5
mkdir -p "$build/finds"

total=0
failed=()
for parser in "${parsers[@]}"; do
  mkdir -p "$build/corpus/$parser" "$build/seeds/$parser"
  log=$build/$parser.log
  status=0
  "$programs/${parser}_fuzzer" -seed="${FOVEA_FUZZ_SEED:-0}" -max_total_time="$seconds" \
    -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1 -verbosity=1 \
    -artifact_prefix="$build/finds/$parser-" "$build/corpus/$parser" "$build/seeds/$parser" \
    >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  total=$((total + ${runs:-0}))
  echo "$parser: ${runs:-no} inputs$([ "$status" -eq 0 ] || echo ", FAILED: see $log")"
  [ "$status" -eq 0 ] || failed+=("$parser")
done
echo "fuzzers: ${#parsers[@]} parsers, $seconds s each, $total inputs, ${#failed[@]} failed" \
  "${failed[*]:-}"
[ ${#failed[@]} -eq 0 ]
