#!/usr/bin/env bash
# Gathers what a build on a machine without a network may lack, to be used there with
# `cmake -D FOVEA_DEPS=DIR`.
#
#   scripts/fetch_deps.sh [--no-onednn] DIR
#
#   DIR/googletest   GoogleTest's sources, built together with the tests where none is installed
#   DIR/onednn       oneDNN's headers and libraries as they are installed here (40 MB): the CPU's fast
#                    path, for a machine of the same architecture with as new a C library
#   DIR/commit       the commit of this checkout, for a copy of it without git
#   --no-onednn      leave that out
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

readonly googletest_url=https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz
readonly googletest_sha256=8ad598c73ad796e0d8280b082cebd82a630d73e73cd3c70057938a6501bba5d7

say() { echo "fetch_deps: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# The sources as Debian's package has them, installed or fetched; else the release's archive.
fetch_googletest() {
  local to=$1 installed=/usr/src/googletest work
  rm -rf "$to"
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # now: the variable is gone when the function has returned
  trap "rm -rf '$work'" RETURN
  if [ -f "$installed/CMakeLists.txt" ]; then
    cp -r "$installed" "$to"
    say "GoogleTest from $installed"
  elif (cd "$work" && apt-get -q download googletest && dpkg -x googletest_*.deb .) \
    >/dev/null 2>&1; then
    cp -r "$work/usr/src/googletest" "$to"
    say "GoogleTest from the package googletest"
  else
    curl -fsSL --retry 3 -o "$work/googletest.tar.gz" "$googletest_url" ||
      die "cannot fetch $googletest_url; install the package googletest (Debian) and run this again"
    echo "$googletest_sha256  $work/googletest.tar.gz" | sha256sum --check --quiet ||
      die "$googletest_url is not what it was: its checksum differs"
    mkdir -p "$to"
    tar -xzf "$work/googletest.tar.gz" -C "$to" --strip-components=1
    say "GoogleTest from $googletest_url"
  fi
}

# The first name of an installed library that matches, and the path of a library by its name.
# (awk reads on to the end: ldconfig would fail if it could not write.)
name_of() { ldconfig -p | awk -v pattern="$1" '$1 ~ pattern && !found++ { print $1 }'; }
path_of() { ldconfig -p | awk -v name="$1" '$1 == name && !found++ { print $NF }'; }

copy_onednn() {
  local to=$1 name
  name=$(name_of '^libdnnl[.]so[.][0-9]+$')
  if [ ! -f /usr/include/dnnl.hpp ] || [ -z "$name" ]; then
    say "no oneDNN: it is not installed here (libdnnl-dev); the CPU's plain kernels will do there"
    return
  fi
  rm -rf "$to"
  mkdir -p "$to/include/oneapi" "$to/lib"
  cp /usr/include/dnnl*.h* "$to/include/"
  cp -r /usr/include/oneapi/dnnl "$to/include/oneapi/"
  cp -L "$(path_of "$name")" "$to/lib/$name"
  ln -s "$name" "$to/lib/libdnnl.so"
  # Some builds of oneDNN need this one, which few machines have.
  [ -z "$(path_of libOpenCL.so.1)" ] || cp -L "$(path_of libOpenCL.so.1)" "$to/lib/"
  say "oneDNN: $name"
}

# As benchmarks report it: with "-modified" where files differ from it.
write_commit() {
  local hash
  rm -f "$1"
  if ! hash=$(git -C "$root" rev-parse HEAD 2>/dev/null); then
    say "no commit: git does not know $root"
    return
  fi
  [ -z "$(git -C "$root" status --porcelain)" ] || hash+=-modified
  echo "$hash" >"$1"
  say "commit $hash"
}

onednn=yes
if [ "${1:-}" = --no-onednn ]; then
  onednn=
  shift
fi
case $#${1:-} in
  1[!-]*) ;;
  *) die "usage: scripts/fetch_deps.sh [--no-onednn] DIR" ;;
esac
mkdir -p "$1"
fetch_googletest "$1/googletest"
[ -z "$onednn" ] || copy_onednn "$1/onednn"
write_commit "$1/commit"
