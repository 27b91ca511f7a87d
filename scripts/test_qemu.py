#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what people and programs hand in on the host: bad words, and bad partners.

Each of them is refused with the status that is documented and a message that names what was
wrong; there is no traceback, no hang, no guest booted and nothing left. At the end there is a
table of how many were tried, as diagnostics.
"""

import contextlib
import faulthandler
import importlib.machinery
import importlib.util
import io
import itertools
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "qemu"))


def load(name, path):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(TOP, path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.modules[name] = module
    loader.exec_module(module)
    return module


plug = load("plug", "qemu/plug.py")
qmp = sys.modules["qmp"]
cpio = load("cpio", "qemu/cpio.py")
vm = load("vm", "qemu/vm")
hotplug = load("hotplug", "qemu/hotplug")
bench = load("bench", "scripts/bench")
check_kernels = load("check_kernels", "scripts/check-kernels")
torture = load("torture", "scripts/torture")

PATIENCE = 60  # seconds that nothing here may take; the machine may be busy
SHORT = 0.3    # a deadline that is meant to pass

KINDS = ("qemu/vm", "qemu/hotplug", "scripts/bench", "scripts/check-kernels", "scripts/torture",
         "scripts/setup", "scripts/kernel", "QMP socket", "guest")
tried = dict.fromkeys(KINDS, 0)
refused = dict.fromkeys(KINDS, 0)


def forbidden(what):
    def called(*_, **__):
        raise AssertionError(f"{what}, in spite of what was handed in")
    return called


class Refusals(unittest.TestCase):
    """Each test has a folder of its own, in which nothing may be left."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.build = os.path.join(folder.name, "build")
        os.mkdir(self.build)
        self.patch(vm, RUNS=os.path.join(self.build, "vm"))
        self.patch(bench, FOLDER=os.path.join(self.build, "bench"),
                   JSON=os.path.join(self.build, "bench.json"))
        self.patch(check_kernels, LOGS=os.path.join(self.build, "check-kernels"))

    def patch(self, module, **values):
        patcher = mock.patch.multiple(module, **values)
        patcher.start()
        self.addCleanup(patcher.stop)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, text="", mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def check(self, kind, what, status, said, expected_status, *named):
        """One that was tried. NAMED: what the message must have, as regular expressions."""
        self.assertEqual(status, expected_status, f"{what}: {said}")
        self.assertNotIn("Traceback", said, what)
        for pattern in named:
            self.assertRegex(said, pattern, what)
        refused[kind] += 1

    def words(self, kind, main, status, *words, named=()):
        """Runs a program's main() with bad words."""
        tried[kind] += 1
        said, printed = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", [kind, *words]), contextlib.redirect_stderr(said), \
                contextlib.redirect_stdout(printed):
            try:
                code = main()
            except SystemExit as end:
                # What sys.exit() does with words.
                code = end.code
                if isinstance(code, str):
                    print(code, file=sys.stderr)
                    code = 1
        self.check(kind, words, code, said.getvalue(), status, *named)
        self.assertEqual(printed.getvalue(), "", words)
        self.assertEqual(os.listdir(self.build), [], words)

    def program(self, kind, status, *command, named=(), **how):
        """Runs a program as a person does."""
        tried[kind] += 1
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=False, **how)
        said = done.stderr.decode(errors="replace")
        self.check(kind, command, done.returncode, said, status, *named)
        self.assertEqual(done.stdout, b"", command)


# ---------------------------------------------------------------- qemu/vm

class VmWords(Refusals):
    def setUp(self):
        super().setUp()
        self.patch(vm, run_guest=forbidden("a guest was booted"))
        # What is wrong with a kernel is told by scripts/setup, which has tests of its own.
        self.patch(vm, setup=forbidden("something was set up"))

    def bad(self, *words, named=()):
        self.words("qemu/vm", vm.main, 2, *words, named=named)

    def test_usage(self):
        self.bad(named=["run.shell"])
        self.bad("boot", named=["'boot'", "run"])
        self.bad("", named=["''", "run"])
        self.bad("run", named=["which command"])
        self.bad("run", "--", named=["which command"])
        self.bad("run", "--", "", named=["which command"])
        self.bad("run", "--", "  ", named=["which command"])
        self.bad("run", "--nonsense", "--", "true", named=["--nonsense"])
        self.bad("shell", "--", "true", named=["true"])

    def test_numbers(self):
        for option, word in itertools.product(
                ("--cpus", "--maxcpus", "--slots", "--nodes", "--empty-nodes", "--timeout"),
                ("", "-1", "x", "1x", "1.5", "0x10", "1e3", " 1", "1 ", "\u00b2", "\u0663", "+1",
                 str(2 ** 31), str(2 ** 32), str(2 ** 63), str(2 ** 64), "9" * 5000, "\udcff")):
            self.bad("run", option, word, "--", "true",
                     named=[option, f"{re.escape(repr(word))} is no number of (zero|one) or more"])
        for option in ("--cpus", "--maxcpus", "--slots", "--nodes", "--timeout"):
            self.bad("run", option, "0", "--", "true", named=[option, "'0'", "one or more"])

    def test_sizes(self):
        for option, word in itertools.product(
                ("--memory", "--maxmem", "--virtio-mem"),
                ("", "0", "0M", "512", "M", "-1G", "1T", "1.5G", "1GG", "1 G", "x", "\u0661G",
                 f"{2 ** 64}M", "9" * 5000 + "M")):
            self.bad("run", f"{option}={word}", "--", "true",
                     named=[option, re.escape(repr(word)), "like 512M or 2G"])

    def test_more_than_there_can_be(self):
        self.bad("run", "--maxcpus", "256", "--", "true", named=["256 .*--maxcpus", "255"])
        self.bad("run", "--cpus", "1000", "--", "true", named=["1000", "255"])
        self.bad("run", "--slots", "257", "--", "true", named=["257 .*--slots", "256"])
        self.bad("run", "--maxcpus", "200", "--nodes", "129", "--", "true",
                 named=["129 .*--nodes", "128"])
        self.bad("run", "--empty-nodes", "128", "--", "true", named=["129 .*--empty-nodes", "128"])
        self.bad("run", "--append", "x=y " * 600, "--", "true", named=["x=y", "2400", "at most"])

    def test_conflicts(self):
        self.bad("run", "--cpus", "5", "--maxcpus", "4", "--", "true",
                 named=["--cpus 5", "--maxcpus 4"])
        self.bad("run", "--memory", "2G", "--maxmem", "1G", "--", "true", named=["1024M", "2048M"])
        self.bad("run", "--memory", "1G", "--maxmem", "1G", "--", "true", named=["1024M"])
        for word in ("1M", "100M", "129M"):
            self.bad("run", "--virtio-mem", word, "--", "true",
                     named=[f"--virtio-mem, {word}", "multiple of 128M"])
        self.bad("run", "--memory", "1G", "--maxmem", "2G", "--virtio-mem", "1152M", "--", "true",
                 named=["--maxmem, 2048M", "--virtio-mem, 1152M"])
        self.bad("run", "--nodes", "5", "--maxcpus", "4", "--", "true", named=["--nodes 5"])
        self.bad("run", "--icount", "--accel", "kvm", "--", "true", named=["--icount", "tcg"])
        self.bad("run", "--icount", "--cpus", "2", "--", "true", named=["--icount", "--cpus 1"])
        self.bad("run", "--accel", "xen", "--", "true", named=["'xen'", "'kvm', 'tcg'"])

    def test_files(self):
        os.mkfifo(self.path("pipe"))
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(self.path("socket"))
        file = self.file("file")
        for word in ("", "/nonexistent", file + "/x", "/nonexistent:/x", "x" * 5000):
            self.bad("run", "--add", word, "--", "true", named=["--add", "there is no"])
        for name in ("pipe", "socket"):
            self.bad("run", "--add", self.path(name), "--", "true",
                     named=[name, "neither a file nor a folder"])
        self.bad("run", "--add", "/dev/null", "--", "true", named=["/dev/null", "neither"])
        for word in ("/", f"{file}:/", f"{file}://", f"{file}:../x", f"{file}:/a/../../x"):
            self.bad("run", "--add", word, "--", "true",
                     named=[re.escape(word), "no place in the guest", "FILE:/where"])
        for word in ("", "/nonexistent", file):
            self.bad("run", "--files", word, "--", "true",
                     named=["--files", "there is no folder", re.escape(repr(word))])

    def test_no_terminal(self):
        with mock.patch.object(sys, "stdin", io.StringIO()):
            self.words("qemu/vm", vm.main, vm.DIED, "shell", named=["no terminal", "`run`"])

    def test_as_a_person_does(self):
        self.program("qemu/vm", 2, os.path.join(TOP, "qemu/vm"), "run", "--cpus", "none", "--",
                     "true", named=["'none'"])


