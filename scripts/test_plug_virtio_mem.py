#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/plug_virtio_mem.py.

Devices that make no sense, sizes that are refused, and sizes that are not reached.
"""


import testing
from fakes import DONE, HOLD, READ, UP, VMEM, QmpTest, vmems, without
import hotplug_words


class VirtioMem(QmpTest):
    def test_devices(self):
        for answer in (None, 5, {}, [None], [{}], [{"type": "virtio-mem"}],
                       [{"type": "virtio-mem", "data": None}], [{"type": "virtio-mem", "data": {}}]):
            for words in ("virtio-mem list", "virtio-mem resize 128M"):
                self.bad(words, *UP, {"return": answer}, named=["it said|are malformed"])
        for key in without(VMEM, "id"):
            self.bad("virtio-mem list", *UP, vmems(without(VMEM, key)), named=["are malformed"])
        for key in VMEM:
            for value in (None, [], "\0" if key != "id" else 5):
                self.bad("virtio-mem resize 0M", *UP, vmems({**VMEM, key: value}),
                         named=["are malformed"])
        for those in ((), (without(VMEM, "id"),)):
            self.bad("virtio-mem resize 128M", *UP, vmems(*those), status=hotplug_words.REFUSED,
                     named=["no virtio-mem device", "--virtio-mem"])
        for ident in ("vmem1", "0", "VMEM0"):
            self.bad(f"virtio-mem resize 128M {ident}", *UP, vmems(VMEM), status=hotplug_words.REFUSED,
                     named=[f"no virtio-mem device {ident}", "there are: vmem0"])
        self.bad("virtio-mem resize 2G", *UP, vmems(VMEM), status=hotplug_words.REFUSED,
                 named=["vmem0 has room for 1G", "2G is more"])
        for size in ("1M", "127M", "1023M"):
            self.bad(f"virtio-mem resize {size}", *UP, vmems(VMEM), status=hotplug_words.REFUSED,
                     named=["vmem0 changes in steps of 2M", f"{size} is not a multiple"])
        for step in (0, -1):
            self.bad("virtio-mem resize 128M", *UP, vmems({**VMEM, "block-size": step}),
                     status=hotplug_words.REFUSED, named=["vmem0 changes in steps of"])

    def test_steps_of_the_device(self):
        status, out, err, requests = self.ask(
            "virtio-mem resize 6M", (*self.RESIZE, {"return": 6 << 20}))
        self.assertEqual((status, out, err), (hotplug_words.OK, "vmem0 6M\n", ""))
        self.assertEqual(requests[2]["arguments"]["value"], 6 << 20)

    def test_failures_while_it_resizes(self):
        self.bad("virtio-mem resize 128M", *UP, vmems(VMEM), READ, {"error": {"desc": "not now"}},
                 status=hotplug_words.REFUSED, named=["QEMU refused: not now"])
        for size in (None, "garbage", {}, [], 1.5, True, "134217728"):
            asked = self.bad("virtio-mem resize 128M", *self.RESIZE, {"return": size},
                             named=["is not a QMP socket: it said"])
            self.assertEqual(asked.count("qom-set"), 1, "the size must not be set to garbage")
        self.bad("virtio-mem resize 128M", *self.RESIZE, {"event": "SHUTDOWN"}, {"return": 0},
                 named=["the guest has ended"])
        self.bad("virtio-mem resize 128M", *self.RESIZE, HOLD, silent="command",
                 named=["does not answer"])
        whole = (*self.RESIZE, {"return": 0}, READ)
        for length in range(len(whole)):
            self.bad("virtio-mem resize 128M", *whole[:length], named=["QEMU has ended"])

    def test_device_that_does_not_grow(self):
        # It is polled until the deadline; then the request is set back to the present size.
        polls = ({"return": 0}, READ) * 20
        asked = self.bad("virtio-mem resize 128M", *self.RESIZE, *polls, DONE, HOLD, silent="guest",
                         status=hotplug_words.REFUSED,
                         named=["brought vmem0 to 0M in 0.3 seconds, 128M was asked for"])
        self.assertEqual(asked.count("qom-set"), 2)

    def test_possible_reasons_are_named(self):
        polls = ({"return": 0}, READ) * 20
        said, _ = self.good("virtio-mem resize 128M", *self.RESIZE, *polls, DONE, HOLD,
                            silent="guest", status=hotplug_words.REFUSED)
        self.assertRegex(said, "no driver.* waits? to be brought online.* auto_online_blocks")
        full = (*UP, vmems({**VMEM, "size": 128 << 20}), READ, DONE, READ)
        polls = ({"return": 128 << 20}, READ) * 20
        said, _ = self.good("virtio-mem resize 0M", *full, *polls, DONE, HOLD, silent="guest",
                            status=hotplug_words.REFUSED)
        self.assertIn("memory there is in use", said)


if __name__ == "__main__":
    testing.main("QMP socket")
