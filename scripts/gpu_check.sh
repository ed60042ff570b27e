#!/usr/bin/env bash
# Checks the CUDA device on a machine with an NVIDIA GPU, without a network: builds for that GPU,
# runs the tests, measures, trains, and looks for memory errors and races.
#
#   scripts/gpu_check.sh [--deps DIR] [--data DIR] [--out DIR] [--stages LIST] [--seconds N]
#                        [--again] [--anyway]
#
#   --deps DIR      a folder made by scripts/fetch_deps.sh; default: deps, where there is one
#   --data DIR      CIFAR-10's binary version, for the stage train; without it, the built-in set
#   --out DIR       where results go; default: build/gpu_check
#   --stages LIST   some of build,preflight,gpu_tests,bandwidth,train_bench,conv_bench,train,
#                   sanitizer,other_tests; without it, all but the last, the tests that need no GPU
#   --seconds N     for the whole call; default: 1500
#   --again         repeat stages that have passed before; build and preflight always run
#   --anyway        go on after a failed build or preflight
#
# A stage ends within 8 minutes, and within what is left of the whole. One that fails, or for which
# too little is left, is for the next run, which does not repeat what has passed (as --out says).
#
# In --out: NAME.log and stage_NAME.json of every stage; preflight.json, gpu_tests.xml,
# bandwidth.json, compare_torch.json, conv_bench_*.json, train_*.json, sanitizer.json,
# other_tests.xml; and summary.json: GPU, driver, versions, commit, and how each stage ended. The
# exit code is 0 if none of the stages asked for failed or was left out; sanitizer may be skipped,
# where the machine lets no tool look at the GPU.
#
# Environment: PYTHON, the Python that has PyTorch (python3); FOVEA_COMMIT, the commit to report
# where neither git nor --deps knows it; FOVEA_CUDNN and FOVEA_CUBLASLT, the folders of those
# libraries, which are otherwise looked for where the linker and Python keep them; OUT, a folder for
# gpu_check.tgz, all results in one file, renewed after every stage.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

readonly default_stages=build,preflight,gpu_tests,bandwidth,train_bench,conv_bench,train,sanitizer
readonly all_stages=$default_stages,other_tests
readonly stage_seconds=480 packing_seconds=15 skipped_code=77
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

# Whether the compiler finds this header, by itself or in the toolkit.
has_header() {
  printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$1" |
    c++ -x c++ -E -I "$(dirname "$(command -v nvcc)")/../include" - >/dev/null 2>&1
}

# Sets VARIABLE to the folder of a library in Python's packages, where it or its header is not
# installed.
use_python_library() { # use_python_library VARIABLE HEADER NAME_FOR_THE_LINKER FILE
  local folder
  if [ -z "${!1:-}" ] && { [ -z "$(installed "$3")" ] || ! has_header "$2"; }; then
    folder=$(in_python "$4")
    [ -z "$folder" ] || export "$1=$folder"
  fi
}

# NVIDIA's libraries that are opened at run time.
find_libraries() {
  local folder rtc=''
  use_python_library FOVEA_CUDNN cudnn_backend.h 'libcudnn[.]so[.]9' 'libcudnn.so.9'
  use_python_library FOVEA_CUBLASLT cublasLt.h 'libcublasLt[.]so' 'libcublasLt.so.*'
  [ -n "$(installed 'libnvrtc[.]so')" ] || rtc=$(in_python 'libnvrtc.so.*')
  # What these libraries load themselves lies beside them, but for libnvrtc.
  for folder in "${FOVEA_CUDNN:-}" "${FOVEA_CUBLASLT:-}" "$rtc" "${deps:+$deps/onednn/lib}"; do
    [ -z "$folder" ] || LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder
  done
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}
}

torch_version() {
  "$python" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null || echo none
}

commit() {
  local hash
  if [ -n "${FOVEA_COMMIT:-}" ]; then
    echo "$FOVEA_COMMIT"
  elif hash=$(git -C "$root" rev-parse HEAD 2>/dev/null); then
    [ -z "$(git -C "$root" status --porcelain)" ] || hash+=-modified
    echo "$hash"
  else
    cat "$deps/commit" 2>/dev/null || echo unknown
  fi
}

