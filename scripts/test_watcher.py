#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/watcher.py: what it reads from QEMU about a guest that stops."""

import os
import socket
import time

import testing
from fakes import DONE, GREETING, HOLD, LOST_REGISTERS, READ, FakeQmp
from testing import PATIENCE
from watcher import Watcher


class Monitor(testing.Refusals):
    UP = (GREETING, READ, DONE)
    ANSWERS = (READ, {"return": {"status": "shutdown"}}, READ, {"return": []},
               READ, {"return": LOST_REGISTERS}, HOLD)

    def watch(self, *steps):
        server = FakeQmp(self.path("qmp"), steps)
        self.addCleanup(server.end)
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.connect(self.path("qmp"))
        watcher = Watcher(sock)
        watcher.start()
        return watcher

    def stop(self, data):
        return {"event": "SHUTDOWN", "data": data}

    def test_stops(self):
        for reason, said in (("guest-reset", "it has reset itself"),
                             ("guest-shutdown", "it has powered off"),
                             ("host-error", r"QEMU has stopped it (host-error)")):
            with self.subTest(reason):
                watcher = self.watch(*self.UP, {"event": "RTC_CHANGE"},
                                     self.stop({"guest": True, "reason": reason}), *self.ANSWERS)
                watcher.join(PATIENCE)
                self.assertEqual((watcher.stopped, watcher.registers), (said, LOST_REGISTERS))
                self.assertEqual(watcher.state, ['{"status": "shutdown"}', "[]"])
            os.unlink(self.path("qmp"))

    def test_panics(self):
        # By a pvpanic device, whose event has no reason.
        watcher = self.watch(*self.UP, {"event": "GUEST_PANICKED", "data": {"action": "pause"}},
                             *self.ANSWERS)
        watcher.join(PATIENCE)
        self.assertEqual((watcher.stopped, watcher.registers),
                         ("it has reported a panic to QEMU", LOST_REGISTERS))

    def test_qemu_refuses_to_answer(self):
        watcher = self.watch(*self.UP, self.stop({"reason": "guest-reset"}), READ,
                             {"error": {"desc": "no"}})
        watcher.join(PATIENCE)
        self.assertEqual((watcher.stopped, watcher.registers), ("it has reset itself", None))

    def test_asked(self):
        watcher = self.watch(*self.UP, *self.ANSWERS)
        deadline = time.monotonic() + PATIENCE
        while watcher.registers is None and time.monotonic() < deadline:
            watcher.ask()
        self.assertEqual((watcher.stopped, watcher.registers), (None, LOST_REGISTERS))

    def test_ends(self):
        watcher = self.watch(*self.UP)
        watcher.join(PATIENCE)
        self.assertEqual((watcher.stopped, watcher.registers), (None, None))


if __name__ == "__main__":
    testing.main()