class Archive(Refusals):
    """What --add puts into a guest."""

    def copy(self, *names):
        out = io.BytesIO()
        for name in names:
            cpio.Archive(out).copy(self.path(name), name)
        return out.getvalue()

    def test_names_that_are_no_text(self):
        os.mkdir(self.path("folder"))
        with open(os.fsencode(self.path("folder")) + b"/\xff", "wb"):
            pass
        os.symlink(b"\xfe", os.fsencode(self.path("folder")) + b"/link")
        self.assertIn(b"folder/\xff\0", self.copy("folder"))

    def test_what_cannot_be_read_to_its_end(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("folder/pipe"))
        tried["qemu/vm"] += 1
        with self.assertRaisesRegex(OSError, "folder/pipe is neither a file"):
            self.copy("folder")
        refused["qemu/vm"] += 1


# ---------------------------------------------------------------- a QEMU that is none

class StandIns(Refusals):
    """Other programs in QEMU's place."""

    def setUp(self):
        super().setUp()
        self.file("release", "0.0\n")
        self.patch(vm, setup=lambda *_: self.folder, compiled=lambda *_: "",
                   write_initramfs=lambda path, *_: open(path, "wb").close())

    def run_vm(self, qemu, *named, words=()):
        """Returns what is left in the folder of the run."""
        tried["qemu/vm"] += 1
        self.patch(vm, QEMU=qemu)
        said = io.StringIO()
        begun = time.monotonic()
        with mock.patch.object(sys, "argv", ["qemu/vm", "run", "--accel", "tcg", *words, "--", "x"]), \
                mock.patch.object(sys, "stdout", io.TextIOWrapper(io.BytesIO())), \
                mock.patch.object(signal, "signal"), contextlib.redirect_stderr(said):
            status = vm.main()
        self.assertLess(time.monotonic() - begun, PATIENCE)
        self.check("qemu/vm", qemu, status, said.getvalue(), vm.DIED, *named)
        return [name for name in os.listdir(self.build) if name != "vm" or
                set(os.listdir(vm.RUNS)) - {"latest"}]

    def test_missing(self):
        for program in ("/nonexistent/qemu", "no-such-qemu", self.file("plain")):
            left = self.run_vm(program, f"there is no {program}", "QEMU names another")
            self.assertEqual(left, [])

    def test_not_a_program(self):
        self.assertEqual(self.run_vm(self.file("text", "no program", 0o755), "runner itself"), [])

    def test_ends_at_once(self):
        program = self.file("ends", "#!/bin/sh\necho 'no such machine' >&2\nexit 1\n", 0o755)
        self.run_vm(program, "the guest died", "QEMU ended with status 1",
                    "QEMU said:\nno such machine", "console: ")

    def test_is_killed(self):
        program = self.file("killed", "#!/bin/sh\nkill -9 $$\n", 0o755)
        self.run_vm(program, "the guest died", "ended by SIGKILL")

    def test_never_answers(self):
        program = self.file("hangs", "#!/bin/sh\nexec sleep 1000\n", 0o755)
        self.run_vm(program, "no end after 1 seconds", words=["--timeout", "1"])

    def test_cannot_be_set_up(self):
        def full(*_):
            raise OSError(28, "No space left on device")
        self.patch(vm, write_initramfs=full)
        self.assertEqual(self.run_vm("/bin/true", "No space left"), [])


# ---------------------------------------------------------------- a guest that makes no sense

class FakeGuest:
    """The lines of a guest, with a test at the other end."""

    def __init__(self, folder):
        self.log = os.path.join(folder, "console.log")
        self.console("vm: begin\n")
        self.terminal, self.terminal_end = socket.socketpair()
        self.control, self.control_end = socket.socketpair()
        self.process = mock.Mock(**{"poll.return_value": None})
        self.watcher = mock.Mock(stopped=None, registers=None)
        self.monitor_error = qmp.Gone("QEMU has ended")

    def console(self, text):
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(text)

    @property
    def monitor(self):
        raise self.monitor_error

    def qemu_said(self):
        return ""

    def close(self):
        for line in (self.terminal, self.terminal_end, self.control, self.control_end):
            line.close()


class Guests(Refusals):
    def setUp(self):
        super().setUp()
        self.guest = FakeGuest(self.folder)
        self.addCleanup(self.guest.close)

    def fails(self, *named, count=1, timeout=PATIENCE):
        tried["guest"] += count
        run = vm.Run(self.guest, io.BytesIO(), timeout, files=self.build)
        with self.assertRaises(vm.Failed) as caught:
            run.wait()
        for pattern in named:
            self.assertRegex(str(caught.exception), pattern)
        self.assertEqual(os.listdir(self.build), [])
        refused["guest"] += count

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
        self.patch(vm, LINE_MAX=1000)
        self.guest.control_end.sendall(b"x" * 5000)
        self.fails("writes to its control line, and no lines")

    def test_files(self):
        names = [b"", b"../x AAAA", b"/etc/x AAAA", b"a/b AAAA", b".x AAAA", b"x" * 300 + b" AAAA",
                 "\u00e4 AAAA".encode(), b"- AAAA", b"\xff AAAA"]
        self.guest.control_end.sendall(b"".join(b"file " + name + b"\n" for name in names))
        self.fails("no end after", count=len(names), timeout=SHORT)

    def test_files_that_are_none(self):
        for data in (b"!!!!", b"A", b"AAA", b"AAAA=A", b"\xff\xff"):
            with self.subTest(data):
                self.guest = FakeGuest(self.folder)
                self.addCleanup(self.guest.close)
                self.guest.control_end.sendall(b"file x " + data + b"\n")
                self.fails("no base64, for the file x")

    def answers(self, requests):
        """What the plugger says to them, in a run that has no end."""
        self.guest.control_end.sendall(requests)
        run = vm.Run(self.guest, io.BytesIO(), SHORT, files=self.build)
        with self.assertRaisesRegex(vm.Failed, "no end after"):
            run.wait()
        self.guest.control_end.settimeout(PATIENCE)
        said = b""
        while b"last status" not in said:
            said += self.guest.control_end.recv(65536)
        return said.decode()

    def test_requests(self):
        tried["guest"] += 6
        said = self.answers(b"hotplug\nhotplug \nhotplug    \nhotplug r1\nhotplug r2 nonsense\n"
                            b"hotplug \xff cpu\nhotplug last cpu list\n")
        self.assertIn("r1 status 2\n", said)
        self.assertIn("r2 err |hotplug: what does 'nonsense' mean?\n", said)
        self.assertIn("r2 status 2\n", said)
        self.assertIn("\ufffd status 2\n", said)
        self.assertIn("last err |hotplug: QEMU has ended\nlast status 3\n", said)
        refused["guest"] += 6

    def test_request_that_nobody_expected_to_fail(self):
        tried["guest"] += 1
        self.guest.monitor_error = ValueError("\ud800")
        self.assertRegex(self.answers(b"hotplug last cpu list\n"), "last status 3")
        refused["guest"] += 1


# ---------------------------------------------------------------- qemu/hotplug