# ---- The stages. Each runs in a process of its own, its output in NAME.log. ----

# Seconds until a stage must have ended by itself, to leave whole files.
stage_end=${stage_end:-0}
left() { echo $((stage_end - EPOCHSECONDS)); }

# What the other stages run; other_tests builds the rest.
readonly first_targets='bandwidth_bench conv_bench train_bench train_cifar10 test_gpu
  test_cudnn_deviceless'

stage_build() {
  local options=(-D CMAKE_BUILD_TYPE=Release -D FOVEA_CUDA=ON -D CMAKE_CUDA_FLAGS=-lineinfo)
  local known target targets=()
  [ -z "$deps" ] || options+=(-D "FOVEA_DEPS=$deps")
  [ -n "$gpu" ] || options+=(-D FOVEA_CUDA_ARCHITECTURES=90a-real)
  command -v ninja >/dev/null && options+=(-G Ninja)
  cmake -S "$root" -B "$build" "${options[@]}"
  known=$(cmake --build "$build" --target help)
  for target in $first_targets; do
    if grep -qw "$target" <<<"$known"; then
      targets+=("$target")
    else
      echo "$target is not built: the notices above say why"
    fi
  done
  cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]}"
}

# Fails where a library is there, for the build or on the machine, but not used.
expect_library() { # expect_library DETAIL NAME VARIABLE HEADER_VARIABLE NAME_FOR_THE_LINKER
  local found=${!3:-} reason
  [ -n "$found" ] || found=$(installed "$5")
  [ -n "$found" ] || found=$(sed -n "s|^$4:PATH=/|/|p" "$build/CMakeCache.txt")
  reason=$(sed -n "s/.*no $2 (\(.*\)/\1/p" <<<"$1")
  [ -z "$reason" ] || [ -z "$found" ] || {
    echo "$2 is there ($found), but is not used: $reason"
    return 1
  }
}

# Opens the GPU and its libraries, and runs one kernel.
stage_preflight() {
  local json=$out/preflight.json detail
  rm -f "$json"
  "$build/bin/bandwidth_bench" --device cuda --op scale --dtype f32 --mebibytes 16 --repeats 1 \
    --seconds 0 --json "$json"
  detail=$(sed -n 's/^ *"cuda:0": "\(.*\)",\{0,1\}$/\1/p' "$json")
  expect_library "$detail" cuDNN FOVEA_CUDNN CUDNN_INCLUDE_DIR 'libcudnn[.]so[.]9'
  expect_library "$detail" cuBLASLt FOVEA_CUBLASLT CUBLASLT_INCLUDE_DIR 'libcublasLt[.]so'
  echo "${detail:?not in $json}"
}

# Runs tests; ctest itself ends them in time, since --timeout would not shorten the tests' own limits.
run_ctest() { # run_ctest XML JOBS ARGUMENT...
  local xml=$out/$1 jobs=$2 status=0 wanted failed skipped ran
  shift 2
  rm -f "$xml"
  ctest --test-dir "$build" "$@" --no-tests=error --output-on-failure --parallel "$jobs" \
    --stop-time "$(date -d "@$stage_end" +%T)" --output-junit "$xml" || status=$?
  [ -f "$xml" ] || return "$status"
  wanted=$(ctest --test-dir "$build" "$@" -N | sed -n 's/^Total Tests: //p')
  ran=$(attribute tests "$xml") failed=$(attribute failures "$xml")
  skipped=$(($(attribute skipped "$xml") + $(attribute disabled "$xml")))
  echo "$((ran - failed - skipped)) passed, $failed failed, $skipped skipped," \
    "$((wanted - ran)) not run for want of time"
  [ "$status" -eq 0 ] && [ "$ran" -eq "$wanted" ]
}

# Of the first element that has it.
attribute() { grep -o -m 1 "[[:space:]]$1=\"[0-9]*\"" "$2" | tr -cd '0-9'; }

stage_gpu_tests() {
  OMP_WAIT_POLICY=passive OMP_NUM_THREADS=4 FOVEA_REQUIRE_GPU=1 \
    run_ctest gpu_tests.xml 4 -L '^(gpu|cudnn_deviceless)$'
}

