#!/usr/bin/env bash
# Checks for what building Fovea needs on Debian or Ubuntu, and installs what is missing - nothing
# else. Where nothing is missing it needs neither root nor a network.
#
#   scripts/setup.sh [--tests] [--lint] [--browser]
#
#   --tests     also what building the tests needs (GoogleTest), and ccache
#   --lint      also clang-format, clang-tidy and a clang++ with OpenMP
#   --browser   also the browser that scripts/browser.sh drives
#
# scripts/build.sh sources it, to use the compiler it found: CXX.
set -euo pipefail

# What is missing, as Debian packages; each optional one has a line that says what it is for.
required=()
optional=()
declare -A purpose=(
  [libdnnl-dev]="without oneDNN the CPU device uses its plain kernels, many times slower"
  [zlib1g-dev]="without zlib, data sets compressed by gzip cannot be read or downloaded"
  [libpng-dev]="without libpng, PNG files can be neither read nor written"
  [libjpeg-dev]="without libjpeg, JPEG files can be neither read nor written"
  [libhdf5-dev]="without HDF5, Keras's files can be neither read nor written"
  [libzip-dev]="without libzip, .keras and .npz files can be neither read nor written"
  [libprotobuf-dev]="without protobuf, ONNX files can be neither read nor written"
  [protobuf-compiler]="without protoc, ONNX files can be neither read nor written"
  [librsvg2-dev]="without librsvg, pictures can be written as SVG, not as PNG"
  [libjs-three]="without three.js, 3-D pages of networks cannot be made"
  [libcli11-dev]="without CLI11, the command fovea will not be built"
  [dpkg-dev]="without dpkg-shlibdeps, making Debian packages is not tested"
  [file]="without file, making Debian packages is not tested"
  [python3-venv]="without Python's venv, scripts/interop.sh and scripts/browser.sh cannot run"
  [chromium]="without Chromium, scripts/browser.sh cannot open the pages that the library writes"
  [chromium-driver]="without chromedriver, scripts/browser.sh cannot drive Chromium"
  [pkg-config]="without pkg-config, librsvg is not found, and the tests that use it are left out"
  [tmux]="without tmux, the tests of the command in a terminal are left out"
  [zsh]="without zsh, the command's completion is not tried there"
  [fish]="without fish, the command's completion is not tried there"
  [ccache]="without ccache, what two builds have in common is compiled twice"
  [curl]="without curl, --download cannot fetch a data set"
  [ca-certificates]="without certificates, --download cannot fetch over https"
)
probe=$(mktemp)
log=$(mktemp)
trap 'rm -f "$probe" "$log"' EXIT

