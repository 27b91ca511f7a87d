#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/plug_device.py, what all devices have in common.

Refusals by QEMU and by the guest, a guest that does not answer or does not run, and ids.
"""

import re

import testing
from fakes import DIMM, DONE, FLOOD, HOLD, PLACES, READ, UP, VMEM, QmpTest, dimms, ost, vmems
import hotplug_words
import plug_device


class Devices(QmpTest):
    def test_refused_by_qemu(self):
        said = {"error": {"desc": "cannot be done"}}
        self.bad("dimm add 128M", *self.PLUG, said, HOLD, status=hotplug_words.REFUSED,
                 named=["cannot be done"])
        asked = self.bad("dimm add 128M --node 7", *self.PLUG, DONE, READ, said, READ, DONE,
                         status=hotplug_words.REFUSED, named=["QEMU refused: cannot be done"])
        self.assertEqual(asked[-1], "object-del", "its memory must be deleted again")
        self.bad("cpu add", *UP, {"return": PLACES}, READ, said, HOLD, status=hotplug_words.REFUSED,
                 named=["cannot be done"])
        self.bad("cpu del", *UP, {"return": PLACES}, READ, said, HOLD, status=hotplug_words.REFUSED,
                 named=["cannot be done"])

    def test_closes_at_each_point(self):
        whole = (*self.PLUG, DONE, READ, DONE)
        for length in range(len(whole) + 1):
            self.bad("dimm add 128M", *whole[:length], named=["QEMU has ended"])

    def test_silent_at_each_point(self):
        whole = (*self.PLUG, DONE, READ, DONE)
        for length in (index + 1 for index, step in enumerate(whole) if step == READ and index > 1):
            self.bad("dimm add 128M", *whole[:length], HOLD, silent="command",
                     named=["does not answer"])

    def test_no_answer_of_the_guest(self):
        expected = {"silent": "guest", "status": hotplug_words.PENDING,
                    "named": ["dimm0: .*; the guest has not answered yet, within 0.3 seconds"]}
        self.removal(HOLD, **expected)
        self.removal(FLOOD, **expected)
        self.removal(ost("dimm1", 1, 3), ost("dimm0", 0x84, 3), ost("dimm0", 0, 1), HOLD, **expected)
        self.bad("dimm add 128M", *self.PLUG, DONE, READ, DONE, HOLD, out="dimm0\n", **expected)
        # A CPU may be removed without an event, so its slot is polled.
        polls = (READ, {"return": PLACES}) * 20
        self.bad("cpu del", *UP, {"return": PLACES}, READ, DONE, *polls, HOLD, silent="guest",
                 status=hotplug_words.PENDING,
                 named=["cpu2: asked back; the guest has not answered yet, within 0.3 s"])

    def test_refused_by_the_guest(self):
        for code in (1, 2, 0x80, 0x81, 0x82, 0x83, 0x99, -1, 2 ** 40):
            self.removal(ost("dimm0", code, 3), status=hotplug_words.REFUSED,
                         named=["guest's kernel refused dimm0", re.escape(f"{code:#x}"),
                                "with dhp its /sys/kernel/dhp/refusals"])
        self.removal({"event": "DEVICE_UNPLUG_GUEST_ERROR", "data": {"device": "dimm0"}},
                     status=hotplug_words.REFUSED, named=["refused to give dimm0 back"])
        self.removal({"event": "MEM_UNPLUG_ERROR", "data": {"device": "dimm0", "msg": "no way"}},
                     status=hotplug_words.REFUSED, named=["dimm0", "no way"])
        self.removal({"event": "SHUTDOWN"}, named=["the guest has ended"])

    def test_guest_that_does_not_run_now(self):
        # The answer comes at once: no deadline here is short.
        for word in plug_device.HALTED:
            aside = self.status(word)
            for words, out, *steps in (
                    ("cpu add", "cpu1\n", {"return": PLACES}, READ, DONE),
                    ("cpu del", "", {"return": PLACES}, READ, DONE, READ, {"return": PLACES}),
                    ("dimm add 128M", "dimm0\n", *self.PLUG[len(UP):], DONE, READ, DONE),
                    ("dimm del", "", dimms(DIMM), READ, DONE),
                    ("virtio-mem resize 2M", "", vmems(VMEM), READ, DONE, READ, {"return": 0})):
                self.bad(words, *UP, *steps, HOLD, status=hotplug_words.PENDING, out=out, aside=aside,
                         named=["(cpu1|dimm0): plugged|(cpu2|dimm0): asked back|vmem0: asked to change",
                                "the guest has not answered yet, for it "
                                f"does not run now \\({word}\\)"])
        said, _ = self.good("cpu list", *UP, {"return": PLACES}, HOLD, aside=self.status("paused"))
        self.assertEqual(said, "")

    def test_guest_that_will_not_run(self):
        for word in ("inmigrate", "postmigrate", "shutdown", "guest-panicked", "internal-error", "?"):
            for words in ("cpu add", "cpu del", "dimm add 128M", "dimm del", "virtio-mem resize 2M"):
                asked = self.bad(words, *UP, HOLD, aside=self.status(word),
                                 named=["guest does not run", re.escape(f"'{word}'"),
                                        "nothing was done"])
                self.assertEqual(list(filter(None, asked)), ["qmp_capabilities"])

    def test_timeout(self):
        for words in ("--timeout 1 dimm del", "--block 128M --timeout 1 dimm del"):
            self.bad(words, *UP, dimms(DIMM), READ, DONE, HOLD, status=hotplug_words.PENDING,
                     named=["dimm0: asked back; the guest has not answered yet, within 1 sec"])

    def test_ids_that_are_taken(self):
        taken = {"qom-list": {"return": [{"name": name, "type": "child<x>"} for name in
                                         ("type", "cpu1", "mem-cpu1-2", "dimm4", "mem-dimm7",
                                          "dimm" + "9" * 5000, "dimm\u0663")]}}
        said, requests = self.good("cpu add", *UP, {"return": PLACES}, READ, DONE, ost("cpu1-3", 0),
                                   HOLD, aside=taken, out="cpu1-3\n")
        self.assertEqual(requests["device_add"]["id"], "cpu1-3")
        _, requests = self.good("dimm add 128M", *self.PLUG, DONE, READ, DONE, ost("dimm8", 0), HOLD,
                                aside=taken, out="dimm8\n")
        self.assertEqual(requests["device_add"]["id"], "dimm8")
        self.assertEqual(requests["object-add"]["id"], "mem-dimm8")
        # A CPU that QEMU was started with has no id; the one that is shown must be free.
        _, out, _, _ = self.ask("cpu list", (*UP, {"return": PLACES}, HOLD), aside={
            "qom-list": {"return": [{"name": "cpu0", "type": "child<x>"}]}})
        self.assertRegex(out, "(?m)^cpu0-2 +boot")

    def test_what_the_host_has_not_seen(self):
        steps = (*UP, {"return": PLACES}, READ, DONE, ost("cpu1", 0), HOLD)
        said, _ = self.good("cpu add", *steps)
        self.assertRegex(said, "^hotplug: cpu1: plugged; the guest's firmware answer says taken, "
                               "whether its kernel uses it is not seen from here\n$")
        said, _ = self.good("cpu add", *steps, guest_looks=True)
        self.assertEqual(said, "")
        said, _ = self.good("dimm add 128M", *self.PLUG, DONE, READ, DONE, ost("dimm0", 0), HOLD)
        self.assertIn("dimm0: plugged; ", said)

    def test_refused_devices_are_taken_out(self):
        deleted = {"event": "DEVICE_DELETED", "data": {"device": "dimm0", "path": "x"}}
        whole = (*self.PLUG, DONE, READ, DONE, ost("dimm0", 1), READ, DONE)
        asked = self.bad("dimm add 128M", *whole, deleted, READ, DONE, HOLD,
                         status=hotplug_words.REFUSED, named=["kernel refused dimm0", "dimm0 is taken out again"])
        self.assertEqual(asked[4:], ["device_add", "device_del", "object-del"])
        for answer in (ost("dimm0", 1, 3), HOLD):
            self.bad("dimm add 128M", *whole, answer, *(() if answer == HOLD else (READ, DONE)), HOLD,
                     silent="guest" if answer == HOLD else None, status=hotplug_words.REFUSED,
                     named=["kernel refused dimm0", "dimm0 is left over in QEMU"])
        added = [*PLACES[:1], {**PLACES[1], "qom-path": "/machine/peripheral/cpu1"}]
        self.bad("cpu add", *UP, {"return": PLACES}, READ, DONE, ost("cpu1", 0x81), READ, DONE,
                 READ, {"return": added}, READ, {"return": PLACES}, HOLD, status=hotplug_words.REFUSED,
                 named=["kernel refused cpu1", "cpu1 is taken out again"])


if __name__ == "__main__":
    testing.main("QMP socket")