stage_other_tests() {
  cmake --build "$build" --parallel "$(nproc)"
  CUDA_VISIBLE_DEVICES='' OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 \
    run_ctest other_tests.xml $((($(nproc) + 1) / 2)) -LE '^(gpu|cudnn_deviceless|nightly)$'
}

stage_bandwidth() {
  "$build/bin/bandwidth_bench" --device cuda --json "$out/bandwidth.json"
}

stage_train_bench() {
  "$python" "$root/benchmarks/compare_torch.py" --build "$build" --python "$python" \
    --minutes "$(awk -v s="$(left)" 'BEGIN { print s / 60 }')" --json "$out/compare_torch.json"
}

rows_in() { if [ -f "$1" ]; then grep -c '"status":' "$1" || true; else echo 0; fi; }
is_complete() { grep -q '"complete": true' "$1" 2>/dev/null; }

# One file of conv_bench. A complete one stays; else the fuller one of the old and the new does.
measure_convolutions() { # measure_convolutions FILE ARGUMENT...
  local file=$out/$1 new=$out/$1.new
  shift
  if ! is_complete "$file" && [ "$(left)" -ge 10 ]; then
    rm -f "$new"
    timeout --foreground "$(left)" "$build/bin/conv_bench" --device cuda "$@" --json "$new" || true
    if is_complete "$new" || [ "$(rows_in "$new")" -gt "$(rows_in "$file")" ]; then
      mv "$new" "$file"
    fi
    rm -f "$new"
  fi
  if ! is_complete "$file"; then
    echo "${file##*/}: not complete, $(rows_in "$file") rows"
    return 1
  fi
  grep -q '"failures": 0' "$file" || {
    echo "${file##*/}: has failed rows"
    return 1
  }
}

# What matters most comes first.
stage_conv_bench() {
  local format status=0
  [ -z "$again" ] || rm -f "$out"/conv_bench_*.json
  for format in bf16 tf32 f16 f32; do
    measure_convolutions "conv_bench_$format.json" --dtype "$format" || status=1
  done
  for format in bf16 tf32 f16 f32; do
    measure_convolutions "conv_bench_${format}_1_32.json" --dtype "$format" --batch 1,32 ||
      status=1
  done
  return "$status"
}

# Trains; fails where that learned too little, as .ci/run sees it.
train() { # train NAME ARGUMENT...
  local json=$out/train_$1.json accuracy
  shift
  rm -f "$json"
  "$build/bin/train_cifar10" --device cuda --verbose 2 --seed 0 --data "${data:-synthetic}" "$@" \
    --json "$json" || return
  accuracy=$(sed -n 's/.*"test_accuracy": *\([0-9.]*\).*/\1/p' "$json")
  echo "${json##*/}: test accuracy ${accuracy:-unknown}, of which more than 0.5 is asked"
  awk -v a="${accuracy:-0}" 'BEGIN { exit !(a > 0.5) }'
}

stage_train() {
  local status=0
  train cifar10_cnn --precision tf32 || status=1
  train resnet20 --precision bf16 --model resnet20 --augment || status=1
  return "$status"
}

# One tool of compute-sanitizer over one program; prints its row, sets `result` and succeeds if
# nothing was found. Only kernels of our own run: what NVIDIA's libraries do is not ours to check.
sanitize() { # sanitize TOOL SECONDS PROGRAM [ARGUMENT...]
  local tool=$1 seconds=$2 program=$3 status=0 log
  shift 3
  log=$out/sanitizer_${tool}_$program.log
  [ "$seconds" -ge 1 ] || seconds=1  # 0 would mean: without a limit
  echo "== $tool $program $*, within $seconds s"
  FOVEA_REQUIRE_GPU=1 FOVEA_CUDNN=/nowhere FOVEA_CUBLASLT=/nowhere timeout -k 5 "$seconds" \
    compute-sanitizer --tool "$tool" --error-exitcode 86 --print-limit 20 \
    "$build/bin/$program" "$@" >"$log" 2>&1 || status=$?
  case $status in
    0) result=passed ;;
    86) result=findings ;;
    124 | 137) result=timed_out ;;
    *) result=failed ;;
  esac
  tail -n 5 "$log"
  echo "== $tool $program: $result"
  sanitizer_rows+=("$(json_object tool "$tool" program "$program" status "$result" \
    exit_code= "$status" message "$(grep '=========' "$log" | tail -n 1 || tail -n 1 "$log")")")
  json_object rows= "$(json_array "${sanitizer_rows[@]}")" >"$out/sanitizer.json"
  [ "$result" = passed ]
}

