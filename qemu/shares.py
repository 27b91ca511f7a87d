# SPDX-License-Identifier: GPL-2.0
"""Folders of this machine in a guest, by 9p: what QEMU, the kernel and the guest's file system need
for --host-tools and --share. init.c runs the script that mounts them."""

import os
from typing import NamedTuple

from host import Failed

MODULES = ("virtio-pci", "9pnet-virtio", "9p")

# Bytes in one request. The kernel allocates them in one piece.
MSIZE = 128 << 10

# What the guest has of its own, in the place of the host's.
OWN = ("dev", "proc", "run", "sys", "tmp")
# Other files there would be those of the host's kernel, or change what all programs do.
NOT_LINKED = {*OWN, "etc/ld.so.preload", "lib/modules", "root", "usr/lib/modules"}
# A program of the guest's own counts, also if the host has it in another of these.
PROGRAMS = ("bin", "sbin", "usr/bin", "usr/sbin")


class Share(NamedTuple):
    """One folder."""

    tag: str
    folder: str
    where: str      # in the guest
    readonly: bool


HOST = Share("host", "/", "/host", True)


def of(options):
    """The folders that qemu/vm's options name."""
    shares = [HOST] if options.host_tools else []
    if options.share is not None:
        shares.append(Share("share", os.path.abspath(options.share), "/share", False))
    return shares


def qemu_arguments(shares):
    arguments = []
    for share in shares:
        path = share.folder.replace(",", ",,")
        arguments += [
            "-fsdev", f"local,id={share.tag},path={path},security_model=none,multidevs=remap"
                      + (",readonly=on" if share.readonly else ""),
            "-device", f"virtio-9p-pci,fsdev={share.tag},mount_tag={share.tag}"]
    return arguments


def check_kernel(kernel, release):
    """Refuses a kernel that cannot mount a folder of the host. KERNEL: its folder."""
    modules = os.path.realpath(os.path.join(kernel, "modules"))
    found = {name for _, _, names in os.walk(modules) for name in names}
    try:
        with open(os.path.join(modules, "modules.builtin"), encoding="utf-8") as file:
            found |= {os.path.basename(line.strip()) for line in file}
    except FileNotFoundError:
        pass
    found = {name.partition(".ko")[0].replace("_", "-") for name in found if ".ko" in name}
    missing = [name for name in MODULES if name not in found]
    if missing:
        raise Failed(f"--host-tools and --share need a kernel with 9p, and {release} lacks "
                     f"{', '.join(missing)}; take one of the archive, such as --kernel 6.1")


def mount_script(shares):
    """For the guest's first process, before the command."""
    # What is built in cannot be loaded; mounting fails if something is missing.
    lines = [f"modprobe {name} 2>/dev/null || true" for name in MODULES]
    for share in shares:
        # Nobody else writes to the host's programs while they run, so they may stay in memory.
        how = "ro,cache=loose" if share.readonly else "cache=none"
        lines.append(f"mount -t 9p -o {how},trans=virtio,version=9p2000.L,msize={MSIZE} "
                     f"{share.tag} {share.where}")
    if HOST in shares:
        # Links of the host that lead there must find the guest's.
        lines += [f"mount -o rbind /{name} {HOST.where}/{name}" for name in OWN]
    return "".join(f"{line}\n" for line in lines)


def add_to(archive, shares):
    """The guest's side. It has to come last: what the guest has itself is not replaced."""
    if not shares:
        return
    for share in shares:
        archive.directory(share.where)
    archive.file(".vm/mounts", mount_script(shares).encode())
    if HOST in shares:
        left_out = {*NOT_LINKED, *(share.where.strip("/") for share in shares)}
        own = set().union(*(archive.names(folder) for folder in PROGRAMS))
        left_out.update(os.path.join(folder, name) for folder in PROGRAMS for name in own)
        link_missing(archive, HOST.folder, left_out)


def link_missing(archive, top, left_out, below=""):
    """Links to /host for what this machine has below TOP and the guest has not. So programs, and
    the libraries and files that they look for, have the paths that they have here."""
    for name in sorted(os.listdir(os.path.join(top, below))):
        path = os.path.join(below, name)
        if path in left_out:
            continue
        if not archive.has_directory(path):
            archive.symlink(path, os.path.join(HOST.where, path))
        elif os.path.isdir(os.path.join(top, path)):
            link_missing(archive, top, left_out, path)
