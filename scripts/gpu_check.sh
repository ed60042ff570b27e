#!/usr/bin/env bash
# Checks the CUDA device on a machine with an NVIDIA GPU, without a network: builds for that GPU, runs
# the tests, looks for memory errors and races, measures, and trains.
#
#   scripts/gpu_check.sh [--deps DIR] [--data DIR] [--out DIR] [--stages LIST] [--again]
#
#   --deps DIR      a folder made by scripts/fetch_deps.sh; default: deps, where there is one
#   --data DIR      CIFAR-10's binary version, for the stage train; without it, the built-in set
#   --out DIR       where results go; default: build/gpu_check
#   --stages LIST   some of build,tests,sanitizer,bandwidth,conv_bench,train_bench,train; without
#                   it, all of them
#   --again         repeat stages that have passed before; build is always brought up to date
#
# A stage ends within 8 minutes, the whole within 25: what is left then is a failed stage, and the
# next run goes on there, since stages that have passed (as --out says) are not repeated.
#
# In --out: NAME.log and stage_NAME.json of every stage; tests_gpu.xml, tests_other.xml,
# sanitizer.json, bandwidth.json, conv_bench.json, compare_torch.json, train_*.json; and
# summary.json: GPU, driver, versions, commit, and how each stage ended. The exit code is 0 if all
# stages asked for have passed.
#
# Environment: PYTHON, the Python that has PyTorch (python3); FOVEA_COMMIT, the commit to report
# where git does not know it; FOVEA_CUDNN and FOVEA_CUBLASLT, the folders of those libraries, which are
# otherwise looked for where the linker and Python keep them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

readonly all_stages=build,tests,sanitizer,bandwidth,conv_bench,train_bench,train
readonly stage_seconds=480 all_seconds=1500
readonly build=$root/build/gpu
python=${PYTHON:-python3}

say() { echo "gpu_check: $*" >&2; }

die() {
  say "$*"
  exit 2
}

# ---- JSON ----

# A text as a JSON string, on one line.
json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "$(printf '%s' "$text" | tr '\n\t' '  ' | tr -d '\000-\037')"
}

# {"key": "value", ...} of pairs; a key that ends in '=' has a value that is JSON already.
json_object() {
  local separator='' value
  printf '{'
  while [ $# -gt 0 ]; do
    case $1 in
      *=) value=$2 ;;
      *) value=$(json_string "$2") ;;
    esac
    printf '%s%s: %s' "$separator" "$(json_string "${1%=}")" "$value"
    separator=', '
    shift 2
  done
  printf '}'
}

# [a, b, ...] of JSON values.
json_array() {
  local IFS=,
  printf '[%s]' "$*"
}

# ---- The machine ----

# Of the first GPU; empty where there is none.
gpu_query() {
  nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null | sed -n 1p || true
}

why_no_gpu() {
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi 2>&1 | sed -n 1p || true
  else
    echo "there is no nvidia-smi"
  fi
}

first_line() { "$@" 2>/dev/null | sed -n 1p || true; }

find_nvcc() {
  command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
  command -v nvcc >/dev/null || die "there is no nvcc, in PATH or in /usr/local/cuda/bin"
  export PATH
}

# The path of a library that the linker finds; empty where there is none.
installed() { ldconfig -p | awk -v name="$1" '$1 ~ name && !found++ { print $NF }'; }

# The first folder below Python's packages that holds such a file; empty where there is none.
in_python() {
  "$python" - "$1" 2>/dev/null <<'CODE' || true
import pathlib, sys
for entry in sys.path:
    folder = pathlib.Path(entry) / "nvidia"
    for file in sorted(folder.glob(f"**/{sys.argv[1]}")) if folder.is_dir() else []:
        print(file.parent)
        sys.exit()
CODE
}

# NVIDIA's libraries that are opened at run time, where Python's packages brought them.
find_libraries() {
  local folder
  if [ -z "${FOVEA_CUDNN:-}" ] && [ -z "$(installed 'libcudnn[.]so[.]9')" ]; then
    folder=$(in_python 'libcudnn.so.9')
    [ -z "$folder" ] || export FOVEA_CUDNN=$folder
  fi
  if [ -z "${FOVEA_CUBLASLT:-}" ] && [ -z "$(installed 'libcublasLt[.]so')" ]; then
    folder=$(in_python 'libcublasLt.so.*')
    [ -z "$folder" ] || export FOVEA_CUBLASLT=$folder
  fi
  # What these libraries load themselves, such as libnvrtc, lies beside them.
  for folder in "${FOVEA_CUDNN:-}" "${FOVEA_CUBLASLT:-}" "${deps:+$deps/onednn/lib}"; do
    [ -z "$folder" ] || LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder
  done
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}
}

