#!/usr/bin/env python3
"""Writes kernels/README.md: every kernel of a built library with the registers it takes.

    scripts/kernel_table.py [LIBRARY]      (build/release/lib/libfovea.so unless told otherwise)

Reads what the compiler recorded in the library, by cuobjdump of the CUDA toolkit. Ends with 1 when
a kernel keeps anything in local memory: registers that did not suffice, or an array indexed at run
time.
"""

import collections
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\s*\(")

HEAD = """# Kernels

One file per family. A file's first lines give the formula, the mapping of threads to data, the
bytes moved and the preconditions; `launch.h` has the one call that starts a kernel. Each kernel also
runs on the host, from this very source, under AddressSanitizer and UBSan, and is compared with the
CPU's f64 reference: `tests/host_kernels`.

Registers per thread are the most that any instantiation takes; local memory is what did not fit into
them. `scripts/kernel_table.py` writes this table from a built library.

"""


def tool(name):
    found = shutil.which(name) or f"/usr/local/cuda/bin/{name}"
    if not pathlib.Path(found).exists():
        sys.exit(f"kernel_table: no {name}; put the CUDA toolkit's bin folder into PATH")
    return found


def kernels_in_sources():
    """Kernel -> the file that defines it."""
    files = {}
    for path in sorted((ROOT / "kernels").glob("*.cu*")):
        for name in KERNEL.findall(path.read_text()):
            files[name] = path.name
    return files


def usage(library):
    """(kernel, architecture) -> (instantiations, most registers, most local bytes)."""
    text = subprocess.run([tool("cuobjdump"), "--dump-resource-usage", str(library)],
                          check=True, capture_output=True, text=True).stdout
    mangled = re.findall(r"Function (\S+):", text)
    names = dict(zip(mangled, subprocess.run(["c++filt"], input="\n".join(mangled), check=True,
                                             capture_output=True, text=True).stdout.splitlines()))
    table = collections.defaultdict(lambda: (0, 0, 0))
    architecture = None
    function = None
    for line in text.splitlines():
        if found := re.search(r"arch = (sm_\w+)", line):
            architecture = found[1]
        if found := re.search(r"Function (\S+):", line):
            function = names[found[1]]
        if found := re.search(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", line):
            kernel = re.search(r"(\w+_kernel)\b", function)
            if kernel is None:
                continue
            count, registers, local = table[kernel[1], architecture]
            table[kernel[1], architecture] = (count + 1, max(registers, int(found[1])),
                                              max(local, int(found[2]) + int(found[3])))
    return table


def main():
    library = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/release/lib/libfovea.so"
    files = kernels_in_sources()
    table = usage(library)
    architectures = sorted({architecture for _, architecture in table},
                           key=lambda name: int(re.sub(r"\D", "", name)))
    columns = ["kernel", "file", "instantiations"]
    columns += [f"registers, {architecture}" for architecture in architectures] + ["local memory"]
    lines = [" | ".join(columns), " | ".join(["---"] * len(columns))]
    spilled = []
    for kernel in sorted(files, key=lambda name: (files[name], name)):
        rows = [table.get((kernel, architecture), (0, 0, 0)) for architecture in architectures]
        local = max((row[2] for row in rows), default=0)
        if local:
            spilled.append(kernel)
        cells = [f"`{kernel}`", files[kernel], str(max(row[0] for row in rows))]
        cells += [str(row[1]) if row[0] else "none" for row in rows] + [f"{local} bytes"]
        lines.append(" | ".join(cells))
    (ROOT / "kernels/README.md").write_text(HEAD + "".join(f"| {line} |\n" for line in lines))
    print(f"{len(files)} kernels for {', '.join(architectures)}: kernels/README.md")
    if spilled:
        sys.exit("kernel_table: in local memory: " + ", ".join(spilled))


if __name__ == "__main__":
    main()
