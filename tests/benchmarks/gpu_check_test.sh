#!/usr/bin/env bash
# How scripts/gpu_check.sh runs its stages, with stand-ins for the GPU, the toolkit, the build and
# all programs: which stages run, with what, what becomes of results, and what it says of failures.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree/scripts" "$work/tree/deps" "$work/bin" "$work/packed"
cp "$root/scripts/gpu_check.sh" "$work/tree/scripts/"
echo 0123abc-modified >"$work/tree/deps/commit"
results=$work/tree/build/gpu_check

stand_in() { # stand_in NAME, its text on standard input
  { echo '#!/usr/bin/env bash' && cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

stand_in nvidia-smi <<<'echo "Stand-in GPU"'
stand_in nvcc <<<'echo "Cuda compilation tools, release 13.0, V13.0.88"'
stand_in ldconfig <<<'true'
stand_in git <<<'exit 128'
# shellcheck disable=SC2016 # the stand-in expands them
stand_in python <<<'[ "${1:0:1}" != - ] && echo "python $*"'
stand_in cmake <<'CODE'
build=${0%/bin/*}/tree/build/gpu
case "$*" in
  -S*)
    mkdir -p "$build/bin"
    echo "CUDNN_INCLUDE_DIR:PATH=/somewhere/include" >"$build/CMakeCache.txt"
    ;;
  *"--target help") printf '%s: phony\n' conv_bench bandwidth_bench train_bench train_cifar10 test_gpu ;;
  *)
    echo "building $*"
    if [ -n "${BROKEN:-}" ]; then
      printf 'line before\nFAILED: kernel.o\nkernel.cu(7): error: broken\n'
      exit 1
    fi
    for name in conv_bench bandwidth_bench train_bench train_cifar10 test_gpu; do
      cp "${0%/*}/program" "$build/bin/$name"
    done
    ;;
esac
CODE
stand_in program <<'CODE'
arguments=("$@")
for ((i = 0; i < $#; ++i)); do [ "${arguments[i]}" != --json ] || json=${arguments[i + 1]}; done
echo "${0##*/} $*"
case ${0##*/} in
  bandwidth_bench)
    [ -z "${LOST:-}" ] || { echo "cannot be opened: lost" && exit 1; }
    printf '{\n  "fingerprint": "Stand-in",\n  "cuda:0": "Stand-in, CUDA 13.0, %s, cuBLASLt"\n}\n' \
      "${DETAIL:-cuDNN}" >"$json"
    ;;
  conv_bench)
    [ -n "${json:-}" ] || exit 0
    printf '"failures": 0\n"status": 1\n"complete": %s\n' "${COMPLETE:-true}" >"$json"
    ;;
  train_cifar10) echo "\"test_accuracy\": ${ACCURACY:-0.8}," >"$json" ;;
