#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/plug_dimm.py and qemu/plug_memory.py.

Memory devices that make no sense, a machine that is full, and addresses that Linux accepts.
"""


import testing
from fakes import DIMM, DONE, HOLD, PLACES, READ, UP, VMEM, QmpTest, dimms, ost, without
import hotplug_words


class Dimms(QmpTest):
    def test_dimms(self):
        for answer in (None, 5, {}, [None], [{}], [{"type": "dimm"}], [{"type": 1, "data": {}}],
                       [{"type": "dimm", "data": None}], [{"type": "dimm", "data": {}}]):
            for words in ("dimm list", "dimm add 128M", "dimm del"):
                self.bad(words, *UP, {"return": answer}, named=["it said|are malformed"])
        for key in without(DIMM, "id"):
            self.bad("dimm list", *UP, dimms(without(DIMM, key)), named=["are malformed"])
        for key in DIMM:
            self.bad("dimm list", *UP, dimms({**DIMM, key: None}), named=["are malformed"])
            self.bad("dimm list", *UP, dimms({**DIMM, key: []}), named=["are malformed"])
        self.bad("dimm del", *UP, dimms(), status=hotplug_words.REFUSED, named=["no DIMM has been plugged"])
        for ident in ("dimm1", "1", "00", "-0", "0x0", "DIMM0"):
            self.bad(f"dimm del {ident}", *UP, dimms(DIMM), status=hotplug_words.REFUSED,
                     named=[f"no DIMM (dimm)?{ident};", "there are: dimm0"])
        _, requests = self.good("dimm del 0", *UP, dimms(DIMM), READ, DONE, {
            "event": "DEVICE_DELETED", "data": {"device": "dimm0", "path": "x"}}, READ, DONE, HOLD,
                                out="dimm0\n")
        self.assertEqual(requests["device_del"], {"id": "dimm0"})

    def test_full(self):
        begin = (*UP, dimms(DIMM), READ)
        room = {"size": 1 << 30, "max-size": (1 << 30) + (256 << 20), "slots": 2}
        self.bad("dimm add 256M", *begin, {"return": room}, status=hotplug_words.REFUSED,
                 named=["no room for 256M: 128M of 256M"])
        self.bad("dimm add 128M", *begin, {"return": {**room, "slots": 1}},
                 status=hotplug_words.REFUSED, named=["no free DIMM slot: all 1"])

    # QEMU's memory regions, for boot memory up to END and room for 16G behind it.
    @staticmethod
    def tree(end):
        return {"human-monitor-command": {"return": (
            "address-space: memory\r\n"
            "    0000000000000000-000000007fffffff (prio 0, ram): alias ram-below-4g @pc.ram 0-7\r\n"
            f"    0000000100000000-{end - 1:016x} (prio 0, ram): alias ram-above-4g @pc.ram 8-f\r\n"
            f"    {end:016x}-{end + (16 << 30) - 1:016x} (prio 0, i/o): device-memory\r\n")}}

    def dimm_at(self, words, end, *those, hypervisor=True, size=66 << 30):
        """The arguments of device_add."""
        room = {"return": {"size": size, "max-size": size + (16 << 30), "slots": 8}}
        ident = f"dimm{len(those)}"
        taken = {"qom-list": {"return": [{"name": one["id"], "type": "child<x>"} for one in those]}}
        places = (READ, {"return": PLACES}, READ, {"return": hypervisor}) if end >= 64 << 30 and \
            "--block" not in words else ()
        _, requests = self.good(words, *UP, dimms(*those), READ, room, *places, READ, DONE, READ,
                                DONE, ost(ident, 0), HOLD, aside={**self.tree(end), **taken},
                                out=f"{ident}\n")
        return requests["device_add"]

    def test_blocks_of_large_machines(self):
        room = {"return": {"size": 66 << 30, "max-size": 90 << 30, "slots": 8}}
        for end, hypervisor, size, block in ((68, True, "1G", "2G"), (68, False, "1G", "2G"),
                                             (67, True, "512M", "1G"), (67, False, "1G", "2G"),
                                             (64, True, "128M", "2G")):
            asked = self.bad(f"dimm add {size}", *UP, dimms(), READ, room, READ, {"return": PLACES},
                             READ, {"return": hypervisor}, HOLD, status=hotplug_words.REFUSED,
                             aside=self.tree(end << 30),
                             named=[f"blocks of {block}", f"{size} is not a multiple"])
            self.assertNotIn("object-add", asked)
        self.bad("--block 1G dimm add 512M", *UP, dimms(), READ, room, HOLD, status=hotplug_words.REFUSED,
                 aside=self.tree(5 << 30), named=["blocks of 1G: 512M is not a multiple"])

    def test_addresses(self):
        gib = 1 << 30
        self.assertEqual(self.dimm_at("dimm add 128M", 5 * gib)["addr"], 5 * gib)
        self.assertEqual(self.dimm_at("dimm add 2G", 68 * gib)["addr"], 68 * gib)
        self.assertEqual(self.dimm_at("dimm add 1G", 67 * gib)["addr"], 67 * gib)
        self.assertEqual(self.dimm_at("dimm add 2G", 67 * gib, hypervisor=False)["addr"], 68 * gib)
        self.assertEqual(self.dimm_at("--block 128M dimm add 1G", 68 * gib)["addr"], 68 * gib)
        # Behind a DIMM that another manager has plugged, and in the gap before it.
        odd = {**DIMM, "addr": 68 * gib, "size": gib}
        self.assertEqual(self.dimm_at("dimm add 2G", 68 * gib, odd)["addr"], 70 * gib)
        far = {**odd, "id": "dimm1", "addr": 72 * gib}
        self.assertEqual(self.dimm_at("dimm add 2G", 68 * gib, far, odd)["addr"], 70 * gib)
        self.assertEqual(self.dimm_at("dimm add 4G", 68 * gib, far, odd)["addr"], 74 * gib)
        # If QEMU does not say where its memory is, it chooses the address.
        _, requests = self.good("dimm add 128M", *self.PLUG, DONE, READ, DONE, ost("dimm0", 0), HOLD)
        self.assertNotIn("addr", requests["device_add"])
        last = {**DIMM, "addr": 83 * gib, "size": 128 << 20}
        self.bad("--block 1G dimm add 15G", *UP, dimms(last, {**odd, "size": 128 << 20}), READ,
                 {"return": {"size": 66 * gib, "max-size": 90 * gib, "slots": 8}}, HOLD,
                 aside=self.tree(68 * gib), status=hotplug_words.REFUSED,
                 named=["no room for 15G at a multiple", "1G"])

    def test_memory_for_the_memmap(self):
        room = {"return": {"size": 320 << 20, "max-size": 40 << 30, "slots": 8}}
        asked = self.bad("dimm add 18G", *UP, dimms(), READ, room, HOLD, status=hotplug_words.REFUSED,
                         named=["288M for the memmap of 18G", "320M in all"])
        self.assertNotIn("object-add", asked)
        for how in ({"guest_looks": True}, {"aside": {"append": {"return": "memory_hotplug."
                                                                           "memmap_on_memory=1"}}}):
            self.good("dimm add 18G", *UP, dimms(), READ, room, READ, DONE, READ, DONE,
                      ost("dimm0", 0), HOLD, out="dimm0\n", **how)

    def test_every_memory_device(self):
        devices = [{"type": "dimm", "data": without(DIMM, "id")},
                   {"type": "nvdimm", "data": {**DIMM, "id": "nv", "slot": 1, "hotplugged": False}},
                   {"type": "virtio-pmem", "data": {"id": "pm", "memaddr": 5 << 30, "size": 1 << 30,
                                                    "memdev": "/objects/c"}},
                   {"type": "virtio-mem", "data": VMEM},
                   {"type": "sgx-epc", "data": {"memaddr": 6 << 30, "size": 2 << 20, "node": 1}},
                   {"type": "hv-balloon", "data": {"max-size": 3 << 30, "id": "hv"}},
                   {"type": "of-tomorrow", "data": {"size": "x", "id": "new"}}]
        _, out, _, _ = self.ask("dimm list", (*UP, {"return": devices}, HOLD))
        self.assertEqual([line.split() for line in out.splitlines()], [
            ["ID", "SLOT", "SIZE", "NODE", "ADDRESS", "STATE", "TYPE"],
            ["-", "0", "128M", "0", "0x100000000", "plugged", "dimm"],
            ["nv", "1", "128M", "0", "0x100000000", "boot", "nvdimm"],
            ["pm", "-", "1G", "-", "0x140000000", "-", "virtio-pmem"],
            ["vmem0", "-", "0M", "0", "0x200000000", "-", "virtio-mem"],
            ["-", "-", "2M", "1", "0x180000000", "-", "sgx-epc"],
            ["hv", "-", "3G", "-", "-", "-", "hv-balloon"],
            ["new", "-", "-", "-", "-", "-", "of-tomorrow"]])
        # Other devices take slots and room as well.
        nvdimm = {"return": [{"type": "nvdimm", "data": DIMM}]}
        room = {"size": 1 << 30, "max-size": 2 << 30, "slots": 1}
        self.bad("dimm add 128M", *UP, nvdimm, READ, {"return": room}, HOLD, status=hotplug_words.REFUSED,
                 named=["no free DIMM slot: all 1"])
        self.bad("dimm add 512M", *UP, {"return": devices[2:3]}, READ, {"return": room}, HOLD,
                 status=hotplug_words.REFUSED, named=["no room for 512M: 0M of 0M"])


if __name__ == "__main__":
    testing.main("QMP socket")
