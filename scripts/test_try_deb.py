#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/try-deb without a Debian system and without QEMU: how it reads what a guest says, when it
says that something is left, and what it refuses."""

import contextlib
import io
import os
import socket
import subprocess
from unittest import mock

import tap
import testing
import try_deb_boot as boot
import try_deb_tree as tree

program = testing.load("try_deb", "scripts/try-deb")


class Guest(testing.Refusals):
    """The guest's end of the line is the test's."""

    def setUp(self):
        super().setUp()
        self.ours, self.guest = socket.socketpair()
        self.addCleanup(self.ours.close)
        self.addCleanup(self.guest.close)
        self.reports = []
        self.plugged = []
        self.status = 0
        self.patch(boot.subprocess, run=self.plug)

    def plug(self, command, **_):
        self.plugged.append(command[1:])
        return subprocess.CompletedProcess(command, self.status, "", "hotplug: no slot is free\n")

    def follow(self, text):
        self.guest.sendall(text.encode())
        self.guest.shutdown(socket.SHUT_WR)
        boot.follow(self.ours, "SOCKET", lambda *report: self.reports.append(report), "console.log")

    def test_results(self):
        self.follow("ok - one\r\nnot ok - two\r\nbecause\r\nof this\r\n"
                    "plug dimm add 1G\r\nok - three\r\ndone\r\n")
        self.assertEqual(self.reports, [(True, "one", []), (False, "two", ["because", "of this"]),
                                        (True, "three", [])])
        self.assertEqual(self.plugged, [["--qmp", "SOCKET", "--timeout", "300", "dimm", "add", "1G"]])

    def test_lost_guests(self):
        for text in ("", "ok - one\n", "ok - one\ndon"):
            with self.subTest(text=text), self.assertRaisesRegex(tree.Failed, "has ended; .*console.log"):
                Guest.setUp(self)
                self.follow(text)

    def test_nothing_said(self):
        with self.assertRaisesRegex(tree.Failed, "without a result"):
            self.follow("done\n")

    def test_too_late(self):
        self.patch(boot, PATIENCE=testing.SHORT)
        self.guest.sendall(b"ok - one\n")
        with self.assertRaisesRegex(tree.Failed, "not ended after"):
            boot.follow(self.ours, "SOCKET", lambda *_: None, "console.log")

    def test_plug_fails(self):
        self.status = 1
        with self.assertRaisesRegex(tree.Failed, "`plug cpu add` has failed: hotplug: no slot"):
            self.follow("ok - one\nplug cpu add\n")


class Left(testing.Refusals):
    def test_what_is_left(self):
        system = tree.Tree("bookworm", self.folder)
        system.write("etc/old", "")
        before = system.files()
        system.write("usr/share/owned", "")
        for name in ("usr/lib/modules/1/modules.dep", "usr/lib/__pycache__/os.pyc", "boot/initrd.img-1",
                     "boot/vmlinuz-1", "boot/config-1",
                     "var/lib/dkms/mok.key", "var/cache/dhp"):
            system.write(name, "")
        owned = ("/.", "/usr", "/usr/share", "/usr/share/owned", "/usr/lib", "/usr/lib/modules",
                 "/usr/lib/modules/1", "/boot", "/var/lib/dkms")
        self.patch(system, run=lambda *_: "\n".join(owned))
        self.assertEqual(system.left_since(before), [])
        left = ["etc/dhp.conf", "usr/lib/modules/1/dhp", "usr/lib/modules/1/dhp/Module.symvers",
                "usr/share/dhp-tools", "usr/share/dhp-tools/__pycache__",
                "usr/share/dhp-tools/__pycache__/x.pyc", "var/lib/dkms/dhp", "var/lib/dkms/dhp/1.0"]
        for name in left:
            if "." in os.path.basename(name):
                system.write(name, "")
        self.assertEqual(system.left_since(before), left)


class Command(testing.Refusals):
    def test_words(self):
        for words in (("jessie",), ("",), ("bookworm", "jessie"), ("bookworm", "--help")):
            self.words("scripts/try-deb", program.main, 2, *words,
                       named=["should be one of bookworm, trixie"])

    def test_without_root(self):
        self.patch(program.os, geteuid=lambda: 1000)
        self.words("scripts/try-deb", program.main, 1, "bookworm", named=["needs root"])

    def tried(self, **steps):
        """The lines that a suite with these steps prints, and whether it has passed."""
        self.patch(program, Tree=mock.Mock(return_value=mock.Mock(root="ROOT")))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            results = tap.Tap()
            trial = program.Trial("bookworm", {"1.0": [], "1.1": []}, results)
            trial.release = "6.1"
            with mock.patch.multiple(trial, **steps):
                passed = trial.run()
            results.end()
        self.assertEqual(trial.tree.remove.called, passed)
        return [line for line in said.getvalue().splitlines() if "# took" not in line], passed

    def test_a_failure_ends_a_suite(self):
        def fails():
            """fails"""
            raise tree.Failed("two\nlines")
        lines, passed = self.tried(system=mock.Mock(__doc__="works"), install=fails,
                                   driver=testing.forbidden("driver"))
        self.assertEqual(lines[1:], [
            "ok 1 - bookworm: works", "# two", "# lines", "not ok 2 - bookworm: fails",
            "# bookworm: what follows has not been tried", "# the system is in ROOT", "1..2",
            "1 passed, 1 failed"])
        self.assertFalse(passed)

    def test_a_failure_in_the_guest_is_the_boots_failure(self):
        """The guest's other results count nevertheless."""
        results = [(True, "one", []), (False, "two", ["because"]), (True, "three", ["a line"])]
        self.patch(program, boot=lambda _, __, report: [report(*result) for result in results])
        names = ("system", "install", "driver", "examples")
        lines, passed = self.tried(**{name: mock.Mock(__doc__=name) for name in names},
                                   upgrade=testing.forbidden("upgrade"))
        self.assertEqual(lines[5:-4], [
            "ok 5 - bookworm, booted with 6.1: one", "# because",
            "not ok 6 - bookworm, booted with 6.1: two", "ok 7 - bookworm, booted with 6.1: three",
            "# what has failed there: two", "not ok 8 - bookworm: boot, load, plug"])
        self.assertEqual(lines[-1], "6 passed, 2 failed")
        self.assertFalse(passed)

    def test_a_suite_that_passes(self):
        names = ("system", "install", "driver", "examples", "boot_first", "upgrade", "new_kernel",
                 "boot_second", "old_kernel", "purge", "make_install", "make_dkms", "tools")
        lines, passed = self.tried(**{name: mock.Mock(__doc__=name) for name in names})
        self.assertEqual(lines[-2:], ["1..13", "13 passed, 0 failed"])
        self.assertTrue(passed)

    def test_packages_that_do_not_build(self):
        self.patch(program, BUILD=self.build, set_up=lambda: None, shutil=mock.Mock(),
                   Trial=testing.forbidden("a suite was tried"))
        self.patch(program, open=mock.mock_open(read_data=""))
        self.patch(program.os, geteuid=lambda: 0)
        self.patch(program.subprocess, run=lambda command, **_: subprocess.CompletedProcess(command, 7))
        with mock.patch.object(program.sys, "argv", ["try-deb", "bookworm"]), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(program.main(), 1)
        self.assertIn("scripts/deb has ended with status 7\nnot ok 2 - the packages build\n", said.getvalue())
        self.assertRegex(said.getvalue(), "\n1..2\n1 passed, 1 failed\n$")


if __name__ == "__main__":
    testing.main("scripts/try-deb")