class HotplugWords(Refusals):
    def setUp(self):
        super().setUp()
        self.patch(qmp, connect=forbidden("somebody was asked"))

    def bad(self, *words, named=()):
        self.words("qemu/hotplug", hotplug.main, plug.USAGE, *words, named=["^hotplug: ", *named])

    def test_usage(self):
        self.bad(named=["usage: hotplug"])
        for words in (("",), ("cpu",), ("dimm",), ("memory", "add", "1G"), ("CPU", "list"),
                      ("cpu", "list", "1"), ("cpu", "add", "1", "2"), ("cpu", "del", "a", "b"),
                      ("cpu", "plug"), ("dimm", "add"), ("dimm", "list", "x"),
                      ("dimm", "add", "1G", "--node"), ("dimm", "add", "1G", "0"),
                      ("dimm", "add", "1G", "--nodes", "0"), ("dimm", "del", "a", "b"),
                      ("virtio-mem",), ("virtio-mem", "add", "1G"), ("virtio-mem", "list", "x"),
                      ("virtio-mem", "resize"), ("virtio-mem", "resize", "1G", "a", "b"),
                      ("cpu", "list", "--qmp", "x"), ("--qmp=x", "cpu", "list"), ("\udcff",),
                      ("x" * 10000,)):
            self.bad(*words, named=["what does", re.escape(repr(" ".join(words)))
                                    if words != ("\udcff",) else "udcff", "usage: hotplug"])
        self.bad("--qmp", named=["--qmp wants the path of a socket"])
        self.bad("--qmp", "", "cpu", "list", named=["--qmp wants the path of a socket"])

    def test_options(self):
        for option in ("--timeout", "--block"):
            self.bad(option, named=[f"{option} wants a value"])
            self.bad("cpu", "list", option, "1", named=["what does", "usage"])
        for word in ("", "0", "-1", "x", "1.5", "1s", "9" * 5000, "\u0663"):
            self.bad("--timeout", word, "cpu", "list", named=[re.escape(repr(word)), "of seconds"])
        for word in ("", "0", "x", "1K", "2147483648"):
            self.bad("--block", word, "dimm", "list", named=[re.escape(repr(word)), "not a size"])
        for word in ("0M", "1M", "129M"):
            self.bad("--block", word, "dimm", "list", named=[word, "multiple of 128M"])

    def test_help(self):
        for word in ("-h", "--help"):
            printed = io.StringIO()
            with mock.patch.object(sys, "argv", ["hotplug", word]), \
                    contextlib.redirect_stdout(printed):
                self.assertEqual(hotplug.main(), plug.OK)
            self.assertIn(plug.HELP, printed.getvalue())
            self.assertIn("--qmp SOCKET", printed.getvalue())
            for status in (plug.OK, plug.REFUSED, plug.USAGE, plug.GONE, plug.PENDING):
                self.assertRegex(printed.getvalue(), f"(?m)^  {status}  ")

    def test_counts(self):
        for word in ("", "0", "-1", "x", "1x", "1.0", "0x1", " 1", "+1", "\u00b2", "\u0663",
                     str(2 ** 31), str(2 ** 32), str(2 ** 63), str(2 ** 64), "9" * 5000):
            self.bad("cpu", "add", word, named=[re.escape(repr(word)), "1 or more"])

    def test_sizes(self):
        for word in ("", "0", "1", "M", "-1G", "x", "1T", "1.5G", "128m\n", "1GB", "128 M",
                     "9" * 5000 + "M", f"{2 ** 64}G"):
            self.bad("dimm", "add", word, named=[re.escape(repr(word)), "like 256M or 1G"])
            self.bad("virtio-mem", "resize", word,
                     named=[re.escape(repr(word)), "like 256M or 1G"])
        for word in ("1M", "127M", "129M"):
            self.bad("dimm", "add", word, named=[word, "multiple of 128M"])
        for word in ("0M", "0G"):
            self.bad("dimm", "add", word, named=[word, "multiple of 128M"])

    def test_nodes(self):
        for word in ("", "x", "-1", "1x", "0x1", str(2 ** 32), "9" * 5000, "\u0663"):
            self.bad("dimm", "add", "1G", "--node", word,
                     named=[re.escape(repr(word)), "number like 0"])

    def test_as_a_person_does(self):
        self.program("qemu/hotplug", 2, os.path.join(TOP, "qemu/hotplug"), "cpu", "add", "none",
                     named=["'none'"])


class Sockets(Refusals):
    """Paths that lead to no QEMU."""

    def bad(self, path, *named):
        self.words("qemu/hotplug", hotplug.main, plug.GONE, "--qmp", path, "cpu", "list",
                   named=["^hotplug: no QEMU answers at ", re.escape(path), *named])

    def test_paths(self):
        self.bad(self.path("nothing"), "No such file")
        self.bad(self.path("nothing/there"), "No such file")
        self.bad(self.file("plain"), "refused")
        self.bad(self.folder, "refused|directory|socket")
        self.bad(self.path("x" * 200), "too long")
        self.bad(self.path("x" * 5000), "too long")
        self.bad("/", "refused|directory|socket")
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(self.path("dead"))
        dead.close()
        self.bad(self.path("dead"), "refused")
        os.symlink(self.path("loop"), self.path("loop"))
        self.bad(self.path("loop"), "symbolic links")


READ, HOLD, FLOOD = "read", "hold", "flood"
GREETING = {"QMP": {"version": {}, "capabilities": []}}
DONE = {"return": {}}
# Up to the first command.
UP = (GREETING, READ, DONE, READ)
PLACES = [{"type": "cpu", "props": {"socket-id": 0}, "qom-path": "/machine/unattached/device[0]"},
          {"type": "cpu", "props": {"socket-id": 1}},
          {"type": "cpu", "props": {"socket-id": 2}, "qom-path": "/machine/peripheral/cpu2"}]
DIMM = {"id": "dimm0", "slot": 0, "size": 128 << 20, "node": 0, "addr": 1 << 32,
        "hotplugged": True, "memdev": "/objects/mem-dimm0"}

VMEM = {"id": "vmem0", "size": 0, "requested-size": 0, "max-size": 1 << 30, "block-size": 2 << 20,
        "node": 0, "memaddr": 1 << 33}


def dimms(*those):
    return {"return": [{"type": "dimm", "data": one} for one in those]}


def vmems(*those):
    return {"return": [{"type": "virtio-mem", "data": one} for one in those]}


def without(dictionary, key):
    return {name: value for name, value in dictionary.items() if name != key}


def ost(device, status, source=1):
    return {"event": "ACPI_DEVICE_OST", "data": {"info": {"device": device, "slot": "0",
                                                          "source": source, "status": status}}}


# What is asked beside the matter itself, as command or property, and what a QEMU answers that
# has nothing special. Where a test is about such an answer, it has it among its steps.
ASIDE = {"query-status": {"return": {"status": "running"}}, "qom-list": {"return": []},
         "query-kvm": {"return": {"enabled": False, "present": True}},
         "query-version": {"return": {"qemu": {"major": 10, "minor": 0, "micro": 0}}},
         "human-monitor-command": {"return": ""},
         "append": {"error": {"desc": "no such property"}}}


def name_of(request):
    return request.get("arguments", {}).get("property", request.get("execute"))


class FakeQmp(threading.Thread):
    """Takes one caller and goes through STEPS: bytes are sent as they are, a dictionary as a line
    of JSON, an answer with the request's id. READ waits for a request that ASIDE does not answer,
    HOLD for the caller to go. The end of them closes.
    """

    def __init__(self, path, steps, aside=None):
        super().__init__(daemon=True)
        self.requests = []
        self.asked_aside = []
        self._steps = steps
        self._aside = aside or {}
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.settimeout(PATIENCE)
        self._listening.bind(path)
        self._listening.listen(1)
        self.start()

    def run(self):
        try:
            caller, _ = self._listening.accept()
            with caller, caller.makefile("rb") as lines:
                caller.settimeout(PATIENCE)
                for step in self._steps:
                    self._step(caller, lines, step)
        except (OSError, ValueError):
            pass  # the caller has gone, maybe in the middle of a line

    def _answered_aside(self, caller, request):
        answer = self._aside.get(name_of(request))
        if answer is None:
            return False
        self.asked_aside.append(name_of(request))
        caller.sendall(json.dumps({**answer, "id": request["id"]}).encode() + b"\n")
        return True

    def _step(self, caller, lines, step):
        if step == READ:
            while True:
                request = json.loads(lines.readline() or b"{}")
                if not self._answered_aside(caller, request):
                    break
            self.requests.append(request)
        elif step == HOLD:
            for line in lines:
                self._answered_aside(caller, json.loads(line))
        elif step == FLOOD:
            while True:
                caller.sendall(b'{"event": "RTC_CHANGE", "data": {"offset": 0}}\n' * 1000)
                if select.select([caller], [], [], 0)[0]:
                    self._answered_aside(caller, json.loads(lines.readline()))
        elif isinstance(step, bytes):
            caller.sendall(step)
        else:
            if "event" not in step and "id" not in step and self.requests:
                step = {**step, "id": self.requests[-1].get("id")}
            caller.sendall(json.dumps(step).encode() + b"\n")

    def end(self):
        self.join(PATIENCE)
        self._listening.close()


