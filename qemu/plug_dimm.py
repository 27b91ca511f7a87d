# SPDX-License-Identifier: GPL-2.0
"""Plugs and unplugs DIMMs."""

import re
import time

import qmp
from plug_cpu import raw_slots
from plug_device import (BLOCK, NotPlugged, Refused, asked, free_id, human, memory_of,
                         plug, qemu, say_unseen, taken_ids, unplug)
from plug_memory import memory_devices

LARGEST_BLOCK = 2 << 30     # of Linux' memory blocks on x86
LARGE_BLOCK_END = 64 << 30  # where boot memory must end for blocks above BLOCK
PAGES_PER_MEMMAP = 64       # a page has 64 bytes of struct page, a 64th of it
LEAST_MEMORY = 64 << 20     # a Linux on a PC needs as much beside the memmap of a DIMM


def number_of(ident):
    """The number in one of our ids, or -1."""
    found = re.fullmatch(r"(?:mem-)?dimm([0-9]{1,9})(?:-[0-9]{1,9})?", ident or "")
    return int(found[1]) if found else -1


def dimm_add(job, size, node):
    job.needs_guest()
    devices = memory_devices(job.client)
    machine = machine_memory(job.client)
    check_room(machine, devices, size)
    tree = asked(job.client, "human-monitor-command", str, **{"command-line": "info mtree"}) or ""
    block = job.block or default_block(job.client, tree)
    if size % block:
        raise Refused(f"the guest's kernel takes memory in blocks of {human(block)}"
                      f"{'' if job.block else ', as Linux chooses on a machine of this size'}: "
                      f"{human(size)} is not a multiple of it")
    if not job.client.guest_looks:
        check_memmap(job.client, machine, devices, size)
    arguments = {} if node is None else {"node": node}
    address = aligned_address(tree, devices, size, block)
    if address is not None:
        arguments["addr"] = address

    # Numbers count up, so that the highest one is the most recent.
    taken = taken_ids(job.client)
    ident = free_id(taken, f"dimm{max(map(number_of, taken), default=-1) + 1}")
    if job.dry_run:
        job.would(f"plug {ident}" + ("" if address is None else addresses(address, size)))
        return
    memory = memory_of(ident)
    qemu(job.client, "object-add", **{"qom-type": "memory-backend-ram", "id": memory, "size": size})

    def remove(seconds):
        return dimm_back(job, ident, memory, seconds)
    try:
        plug(job, ident, "pc-dimm", remove, memdev=memory, **arguments)
    except NotPlugged:
        qemu(job.client, "object-del", id=memory)
        raise
    say_unseen(job)


def addresses(start, size):
    return f" at {start:#x}-{start + size - 1:#x}"


def machine_memory(client):
    """The machine's memory, without memory devices, and its maximum; None from an older QEMU."""
    return asked(client, "qom-get", {"max-size": int, "size": int, "slots": int},
                 path="/machine", property="memory")


def check_room(machine, devices, size):
    """Refuses a DIMM that does not fit; QEMU's own messages about it are hard to read."""
    if not machine:
        return  # QEMU refuses it then
    dimms = [memory for memory in devices if memory.kind in ("dimm", "nvdimm")]
    others = sum(memory.room for memory in devices) - sum(memory.room for memory in dimms)
    room, slots = machine["max-size"] - machine["size"] - others, machine["slots"]
    used = sum(memory.room for memory in dimms)
    if len(dimms) >= slots:
        raise Refused(f"QEMU has no free DIMM slot: all {slots} are in use (see -m slots)")
    if used + size > room:
        raise Refused(f"QEMU has no room for {human(size)}: {human(used)} of {human(room)} for "
                      "DIMMs are in use (see -m maxmem)")


def region(tree, name):
    """(start, end) of the region called NAME in QEMU's `info mtree`, or None."""
    found = re.search(rf"([0-9a-f]{{16}})-([0-9a-f]{{16}}) \(prio -?\d+, [a-z/]+\): {name}\b", tree)
    return (int(found[1], 16), int(found[2], 16) + 1) if found else None


def default_block(client, tree):
    """The memory block size that Linux on x86 chooses, as in arch/x86/mm/init_64.c."""
    above = region(tree, "alias ram-above-4g")
    end = above[1] if above else 0
    if end < LARGE_BLOCK_END:
        return BLOCK
    paths = [slot["qom-path"] for slot in raw_slots(client) if "qom-path" in slot]
    size = LARGEST_BLOCK
    if asked(client, "qom-get", bool, path=paths[0], property="hypervisor") if paths else True:
        while size > BLOCK and end % size:
            size //= 2
    return size


def aligned_address(tree, devices, size, block):
    """The lowest free address that is a multiple of a block; None if QEMU has to choose."""
    room = region(tree, "device-memory")
    if not room:
        return None
    address = -(-room[0] // block) * block
    for memory in sorted(filter(lambda one: one.room and one.address is not None, devices),
                         key=lambda one: one.address):
        if address + size <= memory.address:
            break
        address = max(address, -(-(memory.address + memory.room) // block) * block)
    if address + size > room[1]:
        raise Refused(f"QEMU has no room for {human(size)} at a multiple of the guest's memory "
                      f"block, {human(block)}: a DIMM that begins elsewhere would be refused there")
    return address


def check_memmap(client, machine, devices, size):
    """Refuses a DIMM whose memmap does not fit into the memory that is there."""
    append = asked(client, "qom-get", str, path="/machine", property="append") or ""
    if not machine or "memmap_on_memory" in append:
        return
    there = machine["size"] + sum(memory.number("size") or 0 for memory in devices)
    memmap = size // PAGES_PER_MEMMAP
    if memmap + LEAST_MEMORY > there:
        raise Refused(f"the guest's kernel needs {human(memmap)} for the memmap of {human(size)}, "
                      f"a {PAGES_PER_MEMMAP}th, and the guest has {human(there)} in all: plug a "
                      "smaller DIMM first")


def dimm_back(job, ident, memory, seconds):
    """Takes out a DIMM, and its memory object if we have created it."""
    if not unplug(job, ident, f"/machine/peripheral/{ident}", seconds):
        return False
    if memory == memory_of(ident):
        drop_memory(job.client, memory)
    return True


def dimm_del(job, ident):
    job.needs_guest()
    plugged = {memory.id: memory for memory in memory_devices(job.client, "dimm") if memory.id}
    if ident is None:
        if not plugged:
            raise Refused("no DIMM has been plugged, so there is none to take out")
        ident = max(plugged, key=number_of)
    if ident not in plugged:
        raise Refused(f"QEMU: there is no DIMM {ident}; "
                      f"there are: {' '.join(plugged) or 'none'}")
    if job.dry_run:
        device = plugged[ident]
        job.would(f"take out {ident}" + addresses(device.address, device.room))
        return
    memory = plugged[ident].data["memdev"]
    ours = memory_of(ident) if memory == f"/objects/{memory_of(ident)}" else None
    if dimm_back(job, ident, ours, job.seconds_to_remove()):
        print(ident, file=job.out)
    else:
        job.pending.append(ident)


def drop_memory(client, memory):
    """Deletes a DIMM's memory object. QEMU releases it a moment after the DIMM's removal."""
    deadline = time.monotonic() + 10
    while True:
        try:
            client.command("object-del", id=memory)
            return
        except qmp.Error as error:
            if time.monotonic() > deadline:
                raise Refused(f"QEMU keeps the DIMM's memory: {error}") from None
            time.sleep(0.05)