commit() {
  if [ -n "${FOVEA_COMMIT:-}" ]; then
    echo "$FOVEA_COMMIT"
  else
    git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown
  fi
}

# ---- The stages. Each runs in a process of its own, its output in NAME.log. ----

stage_build() {
  local options=(-D CMAKE_BUILD_TYPE=Release -D FOVEA_CUDA=ON -D CMAKE_CUDA_FLAGS=-lineinfo)
  [ -z "$deps" ] || options+=(-D "FOVEA_DEPS=$deps")
  [ -n "$gpu" ] || options+=(-D FOVEA_CUDA_ARCHITECTURES=90a-real)
  command -v ninja >/dev/null && options+=(-G Ninja)
  cmake -S "$root" -B "$build" "${options[@]}"
  cmake --build "$build" --parallel "$(nproc)"
}

stage_tests() {
  local status=0
  ctest --test-dir "$build" -L '^gpu$' --no-tests=error --output-on-failure --timeout 240 \
    --parallel 4 --output-junit "$out/tests_gpu.xml" || status=$?
  ctest --test-dir "$build" -LE '^gpu$' --output-on-failure --timeout 120 \
    --parallel "$(nproc)" --output-junit "$out/tests_other.xml" || status=$?
  return "$status"
}

# One tool of compute-sanitizer over one program; prints its row and succeeds if nothing was found.
# Only kernels of our own run: what NVIDIA's libraries do is not ours to check.
sanitize() { # sanitize TOOL SECONDS PROGRAM [ARGUMENT...]
  local tool=$1 seconds=$2 program=$3 status=0 result=passed log
  shift 3
  log=$out/sanitizer_${tool}_$program.log
  echo "== $tool $program $*"
  FOVEA_CUDNN=/nowhere FOVEA_CUBLASLT=/nowhere timeout -k 10 "$seconds" \
    compute-sanitizer --tool "$tool" --error-exitcode 86 --print-limit 20 \
    "$build/bin/$program" "$@" >"$log" 2>&1 || status=$?
  case $status in
    0) ;;
    124 | 137) result=timed_out ;;
    *) result=failed ;;
  esac
  tail -n 5 "$log"
  sanitizer_rows+=("$(json_object tool "$tool" program "$program" status "$result" \
    exit_code= "$status" message "$(grep '=========' "$log" | tail -n 1 || tail -n 1 "$log")")")
  json_object rows= "$(json_array "${sanitizer_rows[@]}")" >"$out/sanitizer.json"
  [ "$result" = passed ]
}

# Kernels that share memory between threads, and those of the update phase.
readonly sanitized_ops=\
'*/batch_norm:*/max_pool2d*:*/softmax_cross_entropy*:*/bias_grad:*/mean:*/gradient_check:*/adam_update'

stage_sanitizer() {
  local tool status=0
  sanitizer_rows=()
  PATH=$PATH:/usr/local/cuda/bin
  for tool in memcheck racecheck initcheck synccheck; do
    sanitize "$tool" 39 conv_bench --device cuda --quick --repeats 1 --seconds 0 --custom \
      '2,5,9,9,7,3,3,1,1;2,3,13,13,16,7,7,2,3;1,32,8,8,32,1,1,1,0;2,16,9,9,16,3,3,1,1,16' ||
      status=1
    sanitize "$tool" 39 train_bench --device cuda --model resnet20 --batch 4 --steps 3 \
      --epochs 1 --warm-up 0 || status=1
    sanitize "$tool" 39 test_gpu "--gtest_filter=$sanitized_ops" || status=1
  done
  return "$status"
}

stage_bandwidth() {
  "$build/bin/bandwidth_bench" --device cuda --json "$out/bandwidth.json"
}

stage_conv_bench() {
  "$build/bin/conv_bench" --device cuda --batch 0,1,32 --json "$out/conv_bench.json"
}

stage_train_bench() {
  "$python" "$root/benchmarks/compare_torch.py" --build "$build" --python "$python" \
    --minutes 7.5 --json "$out/compare_torch.json"
}

stage_train() {
  local common=(--device cuda --verbose 2 --seed 0 --data "${data:-synthetic}")
  "$build/bin/train_cifar10" "${common[@]}" --precision tf32 --json "$out/train_cifar10_cnn.json"
  "$build/bin/train_cifar10" "${common[@]}" --precision bf16 --model resnet20 --augment \
    --json "$out/train_resnet20.json"
}

# ---- Running them ----

status_of() { # of a stage, as an earlier run or this one has left it
  sed -n 's/.*"status": "\([a-z_]*\)".*/\1/p' "$out/stage_$1.json" 2>/dev/null | head -n 1
}

