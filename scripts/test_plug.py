#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/plug_device.py, what all devices have in common.

Refusals by QEMU and by the guest, a guest that does not answer or does not run, and ids. Also
qemu/plug_refusal.py, who in the guest has refused.
"""

import os
import re
import threading

import testing
from testing import SHORT
from fakes import (DIMM, DONE, FLOOD, HOLD, PLACES, READ, UP, VMEM, FakeQmp, QmpTest, dimms, ost,
                   vmems)
import hotplug_words
import plug_device
import plug_refusal

hotplug = testing.load("hotplug", "qemu/hotplug")


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


CLIENT = "cpu=3 action=remove by=client name=wdm/on_cpu#1 errno=-EBUSY"
TODAY = ("hotplug: the guest's kernel refused cpu2: the device is in use (_OST status 0x81); its log says "
         "more, and with dhp its /sys/kernel/dhp/refusals who it was")


class Names(QmpTest):
    """Who in the guest has refused, by the lines of dhp on its console."""

    def setUp(self):
        super().setUp()
        self.patch(plug_refusal, PATIENCE=SHORT)
        self.log = self.file(plug_refusal.CONSOLE_FILE, "[    1.0] booted\r\n")

    def logs(self, *lines, end="\r\n"):
        with open(self.log, "a", encoding="latin-1", newline="") as file:
            file.write("".join(f"[    2.000000] {line}{end}" for line in lines))

    def refused(self, console, words="cpu del", status=0x81):
        """What `hotplug` says when the guest refuses."""
        steps = {"cpu del": ({"return": PLACES}, READ, DONE, ost("cpu2", status, 3)),
                 "dimm del": (dimms(DIMM), READ, DONE, ost("dimm0", status, 3)),
                 "dimm add 128M": (*self.PLUG[len(UP):], DONE, READ, DONE, ost("dimm0", status), READ,
                                   DONE, ost("dimm0", status, 3))}[words]
        said, _ = self.good(words, *UP, *steps, HOLD, status=hotplug_words.REFUSED, console=console)
        return said

    def expect(self, what, *lines, words="cpu del"):
        console = plug_refusal.Console(self.folder)
        self.logs(*lines)
        said = self.refused(console, words)
        self.assertIn(f"who it was. Its dhp has logged: {what}", said)
        return said

    def test_each_kind(self):
        # Not of this request, as it is older.
        self.logs("dhp: refusal: cpu=1 action=remove by=kernel errno=-EPERM")
        said = self.expect("CPU3 does not go offline: client wdm/on_cpu#1 vetoes it with -EBUSY\n",
                           f"dhp: refusal: {CLIENT}")
        self.assertTrue(said.startswith(TODAY), said)
        self.expect("CPU3 does not go offline: step 194 (sched:active) fails with -EAGAIN; "
                    "CPU4 does not go offline: the kernel refuses it with -EPERM\n",
                    *["dhp: refusal: cpu=3 action=remove by=step name=sched:active step=194 errno=-EAGAIN"] * 2,
                    "dhp: refusal: cpu=4 action=remove by=kernel errno=-EPERM", "dhp: refusals",
                    "dhp: refusal: cpu=5 action=add by=kernel errno=-EPERM")
        self.expect("memory 0x100000000-0x107ffffff does not go offline: the kernel refuses it with -EBUSY; "
                    "pages in the way: slab=3 busy=1\n",
                    "dhp: refusal: mem=0x100000000-0x107ffffff action=remove by=kernel errno=-EBUSY "
                    "pages: slab=3 busy=1", words="dimm del")
        self.expect("memory 0x0-0x1 does not go online: a memory notifier behind that of dhp refuses it with "
                    "-ECANCELED. dimm0 is left over",
                    "dhp: refusal: mem=0x0-0x1 action=add by=notifier name=behind errno=-ECANCELED",
                    words="dimm add 128M")

    def test_comes_later(self):
        self.patch(plug_refusal, PATIENCE=testing.PATIENCE)
        console = plug_refusal.Console(self.folder)
        half = len(CLIENT) // 2
        self.logs(f"dhp: refusal: {CLIENT[:half]}", end="")
        later = threading.Timer(SHORT, lambda: self.logs_rest(CLIENT[half:]))
        later.start()
        self.assertIn("client wdm/on_cpu#1 vetoes it with -EBUSY\n", self.refused(console))
        later.join()

    def logs_rest(self, text):
        with open(self.log, "a", encoding="ascii") as file:
            file.write(f"{text}\n")

    def test_nothing_there(self):
        for line in ("nothing", "dhp: refusal: ", "dhp: refusal: x", f"dhp: refusal: {CLIENT}\x1b[2J",
                     f"dhp: refusal: {CLIENT}\xe4", "dhp: refusal: cpu=3 action=remove by=client",
                     "dhp: refusal: cpu=3 action=remove by=nobody errno=-EBUSY",
                     "dhp: refusal: cpu=3 action=remove by=step name=x errno=-EBUSY",
                     "dhp: refusal: action=remove by=kernel errno=-EBUSY",
                     "dhp: refusal: " * 100000, "x" * (2 << 20) + f"dhp: refusal: {CLIENT}"):
            testing.count(testing.tried, "console")
            console = plug_refusal.Console(self.folder)
            self.logs(line)
            self.assertEqual(self.refused(console), f"{TODAY}\n", line[:80])
            testing.count(testing.refused, "console")
        console = plug_refusal.Console(self.folder)
        os.unlink(self.log)
        self.assertEqual(self.refused(console), f"{TODAY}\n")
        self.assertEqual(self.refused(None), f"{TODAY}\n")

    def test_virtio_mem_does_not_wait(self):
        self.patch(plug_refusal, PATIENCE=None)
        console = plug_refusal.Console(self.folder)
        self.logs("dhp: refusal: mem=0x0-0x1 action=add by=client name=x errno=-ENOMEM")
        polls = ({"return": 0}, READ) * 20
        said, _ = self.good("virtio-mem resize 2M", *self.RESIZE, *polls, DONE, HOLD, silent="guest",
                            status=hotplug_words.REFUSED, console=console)
        self.assertIn("Its dhp has logged: memory 0x0-0x1 does not go online: client x", said)

    def test_which_guest(self):
        def connected():
            path = self.path(f"qmp{next(self.number)}")
            server = FakeQmp(path, (*UP[:-1], HOLD))
            client = hotplug.connect(path, None)
            client.close()
            server.end()
            return client
        self.assertIsNone(connected().console, "qemu/vm has not made this folder")
        self.file(plug_device.MAX_CPUS_FILE, "4")
        self.assertIsInstance(connected().console, plug_refusal.Console)
        os.unlink(self.log)
        client = connected()
        self.assertEqual((client.console, client.max_cpus), (None, 4))


if __name__ == "__main__":
    testing.main("QMP socket", "console")
