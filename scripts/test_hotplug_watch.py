#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of `hotplug watch` with a folder in the place of /sys and /proc: its lines, its screen, how it ends.

Once with the programs of this machine and, if scripts/setup has unpacked it, once with a guest's busybox.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import testing
from testing import PATIENCE, TOP

WATCH = os.path.join(TOP, "qemu/hotplug-watch")
BUSYBOX = os.path.join(TOP, "build/guest/bin/busybox")
ENTER, LEAVE = b"\033[?1049h\033[?25l", b"\033[?25h\033[?1049l"
LOG = [f"{n}.000000 START cpu={n} node=0 client=c/f#1 result=0 took=1us" for n in range(1, 31)]


class Machine:
    """The files that are looked at."""

    def __init__(self, root):
        self.root = root
        self.write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          524288 kB\n")
        for name, value in ("online", "0-1"), ("present", "0-2"), ("possible", "0-3"):
            self.write(f"sys/devices/system/cpu/{name}", value)
        self.write("sys/devices/system/memory/block_size_bytes", "8000000")
        for block, state in enumerate(("online", "online", "offline")):
            self.write(f"sys/devices/system/memory/memory{block}/state", state)

    def write(self, path, *lines):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="ascii") as file:
            file.write("".join(line if line.endswith("\n") else f"{line}\n" for line in lines))
        os.rename(f"{path}.new", path)

    def load_dhp(self):
        self.write("sys/kernel/dhp/clients", "4")
        self.write("sys/kernel/dhp/sequence", "12")
        self.write("sys/kernel/dhp/refusals", "seq=1 cpu=1 errno=-EIO", "seq=2 cpu=2 errno=-EBUSY")
        for pool, buffers in ("dhp", "100"), ("mine", "7"):
            for name, value in (("workers", "0-1"), ("pending", "3"), ("buffers", buffers),
                                ("buffers_in_use", "5"), ("buffer_size", "4096")):
                self.write(f"sys/kernel/dhp/pools/{pool}/{name}", value)
        self.write("sys/kernel/debug/dhp/log", *LOG)


