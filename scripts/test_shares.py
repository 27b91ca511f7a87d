#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of --host-tools, --share and --gdb of qemu/vm without a guest: what QEMU and the guest's file
system get for them, and kernels that are refused. Not here: real guests, see test_host_tools.py."""

import io
import os
import stat
import tempfile
from unittest import mock

import testing
import cpio
import machine
import shares
from host import Failed
from options import parse


class Shares(testing.Refusals):
    def folder_of_a_kernel(self, builtin, *modules):
        kernel = tempfile.mkdtemp(dir=self.folder)
        name = os.path.basename(kernel)
        os.makedirs(os.path.join(kernel, "modules/kernel"))
        for module in modules:
            self.file(f"{name}/modules/kernel/{module}")
        if builtin is not None:
            self.file(f"{name}/modules/modules.builtin", "".join(f"kernel/{one}\n" for one in builtin))
        return kernel

    def shares(self, *words):
        return shares.of(parse(["run", *words, "--", "true"]))

    def test_none(self):
        self.assertEqual(self.shares(), [])
        self.assertEqual(shares.qemu_arguments([]), [])
        archive = mock.Mock()
        shares.add_to(archive, [])
        self.assertEqual(archive.mock_calls, [])

    def test_qemu(self):
        os.mkdir(self.path("a,b"))
        arguments = shares.qemu_arguments(self.shares("--host-tools", "--share", self.path("a,b")))
        self.assertEqual([argument for argument in arguments if "path=" in argument], [
            "local,id=host,path=/,security_model=none,multidevs=remap,readonly=on",
            f"local,id=share,path={self.folder}/a,,b,security_model=none,multidevs=remap"])
        self.assertEqual([argument for argument in arguments if "mount_tag" in argument], [
            "virtio-9p-pci,fsdev=host,mount_tag=host", "virtio-9p-pci,fsdev=share,mount_tag=share"])

    def test_relative_folder(self):
        """QEMU runs in another one."""
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.mkdir(self.path("sub"))
        os.chdir(self.folder)
        self.assertEqual(self.shares("--share", "sub")[0].folder,
                         os.path.join(os.path.realpath(self.folder), "sub"))

    def test_kernel_with_modules(self):
        shares.check_kernel(self.folder_of_a_kernel(
            None, "9p.ko", "9pnet_virtio.ko.xz", "virtio_pci.ko"), "1.2")

    def test_kernel_with_some_built_in(self):
        shares.check_kernel(self.folder_of_a_kernel(
            ["9p/9p.ko", "virtio/virtio_pci.ko"], "9pnet_virtio.ko"), "1.2")

    def test_kernels_without(self):
        testing.count(testing.tried, "qemu/vm", 2)
        for builtin in None, ["virtio/virtio_pci.ko", "fs/x9p.ko"]:
            kernel = self.folder_of_a_kernel(builtin, "9pnet_virtio.ko", "9p.c", "9pnet.ko")
            with self.assertRaisesRegex(Failed, r"--host-tools.*--share.*1\.2 lacks .*9p;.*--kernel"):
                shares.check_kernel(kernel, "1.2")
            testing.count(testing.refused, "qemu/vm")

    def test_gdb(self):
        options = parse(["run", "--gdb", "--append", "x", "--", "true"])
        self.assertIsNone(options.timeout)
        self.assertIn(" nokaslr ", machine.kernel_arguments(options, "tcg"))
        options = parse(["run", "--", "true"])
        self.assertEqual(options.timeout, 600)
        self.assertNotIn("nokaslr", machine.kernel_arguments(options, "tcg"))


def links_in(archive):
    """The links in the bytes of an archive: path -> target."""
    found = {}
    while archive:
        fields = [int(archive[6 + 8 * i:14 + 8 * i], 16) for i in range(13)]
        name_end = 110 + fields[11]
        data = name_end + -name_end % 4
        if stat.S_ISLNK(fields[1]):
            found[archive[110:name_end - 1].decode()] = archive[data:data + fields[6]].decode()
        archive = archive[data + fields[6] + -fields[6] % 4:]
    return found


class Links(testing.Refusals):
    """The file system of a guest with --host-tools."""

    def links(self, left_out, *own):
        """With the guest's OWN files."""
        out = io.BytesIO()
        archive = cpio.Archive(out)
        for path in own:
            archive.file(path, b"")
        shares.link_missing(archive, self.path("host"), left_out)
        return links_in(out.getvalue())

    def test_links(self):
        for name in "usr/bin", "usr/share/tool", "lib/modules/1.2", "proc/1", "home/me":
            os.makedirs(self.path(f"host/{name}"))
        for name in "usr/bin/perf", "usr/bin/awk", "usr/share/tool/data", "lib/libc.so", "lib/libtool.so":
            self.file(f"host/{name}")
        os.symlink("usr/bin", self.path("host/bin"))
        self.assertEqual(
            self.links({"lib/modules", "proc"}, "usr/bin/awk", "lib/libc.so", "bin/busybox", "init"), {
                "usr/bin/perf": "/host/usr/bin/perf",
                "usr/share": "/host/usr/share",
                "lib/libtool.so": "/host/lib/libtool.so",
                "home": "/host/home",
                # A link to a folder here, a folder there.
                "bin/awk": "/host/bin/awk", "bin/perf": "/host/bin/perf"})

    def test_a_file_in_the_place_of_a_folder(self):
        os.makedirs(self.path("host/etc"))
        self.file("host/etc/passwd")
        self.assertEqual(self.links(set(), "etc"), {})

    def test_the_guest_is_left_alone(self):
        """What the guest has, and where the kernel's file systems are, comes first."""
        out = io.BytesIO()
        archive = cpio.Archive(out)
        for path in "proc", "sys", "dev", "tmp", "run", "root":
            archive.directory(path)
        archive.file("usr/bin/hotplug", b"")
        archive.symlink("bin/ls", "/bin/busybox")
        archive.file("lib/modules/1.2/modules.dep", b"")
        shares.add_to(archive, [shares.HOST])
        paths = links_in(out.getvalue())
        self.assertIn("etc", paths)
        self.assertEqual([path for path in paths if path.endswith("/ls")], ["bin/ls"])
        self.assertTrue([path for path in paths if path.endswith("/python3")])
        self.assertEqual([path for path in paths
                          if path.split("/")[0] in ("proc", "sys", "dev", "tmp", "run", "root", "host")
                          or path.startswith(("lib/modules/", "usr/lib/modules/"))], [])

    def test_script(self):
        script = shares.mount_script([shares.HOST])
        self.assertRegex(script, r"(?m)^mount -t 9p -o ro,\S*trans=virtio,\S* host /host$")
        self.assertRegex(script, r"(?m)^mount -o rbind /proc /host/proc$")
        script = shares.mount_script([shares.Share("share", "/x", "/share", False)])
        self.assertNotIn("rbind", script)
        self.assertNotIn("ro,", script)


if __name__ == "__main__":
    testing.main("qemu/vm")
