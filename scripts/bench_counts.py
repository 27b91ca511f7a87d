# SPDX-License-Identifier: GPL-2.0
"""Compares counted instructions with scripts/bench-counts.json, and writes that file. Counts depend
on the kernel, the compiler and QEMU, so the file names all three.
"""

import json
import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
COUNTS = os.path.join(TOP, "scripts/bench-counts.json")
MARGIN = 0.1  # by which a count may differ from the one in that file


def compiler(results):
    """The compiler that built the module."""
    kernel = results.about.get("kernel", "")
    try:
        with open(os.path.join(TOP, "build/modules", kernel, "module/dhp.ko"), "rb") as file:
            found = re.search(rb"GCC: \(.*?\) [0-9.]+", file.read())
    except OSError:
        found = None
    return found[0].decode(errors="replace") if found else "an unknown compiler"


def qemu_version():
    qemu = os.environ.get("QEMU") or "qemu-system-x86_64"
    try:
        said = subprocess.run([qemu, "--version"], stdout=subprocess.PIPE, text=True,
                              check=False).stdout
    except OSError:
        said = ""
    found = re.search(r"version (\d+\.\d+)", said)
    return f"QEMU {found[1]}" if found else "an unknown QEMU"


def environment(results):
    return {"kernel": f"Linux {results.about.get('kernel', '?')}", "compiler": compiler(results),
            "qemu": qemu_version()}


def about(results):
    return (f"Linux {results.about.get('kernel', '?')}, {compiler(results)}, {qemu_version()}; the "
            f"clock of guest {results.guest!r} is {results.about.get('clock', '?')}.")


def counts_of(results):
    """Instructions per operation, and bytes. Results that another clock measured are left out."""
    return {f"{name} {side}": round(results.median(name, side), 1)
            for name, side in results.values
            if side not in ("tsc", "took", "mark") and not name.endswith("/total") and
            results.values[name, side]}


def write_counts(results):
    with open(COUNTS, "w", encoding="utf-8") as file:
        json.dump({**environment(results), "counts": counts_of(results)}, file, indent=1)
        file.write("\n")


def compare_counts(results):
    """Warnings, one a line."""
    with open(COUNTS, encoding="utf-8") as file:
        table = json.load(file)
    here = environment(results)
    found = [f"the counts are of {table[what]}, this run of {here[what]}"
             for what in here if table[what] != here[what]]
    counts = counts_of(results)
    for name in sorted(table["counts"].keys() | counts.keys()):
        expected, seen = table["counts"].get(name), counts.get(name)
        if expected is None or seen is None:
            found.append(f"{name}: {'not in the table' if expected is None else 'not measured'}")
        elif abs(seen - expected) > MARGIN * abs(expected) + 1:
            change = f"{(seen - expected) / expected:+.0%}" if expected else "not 0"
            found.append(f"{name}: {seen:,.1f}, the table says {expected:,.1f} ({change})")
    return found
