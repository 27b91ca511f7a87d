#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/setup with an archive of their own (fake_archive.py): what it chooses, fetches and
prints. Faults of the archive, of locks and of disks are in test_setup_faults.py.
"""

import contextlib
import glob
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True

# pylint: disable-next=wrong-import-position,unused-import
from fake_archive import (OTHER, PATIENCE, TOP, Package, Setup, common_headers, kernel, setUpModule,
                          tearDownModule)


# ---------------------------------------------------------------- which kernel

class Kernels(Setup):
    def test_newest(self):
        self.publish(kernel("6.1.0-9-amd64"), kernel("6.1.0-10-amd64"), kernel("6.12.5+deb12-amd64"),
                     kernel("6.1.0-11-rt-amd64"))
        self.assert_kernel(self.setup("kernel", "6.1", unsaid="passing over"), "6.1", "6.1.0-10-amd64")
        self.assert_kernel(self.setup("kernel", "6.12"), "6.12", "6.12.5+deb12-amd64")
        self.assert_kernel(self.setup("kernel", "6.1-rt"), "6.1-rt", "6.1.0-11-rt-amd64")

    def test_newest_is_not_whole(self):
        for number, lacking in enumerate(("linux-image-", "linux-headers-6.1.0-57-common",
                                          "linux-headers-6.1.0-57-amd64")):
            with self.subTest(lacking):
                shutil.rmtree(os.path.join(self.build, "kernels"), ignore_errors=True)
                self.publish(kernel("6.1.0-56-amd64"), kernel("6.1.0-57-amd64", without=[lacking]))
                self.update()
                self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")
                # Without a headers package the release is unknown.
                if number < 2:
                    self.check_said(f"passing over kernel 6.1.0-57-amd64: there is no {lacking}", ())
                    self.assertEqual(self.err.count("passing over"), 1)

    def test_parts_of_newer_ones(self):
        """The image is split into several packages, as from 6.19 on."""
        release = "7.3+deb13-amd64"
        parts = [Package(f"linux-binary-{release}", files=((f"boot/vmlinuz-{release}", b"an image"),)),
                 Package(f"linux-modules-{release}", files=((f"lib/modules/{release}/x", b""),))]
        whole = [package for package in kernel(release) if "linux-image" not in package.name]
        whole.append(Package(f"linux-image-{release}", depends=", ".join(part.name for part in parts)))
        self.publish(whole, parts[:1])
        self.setup("kernel", "7.3", status=1,
                   said=f"passing over .*: there is no linux-modules-{re.escape(release)}")
        self.publish(whole, parts)
        self.update()
        self.assert_kernel(self.setup("kernel", "7.3"), "7.3", release)

    def test_exact(self):
        self.publish(*(kernel(f"6.1.0-{name}-amd64") for name in ("5", "55", "56", "55-rt", "55-cloud")))
        for word, name, release in (("6.1.0-55", "6.1.0-55", "6.1.0-55-amd64"),
                                    ("6.1.0-5-amd64", "6.1.0-5", "6.1.0-5-amd64"),
                                    ("6.1.0-55-rt", "6.1.0-55-rt", "6.1.0-55-rt-amd64")):
            self.assert_kernel(self.setup("kernel", word), name, release)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")
        # Each release has one folder, whatever it is called, and needs no archive any more.
        self.no_network()
        shutil.rmtree(self.path("apt/state/lists"))
        for word, name, release in (("6.1.0-56", "6.1", "6.1.0-56-amd64"),
                                    ("6.1.0-55-rt-amd64", "6.1.0-55-rt", "6.1.0-55-rt-amd64")):
            self.assert_kernel(self.setup("kernel", word), name, release)
            self.assertEqual(self.err, "")

    def test_exact_and_wrong(self):
        self.publish(kernel("6.1.0-55-amd64"), kernel("6.1.0-56-amd64", without=["linux-image"]),
                     kernel("6.12.5+deb12-amd64"))
        self.assertEqual(self.setup("kernel", "6.1.0-99", status=1,
                                    said="no kernel 6.1.0-99 .*it has headers of:( 6.1.0-5[56]-amd64){2} $"), "")
        self.setup("kernel", "6.1.0-56", status=1,
                   said=["passing over kernel 6.1.0-56-amd64: there is no linux-image",
                         "no kernel 6.1.0-56 .*it has headers of: .*6.1.0-55-amd64"])
        self.setup("kernel", "5.10", status=1, said="no kernel 5.10 .*it has headers of: 6.1 6.12 ")
        self.setup("kernel", "6.1.0-5", status=1, said="no kernel 6.1.0-5 ")

    def test_nothing_whole(self):
        """Not even with packages that are named after the series and depend on the newest kernel."""
        self.publish(kernel("6.1.0-57-amd64", without=["linux-image"]),
                     Package("linux-headers-6.1-amd64", depends="linux-headers-6.1.0-57-amd64"),
                     Package("linux-image-6.1-amd64", depends="linux-image-6.1.0-57-amd64"))
        self.setup("kernel", "6.1", status=1,
                   said=["passing over kernel 6.1.0-57-amd64: there is no linux-image-6.1.0-57",
                         "no kernel 6.1 with all that it needs"])

    def test_nothing_whole_but_one_is_here(self):
        self.publish(kernel("6.1.0-55-amd64"))
        self.setup("kernel", "6.1.0-55")
        self.publish(kernel("6.1.0-57-amd64", without=["linux-image"]))
        self.update()
        self.assert_kernel(self.setup("kernel", "6.1", said="using 6.1.0-55-amd64, which is there"),
                           "6.1.0-55", "6.1.0-55-amd64")
        # The newest kernel is there already, so nothing is fetched.
        self.publish(kernel("6.1.0-55-amd64"))
        self.update()
        self.setup("kernel", "6.1")
        self.assertFalse([path for path in self.mirror.asked if path.startswith("pool/")])

    def test_kernel_of_another_suite(self):
        self.publish(kernel("6.1.0-56-amd64"))
        headers = Package("linux-headers-6.12.9+deb13-amd64", "2",
                          f"{common_headers('6.12.9+deb13-amd64')}, linux-kbuild-6.12, gcc-14",
                          files=(("usr/src/linux-headers-6.12.9+deb13-amd64/Makefile",
                                  b"include /usr/src/linux-headers-6.12.9+deb13-common/Makefile\n"),))
        newest = [package for package in kernel("6.12.9+deb13-amd64") if package.name != headers.name]
        older = kernel("6.12.8+deb13-amd64")
        broken_compiler = [Package("gcc-14", depends="libnowhere"), Package("a-bootloader")]
        self.publish(newest, headers, older, broken_compiler, suite=OTHER)
        self.assert_kernel(self.setup("kernel", "6.12", said=[
            "passing over kernel 6.12.9.deb13-amd64: gcc-14 needs libnowhere, .*not installable",
            "fetching kernel 6.12.8.deb13-amd64"]), "6.12", "6.12.8+deb13-amd64")

    def test_another_language(self):
        """scripts/setup reads apt's messages, and the user's language may be another one."""
        self.publish(kernel("6.1.0-56-amd64"), kernel("6.1.0-57-amd64", without=["linux-image"]))
        apt_cache = os.path.realpath(self.path("bin/apt-cache"))
        os.unlink(self.path("bin/apt-cache"))
        self.write("bin/apt-cache", f'''#!/bin/sh
[ "$LC_ALL" != C ] || exec {apt_cache} "$@"
LC_ALL=C {apt_cache} "$@" | sed "s/Depends/Haengt ab von/; s/Candidate/Kandidat/"
''', 0o755)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")


# ---------------------------------------------------------------- other things

class Others(Setup):
    MODULES = "usr/lib/x86_64-linux-gnu/qemu"

    def qemu(self, version, depends=""):
        return Package("qemu-system-x86", version, depends, files=(
            ("usr/bin/qemu-system-x86_64", b"#!"), (f"{self.MODULES}/hw-usb-host.so", b"its own")))

    def test_qemu(self):
        self.publish(kernel("6.1.0-56-amd64"), self.qemu("1:7.2+dfsg-7"))
        self.publish(self.qemu("1:10.0.2+ds-2", "libx"), Package("libx"), suite="trixie")
        self.publish(self.qemu("1:10.1.0+ds-1~bpo13+1", "libnowhere"), suite="trixie-backports")
        program = os.path.join(self.build, "qemu/qemu-system-x86_64")
        self.assertEqual(program, self.setup("qemu", said=[
            "passing over QEMU 1:10.1.0.*: qemu-system-x86 needs libnowhere, .*not installable",
            "fetching QEMU 1:10.0.2"]))
        self.no_network()
        self.assertEqual(self.setup("qemu"), program)
        self.assertEqual(self.err, "")
        # It must not find the modules of this machine's QEMU.
        sizes = {path.name: path.stat().st_size
                 for path in os.scandir(os.path.join(self.build, "qemu", self.MODULES))}
        self.assertEqual(sizes.pop("hw-usb-host.so"), len(b"its own"))
        others = {os.path.basename(path) for path in glob.glob(f"/{self.MODULES}/*.so")} - {"hw-usb-host.so"}
        self.assertTrue(others or not shutil.which("qemu-system-x86_64"))
        self.assertEqual(sizes, dict.fromkeys(others, 0))

    def test_no_qemu(self):
        self.publish(kernel("6.1.0-56-amd64"), self.qemu("1:7.2+dfsg-7"))
        self.publish(self.qemu("1:10.0.2+ds-2", "libnowhere"), suite=OTHER)
        self.setup("qemu", status=1, said="no QEMU of 8.1 or newer .*it has: .*1:7.2")

    def test_source(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.publish(self.source(), suite=OTHER)
        folder = self.setup("source", said=["no linux-source-6.1 in the package archive for this machine",
                                            "fetching linux-source-6.1"])
        self.assertEqual(sorted(os.listdir(folder)), ["package-version", "scripts", "tools"])
        with open(os.path.join(folder, "package-version"), encoding="ascii") as file:
            self.assertEqual(file.read(), "6.1.192-2\n")
        self.no_network()
        self.assertEqual(self.setup("source"), folder)
        self.assertEqual(self.err, "")
        self.assertTrue(os.path.isdir(os.path.join(folder, "tools/testing/kunit")))

    def test_whole_source(self):
        self.publish(kernel("6.1.0-56-amd64"), self.source())
        folder = self.setup("kernel-source")
        self.assertEqual(sorted(os.listdir(folder)), ["Makefile", "package-version", "scripts", "tools"])
        self.assertEqual(self.setup("source"), folder)

    def test_no_source(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.setup("source", status=1, said="no linux-source-6.1 in the package archive")


# ---------------------------------------------------------------- output and paths

class Terminals(Setup):
    def on_terminal(self, *words, **environment):
        """Returns what it writes to a terminal."""
        pid, terminal = pty.fork()
        if not pid:
            try:
                os.execve(os.path.join(self.tree, "scripts/setup"), ["setup", *words],
                          {**self.environment, **environment})
            finally:
                os._exit(127)
        said = b""
        deadline = time.monotonic() + PATIENCE
        with contextlib.suppress(OSError):  # EIO: the last writer has ended
            while True:
                ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
                self.assertTrue(ready, said)
                said += os.read(terminal, 65536)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, said)
        return said.decode().replace("\r\n", "\n")

    def test_terminal(self):
        self.publish(kernel("6.1.0-56-amd64"))
        said = self.on_terminal("kernel", "6.1")
        self.assertRegex(said, r"\d+% \[")  # apt's
        self.assertRegex(said, r"\rsetup: package 4 of 4")
        self.assertNotIn("\x1b", said)

    def test_source(self):
        self.publish(kernel("6.1.0-56-amd64"), self.source())
        said = self.on_terminal("kernel-source")
        self.assertRegex(said, r"\rsetup: 20 of 25 MiB ")
        self.assertNotIn("\x1b", said)

    def test_dumb(self):
        self.publish(kernel("6.1.0-56-amd64"))
        said = self.on_terminal("kernel", "6.1", TERM="dumb")
        self.assertRegex(said, r"setup: fetching kernel 6.1.0-56-amd64 \(\d+ MiB\)\n")
        self.assertNotRegex(said, "[\r\x1b]")

    def test_file(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.setup("kernel", "6.1", said=r"setup: fetching kernel 6.1.0-56-amd64 \(\d+ MiB\)\n",
                   unsaid="[\r\x1b]")


class Paths(Setup):
    def test_paths_that_kbuild_does_not_take(self):
        for odd in " \t\n\"#$%&()*,:;<=>?[\\]`{|}'":
            tree = self.path(f"x{odd}y")
            os.mkdir(tree)
            for name in ("scripts", "Makefile"):
                os.symlink(os.path.join(TOP, name), os.path.join(tree, name))
            for command in (["scripts/setup", "guest"], ["make", "help"], ["make", "modules"]):
                with self.subTest(odd=odd, command=command):
                    done = subprocess.run(command, cwd=tree, env=self.environment, text=True, check=False,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, timeout=PATIENCE)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertEqual(done.stdout, "")
                    self.assertIn("setup: the kernel's build cannot work in ", done.stderr)
                    if odd != "\n":
                        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertEqual(sorted(os.listdir(tree)), ["Makefile", "scripts"])

    def test_paths_that_it_takes(self):
        for tree in (self.path("a-b_c.d+e@f~g^h!\u00fc"), self.tree):
            os.makedirs(tree, exist_ok=True)
            for name in ("scripts", "Makefile", "dkms.conf"):
                if not os.path.lexists(os.path.join(tree, name)):
                    os.symlink(os.path.join(TOP, name), os.path.join(tree, name))
            done = subprocess.run(["make", "help"], cwd=tree, env=self.environment, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_link_to_one(self):
        os.mkdir(self.path("a b"))
        os.symlink(os.path.join(TOP, "scripts"), self.path("a b/scripts"))
        os.symlink(self.path("a b"), self.path("link"))
        done = subprocess.run([self.path("link/scripts/setup"), "path"], env=self.environment, text=True,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "cannot work in")


if __name__ == "__main__":
    # Tests clean up also on SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main()
