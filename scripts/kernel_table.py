#!/usr/bin/env python3
"""Compiles every kernel and writes kernels/README.md: what each takes of a GPU's registers.

    scripts/kernel_table.py [ARCHITECTURE...]      (75 80 86 89 90a 100 120 unless told otherwise)

Warnings are errors. Ends with 1, too, when a kernel keeps anything in local memory: registers that
did not suffice, or an array indexed at run time. Needs nvcc, build/release/bin/test_host_kernels,
and some minutes.
"""

import collections
import concurrent.futures
import itertools
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
them. The time on the host is that of all op cases in f32 by one thread, sanitized: what the tests
pay, and no hint at a GPU's speed. `scripts/kernel_table.py` compiles the kernels, runs them and
writes these tables.

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


def bytes_moved(name):
    """The sentence on it at the head of a kernel's file."""
    lines = itertools.takewhile(lambda line: line.startswith("//"),
                                (ROOT / "kernels" / name).read_text().splitlines())
    head = " ".join(line[2:].strip() for line in lines)
    found = re.search(r"Bytes moved:? (.*?)(?:\. +(?=[A-Za-z])|\.$|$)", head)
    if not found:
        sys.exit(f"kernel_table: the first lines of kernels/{name} do not say the bytes moved")
    return found[1]


def host_seconds():
    """Kernel -> how long the test of them all runs it on the host."""
    program = ROOT / "build/release/bin/test_host_kernels"
    if not program.exists():
        sys.exit(f"kernel_table: {program} is missing; scripts/build.sh makes it")
    result = subprocess.run([program, "--gtest_filter=HostKernelCoverage.*"], capture_output=True,
                            text=True, env={**os.environ, "ASAN_OPTIONS": "intercept_tls_get_addr=0"})
    if result.returncode != 0:
        sys.exit(f"kernel_table: {program.name} fails:\n{result.stdout}{result.stderr}")
    return {name: float(seconds)
            for name, seconds in re.findall(r"host time (\w+) ([\d.]+) s", result.stdout)}


def table(rows):
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


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
    seconds = host_seconds()
    registers = [["kernel", "file", "instantiations", *(f"sm_{a}" for a in architectures),
                  "local memory", "on the host"]]
    for kernel in sorted(files, key=lambda name: (files[name], name)):
        instantiations = max(count[kernel, a] for a in architectures)
        registers.append([f"`{kernel}`", files[kernel], str(instantiations),
                          *(str(most[kernel, a]) for a in architectures),
                          f"{local_bytes[kernel]} bytes", f"{seconds[kernel]:.2f} s"])
    moved = [["file", "bytes moved"]] + [[name, bytes_moved(name)] for name in sorted(set(files.values()))]
    (ROOT / "kernels/README.md").write_text(f"{HEAD}{table(registers)}\n{table(moved)}")
    print(f"{len(files)} kernels for {', '.join(architectures)}: kernels/README.md")
    if spilling := sorted(kernel for kernel in local_bytes if local_bytes[kernel] > 0):
        sys.exit("kernel_table: in local memory: " + ", ".join(spilling))


if __name__ == "__main__":
    main()
