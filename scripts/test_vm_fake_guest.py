#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the verdict on a run of qemu/vm, with a fake guest.

What a guest sends on its control line, a guest that stops or is silent, and one that QEMU has lost.
"""

import io
import os
from unittest import mock

import testing
from fakes import LOST_REGISTERS, RESET_REGISTERS, FakeGuest
from run import Run
from testing import PATIENCE, SHORT
import channel
import host


class Guests(testing.Refusals):
    """What a guest sends."""

    def setUp(self):
        super().setUp()
        self.guest = FakeGuest(self.folder)
        self.addCleanup(self.guest.close)

    def fails(self, *named, count=1, timeout=PATIENCE):
        testing.count(testing.tried, "guest", count)
        run = Run(self.guest, io.BytesIO(), timeout, files=self.build)
        with self.assertRaises(host.Failed) as caught:
            run.wait()
        for pattern in named:
            self.assertRegex(str(caught.exception), pattern)
        self.assertEqual(os.listdir(self.build), [])
        testing.count(testing.refused, "guest", count)

    def test_silent(self):
        self.fails("no end after 0.3 seconds", timeout=SHORT)

    def test_closes(self):
        self.guest.control_end.close()
        self.fails("the guest died before its command ended")

    def test_no_verdict(self):
        lines = [b"end", b"end ", b"end x", b"end -1", b"end 256", b"end 1000", b"end 0 0",
                 b"end 0x0", b"END 0", b"end " + b"9" * 5000, b"end\t0", "end \u0663".encode(),
                 b"\xff\xfe\x00\x01", b"", b"\0" * 100, b"begin 0", b"verdict 0"]
        self.guest.control_end.sendall(b"\n".join(lines) + b"\n")
        self.fails("no end after", count=len(lines), timeout=SHORT)

    def test_half_a_verdict(self):
        self.guest.control_end.sendall(b"end 0")
        self.fails("no end after", timeout=SHORT)

    def test_verdict_of_one_that_died(self):
        self.guest.process.poll.return_value = 1
        self.guest.control_end.sendall(b"end 0\n")
        self.fails("the guest died while its command ended")

    def test_verdict_with_a_bad_console(self):
        self.guest.console("BUG: all wrong\nvm: end\n")
        self.guest.control_end.sendall(b"end 0\n")
        self.fails("bad on the guest's console: BUG: all wrong")

    def test_flood(self):
        self.patch(channel, LINE_MAX=1000)
        self.guest.control_end.sendall(b"x" * 5000)
        self.fails("writes to its control line without ending a line")

    def test_files(self):
        names = [b"", b"../x AAAA", b"/etc/x AAAA", b"a/b AAAA", b".x AAAA", b"x" * 300 + b" AAAA",
                 "\u00e4 AAAA".encode(), b"- AAAA", b"\xff AAAA"]
        self.guest.control_end.sendall(b"".join(b"file " + name + b"\n" for name in names))
        self.fails("no end after", count=len(names), timeout=SHORT)

    def test_files_that_are_not_base64(self):
        for data in (b"!!!!", b"A", b"AAA", b"AAAA=A", b"\xff\xff"):
            with self.subTest(data):
                self.guest = FakeGuest(self.folder)
                self.addCleanup(self.guest.close)
                self.guest.control_end.sendall(b"file x " + data + b"\n")
                self.fails("invalid base64 for the file x")

    def answers(self, requests):
        """The answers to requests for hotplug, in a run without an end."""
        self.guest.control_end.sendall(requests)
        run = Run(self.guest, io.BytesIO(), SHORT, files=self.build)
        with self.assertRaisesRegex(host.Failed, "no end after"):
            run.wait()
        self.guest.control_end.settimeout(PATIENCE)
        said = b""
        while b"last status" not in said:
            said += self.guest.control_end.recv(65536)
        return said.decode()

    def test_requests(self):
        testing.count(testing.tried, "guest", 6)
        said = self.answers(b"hotplug\nhotplug \nhotplug    \nhotplug r1\nhotplug r2 nonsense\n"
                            b"hotplug \xff cpu\nhotplug last cpu list\n")
        self.assertIn("r1 status 2\n", said)
        self.assertIn("r2 err |hotplug: what does 'nonsense' mean?\n", said)
        self.assertIn("r2 status 2\n", said)
        self.assertIn("\ufffd status 2\n", said)
        self.assertIn("last err |hotplug: QEMU has ended\nlast status 3\n", said)
        testing.count(testing.refused, "guest", 6)

    def test_request_with_an_unexpected_failure(self):
        testing.count(testing.tried, "guest")
        self.guest.monitor_error = ValueError("\ud800")
        self.assertRegex(self.answers(b"hotplug last cpu list\n"), "last status 3")
        testing.count(testing.refused, "guest")


class Verdicts(testing.Refusals):
    """How a guest has ended."""

    def setUp(self):
        super().setUp()
        self.guest = FakeGuest(self.folder)
        self.addCleanup(self.guest.close)

    def ended(self, error, *named, stopped="it has reset itself", registers=LOST_REGISTERS):
        self.guest.watcher = mock.Mock(stopped=stopped, registers=registers)
        run = Run(self.guest, io.BytesIO(), PATIENCE, files=self.build)
        with self.assertRaises(host.Failed) as caught:
            run.wait()
        self.assertIs(type(caught.exception), error)
        for pattern in named:
            self.assertRegex(str(caught.exception), pattern)
        return caught.exception

    def test_lost(self):
        lost = self.ended(host.Lost, "lost to QEMU", "vCPU 3 ran the firmware", "qemu/README.md")
        self.assertEqual(lost.status, 75)

    def test_reset(self):
        failed = self.ended(host.Failed, "died before .*: it has reset itself",
                            registers=RESET_REGISTERS)
        self.assertEqual(failed.status, 125)

    def test_no_registers(self):
        for registers in (None, "", "what?"):
            self.ended(host.Failed, "died before .*: it has reset itself", registers=registers)

    def test_lost_after_a_fault(self):
        # A bad line on the console is the guest's own fault, and came before.
        self.guest.console("BUG: all wrong\n")
        self.ended(host.Failed, "bad on the guest's console: BUG: all wrong")

    def test_after_its_verdict(self):
        for registers, error in ((RESET_REGISTERS, host.Failed), (LOST_REGISTERS, host.Lost)):
            self.guest.control_end.sendall(b"end 0\n")
            self.ended(error, "the guest (died|was lost)", registers=registers)


if __name__ == "__main__":
    testing.main("guest")
