# SPDX-License-Identifier: GPL-2.0
"""Chooses between KVM and TCG: KVM if it really boots a guest."""

import hashlib
import os

import host
from host import Failed, say
from machine import ACCELERATORS
from options import DEFAULT_KERNEL, parse
from run import run_quietly

KVM_DEADLINE = 20    # seconds in which a working KVM has long booted and ended


def pick_accelerator(options):
    """The accelerator to use; the result of a trial is remembered in build/accelerator."""
    # Otherwise a download that fails looks like a KVM that does not work.
    host.setup("kernel", options.kernel)
    host.setup("guest")
    if options.accel or options.icount:
        return options.accel or "tcg"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        say("no KVM here (/dev/kvm is missing or not accessible); using TCG, which is slower")
        return "tcg"
    uname = os.uname()
    key = hashlib.sha256(f"{uname.release} {uname.version} {uname.nodename}".encode()).hexdigest()
    memory = os.path.join(host.BUILD, "accelerator")
    try:
        with open(memory, encoding="ascii", errors="replace") as file:
            remembered = file.read().split()
        if len(remembered) == 2 and remembered[1] == key and remembered[0] in ACCELERATORS:
            return remembered[0]
    except OSError:
        pass

    # With the kernel that is known to boot: KVM is on trial, not the kernel.
    say(f"trying KVM with a short boot (at most {KVM_DEADLINE} s)")
    probe = parse(["run", "--kernel", DEFAULT_KERNEL, "--timeout", str(KVM_DEADLINE),
                   "--", "exit 42"])
    found, why = "tcg", "a short boot ended otherwise than it should"
    try:
        if run_quietly(probe, "kvm", "exit 42") == 42:
            found = "kvm"
    except Failed as failed:
        why = f"a short boot failed: {' '.join(str(failed).split())[:200]}"
    if found == "tcg":
        say(f"no KVM here ({why}); using TCG, which is slower. To try again, remove "
            f"{os.path.relpath(memory)}")
    with open(memory, "w", encoding="ascii") as file:
        file.write(f"{found} {key}\n")
    return found
