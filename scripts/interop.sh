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

# shellcheck source=scripts/python_cases.sh
source scripts/python_cases.sh

if [ -n "${FOVEA_INTEROP_PYTHON:-}" ]; then
  python=$FOVEA_INTEROP_PYTHON
else
  make_environment interop tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 numpy==2.4.6 \
    safetensors==0.8.0 onnx==1.23.2 onnxruntime==1.31.1 tensorboard==2.21.0
fi
scripts/build.sh --tests fovea_io fovea_events
run_cases interop build/release/bin/fovea_io "$@"