class Watch(testing.Refusals):
    path_of_programs = os.environ["PATH"]

    def setUp(self):
        super().setUp()
        self.machine = Machine(self.path("root"))
        self.environment = {"PATH": self.path_of_programs, "HOTPLUG_ROOT": self.machine.root,
                            "TERM": "linux"}

    def command(self):
        return [WATCH]

    # ---- lines

    def start_lines(self):
        watch = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 text=True, env=self.environment)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        return watch

    def test_lines(self):
        watch = self.start_lines()
        line = watch.stdout.readline()
        self.assertRegex(line, r"^\d\d:\d\d:\d\d cpus=0-1 present=0-2 memory=1024M free=512M blocks=2 "
                               r"offline=1 dhp=none\n$")
        self.machine.load_dhp()
        self.machine.write("sys/devices/system/memory/memory2/state", "online")
        self.machine.write("sys/devices/system/cpu/online", "0-2")
        expected = ("cpus=0-2 present=0-2 memory=1024M free=512M blocks=3 offline=0 events=12 "
                    "dhp.workers=0-1 dhp.buffers=100 mine.workers=0-1 mine.buffers=7 "
                    f"last: {LOG[-1]}\n")
        self.until(lambda: watch.stdout.readline().endswith(f" {expected}"))

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline)

    def test_lines_come_each_second(self):
        watch = self.start_lines()
        watch.stdout.readline()
        begun = time.monotonic()
        for _ in range(2):
            watch.stdout.readline()
        self.assertGreater(time.monotonic() - begun, 1)

    def test_reader_ends(self):
        watch = self.start_lines()
        watch.stdout.readline()
        watch.stdout.close()
        watch.wait(PATIENCE)

    def test_dumb_terminal(self):
        self.environment["TERM"] = "dumb"
        terminal = Terminal(self)
        self.assertRegex(terminal.read_until(b"dhp=none"), rb"cpus=0-1")
        self.assertNotIn(b"\033", terminal.seen)

    # ---- the screen

    def test_screen(self):
        self.machine.load_dhp()
        terminal = Terminal(self)
        rows = terminal.screen()
        self.assertIn("q ends", rows[0])
        self.assertEqual(rows[2], "CPUs     0-1 online, 0-2 present, 0-3 possible")
        self.assertEqual(rows[3], "memory   1024M in use by the kernel, 512M of it free; "
                                  "2 blocks of 128M online, 1 offline")
        self.assertEqual(rows[4], "dhp      4 clients, 12 events")
        self.assertRegex(rows[7], r"^dhp +0-1 +3 +100 +5 +4096$")
        self.assertRegex(rows[8], r"^mine +0-1 +3 +7 +5 +4096$")
        self.assertEqual(rows[10], "last refusal: seq=2 cpu=2 errno=-EBUSY")
        self.assertEqual(rows[12], "last notifications:")
        # As many as fit; the last row stays empty.
        self.assertEqual(rows[13:], [f"  {line}" for line in LOG[-(terminal.ROWS - 14):]])

    def test_it_follows(self):
        terminal = Terminal(self)
        self.assertIn("dhp      is not loaded: modprobe dhp", terminal.screen())
        self.machine.load_dhp()
        self.machine.write("sys/devices/system/cpu/online", "0,2")
        self.until(lambda: "CPUs     0,2 online, 0-2 present, 0-3 possible" in terminal.screen() and
                   terminal.screen()[12:13] == ["last notifications:"])

    def test_small_window(self):
        self.machine.load_dhp()
        terminal = Terminal(self, rows=6, columns=20)
        rows = terminal.screen()
        self.assertEqual(len(rows), 5)
        self.assertEqual(rows[2], "CPUs     0-1 online")

    def test_window_of_unknown_size(self):
        self.machine.load_dhp()
        self.assertEqual(len(Terminal(self, rows=0, columns=0).screen()), 23)

    def test_ends(self):
        """By a key, by Ctrl-C, by a signal: the terminal is as before."""
        for how, status in ((lambda terminal: os.write(terminal.master, b"xq"), 0),
                            (lambda terminal: os.write(terminal.master, b"\x03"), 130),
                            (lambda terminal: terminal.watch.send_signal(signal.SIGTERM), 143)):
            terminal = Terminal(self)
            terminal.screen()
            self.assertFalse(terminal.attributes()[3] & termios.ICANON)
            how(terminal)
            self.assertEqual(terminal.watch.wait(PATIENCE), status)
            self.assertTrue(terminal.read_until(LEAVE).endswith(LEAVE))
            self.assertEqual(terminal.attributes(), terminal.before)

    # ---- bad input

    def test_words(self):
        self.program("hotplug watch", 2, *self.command(), "fast", "er", env=self.environment,
                     named=["^hotplug: watch takes no words, got 'fast er'$"])

    def test_by_way_of_hotplug(self):
        """As it is typed on the host, and in a guest."""
        self.environment["PATH"] += f":{TOP}/qemu:{os.path.dirname(sys.executable)}"
        for command in [f"{TOP}/qemu/hotplug"], ["sh", f"{TOP}/qemu/guest-hotplug"]:
            self.program("hotplug watch", 2, *command, "watch", "x", env=self.environment,
                         named=["^hotplug: watch takes no words, got 'x'$"])

    def test_no_sysfs(self):
        self.environment["HOTPLUG_ROOT"] = "/nonexistent"
        self.program("hotplug watch", 1, *self.command(), env=self.environment,
                     named=["no /nonexistent/sys/devices/system/cpu", "mounted"])


class Terminal:
    """`hotplug watch` on a terminal of its own."""

    ROWS = 24

    def __init__(self, test, rows=ROWS, columns=100):
        self.master, self.slave = pty.openpty()
        test.addCleanup(os.close, self.master)
        test.addCleanup(os.close, self.slave)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = self.attributes()
        self.seen = b""
        self.watch = subprocess.Popen(
            test.command(), stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env=test.environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        test.addCleanup(self.watch.wait)
        test.addCleanup(self.watch.kill)

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def read_until(self, text):
        """What has come since the last call, up to TEXT and what came with it."""
        read = b""
        deadline = time.monotonic() + PATIENCE
        while text not in read:
            ready, _, _ = select.select([self.master], [], [], deadline - time.monotonic())
            if not ready:
                raise AssertionError(f"no {text!r} in {read!r}")
            read += os.read(self.master, 65536)
        self.seen += read
        return read

    def screen(self):
        """The rows of the next picture."""
        self.read_until(b"\033[H")
        text = self.seen[self.seen.rindex(b"\033[H"):]
        while b"\033[J" not in text:
            text += self.read_until(b"\033[J")
        picture = re.search(rb"\033\[H(.*?)\033\[J", text, re.S)[1].decode()
        return picture.replace("\r", "").replace("\033[K\n", "\n").splitlines()


@unittest.skipUnless(os.path.exists(BUSYBOX), "scripts/setup has not unpacked busybox")
class InAGuest(Watch):
    """With the shell and the awk of guests."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.addClassCleanup(folder.cleanup)
        for name in subprocess.run([BUSYBOX, "--list"], text=True, check=True,
                                   stdout=subprocess.PIPE).stdout.split():
            os.symlink(BUSYBOX, os.path.join(folder.name, name))
        cls.path_of_programs = folder.name

    def command(self):
        return [os.path.join(self.path_of_programs, "sh"), WATCH]


if __name__ == "__main__":
    # A shell lets what it runs in the background ignore Ctrl-C, and what that starts would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    testing.main("hotplug watch")
