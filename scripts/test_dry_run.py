#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of `hotplug --dry-run` with a fake QEMU: what QEMU would do or refuse, and that it is asked
for nothing that changes anything."""

import testing
from fakes import DIMM, HOLD, PLACES, READ, UP, QmpTest, dimms
import hotplug_words

ROOM = {"size": 1 << 30, "max-size": (1 << 30) + (256 << 20), "slots": 2}
NOT_FROM_HERE = ("unknown guest: its kernel cannot be asked from here, but by `hotplug --dry-run` in it\n"
                 "unknown\n")


class DryRun(QmpTest):
    def run_dry(self, words, *steps, out, status=hotplug_words.OK, **how):
        """Checks the output, and that QEMU was only asked."""
        code, printed, said, requests = self.ask(f"--dry-run {words}", (*UP, *steps, HOLD), **how)
        self.assertEqual((code, printed, said), (status, out, ""))
        for name in (request.get("execute", "") for request in requests):
            self.assertRegex(name, "^(query-.*|qom-list|qom-get|qmp_capabilities|human-monitor-command)$")

    def no(self, words, *steps, out, **how):
        self.run_dry(words, *steps, out=f"no QEMU: {out}\nno\n", status=hotplug_words.REFUSED, **how)

    def test_cpus(self):
        slots = {"return": PLACES}
        self.run_dry("cpu add", slots, out=f"yes QEMU: would plug cpu1\n{NOT_FROM_HERE}")
        self.run_dry("cpu add", slots, out="yes QEMU: would plug cpu1\n", guest_looks=True)
        self.run_dry("cpu del", slots, out="yes QEMU: would take out cpu2, slot 2\n", guest_looks=True)
        self.run_dry("cpu del cpu2", slots, guest_looks=True,
                     out="yes QEMU: would take out cpu2, slot 2\n")
        self.run_dry("cpu del 2", slots, guest_looks=True,
                     out="yes QEMU: would take out cpu2, slot 2\n")
        self.no("cpu del 7", slots, out="CPU cpu7 is not known; there are: cpu0 cpu2")
        self.no("cpu add 2", slots, out="QEMU has 1 free CPU slots, 2 asked for (2 of 3 are in use: "
                "see -smp maxcpus)")
        self.no("cpu del cpu7", slots, out="CPU cpu7 is not known; there are: cpu0 cpu2")
        self.no("cpu add", slots, out="the guest's kernel was started with nr_cpus=2, and takes no more "
                "CPUs than that: it has 2, 1 more asked for",
                aside={"append": {"return": "nr_cpus=2"}})

    def test_dimms(self):
        room = (READ, {"return": ROOM})
        self.run_dry("dimm add 128M", dimms(), *room, out="yes QEMU: would plug dimm0\n",
                     guest_looks=True)
        self.run_dry("dimm del", dimms(DIMM), guest_looks=True,
                     out="yes QEMU: would take out dimm0 at "
                         f"{DIMM['addr']:#x}-{DIMM['addr'] + DIMM['size'] - 1:#x}\n")
        self.run_dry("dimm del 0", dimms(DIMM), guest_looks=True,
                     out="yes QEMU: would take out dimm0 at "
                         f"{DIMM['addr']:#x}-{DIMM['addr'] + DIMM['size'] - 1:#x}\n")
        self.no("dimm del 7", dimms(DIMM), out="there is no DIMM dimm7; there are: dimm0")
        self.no("dimm add 1G", dimms(), *room, out="QEMU has no room for 1G: 0M of 256M for DIMMs are in "
                "use (see -m maxmem)")
        self.no("dimm add 128M", dimms(DIMM), READ, {"return": {**ROOM, "slots": 1}},
                out="QEMU has no free DIMM slot: all 1 are in use (see -m slots)")
        self.no("dimm del dimm7", dimms(DIMM), out="there is no DIMM dimm7; there are: dimm0")
        self.no("dimm del", dimms(), out="no DIMM has been plugged, so there is none to take out")

    def test_a_qemu_that_ends(self):
        self.bad("--dry-run cpu add", *UP, named=["QEMU has ended"])


if __name__ == "__main__":
    testing.main("QMP socket")
