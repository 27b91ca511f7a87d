# SPDX-License-Identifier: GPL-2.0
"""The command line of qemu/vm."""

import argparse
import os
import re
import shlex

from machine import ACCELERATORS, APPEND_MAX, MAX_NODES, MAX_SLOTS, TCG_CONTEXTS
from plug_device import BLOCK, human

DEFAULT_KERNEL = "6.1"

DESCRIPTION = """\
Boots a kernel with the project's modules and runs a command in it.

The guest talks over three serial ports: the kernel's console, which goes to a file; the
command's terminal; and a control line, on which the verdict and hotplug requests travel. Only
the verdict can make a run succeed. A guest that panics, hangs or ends early never sends one.

The run ends with the command's exit status, or with 125 and the reason on stderr when the
guest died, had a bad line on its console, or ran out of time. The message then includes what each
vCPU was doing; vcpus.txt in the run's folder has it with all registers.

It ends with 75 when the guest was lost to a fault in QEMU that qemu/README.md describes: its
registers show that a vCPU that waited to be started ran the firmware instead, which resets the
machine. Such a run proves nothing about the command; run it again.

The environment variable QEMU names another qemu-system-x86_64 than the one in PATH.
"""

# More digits than any number here needs; Python refuses to read thousands of them.
DIGITS = "[0-9]{1,9}"


def size(text):
    found = re.fullmatch(f"({DIGITS})([MG])i?B?", text, re.IGNORECASE)
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write it like 512M or 2G")
    return int(found[1]) << {"M": 20, "G": 30}[found[2].upper()]


def count(text):
    if not re.fullmatch(DIGITS, text) or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of one or more")
    return int(text)


def count_or_none(text):
    if not re.fullmatch(DIGITS, text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of zero or more")
    return int(text)


def addition(text):
    source, _, target = text.partition(":")
    if not os.path.exists(source):
        raise argparse.ArgumentTypeError(f"there is no {source!r} to add")
    if not os.path.isfile(source) and not os.path.isdir(source):
        raise argparse.ArgumentTypeError(f"{source!r} is neither a file nor a folder")
    target = target or "/" + os.path.basename(os.path.abspath(source))
    if not target.strip("/") or ".." in target.split("/"):
        raise argparse.ArgumentTypeError(
            f"{text!r} has no place in the guest; write it like FILE:/where/it/goes")
    return source, target


def folder(text):
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return text


def words(text):
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}; quote it as for a shell") from None


