#!/usr/bin/env bash
# Sets up, builds and trains a CNN on CIFAR-10. Arguments go to the program: see --help.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/build.sh" train_cifar10
exec "$root/build/release/bin/train_cifar10" "$@"
