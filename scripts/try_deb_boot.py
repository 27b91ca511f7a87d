# SPDX-License-Identifier: GPL-2.0
"""Boots a Debian tree in QEMU, for scripts/try-deb, and reads what try_deb_booted.sh says in it.

The tree's own kernel, initramfs and systemd start, from a disk whose changes are thrown away. Guests of
qemu/vm have none of these. What both share, the machine and its accelerator, is taken from there.
"""

import os
import re
import select
import socket
import subprocess
import sys
import time

from try_deb_tree import TOP, Failed

sys.path.append(os.path.join(TOP, "qemu"))
# pylint: disable=wrong-import-position
import accelerator
import console
import host
import machine
import options

PATIENCE = 1500  # seconds for a boot and what is tried then; an emulated machine takes minutes


def boot(tree, release, report):
    """Boots the kernel of this release; calls REPORT(passed, text, lines) for each result of the guest's."""
    tree.make_image()
    chosen = options.parse(["run", "--cpus", "2", "--maxcpus", "4", "--memory", "2G", "--", "none"])
    how = accelerator.pick_accelerator(chosen)
    log = os.path.join(tree.folder, f"console-{release}.log")
    sock = os.path.join(tree.folder, "qmp")
    ours, theirs = socket.socketpair()
    command = [
        host.setup("qemu"), *machine.machine_arguments(chosen, how),
        *machine.accelerator_arguments(chosen, how),
        "-kernel", tree.path(f"boot/vmlinuz-{release}"), "-initrd", tree.path(f"boot/initrd.img-{release}"),
        "-append", f"{machine.kernel_arguments(chosen, how)} root=/dev/vda rw",
        "-drive", f"file={tree.image},format=raw,if=virtio,snapshot=on",
        "-chardev", f"file,id=console,path={log}", "-device", "isa-serial,chardev=console",
        "-chardev", f"socket,id=line,fd={theirs.fileno()}", "-device", "isa-serial,chardev=line",
        # Relative, since a socket's address must be short.
        "-qmp", "unix:qmp,server=on,wait=off",
    ]
    with open(os.path.join(tree.folder, "qemu.log"), "wb") as said, \
            subprocess.Popen(command, cwd=tree.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                             pass_fds=[theirs.fileno()]) as qemu:
        theirs.close()
        try:
            follow(ours, sock, report, log)
        finally:
            qemu.kill()
            ours.close()
            os.remove(tree.image)
    with open(log, encoding="utf-8", errors="replace") as file:
        bad = [line for line in file.read().splitlines() if console.bad_line().search(line)]
    report(not bad, "the console has no bad line", bad)


def lines(sock, log):
    """The lines that come, until "done"."""
    deadline = time.monotonic() + PATIENCE
    rest = b""
    while True:
        readable, _, _ = select.select([sock], [], [], max(0, deadline - time.monotonic()))
        data = sock.recv(4096) if readable else b""
        if not data:
            raise Failed(f"the guest has {'ended' if readable else f'not ended after {PATIENCE} seconds'}; "
                         f"its console is in {log}")
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            text = line.decode(errors="replace").rstrip("\r")
            if text == "done":
                return
            yield text


def follow(sock, qmp, report, log):
    """Does what the guest asks for, and reports what it says."""
    result, more = None, []
    for text in lines(sock, log):
        found = re.fullmatch(r"(not )?ok - (.*)", text)
        if text.startswith("plug "):
            done = subprocess.run([os.path.join(TOP, "qemu/hotplug"), "--qmp", qmp, "--timeout", "300",
                                   *text.split()[1:]], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, check=False)
            if done.returncode:
                raise Failed(f"`{text}` has failed: {done.stderr}")
        elif found:
            if result:
                report(*result, more)
            result, more = (not found[1], found[2]), []
        else:
            more.append(text)
    if not result:
        raise Failed(f"the guest has ended without a result; its console is in {log}")
    report(*result, more)
