#!/usr/bin/env python3
"""Compiles every kernel and writes kernels/README.md: what each takes of a GPU's registers.

    scripts/kernel_table.py [ARCHITECTURE...]      (75 80 86 89 90a 100 120 unless told otherwise)

Warnings are errors. Ends with 1, too, when a kernel keeps anything in local memory: registers that
did not suffice, or an array indexed at run time. Needs nvcc, and some minutes.
"""

import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ARCHITECTURES = ["75", "80", "86", "89", "90a", "100", "120"]
FLAGS = ["-std=c++20", "--expt-relaxed-constexpr", "-O3", "-I.", "-Iinclude",
         "-Werror=all-warnings", "-Xptxas=-v", "-c", "-o", os.devnull]
KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\s*\(")

HEAD = """# Kernels

One file per family. A file's first lines give the formula, the mapping of threads to data, the
bytes moved and the preconditions; `launch.h` has the one call that starts a kernel. Each kernel also
runs on the host, from this very source, under AddressSanitizer and UBSan, and is compared with the
CPU's f64 reference: `tests/host_kernels`.

Registers per thread are the most that any instantiation takes; local memory is what did not fit into
them. `scripts/kernel_table.py` compiles the kernels and writes this table.

"""


def find_nvcc():
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    if not pathlib.Path(nvcc).exists():
        sys.exit("kernel_table: no nvcc; put the CUDA toolkit's bin folder into PATH")
    return nvcc


def plain_name(mangled):
    """In mangled names each part follows its length: the kernel's ends with _kernel."""
    for length in re.finditer(r"(?<!\d)\d+", mangled):
        part = mangled[length.end():length.end() + int(length[0])]
        if part.endswith("_kernel"):
            return part
    return mangled


def compile_one(nvcc, path, architecture):
    """[(kernel, registers, bytes in local memory)] of one file's instantiations."""
    code = f"arch=compute_{architecture},code=sm_{architecture}"
    result = subprocess.run([nvcc, *FLAGS, "-gencode", code, str(path.relative_to(ROOT))],
                            cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"kernel_table: {path.name} for {architecture}:\n{result.stdout}{result.stderr}")
    rows, kernel, local = [], None, 0
    for line in result.stderr.splitlines():
        if found := re.search(r"Compiling entry function '(\S+)'", line):
            kernel, local = found[1], 0
        if found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+)", line):
            local = sum(int(count) for count in found.groups())
        if (found := re.search(r"Used (\d+) registers", line)) and kernel:
            rows.append((plain_name(kernel), int(found[1]), local))
    return rows


def kernels_in_sources():
    """Kernel -> the file that defines it."""
    files = {}
    for path in sorted((ROOT / "kernels").glob("*.cu*")):
        for name in KERNEL.findall(path.read_text()):
            files[name] = path.name
    return files


def main():
    architectures = sys.argv[1:] or ARCHITECTURES
    nvcc = find_nvcc()
    files = kernels_in_sources()
    jobs = [(path, a) for path in sorted((ROOT / "kernels").glob("*.cu")) for a in architectures]
    most = collections.defaultdict(int)
    count = collections.Counter()
    local_bytes = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: compile_one(nvcc, *job), jobs)
        for (_, architecture), rows in zip(jobs, results):
            for kernel, registers, local in rows:
                most[kernel, architecture] = max(most[kernel, architecture], registers)
                count[kernel, architecture] += 1
                local_bytes[kernel] = max(local_bytes[kernel], local)

    unknown = sorted({kernel for kernel, _ in most} - set(files))
    if unknown:
        sys.exit(f"kernel_table: cannot tell which kernels these are: {', '.join(unknown)}")
    lines = [["kernel", "file", "instantiations", *(f"sm_{a}" for a in architectures),
              "local memory"]]
    lines.append(["---"] * len(lines[0]))
    for kernel in sorted(files, key=lambda name: (files[name], name)):
        instantiations = max(count[kernel, a] for a in architectures)
        lines.append([f"`{kernel}`", files[kernel], str(instantiations),
                      *(str(most[kernel, a]) for a in architectures),
                      f"{local_bytes[kernel]} bytes"])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    (ROOT / "kernels/README.md").write_text(HEAD + table)
    print(f"{len(files)} kernels for {', '.join(architectures)}: kernels/README.md")
    if spilling := sorted(kernel for kernel in local_bytes if local_bytes[kernel] > 0):
        sys.exit("kernel_table: in local memory: " + ", ".join(spilling))


if __name__ == "__main__":
    main()
