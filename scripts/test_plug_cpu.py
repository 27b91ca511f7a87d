#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/plug_cpu.py: CPU slots that make no sense, limits, and a QEMU that may crash."""

import re

import testing
from fakes import DONE, HOLD, PLACES, READ, UP, QmpTest, ost, without
import hotplug_words


class Cpus(QmpTest):
    def test_slots(self):
        place = PLACES[1]
        for answer in (None, 5, "x", {}, [None], [5], [[]], [{}], [without(place, "type")],
                       [without(place, "props")], [{**place, "type": 5}], [{**place, "props": []}],
                       [{**place, "props": {"socket-id": "x"}}],
                       [{**place, "props": {"socket-id": None}}],
                       [{**place, "qom-path": 5}], [{**place, "qom-path": None}], [place, None]):
            for words in ("cpu list", "cpu add", "cpu del"):
                self.bad(words, *UP, {"return": answer}, named=["it said|are malformed"])
        for words in ("cpu add", "cpu del"):
            self.bad(words, *UP, {"return": []}, HOLD, status=hotplug_words.REFUSED,
                     named=["QEMU has 0 free|no CPU has been plugged"])
        self.bad("cpu add 2", *UP, {"return": PLACES}, HOLD, status=hotplug_words.REFUSED,
                 named=["1 free CPU slots, 2 asked for"])
        for ident in ("cpu1", "cpu3", "cpu-1", "1", "3", "02", "-2", "2x", "+2", "\u0662", "2" * 10, "CPU2",
                      "/machine"):
            self.bad(f"cpu del {ident}", *UP, {"return": PLACES}, HOLD, status=hotplug_words.REFUSED,
                     named=[re.escape(ident), "there are: cpu0 cpu2"])

    def test_number_as_id(self):
        _, requests = self.good("cpu del 2", *UP, {"return": PLACES}, READ, DONE, {
            "event": "DEVICE_DELETED", "data": {"device": "cpu2", "path": "x"}}, HOLD, out="cpu2\n")
        self.assertEqual(requests["device_del"], {"id": "cpu2"})

    def test_each_of_several_cpus_of_a_paused_guest(self):
        places = [PLACES[0], PLACES[1], {**PLACES[1], "props": {"socket-id": 2}}]
        self.bad("cpu add 2", *UP, {"return": places}, READ, DONE, READ, DONE, HOLD,
                 status=hotplug_words.PENDING, out="cpu1\ncpu2\n", aside=self.status("paused"),
                 named=["cpu1 cpu2: plugged; the guest has not answered yet"])
        # A guest that runs and does not answer for one CPU is not asked for the next.
        self.bad("cpu add 2", *UP, {"return": places}, READ, DONE, HOLD, status=hotplug_words.PENDING,
                 out="cpu1\n", silent="guest",
                 named=["1 of 2 CPUs have not been plugged",
                        "cpu1: plugged; the guest has not answered yet, within"])

    def test_limit_on_the_kernel_command_line(self):
        for word in ("nr_cpus=2", "x nr_cpus=2 y", "possible_cpus=2"):
            asked = self.bad("cpu add", *UP, {"return": PLACES}, HOLD, status=hotplug_words.REFUSED,
                             aside={"append": {"return": word}},
                             named=["was started with (nr|possible)_cpus=2", "it has 2, 1 more"])
            self.assertNotIn("device_add", asked)
        for word in ("nr_cpus=3", "xnr_cpus=2", "nr_cpus=", "maxcpus=1", 5, None):
            self.good("cpu add", *UP, {"return": PLACES}, READ, DONE, ost("cpu1", 0), HOLD,
                      aside={"append": {"return": word}}, out="cpu1\n")

    def test_qemu_that_crashes(self):
        steps = (*UP, {"return": PLACES}, READ, DONE, {"event": "DEVICE_DELETED",
                                                       "data": {"device": "cpu2", "path": "x"}}, HOLD)

        def qemu(major, kvm):
            return {"query-version": {"return": {"qemu": {"major": major, "minor": 2}}},
                    "query-kvm": {"return": {"enabled": kvm, "present": True}}}
        said, _ = self.good("cpu del", *steps, aside=qemu(7, False), out="cpu2\n")
        for words in ("warning: QEMU 7.2 without KVM may crash", "QEMU=", "scripts/setup qemu"):
            self.assertIn(words, said)
        for how in ({"aside": qemu(10, False)}, {"aside": qemu(7, True)},
                    {"aside": qemu(7, False), "max_cpus": 4},
                    {"aside": {"query-version": {"error": {"desc": "no such command"}}}}):
            said, _ = self.good("cpu del", *steps, out="cpu2\n", **how)
            self.assertEqual(said, "")
        self.bad("cpu del", *steps[:-2], aside=qemu(7, False), named=["warning: ", "QEMU has ended"])


if __name__ == "__main__":
    testing.main("QMP socket")
