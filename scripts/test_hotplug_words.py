#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the words of `hotplug`, before a QEMU is asked.

Bad words, the help, and paths that are not a QMP socket.
"""

import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import unittest
from unittest import mock

import testing
from testing import PATIENCE, TOP, forbidden
import hotplug_words
import qmp
import qmp_libvirt

hotplug = testing.load("hotplug", "qemu/hotplug")


class HotplugWords(testing.Refusals):
    def setUp(self):
        super().setUp()
        self.patch(qmp, connect=forbidden("a QEMU was asked"))
        self.patch(qmp_libvirt, connect=forbidden("libvirt was asked"))

    def bad(self, *words, named=()):
        self.words("qemu/hotplug", hotplug.main, hotplug_words.USAGE, *words, named=["^hotplug: ", *named])

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
        self.bad("--qmp", named=["--qmp needs the path of a socket"])
        self.bad("--qmp", "", "cpu", "list", named=["--qmp needs the path of a socket"])
        self.bad("--libvirt", named=["--libvirt needs the name of a domain"])
        self.bad("--libvirt", "", "cpu", "list", named=["--libvirt needs the name of a domain"])
        self.bad("--libvirt", "x", "cpu", "plug", named=["what does 'cpu plug' mean"])
        self.bad("--libvirt", "x", "--qmp", "y", "cpu", "list", named=["what does '--qmp y cpu list' mean"])

    def test_options(self):
        for option in ("--timeout", "--block"):
            self.bad(option, named=[f"{option} needs a value"])
            self.bad("cpu", "list", option, "1", named=["what does", "usage"])
        for word in ("", "0", "-1", "x", "1.5", "1s", "9" * 5000, "\u0663"):
            self.bad("--timeout", word, "cpu", "list", named=[re.escape(repr(word)), "of seconds"])
        for word in ("", "0", "x", "1K", "2147483648"):
            self.bad("--block", word, "dimm", "list", named=[re.escape(repr(word)), "not a size"])
        for words in ("cpu list", "dimm list", "virtio-mem list", "virtio-mem resize 2M"):
            self.bad("--dry-run", *words.split(), named=["--dry-run is for"])
        self.bad("cpu", "add", "--dry-run", named=["not a number"])
        self.bad("--dry-run", named=["usage"])
        for word in ("0M", "1M", "129M"):
            self.bad("--block", word, "dimm", "list", named=[word, "multiple of 128M"])

    def test_help(self):
        for word in ("-h", "--help"):
            printed = io.StringIO()
            with mock.patch.object(sys, "argv", ["hotplug", word]), \
                    contextlib.redirect_stdout(printed):
                self.assertEqual(hotplug.main(), hotplug_words.OK)
            self.assertIn(hotplug_words.HELP, printed.getvalue())
            self.assertIn("--qmp SOCKET", printed.getvalue())
            for status in (hotplug_words.OK, hotplug_words.REFUSED, hotplug_words.USAGE, hotplug_words.GONE, hotplug_words.PENDING):
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

    def test_in_a_process_of_its_own(self):
        self.program("qemu/hotplug", 2, os.path.join(TOP, "qemu/hotplug"), "cpu", "add", "none",
                     named=["'none'"])


class Sockets(testing.Refusals):
    """Paths at which there is no QEMU."""

    def bad(self, path, *named):
        self.words("qemu/hotplug", hotplug.main, hotplug_words.GONE, "--qmp", path, "cpu", "list",
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


class Words(unittest.TestCase):
    def run_words(self, words):
        def never(_):
            raise AssertionError("bad words must not reach QEMU")
        return hotplug_words.run(words.split(), never)

    def test_bad_words(self):
        for words in ("", "cpu", "cpu add 0", "cpu add -1", "cpu add x", "cpu add 1 2", "cpu list 1",
                      "dimm add", "dimm add 0", "dimm add 100M", "dimm add 1T", "dimm add 1G --node",
                      "dimm add 1G --node x", "dimm add -1G", "memory add 1G", "dimm del a b"):
            status, out, err = self.run_words(words)
            self.assertEqual((status, out), (hotplug_words.USAGE, ""), words)
            self.assertTrue(err.startswith("hotplug: "), words)


class Help(unittest.TestCase):
    """`hotplug --help` in a guest, and on the host."""

    def test_no_qemu_is_asked(self):
        for word in "--help", "-h", "help":
            self.assertEqual(hotplug_words.run([word], None), (hotplug_words.OK, hotplug_words.HELP, ""))
            done = subprocess.run([os.path.join(TOP, "qemu/hotplug"), word], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertTrue(done.stdout.decode().startswith(hotplug_words.HELP))
            self.assertIn("--qmp SOCKET", done.stdout.decode())

    def test_no_words(self):
        status, out, err = hotplug_words.run([], None)
        self.assertEqual((status, out, err), (hotplug_words.USAGE, "", f"hotplug: {hotplug_words.HELP}"))


if __name__ == "__main__":
    testing.main("qemu/hotplug")
