#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of --host-tools, --share and --gdb of qemu/vm with a real guest of KERNEL (6.1): what is in the
guest, and what gdb's protocol says. Without a guest: test_shares.py."""

import faulthandler
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from testing import TOP
import host

PATIENCE = 300  # seconds that no guest here may take; the machine may be busy


class HostTools(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.received = b""  # from gdb's socket

    def start(self, *words):
        """A guest; returns its runner."""
        runner = subprocess.Popen([os.path.join(TOP, "qemu/vm"), "run", *words],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, errors="replace")
        overdue = threading.Timer(PATIENCE, runner.kill)
        overdue.start()
        self.addCleanup(overdue.cancel)
        self.addCleanup(runner.communicate)
        self.addCleanup(runner.kill)
        return runner

    def output(self, command, *words, status=0):
        runner = self.start(*words, "--", command)
        said, errors = runner.communicate()
        self.assertEqual(runner.returncode, status, errors + said)
        return said

    def test_programs(self):
        """One that is on every host of guests and in no guest, by its name."""
        version = subprocess.run(["python3", "-c", "import sys; print(sys.version)"], text=True, check=True,
                                 env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE).stdout
        said = self.output("python3 -c 'import ssl, sys; print(sys.version)'; echo $?; uname -n; "
                           "readlink -f $(which ls); touch /host/tmp/x && ls /tmp; "
                           "touch /host/x || echo read-only; cat /host/proc/sys/kernel/hostname",
                           "--host-tools")
        self.assertEqual(said.splitlines(), [
            *version.splitlines(), "0", "guest", "/bin/busybox", "x",
            "touch: /host/x: Read-only file system", "read-only", "guest"])
        self.assertFalse(os.path.exists("/x"))

    def test_share(self):
        with open(os.path.join(self.folder, "from"), "w", encoding="ascii") as file:
            file.write("the host\n")
        said = self.output("cat /share/from; echo the guest >/share/to; ls /host", "--share", self.folder,
                           status=1)
        self.assertEqual(said.splitlines(), ["the host", "ls: /host: No such file or directory"])
        with open(os.path.join(self.folder, "to"), encoding="ascii") as file:
            self.assertEqual(file.read(), "the guest\n")

    def test_gdb(self):
        """The guest stops when gdb comes, and ends after it has gone."""
        runner = self.start("--gdb", "--share", self.folder, "--",
                            "while [ ! -e /share/detached ]; do sleep 0.1; done")
        while "gdb -ex" not in (line := runner.stderr.readline()):
            self.assertNotEqual(line, "")
        path = line.split("target remote ")[1].split("'")[0]
        while "up after" not in (line := runner.stderr.readline()):
            self.assertNotEqual(line, "")
        with socket.socket(socket.AF_UNIX) as gdb:
            gdb.settimeout(PATIENCE)
            # A socket's address must be short.
            folder = os.open(os.path.dirname(path), os.O_PATH)
            self.addCleanup(os.close, folder)
            gdb.connect(f"/proc/self/fd/{folder}/gdb")
            self.assertRegex(self.ask(gdb, "?"), r"^T[0-9a-f]{2}")  # stopped, by whatever signal
            # The first bytes of the kernel's text, at the address that it has without KASLR.
            self.assertRegex(self.ask(gdb, "mffffffff81000000,8"), r"^[0-9a-f]{16}$")
            self.assertEqual(self.ask(gdb, "D"), "OK")
        with open(os.path.join(self.folder, "detached"), "w", encoding="ascii"):
            pass
        self.assertEqual(runner.wait(PATIENCE), 0)

    def ask(self, gdb, request):
        """The answer to one packet of gdb's remote protocol."""
        gdb.sendall(f"${request}#{sum(request.encode()) % 256:02x}".encode())
        while True:
            answer = self.packet(gdb)
            # The guest may say at any time that it has stopped.
            if request == "?" or not answer.startswith("T"):
                return answer

    def packet(self, gdb):
        while not (found := re.match(rb"[^$]*\$([^#]*)#..", self.received)):
            more = gdb.recv(4096)
            self.assertNotEqual(more, b"", "the guest has ended")
            self.received += more
        self.received = self.received[found.end():]
        gdb.sendall(b"+")
        return found[1].decode()


if __name__ == "__main__":
    # Also then, what a test has started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A test that hangs has failed.
    faulthandler.dump_traceback_later(5 * PATIENCE, exit=True)
    unittest.main()