def parse(arguments, prog="qemu/vm", more=""):
    """MORE is for the end of the description: a package has the program under another name."""
    parser = argparse.ArgumentParser(
        prog=prog, formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION + more)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="run|shell")
    for verb, text in (("run", "run a command as root in a fresh guest"),
                       ("shell", "a guest to play in")):
        sub = verbs.add_parser(verb, help=text, description=text)
        sub.add_argument("--kernel", default=os.environ.get("KERNEL") or DEFAULT_KERNEL,
                         metavar="K", help=f"a release, or a kernel build tree ({DEFAULT_KERNEL})")
        sub.add_argument("--cpus", type=count, default=None, metavar="N",
                         help="CPUs that it boots with (2; 1 with --icount)")
        sub.add_argument("--maxcpus", type=count, default=None, metavar="N",
                         help="CPUs with those that can be plugged (4, or as many as --cpus)")
        sub.add_argument("--memory", type=size, default=size("1G"), metavar="SIZE")
        sub.add_argument("--maxmem", type=size, default=None, metavar="SIZE",
                         help="memory with DIMMs that can be plugged (8G, or twice --memory)")
        sub.add_argument("--slots", type=count, default=16, metavar="N", help="DIMM slots (16)")
        sub.add_argument("--nodes", type=count, default=1, metavar="N",
                         help="NUMA nodes to spread CPUs and memory over (1)")
        sub.add_argument("--empty-nodes", type=count_or_none, default=0, metavar="N",
                         help="further nodes, empty until a DIMM is plugged there (0)")
        sub.add_argument("--append", default="", metavar="ARGS", help="for the kernel command line")
        sub.add_argument("--virtio-mem", type=size, default=None, metavar="SIZE",
                         help="a virtio-mem device that can grow to SIZE, a part of --maxmem "
                              "(none)")
        sub.add_argument("--add", type=addition, action="append", default=[],
                         metavar="FILE[:GUESTPATH]", help="a file or folder to put into the guest")
        sub.add_argument("--files", type=folder, default=None, metavar="FOLDER",
                         help="where `to-host NAME` in the guest puts its standard input")
        sub.add_argument("--host-tools", action="store_true",
                         help="this machine's programs, such as perf and bpftrace, can be run in the "
                              "guest, by their names; all its files are in /host, read-only")
        sub.add_argument("--share", type=folder, default=None, metavar="FOLDER",
                         help="a folder that the guest has as /share, and may write to")
        sub.add_argument("--gdb", action="store_true",
                         help="a socket for gdb in the run's folder, and a kernel at the addresses of "
                              "its vmlinux")
        sub.add_argument("--qemu-args", type=words, default=[], metavar="ARGS",
                         help="more arguments for QEMU, such as '-device virtio-balloon-pci'; "
                              "with whole paths, as QEMU runs in a folder of its own")
        sub.add_argument("--timeout", type=count, default=None,
                         metavar="S", help="seconds until the run counts as hanging"
                         + (" (600; none with --gdb)" if verb == "run" else " (none)"))
        sub.add_argument("--accel", choices=ACCELERATORS, default=None,
                         help="do not find out what works here")
        sub.add_argument("--icount", action="store_true",
                         help="one CPU whose clock counts instructions, one a nanosecond")
        if verb == "run":
            sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND...",
                             help="one word is a shell command line, several are a command")
    options = parser.parse_args(arguments)
    if options.icount and options.accel == "kvm":
        parser.error("--icount needs --accel tcg: KVM counts no instructions")
    if options.icount and (options.cpus or 1) > 1 and "maxcpus=1" not in options.append.split():
        parser.error("--icount runs one CPU: say --cpus 1, or keep the others offline "
                     "with --append maxcpus=1")
    if options.cpus is None:
        options.cpus = 1 if options.icount else 2
    if options.timeout is None and options.verb == "run" and not options.gdb:
        options.timeout = 600
    if options.maxcpus is None:
        options.maxcpus = max(4, options.cpus)
    if options.maxmem is None:
        options.maxmem = max(size("8G"), 2 * options.memory)
    check(parser, options)
    if options.verb == "run":
        if options.command[:1] == ["--"]:
            options.command = options.command[1:]
        if not options.command or not options.command[0].strip():
            parser.error("run: which command? (after --)")
    return options


def check(parser, options):
    """Refuses options that exclude each other, or that QEMU or the kernel cannot fulfil."""
    nodes = options.nodes + options.empty_nodes
    for value, limit, what in ((options.maxcpus, TCG_CONTEXTS, "CPUs (--maxcpus)"),
                               (options.slots, MAX_SLOTS, "DIMM slots (--slots)"),
                               (nodes, MAX_NODES, "nodes (--nodes and --empty-nodes)")):
        if value > limit:
            parser.error(f"{value} {what}: QEMU has {limit} at most")
    if options.cpus > options.maxcpus:
        parser.error(f"--cpus {options.cpus} is more than --maxcpus {options.maxcpus}")
    if options.memory >= options.maxmem:
        parser.error(f"--maxmem, {options.maxmem >> 20}M, must be more than --memory, "
                     f"{options.memory >> 20}M")
    if options.virtio_mem and options.virtio_mem % BLOCK:
        parser.error(f"--virtio-mem, {options.virtio_mem >> 20}M, must be a multiple of "
                     f"{human(BLOCK)}")
    if options.memory + (options.virtio_mem or 0) > options.maxmem:
        parser.error(f"--maxmem, {options.maxmem >> 20}M, must have room for --memory and "
                     f"--virtio-mem, {options.virtio_mem >> 20}M")
    if options.nodes > options.maxcpus:
        parser.error(f"--nodes {options.nodes} is more than --maxcpus {options.maxcpus}")
    if len(os.fsencode(options.append)) > APPEND_MAX:
        parser.error(f"--append {options.append[:20]}...: these are {len(options.append)} "
                     f"characters, and the kernel takes {APPEND_MAX} at most")