class QmpSockets(Refusals):
    number = itertools.count()

    def ask(self, words, steps, silent=None, aside=(), **client):
        """Returns status, output, complaint, and the requests that came.

        SILENT: what is waited for in vain: "greeting", "command" or "guest". Only this wait is
        short, for all others may take a busy machine's time. ASIDE: what is answered otherwise
        than in ASIDE, or with None is one of the steps. CLIENT: attributes of the client.
        """
        path = self.path(f"qmp{next(self.number)}")
        server = FakeQmp(path, steps, {**ASIDE, **dict(aside)})
        deadline = {"greeting": PATIENCE, "command": PATIENCE, "guest": PATIENCE, silent: SHORT}
        with mock.patch.object(qmp, "COMMAND_DEADLINE", deadline["command"]), \
                mock.patch.object(plug, "ADD_DEADLINE", deadline["guest"]), \
                mock.patch.object(plug, "DEL_DEADLINE", deadline["guest"]), \
                mock.patch.object(plug, "UNDO_DEADLINE", deadline["guest"]):
            begun = time.monotonic()
            connected = []

            def connect(_):
                connected.append(qmp.connect(path, deadline["greeting"]))
                vars(connected[0]).update(client)
                return connected[0]
            try:
                result = plug.run(words.split(), connect)
            finally:
                for client in connected:
                    client.close()
                server.end()
        self.assertLess(time.monotonic() - begun, PATIENCE, steps)
        return (*result, server.requests)

    def bad(self, words, *steps, status=plug.GONE, named=(), out="", silent=None, aside=()):
        tried["QMP socket"] += 1
        code, printed, said, requests = self.ask(words, steps, silent, aside)
        self.assertEqual(printed, out, steps)
        self.check("QMP socket", steps, code, said, status, "^hotplug: .", *named)
        return [request.get("execute") for request in requests]

    def test_it_works_at_all(self):
        status, out, err, _ = self.ask("cpu list", (*UP, {"return": PLACES}, HOLD))
        self.assertEqual((status, err), (plug.OK, ""))
        self.assertEqual([line.split()[:2] for line in out.splitlines()],
                         [["ID", "STATE"], ["cpu0", "boot"], ["cpu1", "free"], ["cpu2", "plugged"]])
        status, out, err, _ = self.ask("cpu add", (*UP, {"return": PLACES}, READ, DONE,
                                                   ost("cpu1", 0), HOLD))
        self.assertEqual((status, out), (plug.OK, "cpu1\n"))
        self.assertRegex(err, "^hotplug: cpu1: plugged; .* not seen from here\n$")

    def test_greeting(self):
        none = "is no QMP socket: it said "
        self.bad("cpu list", named=["QEMU has ended"])
        self.bad("cpu list", HOLD, silent="greeting", named=["no greeting"])
        self.bad("cpu list", FLOOD, named=[none])
        for text in ("HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-x\r\n", "{\n", "[]\n", "null\n",
                     "42\n", '"QMP"\n', "{}\n", '{"return": {}}\n', "\n", " \n", "NaN\n",
                     '{"QMP": }\n', '{"QMP": {}} x\n', "'QMP'\n"):
            self.bad("cpu list", text.encode(), named=[none + ".*" + re.escape(text.strip("\r\n"))])
        self.bad("cpu list", b"\0\xff\xfe\x80\n", named=[none])
        self.bad("cpu list", b'{"QMP": "\xff"}\n', named=[none])
        self.bad("cpu list", b"[" * 200000 + b"\n", named=[none])
        self.bad("cpu list", b'{"QMP":' + b"9" * 5000 + b"}\n", named=[none])
        self.bad("cpu list", b'{"QMP": {"vers', named=["QEMU has ended"])
        self.bad("cpu list", b'{"QMP": {"vers', HOLD, silent="greeting", named=["no greeting"])

    def test_endless_line(self):
        self.patch(qmp, LINE_MAX=1 << 17)
        self.bad("cpu list", b"x" * (1 << 19), named=["no QMP socket: it said 'xxx"])

    def test_answers(self):
        begin = (GREETING, READ)
        for steps in ((HOLD,), (FLOOD,), (b'{"return": {', HOLD), ({"return": {}, "id": 77}, HOLD)):
            self.bad("cpu list", *begin, *steps, silent="greeting",
                     named=["does not answer|no greeting"])
        self.bad("cpu list", *begin, named=["QEMU has ended"])
        self.bad("cpu list", *begin, b'{"return": {', named=["QEMU has ended"])
        self.bad("cpu list", *begin, b"garbage\n", named=["no QMP socket: it said 'garbage'"])
        self.bad("cpu list", *begin, {"error": {"desc": "not you"}}, status=plug.REFUSED,
                 named=["not you"])
        for answer in ({}, {"error": None}, {"error": "no"}, {"error": {}}, {"error": {"desc": 5}},
                       {"result": {}}, {"greeting": "again"}):
            self.bad("cpu list", *begin, answer, named=["no QMP socket: it said"])
        self.bad("cpu list", *begin, DONE, named=["QEMU has ended"])
        self.bad("cpu list", *UP, named=["QEMU has ended"])
        self.bad("cpu list", *UP, HOLD, silent="command", named=["does not answer"])
        self.bad("cpu list", *UP, FLOOD, silent="command", named=["does not answer"])
        self.bad("cpu list", *UP, {"error": {"desc": "no such command"}}, HOLD, status=plug.REFUSED,
                 named=["QEMU refused: no such command"])

    def test_processors(self):
        place = PLACES[1]
        for answer in (None, 5, "x", {}, [None], [5], [[]], [{}], [without(place, "type")],
                       [without(place, "props")], [{**place, "type": 5}], [{**place, "props": []}],
                       [{**place, "props": {"socket-id": "x"}}],
                       [{**place, "props": {"socket-id": None}}],
                       [{**place, "qom-path": 5}], [{**place, "qom-path": None}], [place, None]):
            for words in ("cpu list", "cpu add", "cpu del"):
                self.bad(words, *UP, {"return": answer}, named=["it said|are none"])
        for words in ("cpu add", "cpu del"):
            self.bad(words, *UP, {"return": []}, HOLD, status=plug.REFUSED,
                     named=["QEMU has 0 free|no CPU has been plugged"])
        self.bad("cpu add 2", *UP, {"return": PLACES}, HOLD, status=plug.REFUSED,
                 named=["1 free CPU slots, 2 asked for"])
        for ident in ("cpu1", "cpu3", "cpu-1", "2", "CPU2", "/machine"):
            self.bad(f"cpu del {ident}", *UP, {"return": PLACES}, HOLD, status=plug.REFUSED,
                     named=[ident, "there are: cpu0 cpu2"])

    def test_dimms(self):
        for answer in (None, 5, {}, [None], [{}], [{"type": "dimm"}], [{"type": 1, "data": {}}],
                       [{"type": "dimm", "data": None}], [{"type": "dimm", "data": {}}]):
            for words in ("dimm list", "dimm add 128M", "dimm del"):
                self.bad(words, *UP, {"return": answer}, named=["it said|are none"])
        for key in without(DIMM, "id"):
            self.bad("dimm list", *UP, dimms(without(DIMM, key)), named=["are none"])
        for key in DIMM:
            self.bad("dimm list", *UP, dimms({**DIMM, key: None}), named=["are none"])
            self.bad("dimm list", *UP, dimms({**DIMM, key: []}), named=["are none"])
        self.bad("dimm del", *UP, dimms(), status=plug.REFUSED, named=["no DIMM has been plugged"])
        for ident in ("dimm1", "0", "DIMM0"):
            self.bad(f"dimm del {ident}", *UP, dimms(DIMM), status=plug.REFUSED,
                     named=[f"no DIMM {ident}", "there are: dimm0"])

    def test_virtio_mem(self):
        for answer in (None, 5, {}, [None], [{}], [{"type": "virtio-mem"}],
                       [{"type": "virtio-mem", "data": None}], [{"type": "virtio-mem", "data": {}}]):
            for words in ("virtio-mem list", "virtio-mem resize 128M"):
                self.bad(words, *UP, {"return": answer}, named=["it said|are none"])
        for key in without(VMEM, "id"):
            self.bad("virtio-mem list", *UP, vmems(without(VMEM, key)), named=["are none"])
        for key in VMEM:
            for value in (None, [], "\0" if key != "id" else 5):
                self.bad("virtio-mem resize 0M", *UP, vmems({**VMEM, key: value}),
                         named=["are none"])
        for those in ((), (without(VMEM, "id"),)):
            self.bad("virtio-mem resize 128M", *UP, vmems(*those), status=plug.REFUSED,
                     named=["no virtio-mem device", "--virtio-mem"])
        for ident in ("vmem1", "0", "VMEM0"):
            self.bad(f"virtio-mem resize 128M {ident}", *UP, vmems(VMEM), status=plug.REFUSED,
                     named=[f"no virtio-mem device {ident}", "there are: vmem0"])
        self.bad("virtio-mem resize 2G", *UP, vmems(VMEM), status=plug.REFUSED,
                 named=["vmem0 has room for 1G", "2G is more"])
        for size in ("1M", "127M", "1023M"):
            self.bad(f"virtio-mem resize {size}", *UP, vmems(VMEM), status=plug.REFUSED,
                     named=["vmem0 changes in steps of 2M", f"{size} is not a multiple"])
        for step in (0, -1):
            self.bad("virtio-mem resize 128M", *UP, vmems({**VMEM, "block-size": step}),
                     status=plug.REFUSED, named=["vmem0 changes in steps of"])

    def test_virtio_mem_in_steps_of_its_own(self):
        status, out, err, requests = self.ask(
            "virtio-mem resize 6M", (*self.RESIZE, {"return": 6 << 20}))
        self.assertEqual((status, out, err), (plug.OK, "vmem0 6M\n", ""))
        self.assertEqual(requests[2]["arguments"]["value"], 6 << 20)

    # As far as the device's size is asked for.
    RESIZE = (*UP, vmems(VMEM), READ, DONE, READ)

    def test_virtio_mem_on_the_way(self):
        self.bad("virtio-mem resize 128M", *UP, vmems(VMEM), READ, {"error": {"desc": "not now"}},
                 status=plug.REFUSED, named=["QEMU refused: not now"])
        for size in (None, "garbage", {}, [], 1.5, True, "134217728"):
            asked = self.bad("virtio-mem resize 128M", *self.RESIZE, {"return": size},
                             named=["is no QMP socket: it said"])
            self.assertEqual(asked.count("qom-set"), 1, "the size must not be set to garbage")
        self.bad("virtio-mem resize 128M", *self.RESIZE, {"event": "SHUTDOWN"}, {"return": 0},
                 named=["the guest has ended"])
        self.bad("virtio-mem resize 128M", *self.RESIZE, HOLD, silent="command",
                 named=["does not answer"])
        whole = (*self.RESIZE, {"return": 0}, READ)
        for length in range(len(whole)):
            self.bad("virtio-mem resize 128M", *whole[:length], named=["QEMU has ended"])

    def test_virtio_mem_that_does_not_grow(self):
        # It is asked again and again, until its time is over; then it is left as it is.
        polls = ({"return": 0}, READ) * 20
        asked = self.bad("virtio-mem resize 128M", *self.RESIZE, *polls, DONE, HOLD, silent="guest",
                         status=plug.REFUSED,
                         named=["brought vmem0 to 0M in 0.3 seconds, 128M was asked for"])
        self.assertEqual(asked.count("qom-set"), 2)

    def test_full(self):
        begin = (*UP, dimms(DIMM), READ)
        room = {"size": 1 << 30, "max-size": (1 << 30) + (256 << 20), "slots": 2}
        self.bad("dimm add 256M", *begin, {"return": room}, status=plug.REFUSED,
                 named=["no room for 256M: 128M of 256M"])
        self.bad("dimm add 128M", *begin, {"return": {**room, "slots": 1}},
                 status=plug.REFUSED, named=["no free DIMM slot: all 1"])

    # A DIMM as far as QEMU is asked to plug it; what it says of its room is left to it.
    PLUG = (*UP, dimms(), READ, {"error": {"desc": "no such property"}}, READ)

    def test_refused_by_qemu(self):
        said = {"error": {"desc": "cannot be done"}}
        self.bad("dimm add 128M", *self.PLUG, said, HOLD, status=plug.REFUSED,
                 named=["cannot be done"])
        asked = self.bad("dimm add 128M --node 7", *self.PLUG, DONE, READ, said, READ, DONE,
                         status=plug.REFUSED, named=["QEMU refused: cannot be done"])
        self.assertEqual(asked[-1], "object-del", "its memory has to go again")
        self.bad("cpu add", *UP, {"return": PLACES}, READ, said, HOLD, status=plug.REFUSED,
                 named=["cannot be done"])
        self.bad("cpu del", *UP, {"return": PLACES}, READ, said, HOLD, status=plug.REFUSED,
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

    def removal(self, *steps, **expected):
        return self.bad("dimm del", *UP, dimms(DIMM), READ, DONE, *steps, **expected)

    def test_no_answer_of_the_guest(self):
        expected = {"silent": "guest", "status": plug.PENDING,
                    "named": ["dimm0: .*; the guest has not answered yet, within 0.3 seconds"]}
        self.removal(HOLD, **expected)
        self.removal(FLOOD, **expected)
        self.removal(ost("dimm1", 1, 3), ost("dimm0", 0x84, 3), ost("dimm0", 0, 1), HOLD, **expected)
        self.bad("dimm add 128M", *self.PLUG, DONE, READ, DONE, HOLD, out="dimm0\n", **expected)
        # A CPU that leaves without a word is asked for, again and again.
        polls = (READ, {"return": PLACES}) * 20
        self.bad("cpu del", *UP, {"return": PLACES}, READ, DONE, *polls, HOLD, silent="guest",
                 status=plug.PENDING, named=["cpu2: asked back; the guest has not answered yet, within 0.3 s"])

    def test_refused_by_the_guest(self):
        for code in (1, 2, 0x80, 0x81, 0x82, 0x83, 0x99, -1, 2 ** 40):
            self.removal(ost("dimm0", code, 3), status=plug.REFUSED,
                         named=["guest's kernel refused dimm0", re.escape(f"{code:#x}")])
        self.removal({"event": "DEVICE_UNPLUG_GUEST_ERROR", "data": {"device": "dimm0"}},
                     status=plug.REFUSED, named=["refused to give dimm0 back"])
        self.removal({"event": "MEM_UNPLUG_ERROR", "data": {"device": "dimm0", "msg": "no way"}},
                     status=plug.REFUSED, named=["dimm0", "no way"])
        self.removal({"event": "SHUTDOWN"}, named=["the guest has ended"])

    def test_events(self):
        for event in ({"event": 5}, {"event": None}, {"event": []}, {"event": "X", "data": None},
                      {"event": "X", "data": []}, {"event": "ACPI_DEVICE_OST"},
                      {"event": "ACPI_DEVICE_OST", "data": {}},
                      {"event": "ACPI_DEVICE_OST", "data": {"info": None}},
                      {"event": "ACPI_DEVICE_OST", "data": {"info": {"source": 3}}},
                      {"event": "ACPI_DEVICE_OST", "data": {"info": {"source": 3, "status": "0"}}},
                      {"event": "MEM_UNPLUG_ERROR", "data": {"device": "dimm0"}},
                      {"event": "MEM_UNPLUG_ERROR", "data": {"device": "dimm0", "msg": 5}}):
            self.removal(event, named=["is no QMP socket: it said"])

    # -- what QEMU and its guest are like

    def good(self, words, *steps, out=None, status=plug.OK, **how):
        """Returns what was said, and the last request of each kind by its name."""
        code, printed, said, requests = self.ask(words, steps, **how)
        self.assertEqual(code, status, said)
        if out is not None:
            self.assertEqual(printed, out)
        return said, {name_of(request): request.get("arguments", {}) for request in requests}

    @staticmethod
    def status(word):
        return {"query-status": {"return": {"status": word}}}

    def test_guest_that_does_not_run_now(self):
        # At once: no wait here is short.
        for word in plug.HALTED:
            aside = self.status(word)
            for words, out, *steps in (
                    ("cpu add", "cpu1\n", {"return": PLACES}, READ, DONE),
                    ("cpu del", "", {"return": PLACES}, READ, DONE, READ, {"return": PLACES}),
                    ("dimm add 128M", "dimm0\n", *self.PLUG[len(UP):], DONE, READ, DONE),
                    ("dimm del", "", dimms(DIMM), READ, DONE),
                    ("virtio-mem resize 2M", "", vmems(VMEM), READ, DONE, READ, {"return": 0})):
                self.bad(words, *UP, *steps, HOLD, status=plug.PENDING, out=out, aside=aside,
                         named=["(cpu1|dimm0): plugged|(cpu2|dimm0): asked back|vmem0: asked to change",
                                "the guest has not answered yet, for it "
                                f"does not run now \\({word}\\)"])
        said, _ = self.good("cpu list", *UP, {"return": PLACES}, HOLD, aside=self.status("paused"))
        self.assertEqual(said, "")

    def test_each_of_several_cpus_of_a_paused_guest(self):
        places = [PLACES[0], PLACES[1], {**PLACES[1], "props": {"socket-id": 2}}]
        self.bad("cpu add 2", *UP, {"return": places}, READ, DONE, READ, DONE, HOLD,
                 status=plug.PENDING, out="cpu1\ncpu2\n", aside=self.status("paused"),
                 named=["cpu1 cpu2: plugged; the guest has not answered yet"])
        # One that runs and does not answer is not waited for as often as there are CPUs.
        self.bad("cpu add 2", *UP, {"return": places}, READ, DONE, HOLD, status=plug.PENDING,
                 out="cpu1\n", silent="guest",
                 named=["1 of 2 CPUs have not been plugged",
                        "cpu1: plugged; the guest has not answered yet, within"])

    def test_guest_that_will_not_run(self):
        for word in ("inmigrate", "postmigrate", "shutdown", "guest-panicked", "internal-error", "?"):
            for words in ("cpu add", "cpu del", "dimm add 128M", "dimm del", "virtio-mem resize 2M"):
                asked = self.bad(words, *UP, HOLD, aside=self.status(word),
                                 named=["guest does not run", re.escape(f"'{word}'"),
                                        "nothing was done"])
                self.assertEqual(list(filter(None, asked)), ["qmp_capabilities"])

    def test_timeout(self):
        for words in ("--timeout 1 dimm del", "--block 128M --timeout 1 dimm del"):
            self.bad(words, *UP, dimms(DIMM), READ, DONE, HOLD, status=plug.PENDING,
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
        # A CPU that QEMU was started with has no id; the one shown must not be another device's.
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
                         status=plug.REFUSED, named=["kernel refused dimm0", "dimm0 is taken out again"])
        self.assertEqual(asked[4:], ["device_add", "device_del", "object-del"])
        for answer in (ost("dimm0", 1, 3), HOLD):
            self.bad("dimm add 128M", *whole, answer, *(() if answer == HOLD else (READ, DONE)), HOLD,
                     silent="guest" if answer == HOLD else None, status=plug.REFUSED,
                     named=["kernel refused dimm0", "dimm0 is left over in QEMU"])
        added = [*PLACES[:1], {**PLACES[1], "qom-path": "/machine/peripheral/cpu1"}]
        self.bad("cpu add", *UP, {"return": PLACES}, READ, DONE, ost("cpu1", 0x81), READ, DONE,
                 READ, {"return": added}, READ, {"return": PLACES}, HOLD, status=plug.REFUSED,
                 named=["kernel refused cpu1", "cpu1 is taken out again"])

    def test_cpus_that_the_kernel_was_told_not_to_take(self):
        for word in ("nr_cpus=2", "x nr_cpus=2 y", "possible_cpus=2"):
            asked = self.bad("cpu add", *UP, {"return": PLACES}, HOLD, status=plug.REFUSED,
                             aside={"append": {"return": word}},
                             named=["was started with (nr|possible)_cpus=2", "it has 2, 1 more"])
            self.assertNotIn("device_add", asked)
        for word in ("nr_cpus=3", "xnr_cpus=2", "nr_cpus=", "maxcpus=1", 5, None):
            self.good("cpu add", *UP, {"return": PLACES}, READ, DONE, ost("cpu1", 0), HOLD,
                      aside={"append": {"return": word}}, out="cpu1\n")

    # QEMU's memory regions, for boot memory up to END and room for 16G behind it.
    @staticmethod
    def tree(end):
        return {"human-monitor-command": {"return": (
            "address-space: memory\r\n"
            "    0000000000000000-000000007fffffff (prio 0, ram): alias ram-below-4g @pc.ram 0-7\r\n"
            f"    0000000100000000-{end - 1:016x} (prio 0, ram): alias ram-above-4g @pc.ram 8-f\r\n"
            f"    {end:016x}-{end + (16 << 30) - 1:016x} (prio 0, i/o): device-memory\r\n")}}

    def dimm_at(self, words, end, *those, hypervisor=True, size=66 << 30):
        """The arguments of device_add."""
        room = {"return": {"size": size, "max-size": size + (16 << 30), "slots": 8}}
        ident = f"dimm{len(those)}"
        taken = {"qom-list": {"return": [{"name": one["id"], "type": "child<x>"} for one in those]}}
        places = (READ, {"return": PLACES}, READ, {"return": hypervisor}) if end >= 64 << 30 and \
            "--block" not in words else ()
        _, requests = self.good(words, *UP, dimms(*those), READ, room, *places, READ, DONE, READ,
                                DONE, ost(ident, 0), HOLD, aside={**self.tree(end), **taken},
                                out=f"{ident}\n")
        return requests["device_add"]

    def test_blocks_of_large_machines(self):
        room = {"return": {"size": 66 << 30, "max-size": 90 << 30, "slots": 8}}
        for end, hypervisor, size, block in ((68, True, "1G", "2G"), (68, False, "1G", "2G"),
                                             (67, True, "512M", "1G"), (67, False, "1G", "2G"),
                                             (64, True, "128M", "2G")):
            asked = self.bad(f"dimm add {size}", *UP, dimms(), READ, room, READ, {"return": PLACES},
                             READ, {"return": hypervisor}, HOLD, status=plug.REFUSED,
                             aside=self.tree(end << 30),
                             named=[f"blocks of {block}", f"{size} is not a multiple"])
            self.assertNotIn("object-add", asked)
        self.bad("--block 1G dimm add 512M", *UP, dimms(), READ, room, HOLD, status=plug.REFUSED,
                 aside=self.tree(5 << 30), named=["blocks of 1G: 512M is not a multiple"])

    def test_addresses(self):
        gib = 1 << 30
        self.assertEqual(self.dimm_at("dimm add 128M", 5 * gib)["addr"], 5 * gib)
        self.assertEqual(self.dimm_at("dimm add 2G", 68 * gib)["addr"], 68 * gib)
        self.assertEqual(self.dimm_at("dimm add 1G", 67 * gib)["addr"], 67 * gib)
        self.assertEqual(self.dimm_at("dimm add 2G", 67 * gib, hypervisor=False)["addr"], 68 * gib)
        self.assertEqual(self.dimm_at("--block 128M dimm add 1G", 68 * gib)["addr"], 68 * gib)
        # Behind what another manager has plugged, and in the gap that it has left.
        odd = {**DIMM, "addr": 68 * gib, "size": gib}
        self.assertEqual(self.dimm_at("dimm add 2G", 68 * gib, odd)["addr"], 70 * gib)
        far = {**odd, "id": "dimm1", "addr": 72 * gib}
        self.assertEqual(self.dimm_at("dimm add 2G", 68 * gib, far, odd)["addr"], 70 * gib)
        self.assertEqual(self.dimm_at("dimm add 4G", 68 * gib, far, odd)["addr"], 74 * gib)
        # Where QEMU does not say where its memory is, it chooses the address.
        _, requests = self.good("dimm add 128M", *self.PLUG, DONE, READ, DONE, ost("dimm0", 0), HOLD)
        self.assertNotIn("addr", requests["device_add"])
        last = {**DIMM, "addr": 83 * gib, "size": 128 << 20}
        self.bad("--block 1G dimm add 15G", *UP, dimms(last, {**odd, "size": 128 << 20}), READ,
                 {"return": {"size": 66 * gib, "max-size": 90 * gib, "slots": 8}}, HOLD,
                 aside=self.tree(68 * gib), status=plug.REFUSED,
                 named=["no room for 15G at a multiple", "1G"])

    def test_memory_for_the_memmap(self):
        room = {"return": {"size": 320 << 20, "max-size": 40 << 30, "slots": 8}}
        asked = self.bad("dimm add 18G", *UP, dimms(), READ, room, HOLD, status=plug.REFUSED,
                         named=["288M for the memmap of 18G", "320M in all"])
        self.assertNotIn("object-add", asked)
        for how in ({"guest_looks": True}, {"aside": {"append": {"return": "memory_hotplug."
                                                                           "memmap_on_memory=1"}}}):
            self.good("dimm add 18G", *UP, dimms(), READ, room, READ, DONE, READ, DONE,
                      ost("dimm0", 0), HOLD, out="dimm0\n", **how)

    def test_every_memory_device(self):
        devices = [{"type": "dimm", "data": without(DIMM, "id")},
                   {"type": "nvdimm", "data": {**DIMM, "id": "nv", "slot": 1, "hotplugged": False}},
                   {"type": "virtio-pmem", "data": {"id": "pm", "memaddr": 5 << 30, "size": 1 << 30,
                                                    "memdev": "/objects/c"}},
                   {"type": "virtio-mem", "data": VMEM},
                   {"type": "sgx-epc", "data": {"memaddr": 6 << 30, "size": 2 << 20, "node": 1}},
                   {"type": "hv-balloon", "data": {"max-size": 3 << 30, "id": "hv"}},
                   {"type": "of-tomorrow", "data": {"size": "x", "id": "new"}}]
        _, out, _, _ = self.ask("dimm list", (*UP, {"return": devices}, HOLD))
        self.assertEqual([line.split() for line in out.splitlines()], [
            ["ID", "SLOT", "SIZE", "NODE", "ADDRESS", "STATE", "TYPE"],
            ["-", "0", "128M", "0", "0x100000000", "plugged", "dimm"],
            ["nv", "1", "128M", "0", "0x100000000", "boot", "nvdimm"],
            ["pm", "-", "1G", "-", "0x140000000", "-", "virtio-pmem"],
            ["vmem0", "-", "0M", "0", "0x200000000", "-", "virtio-mem"],
            ["-", "-", "2M", "1", "0x180000000", "-", "sgx-epc"],
            ["hv", "-", "3G", "-", "-", "-", "hv-balloon"],
            ["new", "-", "-", "-", "-", "-", "of-tomorrow"]])
        # What is not a DIMM takes slots and room as well.
        nvdimm = {"return": [{"type": "nvdimm", "data": DIMM}]}
        room = {"size": 1 << 30, "max-size": 2 << 30, "slots": 1}
        self.bad("dimm add 128M", *UP, nvdimm, READ, {"return": room}, HOLD, status=plug.REFUSED,
                 named=["no free DIMM slot: all 1"])
        self.bad("dimm add 512M", *UP, {"return": devices[2:3]}, READ, {"return": room}, HOLD,
                 status=plug.REFUSED, named=["no room for 512M: 0M of 0M"])

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

    def test_answers_beside_the_matter(self):
        for answer in (None, 5, "x", [], {}, {"status": 5}):
            self.bad("cpu add", *UP, HOLD, aside={"query-status": {"return": answer}},
                     named=["is no QMP socket: it said"])
        for answer in (None, 5, "x", {}, [5], [{}], [{"name": 5}]):
            self.bad("cpu add", *UP, {"return": PLACES}, HOLD, aside={"qom-list": {"return": answer}},
                     named=["is no QMP socket: it said"])
        # What can be done without is done without.
        for answer in (None, 5, [], {}, "x", "x" * 100000, "device-memory", "ram-above-4g"):
            self.good("dimm add 128M", *self.PLUG, DONE, READ, DONE, ost("dimm0", 0), HOLD,
                      out="dimm0\n", aside={"human-monitor-command": {"return": answer},
                                            "append": {"return": answer}})

    def test_virtio_mem_says_what_may_be_the_reason(self):
        polls = ({"return": 0}, READ) * 20
        said, _ = self.good("virtio-mem resize 128M", *self.RESIZE, *polls, DONE, HOLD,
                            silent="guest", status=plug.REFUSED)
        self.assertRegex(said, "no driver.* waits? to be brought online.* auto_online_blocks")
        full = (*UP, vmems({**VMEM, "size": 128 << 20}), READ, DONE, READ)
        polls = ({"return": 128 << 20}, READ) * 20
        said, _ = self.good("virtio-mem resize 0M", *full, *polls, DONE, HOLD, silent="guest",
                            status=plug.REFUSED)
        self.assertIn("memory there is in use", said)

    # -- a socket that several want

    def listening(self, path, backlog):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(path)
        server.listen(backlog)
        return server

    def test_full_listen_queue(self):
        path = self.path("qmp")
        server = self.listening(path, 0)
        before = socket.socket(socket.AF_UNIX)
        self.addCleanup(before.close)
        before.connect(path)
        tried["QMP socket"] += 1
        waits = []
        with self.assertRaisesRegex(qmp.Gone, "qmp: no greeting.*second socket"), \
                mock.patch.object(qmp, "PATIENCE", 0.1):
            qmp.connect(path, SHORT, lambda: waits.append(1))
        self.assertEqual(waits, [1])
        refused["QMP socket"] += 1

        # The queue has room again as soon as somebody has waited for it.
        def serve():
            for _ in range(2):
                caller, _ = server.accept()
                self.addCleanup(caller.close)
            caller.sendall(json.dumps(GREETING).encode() + b"\n")
            caller.recv(65536)
            caller.sendall(b'{"return": {}, "id": 1}\n')
        thread = threading.Thread(target=serve, daemon=True)
        with mock.patch.object(qmp, "PATIENCE", 0):
            client = qmp.connect(path, PATIENCE, lambda: thread.is_alive() or thread.start())
        client.close()
        thread.join(PATIENCE)

    def test_socket_that_somebody_holds(self):
        path = self.path("qmp")
        self.listening(path, 5)
        tried["QMP socket"] += 1
        waits = []
        with self.assertRaises(qmp.Gone) as caught, mock.patch.object(qmp, "PATIENCE", 0.1):
            qmp.connect(path, SHORT, lambda: waits.append(1))
        self.assertRegex(str(caught.exception), rf"another client of .*process {os.getpid()}.*"
                                                "ss -xp.*second socket: -qmp unix:")
        self.assertEqual(waits, [1])
        refused["QMP socket"] += 1

    def program_with(self, status, steps, *words, **expected):
        path = self.path(f"qmp{next(self.number)}")
        server = FakeQmp(path, steps, ASIDE)
        self.addCleanup(server.end)
        self.program("QMP socket", status, os.path.join(TOP, "qemu/hotplug"), "--qmp", path, *words,
                     **expected)

    def test_as_a_person_does(self):
        self.program_with(3, [b"garbage\n"], "cpu", "list", named=["said 'garbage'"])
        self.program_with(1, [*UP, {"return": PLACES}, HOLD], "cpu", "del", b"\xff", named=["not known"])

    def test_ids_that_are_no_text(self):
        path = self.path("qmp")
        server = FakeQmp(path, [*UP, dimms({**DIMM, "id": "\ud800"})], ASIDE)
        self.addCleanup(server.end)
        done = subprocess.run([os.path.join(TOP, "qemu/hotplug"), "--qmp", path, "dimm", "list"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"\\ud800", done.stdout)

    def test_interrupted(self):
        tried["QMP socket"] += 1
        path = self.path("qmp")
        server = FakeQmp(path, [GREETING, READ, HOLD], ASIDE)
        self.addCleanup(server.end)
        with subprocess.Popen([os.path.join(TOP, "qemu/hotplug"), "--qmp", path, "cpu", "list"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + PATIENCE
            while not server.requests and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=PATIENCE)[1].decode()
        self.check("QMP socket", "Ctrl-C", process.returncode, said, 130)


# ---------------------------------------------------------------- scripts/

class BenchWords(Refusals):
    def setUp(self):
        super().setUp()
        self.patch(bench, boot=forbidden("a guest was booted"))

    def test_words(self):
        def bad(*words, named):
            self.words("scripts/bench", bench.main, 2, *words, named=named)

        for word in ("", "x", "1.5", "9" * 5000):
            bad("--rounds", word, named=["--rounds", "invalid int value"])
        for word in ("0", "-1", "101", str(2 ** 64)):
            bad("--rounds", word, named=[f"--rounds {word}", "1 to 100"])
        bad("--only", "nobody", named=["'nobody'", "'real'"])
        bad("--only", named=["--only"])
        bad("--nonsense", named=["--nonsense"])
        bad("real", named=["real"])
        bad("--table", "--only", "real", named=["--table", "--only real"])

    def test_nothing_measured(self):
        self.words("scripts/bench", bench.main, 1, "--table", named=["'real' has not run"])

    def test_results_that_are_none(self):
        for line in ("result a b x 1", "result a b 1 x", "result a b -1 1", "result a b 0 1",
                     "result a b 1.5 1", "result a", "result", "result \x00 b c",
                     "result a b \u0663 1"):
            tried["scripts/bench"] += 1
            os.mkdir(bench.FOLDER)
            for guest in bench.GUESTS:
                with open(os.path.join(bench.FOLDER, guest), "w", encoding="utf-8") as file:
                    file.write(line + "\n")
            with self.assertRaisesRegex(bench.Failed, "'real' printed 'result.*NAME SIDE OPS"):
                bench.Results("real")
            for guest in bench.GUESTS:
                os.unlink(os.path.join(bench.FOLDER, guest))
            os.rmdir(bench.FOLDER)
            refused["scripts/bench"] += 1


class CheckKernelsWords(Refusals):
    def test_words(self):
        self.patch(check_kernels.subprocess, run=forbidden("something was run"))

        def bad(*words, named):
            self.words("scripts/check-kernels", check_kernels.main, 2, *words, named=named)

        bad(named=["--kernels"])
        bad("--kernels", named=["--kernels"])
        for word in ("", "  ", "\n"):
            bad("--kernels", word, named=["names no kernel", "'6.1 6.12'"])
        bad("--kernels", "6.1 6.12 6.1", named=["'6.1 6.12 6.1' names one twice"])
        for word in ("", "x", "1.5", "9" * 5000):
            bad("--kernels", "6.1", "--jobs", word, named=["--jobs", "invalid int value"])
        for word in ("0", "-1", f"-{2 ** 64}"):
            bad("--kernels", "6.1", "--jobs", word, named=[f"--jobs {word}", "one or more"])

    def test_no_qemu(self):
        self.patch(check_kernels, SETUP="/bin/false")
        self.patch(check_kernels.os, environ={"PATH": self.folder})
        self.words("scripts/check-kernels", check_kernels.qemu, 1,
                   named=["no QEMU of 8.1 or newer", "QEMU="])

    def test_no_such_kernel(self):
        tried["scripts/check-kernels"] += 1
        self.patch(check_kernels, SETUP="/bin/false")
        check = check_kernels.Check("nonsense", [])
        self.assertFalse(check.setup())
        self.assertEqual((check.failed, check.failures),
                         (1, ["failed on nonsense: there is no such kernel to be had"]))
        refused["scripts/check-kernels"] += 1


class TortureWords(Refusals):
    def test_words(self):
        self.patch(torture, Guest=forbidden("a guest was tortured"))

        def bad(*words, named):
            self.words("scripts/torture", torture.main, 2, *words, named=named)

        bad(named=["MINUTES=''"])
        for word in ("", "0", "-1", "x", "1.5", "01", " 1", "\u0663", "9" * 5000):
            bad(word, named=[f"MINUTES='{re.escape(word)}'", "1 or more"])
        for word in ("x", "-1", "1.5", "01", "1,2", "\u0663", "1234567890", "1 x", "1 02"):
            bad("5", word, named=[f"SEED='{word.split()[-1]}'", "up to nine digits"])
        bad("5", "1 2 1", named=["SEED='1 2 1' names one twice"])

    def test_no_qemu(self):
        self.patch(torture, SCRIPTS=self.folder, Guest=forbidden("a guest was tortured"))
        self.patch(torture.os, environ={"PATH": self.folder})
        self.file("setup", "#!/bin/sh\nexit 1\n", 0o755)
        self.words("scripts/torture", torture.main, 1, "5", named=["no QEMU of 8.1 or newer"])


class Scripts(Refusals):
    """Run in a tree of their own, with a package manager that has nothing."""

    def setUp(self):
        super().setUp()
        for name in ("scripts", "qemu"):
            os.symlink(os.path.join(TOP, name), self.path(name))
        os.mkdir(self.path("bin"))
        for name in ("apt-get", "apt-cache", "dpkg-deb", "sudo"):
            self.file(f"bin/{name}", "#!/bin/sh\necho 'linux-headers-6.1.0-1-amd64'\n", 0o755)
        self.path_variable = f"{self.path('bin')}:{os.environ['PATH']}"

    def run_script(self, name, status, *words, named=()):
        environment = {**os.environ, "PATH": self.path_variable}
        self.program(f"scripts/{name}", status, self.path(f"scripts/{name}"), *words, named=named,
                     env=environment)
        self.assertEqual(os.listdir(self.build), [], words)

    def test_setup_words(self):
        self.run_script("setup", 2, named=["scripts/setup tools"])
        for words in (("nonsense",), ("",), ("tools", "x"), ("kernel",), ("kernel", "6.1", "x"),
                      ("--help",), ("qemu", "9.0"), ("Tools",)):
            self.run_script("setup", 2, *words, named=[f"what does '{' '.join(words)}' mean",
                                                       "scripts/setup tools"])

    def test_setup_kernels(self):
        for word in ("", "nonsense", ".*", "..", ".", "6.", ".1", "6..1", "-rt", "6.1-rt-rt", "6.1rt",
                     "6.1 ", " 6.1", "6.1\n6.12", "-6.1", "6,1", "6.1;true", "$(true)", "*", "6.1 -rt",
                     "DEBUG", "\u0666.1", b"\xff"):
            shown = word.decode("latin-1") if isinstance(word, bytes) else word
            self.run_script("setup", 1, "kernel", word,
                            named=["is no release like 6.1", "build tree",
                                   re.escape(f"'{shown}'") if shown.isascii() else "'"])
        self.file("file")
        for word in ("/nonexistent", "./nonexistent", "a/b", self.path("file"), "-x/y"):
            self.run_script("setup", 1, "kernel", word,
                            named=[f"KERNEL: no such folder: {re.escape(word)}"])
        os.mkdir(self.path("tree"))
        self.run_script("setup", 1, "kernel", self.path("tree"), named=["tree holds no built kernel"])
        os.makedirs(self.path("tree/arch/x86/boot"))
        self.file("tree/arch/x86/boot/bzImage")
        self.run_script("setup", 1, "kernel", self.path("tree"),
                        named=["tree is no kernel build tree"])

    def test_setup_without_programs(self):
        os.mkdir(self.path("few"))
        for name in ("sh", "dirname", "mkdir"):
            os.symlink(f"/bin/{name}", self.path(f"few/{name}"))
        self.path_variable = self.path("few")
        # QEMU is for those who run guests only.
        for what, package in (("build-tools", "(?!.*qemu).*gcc"), ("tools", "gcc.* qemu-system-x86"),
                              ("style", "sparse"), ("dkms", "dkms"), ("kernel-tools", "bison")):
            self.run_script("setup", 1, what,
                            named=[f"missing, and there is no apt-get to install it with:.* {package}"])

    def test_kernel_words(self):
        self.run_script("kernel", 2, named=["which flavour", "debug and kcsan"])
        self.run_script("kernel", 2, "debug", "kcsan", named=["which flavour", "debug and kcsan"])
        for word in ("", "nonsense", "guest", "../debug", "debug ", "DEBUG", "debug\n", "*", "-h",
                     "6.1", "x" * 10000):
            self.run_script("kernel", 2, word, named=["no flavour '" + re.escape(word[:100]), "kcsan"])


# ---------------------------------------------------------------- the table

def table():
    rows = [("bad input", "tried", "refused")]
    rows += [(kind, str(tried[kind]), str(refused[kind])) for kind in KINDS]
    rows.append(("in all", str(sum(tried.values())), str(sum(refused.values()))))
    width = max(len(row[0]) for row in rows)
    for what, *numbers in rows:
        print(f"# {what.ljust(width)}" + "".join(number.rjust(9) for number in numbers))


if __name__ == "__main__":
    # What hangs has failed, too.
    faulthandler.dump_traceback_later(5 * PATIENCE, exit=True)
    program = unittest.main(exit=False)
    table()
    if [kind for kind in KINDS if not tried[kind] or refused[kind] < tried[kind]]:
        sys.exit("test_qemu: of each kind there must be some, and all of them refused")
    sys.exit(not program.result.wasSuccessful())