esac
CODE
stand_in compute-sanitizer <<'CODE'
[ -z "${REFUSES:-}" ] || { echo "========= Error: Device not supported" && exit 1; }
[ "$2" != racecheck ] || exit "${RACES:-0}"
CODE
stand_in ctest <<'CODE'
case "$*" in *" -N"*) echo "Total Tests: 3" && exit ;; esac
echo "ctest $* GPU=${CUDA_VISIBLE_DEVICES-any} required=${FOVEA_REQUIRE_GPU:-no}"
arguments=("$@")
for ((i = 0; i < $#; ++i)); do [ "${arguments[i]}" != --output-junit ] || xml=${arguments[i + 1]}; done
printf '<testsuite\n\ttests="%s"\n\tfailures="0"\n\tdisabled="0"\n\tskipped="1"\n' "${RAN:-3}" >"$xml"
CODE

# check EXIT_CODE [VARIABLE=VALUE...] -- [ARGUMENT...]: what it says is in $work/said.
check() {
  local wanted=$1 code=0 settings=()
  shift
  while [ "$1" != -- ]; do
    settings+=("$1")
    shift
  done
  shift
  env -u FOVEA_COMMIT -u FOVEA_CUDNN -u FOVEA_CUBLASLT PATH="$work/bin:$PATH" PYTHON=python \
    OUT="$work/packed" "${settings[@]}" "$work/tree/scripts/gpu_check.sh" "$@" \
    >"$work/said" 2>&1 || code=$?
  [ "$code" -eq "$wanted" ] || fail "exit code $code, not $wanted, of: ${settings[*]} $*"
}

fail() {
  echo "FAILED: $1"
  cat "$work/said"
  exit 1
}
says() { grep -qF -- "$2" "$1" || fail "'$2' is not in ${1##*/}"; }
says_not() { ! grep -qF -- "$2" "$1" || fail "'$2' is in ${1##*/}"; }

every=build,preflight,gpu_tests,bandwidth,train_bench,conv_bench,train,sanitizer,other_tests
check 0 -- --stages "$every"
[ "$(grep -c ': passed after' "$work/said")" -eq 9 ] || fail "nine stages pass"
says "$results/build.log" '--target bandwidth_bench conv_bench train_bench train_cifar10 test_gpu'
says "$results/gpu_tests.log" '-L ^(gpu|cudnn_deviceless)$'
says "$results/gpu_tests.log" 'GPU=any required=1'
says "$results/gpu_tests.log" '2 passed, 0 failed, 1 skipped, 0 not run'
says "$results/other_tests.log" '-LE ^(gpu|cudnn_deviceless|nightly)$'
says "$results/other_tests.log" 'GPU= required=no'
says "$results/summary.json" '"commit": "0123abc-modified"'
tar -tzf "$work/packed/gpu_check.tgz" >"$work/said"
says "$work/said" gpu_check/summary.json

check 0 --
says "$work/said" 'train: passed before'
check 1 BROKEN=1 -- --again
says "$work/said" 'kernel.cu(7): error: broken'
says_not "$work/said" 'line before'
says "$work/said" 'train: not_run after 0 s: the stage build has not passed'
check 1 BROKEN=1 -- --again --anyway --stages build,train
says "$work/said" 'train: passed'
check 1 LOST=1 -- --again
says "$work/said" 'preflight: failed after 0 s: exit code 1: cannot be opened: lost'
says "$work/said" 'gpu_tests: not_run'
check 1 DETAIL='no cuDNN (not there)' -- --stages preflight
says "$work/said" 'cuDNN is there (/somewhere/include), but is not used: not there'
check 1 RAN=2 -- --again --stages gpu_tests
says "$work/said" '1 not run for want of time'
check 1 ACCURACY=0.4 -- --again --stages train
check 1 RACES=86 -- --again --stages sanitizer
says "$results/sanitizer.json" '"status": "findings"'
says "$work/said" '10 passed 3 findings 0 failed 0 timed_out'
check 0 REFUSES=1 -- --again --stages sanitizer
says "$work/said" 'sanitizer: skipped'
says "$work/said" 'Device not supported'
check 1 -- --again --stages train_bench --seconds 40
says "$work/said" '25 of 40 s are left, and it needs 60'

# A file of conv_bench stays where it is fuller than the new one, and where it is complete.
check 1 COMPLETE=false -- --again --stages conv_bench
printf '"failures": 0\n"status": 1\n"status": 2\n"complete": false\n' >"$results/conv_bench_f16.json"
check 1 COMPLETE=false -- --stages conv_bench
says "$results/conv_bench_f16.json" '"status": 2'
check 0 -- --stages conv_bench
says_not "$results/conv_bench_f16.json" '"status": 2'
rm "$results/stage_conv_bench.json" "$results/conv_bench_bf16.json"
check 0 -- --stages conv_bench
[ "$(grep -c '^conv_bench ' "$results/conv_bench.log")" -eq 1 ] || fail "one file was not complete"
echo "gpu_check.sh does as it says"
