# SPDX-License-Identifier: GPL-2.0
"""Runs a guest with messages, and reports what the vCPUs of one that failed were doing."""

import gzip
import os
import sys
import tempfile

import vcpus
from guest import Guest
from host import BUILD, Failed, say
from options import parse
from run import Run, run_quietly


def run_guest(options, accelerator, command, output, interactive=False):
    """The command's exit status. OUTPUT: the stream for what it prints."""
    guest = Guest(options, accelerator, command, interactive)
    run = None
    try:
        say(f"booting {guest.release} ({accelerator}, {options.cpus} of {options.maxcpus} "
            f"CPUs, {options.memory >> 20}M of {options.maxmem >> 20}M)")
        keyboard = sys.stdin.fileno() if interactive else None
        run = Run(guest, output, options.timeout, keyboard, options.files)
        return run.wait()
    except Failed as failed:
        if run:
            guest.end()
            vcpu_lines = keep_vcpus(options, accelerator, guest, run)
            text = "".join(f"  {line}\n" for line in vcpu_lines)
            text += "".join(f"  | {line}\n" for line in run.excerpt())
            raise type(failed)(f"{failed}\n{text}  console: {os.path.relpath(guest.log)}") from None
        raise
    finally:
        guest.end()


def keep_vcpus(options, accelerator, guest, run):
    """Writes what the vCPUs of a guest that failed were doing to vcpus.txt; returns the lines."""
    if not run.vcpus:
        return []
    symbols = kernel_symbols(options, accelerator, guest, run.stext)
    lines = [f"vCPU {vcpu.number} {vcpu.words(symbols)}" for vcpu in run.vcpus]
    with open(os.path.join(guest.folder, "vcpus.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join([*lines, *guest.watcher.state, guest.watcher.registers]))
    return lines


def kernel_symbols(options, accelerator, guest, stext):
    """Names for the addresses of a guest whose _stext is at STEXT; None if they cannot be read."""
    if stext is None:
        return None
    # A kernel's build tree has them. A package has not: another guest of the same kernel is asked,
    # once.
    path = os.path.join(guest.kernel, "kdir", "System.map")
    if not os.path.exists(path):
        path = os.path.join(guest.kernel, "symbols")
    try:
        if not os.path.exists(path):
            read_symbols(options, accelerator, path)
        with open(path, encoding="ascii", errors="replace") as file:
            return vcpus.Symbols(file, stext)
    except (Failed, OSError, ValueError) as error:
        say(f"no names for the kernel's functions: {str(error).splitlines()[0]}")
        return None


def read_symbols(options, accelerator, path):
    say("asking another guest for the names of this kernel's functions")
    with tempfile.TemporaryDirectory(prefix="symbols.", dir=BUILD) as files:
        asking = parse(["run", "--kernel", options.kernel, "--cpus", "1", "--append", "nokaslr",
                        "--timeout", "120", "--files", files, "--",
                        "grep ' [tTwW] [^[]*$' /proc/kallsyms | gzip | to-host symbols"])
        if run_quietly(asking, accelerator, asking.command[0]):
            raise Failed("it could not send them")
        with gzip.open(os.path.join(files, "symbols")) as packed:
            text = packed.read()
    with open(f"{path}.{os.getpid()}", "wb") as file:
        file.write(text)
    os.rename(f"{path}.{os.getpid()}", path)