say() { echo "setup: $*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# Does this Python have NumPy? For the sample in Python, which is a test.
has_numpy() { "$1" -c "import numpy" >/dev/null 2>&1; }

# Does this compiler build C++20 with OpenMP? Asks for g++ 11 or clang++ 14 at least.
compiles() {
  have "$1" && "$1" -std=c++20 -fopenmp -x c++ - -o "$probe" >/dev/null 2>&1 <<'CODE'
#include <omp.h>
#include <span>
#if defined(__clang__) ? __clang_major__ < 14 : __GNUC__ < 11
#error too old
#endif
int main() { return std::span<int>().empty() ? 0 : omp_get_max_threads(); }
CODE
}

# Does the compiler find this header and this library?
links() {  # links HEADER LIBRARY
  "$CXX" -std=c++20 -x c++ - -o "$probe" "-l$2" >/dev/null 2>&1 <<CODE
#if !__has_include(<$1>)
#error missing
#endif
int main() { return 0; }
CODE
}

# Does the compiler find this header?
has_header() {
  "$CXX" -std=c++20 -E -x c++ - -o "$probe" >/dev/null 2>&1 <<<"#include <$1>"
}

# Sets CXX to the first compiler that will do; false when none does.
choose_compiler() {
  local name
  for name in "${CXX:-c++}" g++ g++-{14,13,12,11} clang++ clang++-{19,18,17,16,15,14}; do
    if compiles "$name"; then
      export CXX=$name
      return
    fi
  done
  export CXX=${CXX:-c++}
  return 1
}

cmake_is_recent() {
  local version
  version=$(cmake --version 2>/dev/null | sed -n '1s/[^0-9]*//p')
  [ "$(printf '%s\n' 3.22 "$version" | sort -V | head -n 1)" = 3.22 ]
}

# Fills `required` and `optional` with what is missing.
look_for() {
  required=()
  optional=()
  choose_compiler || required+=(g++)
  cmake_is_recent || required+=(cmake)
  have ninja || required+=(ninja-build)
  links dnnl.hpp dnnl || optional+=(libdnnl-dev)
  links zlib.h z || optional+=(zlib1g-dev)
  links png.h png || optional+=(libpng-dev)
  links jpeglib.h jpeg || optional+=(libjpeg-dev)
  links hdf5.h hdf5 || links hdf5/serial/hdf5.h hdf5_serial || optional+=(libhdf5-dev)
  links zip.h zip || optional+=(libzip-dev)
  links google/protobuf/message_lite.h protobuf-lite || optional+=(libprotobuf-dev)
  have protoc || optional+=(protobuf-compiler)
  have pkg-config || optional+=(pkg-config)
  pkg-config --exists librsvg-2.0 2>/dev/null || optional+=(librsvg2-dev)
  [ -e /usr/share/javascript/three/three.min.js ] || optional+=(libjs-three)
  has_header CLI/CLI.hpp || optional+=(libcli11-dev)
  have curl || optional+=(curl)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || optional+=(ca-certificates)

  local argument
  for argument in "$@"; do
    case $argument in
      --tests)
        links gtest/gtest.h gtest || required+=(libgtest-dev)
        have ccache || optional+=(ccache)
        have tmux || optional+=(tmux)
        have zsh || optional+=(zsh)
        have fish || optional+=(fish)
        has_numpy python3 || has_numpy /usr/bin/python3 || optional+=(python3-numpy)
        ! have dpkg-deb || have dpkg-shlibdeps || optional+=(dpkg-dev)
        ! have dpkg-deb || have file || optional+=(file)
        python3 -c 'import ensurepip' 2>/dev/null || optional+=(python3-venv)
        ;;
      --lint)
        have clang-format || required+=(clang-format)
        have clang-tidy || required+=(clang-tidy)
        compiles clang++ || required+=(clang libomp-dev)
        ;;
      --browser)
        have chromium || optional+=(chromium)
        have chromedriver || optional+=(chromium-driver)
        python3 -c 'import ensurepip' 2>/dev/null || optional+=(python3-venv)
        ;;
      *)
        say "unknown argument '$argument'; valid are --tests, --lint and --browser"
        return 2
        ;;
    esac
  done
}

# Sets as_root to the words that make a command run as root; false where that cannot be had.
become_root() {
  as_root=()
  [ "$(id -u)" -ne 0 ] || return 0
  have sudo || return 1
  as_root=(sudo)
  # Ask for a password only where somebody can type it.
  sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ] && sudo -v; }
}

# Runs apt-get; when it fails, shows what it says went wrong.
apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" </dev/null >"$log" 2>&1 && return
  grep '^[EW]:' "$log" >&2
  return 1
}

# Does the package list, as it stands, offer this package?
offered() {
  apt-cache policy "$1" 2>/dev/null | grep 'Candidate:' | grep -qv '(none)'
}

# Fetches the package lists, once.
update_lists() {
  [ -z "$updated" ] || return 1
  updated=yes
  apt_get -o APT::Update::Error-Mode=any update
}

# Installs those of the named packages that the distribution has. The lists are fetched anew only
# where they lack a package, or where they are too old to install from.
install_packages() {
  local package available=()
  for package in "$@"; do
    offered "$package" || update_lists || true
    ! offered "$package" || available+=("$package")
  done
  [ ${#available[@]} -gt 0 ] || return 0
  say "installing ${available[*]}"
  apt_get install --no-install-recommends "${available[@]}" && return
  update_lists && apt_get install --no-install-recommends "${available[@]}"
}

setup() {
  look_for "$@" || return
  [ $((${#required[@]} + ${#optional[@]})) -gt 0 ] || return 0

  local can_install='' updated='' as_root=()
  if have apt-get && become_root; then
    can_install=yes
    ! install_packages "${required[@]}" || install_packages "${optional[@]}" || true
    look_for "$@"
  fi

  if [ ${#required[@]} -gt 0 ]; then
    if [ -n "$can_install" ]; then
      say "could not install ${required[*]}, or what this distribution has is too old."
    else
      say "missing: ${required[*]}. Installing needs root; ask an administrator to run"
      say "  apt-get update && apt-get install -y ${required[*]} ${optional[*]}"
    fi
    say "Fovea needs g++ 11 or clang++ 14 with OpenMP, CMake 3.22 and Ninja."
    return 1
  fi
  local package
  for package in "${optional[@]}"; do
    say "no $package: ${purpose[$package]}."
    [ -n "$can_install" ] || say "  to install it: apt-get install -y $package (as root)"
  done
}

setup "$@"