# Kernels that share memory between threads, and those of the update phase.
readonly sanitized_ops=\
'*/batch_norm:*/max_pool2d*:*/softmax_cross_entropy*:*/bias_grad:*/mean:*/gradient_check:*/adam_update'

stage_sanitizer() {
  local tool runs=12 status=0
  sanitizer_rows=()
  command -v compute-sanitizer >/dev/null || {
    echo "there is no compute-sanitizer"
    return "$skipped_code"
  }
  # One test, which takes seconds: some machines let no tool look at the GPU.
  if ! sanitize memcheck 60 test_gpu '--gtest_filter=*/adam_update' && [ "$result" != findings ]; then
    echo "compute-sanitizer does not work here, $result:" \
      "$(grep -iE 'not supported|error|denied' "$out/sanitizer_memcheck_test_gpu.log" | head -n 1)"
    return "$skipped_code"
  fi
  # Each run gets its share of what is left; what one does not need is for those after it.
  for tool in memcheck racecheck initcheck synccheck; do
    sanitize "$tool" $(($(left) / runs)) conv_bench --device cuda --quick --repeats 1 --seconds 0 \
      --custom '2,5,9,9,7,3,3,1,1;2,3,13,13,16,7,7,2,3;1,32,8,8,32,1,1,1,0;2,16,9,9,16,3,3,1,1,16' ||
      status=1
    sanitize "$tool" $(($(left) / (runs - 1))) train_bench --device cuda --model resnet20 --batch 4 \
      --steps 3 --epochs 1 --warm-up 0 || status=1
    sanitize "$tool" $(($(left) / (runs - 2))) test_gpu "--gtest_filter=$sanitized_ops" || status=1
    runs=$((runs - 3))
  done
  for result in passed findings failed timed_out; do
    echo -n "$(printf '%s\n' "${sanitizer_rows[@]}" | grep -c "\"status\": \"$result\"") $result "
  done
  echo
  return "$status"
}

# ---- Running them ----

status_of() { # of a stage, as an earlier run or this one has left it
  sed -n 's/.*"status": "\([a-z_]*\)".*/\1/p' "$out/stage_$1.json" 2>/dev/null | head -n 1
}

write_stage() { # write_stage NAME STATUS SECONDS REASON
  json_object stage "$1" status "$2" seconds= "$3" reason "$4" >"$out/stage_$1.json"
  say "$1: $2 after $3 s${4:+: $4}"
}

# With less than this a stage is not begun.
least_seconds() {
  case $1 in
    preflight) echo 10 ;;
    train_bench | other_tests) echo 60 ;;
    sanitizer) echo 120 ;;
    *) echo 25 ;;
  esac
}

# What a failed stage has said that helps: a build's first error, or the end.
useful_lines() {
  local log=$out/$1.log first=''
  [ "$1" != build ] || first=$(grep -nE -m 1 'FAILED:|error:|CMake Error' "$log" | cut -d : -f 1 || true)
  if [ -n "$first" ]; then
    sed -n "$first,$((first + 59))p" "$log"
  else
    tail -n 60 "$log"
  fi
}

last_line() { grep -v '^ *$' "$out/$1.log" | tail -n 1; }

