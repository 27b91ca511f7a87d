# SPDX-License-Identifier: GPL-2.0
"""Lists and resizes virtio-mem devices."""

import time

import qmp
from plug_device import RUNNING, Refused, dhp_said, human, qemu, table
from plug_memory import memory_devices


def virtio_mem_list(job):
    rows = [("ID", "SIZE", "REQUESTED", "MAX", "NODE", "ADDRESS", "STEP")]
    for mem in (memory.data for memory in memory_devices(job.client, "virtio-mem")):
        rows.append((mem.get("id", "-"), human(mem["size"]), human(mem["requested-size"]),
                     human(mem["max-size"]), mem["node"], f"{mem['memaddr']:#x}",
                     human(mem["block-size"])))
    table(rows, job.out)


def virtio_mem_resize(job, size, ident):
    job.needs_guest()
    client = job.client
    mems = {memory.id: memory.data for memory in memory_devices(client, "virtio-mem") if memory.id}
    if not mems:
        raise Refused("QEMU has no virtio-mem device (see --virtio-mem of qemu/vm)")
    if ident is None:
        ident = min(mems)
    if ident not in mems:
        raise Refused(f"QEMU: there is no virtio-mem device {ident}; "
                      f"there are: {' '.join(sorted(mems))}")
    if size > mems[ident]["max-size"]:
        raise Refused(f"QEMU: {ident} has room for {human(mems[ident]['max-size'])}, "
                      f"{human(size)} is more")
    step = mems[ident]["block-size"]
    if step < 1 or size % step:
        raise Refused(f"QEMU: {ident} changes in steps of {human(step)}, and {human(size)} is not "
                      "a multiple of it")
    path = f"/machine/peripheral/{ident}"
    client.forget_events()
    qemu(client, "qom-set", path=path, property="requested-size", value=size)
    job.did, job.waited = "asked to change", job.seconds_to_remove()
    reached = await_size(client, ident, path, size, job.waited)
    if reached == size:
        print(ident, human(size), file=job.out)
    elif job.status != RUNNING:
        job.pending.append(ident)
    else:
        # The request becomes the present size, so that the guest stops trying.
        qemu(client, "qom-set", path=path, property="requested-size", value=reached)
        if size > reached:
            why = ("or as much as it lets wait to be brought online, 1G or two memory blocks, is "
                   "offline there (see auto_online_blocks), or it has no memory for the memmap")
        else:
            why = "or memory there is in use"
        raise Refused(f"the guest has brought {ident} to {human(reached)} in {job.waited} seconds, "
                      f"{human(size)} was asked for: it has no driver (virtio_mem), {why}"
                      f"{dhp_said(job, 'add' if size > reached else 'del', seconds=0)}")


def await_size(client, ident, path, size, seconds):
    """Waits for the device to have the size, until the deadline; returns the size that it has.

    QEMU sends at most one event a second about changes, so that the size is polled as well.
    """
    deadline = time.monotonic() + seconds
    while True:
        reached = qemu(client, "qom-get", int, path=path, property="size")
        if reached == size or time.monotonic() > deadline:
            return reached
        try:
            event, _ = client.wait_event(
                lambda event, data: event == "SHUTDOWN" or
                event == "MEMORY_DEVICE_SIZE_CHANGE" and data.get("id") == ident,
                time.monotonic() + 0.1)
            if event == "SHUTDOWN":
                raise qmp.Gone("the guest has ended")
        except qmp.Timeout:
            pass
