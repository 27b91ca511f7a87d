# SPDX-License-Identifier: GPL-2.0
"""A QEMU's memory devices of every kind, checked and listed."""

import qmp
from plug_device import human, qemu, table

# What QEMU's description of a device must have; an id is there only if the device has one.
DIMM = {"slot": int, "size": int, "node": int, "addr": int, "hotplugged": bool, "memdev": str}

VIRTIO_MEM = {"size": int, "requested-size": int, "max-size": int, "block-size": int, "node": int,
              "memaddr": int}

SHAPES = {"dimm": DIMM, "nvdimm": DIMM, "virtio-mem": VIRTIO_MEM,
          "virtio-pmem": {"size": int, "memaddr": int},
          "sgx-epc": {"size": int, "memaddr": int, "node": int}}


class Memory:
    """A memory device of any kind."""

    def __init__(self, device):
        self.kind, self.data = device["type"], device["data"]
        if not qmp.fits(self.data, SHAPES.get(self.kind, {})) or \
                not qmp.fits(self.data.get("id", ""), str):
            raise qmp.Gone(f"QEMU's devices of type {self.kind} are malformed: "
                           f"{str(self.data)[:80]}")
        self.id = self.data.get("id")

    def number(self, *keys):
        """The value of the first of KEYS that is there, or None."""
        values = [self.data[key] for key in keys if qmp.fits(self.data.get(key), int)]
        return values[0] if values else None

    @property
    def address(self):
        return self.number("addr", "memaddr")

    @property
    def room(self):
        """Its part of the address range for memory devices; SGX has a range of its own."""
        return 0 if self.kind == "sgx-epc" else self.number("max-size", "size") or 0


def memory_devices(client, *kinds):
    devices = qemu(client, "query-memory-devices", [{"type": str, "data": dict}])
    return [Memory(device) for device in devices if not kinds or device["type"] in kinds]


def dimm_list(job):
    """Lists memory devices of every kind."""
    def shown(value, form=str):
        return "-" if value is None else form(value)

    rows = [("ID", "SLOT", "SIZE", "NODE", "ADDRESS", "STATE", "TYPE")]
    for memory in memory_devices(job.client):
        state = {True: "plugged", False: "boot"}.get(memory.data.get("hotplugged"), "-")
        rows.append((shown(memory.id or None), shown(memory.number("slot")),
                     shown(memory.number("size", "max-size"), human), shown(memory.number("node")),
                     shown(memory.address, hex), state, memory.kind))
    table(rows, job.out)