run_stage() {
  local name=$1 limit=$((total_seconds - packing_seconds - SECONDS)) begin=$SECONDS status=0 least
  if [ -z "$again" ] && [[ $name != build && $name != preflight ]] &&
    [ "$(status_of "$name")" = passed ]; then
    say "$name: passed before; --again repeats it"
    return
  fi
  if [ -n "$blocked" ]; then
    write_stage "$name" not_run 0 "$blocked; --anyway goes on nevertheless"
    return
  fi
  least=$(least_seconds "$name")
  if [ "$limit" -lt "$least" ]; then
    write_stage "$name" not_run 0 \
      "$limit of $total_seconds s are left, and it needs $least: run this again"
    return
  fi
  if [ "$name" != build ] && [ ! -x "$build/bin/conv_bench" ]; then
    write_stage "$name" failed 0 "nothing is built; run the stage build"
    return
  fi
  [ "$limit" -le "$stage_seconds" ] || limit=$stage_seconds
  say "$name: begins, within $limit s"
  rm -f "$out/stage_$name.json"
  stage_end=$((EPOCHSECONDS + limit - 8)) timeout -k 5 "$limit" \
    bash "${BASH_SOURCE[0]}" --run-one "$name" >"$out/$name.log" 2>&1 || status=$?
  case $status in
    0) write_stage "$name" passed $((SECONDS - begin)) "" ;;
    "$skipped_code") write_stage "$name" skipped $((SECONDS - begin)) "$(last_line "$name")" ;;
    124 | 137)
      useful_lines "$name" >&2
      write_stage "$name" timed_out $((SECONDS - begin)) "it took more than $limit s"
      ;;
    *)
      useful_lines "$name" >&2
      write_stage "$name" failed $((SECONDS - begin)) "exit code $status: $(last_line "$name")"
      ;;
  esac
}

write_summary() {
  local name rows=() device
  for name in ${all_stages//,/ }; do
    [ ! -f "$out/stage_$name.json" ] || rows+=("$(cat "$out/stage_$name.json")")
  done
  device=$(sed -n 's/^ *"fingerprint": "\(.*\)",\{0,1\}$/\1/p' "$out/preflight.json" \
    2>/dev/null || true)
  json_object gpu "$gpu" driver "$(gpu_query driver_version)" memory "$(gpu_query memory.total)" \
    compute_capability "$(gpu_query compute_cap)" device "$device" \
    nvcc "$(nvcc --version | sed -n 's/.*release [^,]*, V//p')" \
    cudnn "${FOVEA_CUDNN:-$(installed 'libcudnn[.]so[.]9')}" \
    cublaslt "${FOVEA_CUBLASLT:-$(installed 'libcublasLt[.]so')}" \
    compiler "$(first_line c++ --version)" torch "$torch" \
    system "$(uname -sr)" cores= "$(nproc)" commit "$FOVEA_COMMIT" \
    date "$(date -u +%FT%TZ)" seconds= "$SECONDS" \
    stages= "$(json_array "${rows[@]}")" >"$out/summary.json"
  echo >>"$out/summary.json"
}

pack() {
  [ -n "${OUT:-}" ] || return 0
  if tar -czf "$OUT/gpu_check.tgz.part" -C "$(dirname "$out")" "$(basename "$out")"; then
    mv "$OUT/gpu_check.tgz.part" "$OUT/gpu_check.tgz"
  else
    say "cannot write $OUT/gpu_check.tgz"
  fi
}

# ---- The command line ----

parse() {
  deps='' data='' out=$root/build/gpu_check stages=$default_stages seconds=1500 again='' anyway=''
  [ ! -d "$root/deps" ] || deps=$root/deps
  while [ $# -gt 0 ]; do
    case $1 in
      --deps | --data | --out | --stages | --seconds)
        [ $# -ge 2 ] || die "$1 needs a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      --again | --anyway) printf -v "${1#--}" yes ;;
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
  [[ $seconds =~ ^[1-9][0-9]*$ ]] || die "--seconds takes a number, not '$seconds'"
  total_seconds=$seconds
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
  torch=$(torch_version)
  export deps data out gpu again FOVEA_COMMIT
  say "${gpu:-no GPU: building for compute capability 9.0}; results in $out"
  trap pack EXIT

  local name failed=0 blocked=''
  for name in ${all_stages//,/ }; do
    case ,$stages, in
      *",$name,"*) run_stage "$name" ;;
      *) continue ;;
    esac
    case $(status_of "$name") in
      passed | skipped) ;;
      *)
        failed=1
        [[ -n $blocked || -n $anyway || ($name != build && $name != preflight) ]] ||
          blocked="the stage $name has not passed"
        ;;
    esac
    write_summary
    pack
  done
  return "$failed"
}

if [ "${1:-}" = --run-one ]; then
  "stage_$2"
else
  main "$@"
fi