write_stage() { # write_stage NAME STATUS SECONDS REASON
  json_object stage "$1" status "$2" seconds= "$3" reason "$4" >"$out/stage_$1.json"
  say "$1: $2 after $3 s${4:+: $4}"
}

run_stage() {
  local name=$1 left=$((all_seconds - SECONDS)) limit=$stage_seconds begin=$SECONDS status=0
  if [ "$name" != build ] && [ -z "$again" ] && [ "$(status_of "$name")" = passed ]; then
    say "$name: passed before; --again repeats it"
    return
  fi
  if [ "$left" -lt 20 ]; then
    write_stage "$name" not_run 0 "the $((all_seconds / 60)) minutes are over; run this again"
    return
  fi
  if [ "$name" != build ] && [ ! -x "$build/bin/conv_bench" ]; then
    write_stage "$name" failed 0 "nothing is built; run the stage build"
    return
  fi
  [ "$left" -ge "$limit" ] || limit=$left
  say "$name: begins, within $limit s"
  rm -f "$out/stage_$name.json"
  timeout -k 15 "$limit" bash "${BASH_SOURCE[0]}" --run-one "$name" >"$out/$name.log" 2>&1 ||
    status=$?
  case $status in
    0) write_stage "$name" passed $((SECONDS - begin)) "" ;;
    124 | 137)
      write_stage "$name" timed_out $((SECONDS - begin)) "it took more than $limit s"
      ;;
    *)
      write_stage "$name" failed $((SECONDS - begin)) \
        "exit code $status: $(grep -v '^ *$' "$out/$name.log" | tail -n 1)"
      ;;
  esac
}

write_summary() {
  local name rows=() nvcc cudnn
  for name in ${all_stages//,/ }; do
    [ ! -f "$out/stage_$name.json" ] || rows+=("$(cat "$out/stage_$name.json")")
  done
  nvcc=$(nvcc --version | sed -n 's/.*release [^,]*, V//p')
  cudnn=${FOVEA_CUDNN:-$(installed 'libcudnn[.]so[.]9')}
  json_object gpu "$gpu" driver "$(gpu_query driver_version)" memory "$(gpu_query memory.total)" \
    compute_capability "$(gpu_query compute_cap)" nvcc "$nvcc" cudnn "$cudnn" \
    cublaslt "${FOVEA_CUBLASLT:-}" compiler "$(first_line c++ --version)" \
    torch "$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null || echo none)" \
    system "$(uname -sr)" cores= "$(nproc)" commit "$(commit)" \
    date "$(date -u +%FT%TZ)" seconds= "$SECONDS" \
    stages= "$(json_array "${rows[@]}")" >"$out/summary.json"
  echo >>"$out/summary.json"
}

# ---- The command line ----

parse() {
  deps='' data='' out=$root/build/gpu_check stages=$all_stages again=''
  [ ! -d "$root/deps" ] || deps=$root/deps
  while [ $# -gt 0 ]; do
    case $1 in
      --deps | --data | --out | --stages)
        [ $# -ge 2 ] || die "$1 needs a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      --again) again=yes ;;
      -h | --help)
        sed -n '2,/^set -e/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
      *) die "unknown argument '$1'; see scripts/gpu_check.sh --help" ;;
    esac
    shift
  done
  local name
  for name in ${stages//,/ }; do
    case ,$all_stages, in
      *",$name,"*) ;;
      *) die "there is no stage '$name'; there are $all_stages" ;;
    esac
  done
  for name in deps data; do
    [ -z "${!name}" ] || [ -d "${!name}" ] || die "--$name: there is no folder ${!name}"
    [ -z "${!name}" ] || printf -v "$name" '%s' "$(cd "${!name}" && pwd)"
  done
  mkdir -p "$out"
  out=$(cd "$out" && pwd)
}

main() {
  parse "$@"
  gpu=$(gpu_query name)
  [ -n "$gpu" ] || [ "$stages" = build ] ||
    die "there is no NVIDIA GPU on this machine ($(why_no_gpu)); only --stages build runs" \
      "without one"
  find_nvcc
  find_libraries
  FOVEA_COMMIT=$(commit)
  export deps data out gpu FOVEA_COMMIT
  say "${gpu:-no GPU: building for compute capability 9.0}; results in $out"

  local name failed=0
  for name in ${all_stages//,/ }; do
    case ,$stages, in
      *",$name,"*) run_stage "$name" ;;
      *) continue ;;
    esac
    [ "$(status_of "$name")" = passed ] || failed=1
    write_summary
  done
  return "$failed"
}

if [ "${1:-}" = --run-one ]; then
  "stage_$2"
else
  main "$@"
fi
