# SPDX-License-Identifier: GPL-2.0
"""This machine, as the modules of qemu/vm share it: folders, messages, failures, and what
scripts/setup and the compiler provide."""

import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.append(os.path.join(TOP, "scripts"))
import progress  # pylint: disable=wrong-import-position
QEMU_DIR = os.path.join(TOP, "qemu")
BUILD = os.path.join(TOP, "build")
RUNS = os.path.join(BUILD, "vm")
QEMU = os.environ.get("QEMU") or "qemu-system-x86_64"
if "/" in QEMU:  # QEMU runs in another folder
    QEMU = os.path.abspath(QEMU)

DIED = 125  # exit status: the guest's fault, not the command's
LOST = 75   # QEMU's fault, see qemu/README.md; sysexits.h: try again


class Failed(Exception):
    """The run has no result; the message says why."""

    status = DIED


class Lost(Failed):
    """A fault in QEMU has ended the guest."""

    status = LOST


def say(text):
    # A program that reads our output may show its progress on the terminal. On a terminal, half a
    # line of the command's output stays.
    if not (sys.stdout and sys.stdout.isatty()):
        progress.clear()
    print(f"vm: {text}", file=sys.stderr, flush=True)


def setup(*what):
    """Has scripts/setup fetch what is missing; returns the folder that it prints."""
    done = subprocess.run([os.path.join(TOP, "scripts/setup"), *what],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Failed(f"scripts/setup {' '.join(what)} failed")
    return done.stdout.strip()


def compiled(name, *how):
    """One of the C programs here, built again when its source is newer."""
    source = os.path.join(QEMU_DIR, f"{name}.c")
    target = os.path.join(BUILD, "guest", name)
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        temporary = f"{target}.{os.getpid()}"
        subprocess.run(["gcc", "-Os", "-s", "-Wall", "-Wextra", *how, "-o", temporary, source],
                       check=True)
        os.rename(temporary, target)
    return target
