#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what is put into a guest: files of --add, and kernel modules."""

import io
import os
import tempfile
import unittest
from unittest import mock

import testing
import cpio
import initramfs


class Archive(testing.Refusals):
    """Files of --add."""

    def copy(self, *names):
        out = io.BytesIO()
        for name in names:
            cpio.Archive(out).copy(self.path(name), name)
        return out.getvalue()

    def test_names_that_are_not_utf_8(self):
        os.mkdir(self.path("folder"))
        with open(os.fsencode(self.path("folder")) + b"/\xff", "wb"):
            pass
        os.symlink(b"\xfe", os.fsencode(self.path("folder")) + b"/link")
        self.assertIn(b"folder/\xff\0", self.copy("folder"))

    def test_a_pipe_is_refused(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("folder/pipe"))
        testing.count(testing.tried, "qemu/vm")
        with self.assertRaisesRegex(OSError, "folder/pipe is neither a file"):
            self.copy("folder")
        testing.count(testing.refused, "qemu/vm")


class ModulesOfAGuest(unittest.TestCase):
    """What modprobe finds in a guest."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def module(self, name, depends=""):
        path = os.path.join(self.folder, f"{name}.ko")
        with open(path, "wb") as file:
            file.write(f"\0license=GPL\0depends={depends}\0name={name}\0".encode())
        return path

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def test_modules_dep(self):
        ours = [self.module("dhp_sample", "dhp,virtio"), self.module("dhp")]
        os.mkdir(os.path.join(self.folder, "kernel"))
        self.module("kernel/virtio-mem", "virtio,virtio_ring")
        self.module("kernel/virtio", "virtio_ring")
        self.module("kernel/virtio_ring")
        self.module("kernel/unused")
        modules = initramfs.KernelModules(os.path.join(self.folder, "kernel"))
        written = {}
        archive = mock.Mock(file=written.__setitem__)
        with mock.patch.object(initramfs, "without_debugging", self.read):
            modules.add("virtio-mem")
            for path in ours:
                modules.add_ours(path)
        modules.write(archive, "1.2")
        lines = written.pop("/lib/modules/1.2/modules.dep").decode().splitlines()
        self.assertEqual(sorted(lines), [
            "../../../dhp/dhp.ko:",
            "../../../dhp/dhp_sample.ko: ../../../dhp/dhp.ko virtio.ko virtio-ring.ko",
            "virtio-mem.ko: virtio.ko virtio-ring.ko",
            "virtio-ring.ko:",
            "virtio.ko: virtio-ring.ko"])
        self.assertEqual(sorted(written), ["/dhp/dhp.ko", "/dhp/dhp_sample.ko"] + [
            f"/lib/modules/1.2/virtio{rest}.ko" for rest in ("-mem", "-ring", "")])


if __name__ == "__main__":
    testing.main("qemu/vm")
