#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/setup with an archive of their own (fake_archive.py) when something is wrong: old
package lists, a broken mirror, no network, a lock that is held, a full disk.
"""

import fcntl
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True

# pylint: disable-next=wrong-import-position,unused-import
from fake_archive import (OTHER, OWN, PATIENCE, Package, Setup, busybox, kernel, setUpModule,
                          tearDownModule)


# ---------------------------------------------------------------- lists and network

class Lists(Setup):
    def test_stale(self):
        """The lists name removed packages: new lists are fetched, once, and used."""
        self.publish(kernel("6.1.0-56-amd64"), busybox("1"))
        self.update()
        self.mirror.gone.update(path for path in self.mirror.files if "6.1.0-56" in path)
        self.mirror.gone.add("pool/busybox-static_1_amd64.deb")
        self.publish(kernel("6.1.0-58-amd64"), busybox("2"))
        self.setup("guest", said=["404", "the package lists may be old", "fetching the package lists"])
        with open(os.path.join(self.build, "guest/bin/busybox"), encoding="ascii") as file:
            self.assertEqual(file.read(), "2")
        self.assertEqual(self.updates(), 1)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-58-amd64")

    def test_stale_kernel(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.gone.update(path for path in self.mirror.files if "6.1.0-56" in path)
        self.publish(kernel("6.1.0-58-amd64"))
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-58-amd64")
        self.assertEqual(self.updates(), 1)

    def test_stale_and_nothing_new(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.gone.update(path for path in self.mirror.files if "6.1.0-56" in path)
        self.publish(kernel("6.1.0-58-amd64", without=["linux-image"]))
        self.setup("kernel", "6.1", status=1, said="passing over kernel 6.1.0-58-amd64")

    def test_stale_for_good(self):
        """The mirror's newest lists name a package that it does not have."""
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.gone.add("pool/linux-image-6.1.0-56-amd64_1_amd64.deb")
        self.setup("kernel", "6.1", status=1, said="could not fetch kernel 6.1.0-56-amd64$")
        self.assertEqual(self.updates(), 1)

    def test_stale_when_installing(self):
        self.without_perl()
        self.mirror.gone.add("pool/perl_1_amd64.deb")
        self.publish(kernel("6.1.0-56-amd64"), Package("perl", "2"))
        self.setup("style", said=["installing: perl", "404", "the package lists may be old"])
        self.assertEqual(self.updates(), 1)
        with open(self.path("installed"), encoding="utf-8") as file:
            self.assertRegex(file.read(), "perl_2_amd64.deb")

    def test_installed_headers(self):
        """Installed packages do not replace package lists."""
        self.write("apt/dpkg/status", "".join(
            f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n"
            "Maintainer: x <x@localhost>\nDescription: x\n\n"
            for name in ("linux-headers-6.1.0-57-amd64", "linux-image-6.1.0-57-amd64",
                         "linux-headers-6.1.0-57-common", "linux-kbuild-6.1", "busybox-static")))
        self.publish(kernel("6.1.0-56-amd64"), busybox())
        self.assert_kernel(self.setup("kernel", "6.1", said="fetching the package lists"),
                           "6.1", "6.1.0-56-amd64")
        self.setup("guest")

    def test_breaks(self):
        self.publish(kernel("6.1.0-56-amd64"))
        image = "pool/linux-image-6.1.0-56-amd64_1_amd64.deb"
        self.mirror.broken[image] = 2
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")
        self.assertEqual(self.mirror.asked.count(image), 3)

    def test_breaks_for_good(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.mirror.broken["pool/linux-image-6.1.0-56-amd64_1_amd64.deb"] = 1000
        self.setup("kernel", "6.1", status=1, said="could not fetch kernel 6.1.0-56-amd64")

    def test_no_lists_and_no_network(self):
        self.no_network()
        for words in (("kernel", "6.1"), ("guest",), ("source",), ("qemu",)):
            self.assertEqual(self.setup(*words, status=1, said="no package lists, and none could be fetched"), "")

    def test_lists_but_no_network(self):
        self.publish(kernel("6.1.0-56-amd64"), busybox())
        self.update()
        self.no_network()
        self.assertEqual(self.setup("kernel", "6.1", status=1, said="could not fetch kernel 6.1.0-56-amd64"), "")
        self.setup("guest", status=1, said="could not fetch busybox")
        self.setup("qemu", status=1, said="could not fetch the package lists of: ")

    def test_what_is_there(self):
        """What is in build/ needs no network, no lists, and no package in the archive."""
        self.publish(kernel("6.1.0-55-amd64"), kernel("6.1.0-56-amd64"),
                     busybox())
        self.setup("kernel", "6.1.0-55")
        kernel_folder, guest = self.setup("kernel", "6.1"), self.setup("guest")
        self.publish(kernel("6.1.0-60-amd64"))
        self.update()
        self.assertEqual(self.setup("kernel", "6.1"), kernel_folder)
        self.no_network()
        shutil.rmtree(self.path("apt/state/lists"))
        self.assertEqual(self.setup("kernel", "6.1"), kernel_folder)
        self.assertEqual(self.setup("guest"), guest)
        self.assertEqual(self.err, "")
        # Another release of the same series is used.
        shutil.rmtree(kernel_folder)
        self.assert_kernel(self.setup("kernel", "6.1", said="using 6.1.0-55-amd64, which is there"),
                           "6.1.0-55", "6.1.0-55-amd64")
        self.setup("kernel", "6.1.0-56", status=1, unsaid="using")
        self.setup("kernel", "6.1-rt", status=1, unsaid="using")

    def test_download_fails_and_one_is_here(self):
        self.publish(kernel("6.1.0-55-amd64"))
        self.setup("kernel", "6.1.0-55")
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.no_network()
        self.assert_kernel(self.setup("kernel", "6.1", said=["could not fetch kernel 6.1.0-56-amd64",
                                                             "using 6.1.0-55-amd64, which is there"]),
                           "6.1.0-55", "6.1.0-55-amd64")

    def test_other_suites_without_network(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.publish(kernel("6.12.8+deb13-amd64"), suite=OTHER)
        self.setup("kernel", "6.12")
        self.no_network()
        self.setup("kernel", "6.13", status=1, said=["using those that are there",
                                                     "no kernel 6.13 .*it has headers of: .*6.12"])

    def test_one_suite_is_missing(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.publish(kernel("6.12.8+deb13-amd64"), suite=OTHER)
        for path in list(self.mirror.files):
            if path.startswith("dists/trixie-backports/"):
                del self.mirror.files[path]
        self.assert_kernel(self.setup("kernel", "6.12", said="could not fetch all of these lists"),
                           "6.12", "6.12.8+deb13-amd64")


# ---------------------------------------------------------------- locks

class Locks(Setup):
    def hold(self, path, lock=lambda file: fcntl.lockf(file, fcntl.LOCK_EX)):
        """Takes a lock; returns the function that releases it."""
        file = open(path, "a", encoding="ascii")
        self.addCleanup(file.close)
        lock(file)
        return file.close

    def wait_for(self, process, pattern):
        """Reads its standard error until that matches PATTERN."""
        said = ""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, said):
            ready, _, _ = select.select([process.stderr], [], [], max(0, deadline - time.monotonic()))
            self.assertTrue(ready, f"{pattern} was not said in {PATIENCE} s: {said}")
            more = os.read(process.stderr.fileno(), 4096).decode()
            self.assertTrue(more, f"{pattern} was not said: {said}")
            said += more
        return said

    def held(self, path, *words, pattern=None, **how):
        release = self.hold(path, **how)
        process = self.start(*words)
        self.wait_for(process, pattern or f"waiting: .*\\(process {os.getpid()}\\) holds {re.escape(path)}")
        self.assertIsNone(process.poll())
        release()
        out, err = self.output(process)
        self.assertEqual(process.returncode, 0, err)
        return out.rstrip("\n")

    def test_lists(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.assert_kernel(self.held(self.path("apt/state/lists/lock"), "kernel", "6.1"),
                           "6.1", "6.1.0-56-amd64")

    def test_holder_without_process(self):
        """An open file description holds the lock, so no process can be named."""
        self.publish(kernel("6.1.0-56-amd64"))
        whole = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        path = self.path("apt/state/lists/lock")
        self.held(path, "kernel", "6.1", pattern=f"waiting: another process holds {re.escape(path)}\n",
                  lock=lambda file: fcntl.fcntl(file, fcntl.F_OFD_SETLK, whole))

    def test_dpkg(self):
        self.without_perl()
        for name in ("dpkg/lock-frontend", "dpkg/lock", "cache/archives/lock"):
            with self.subTest(name):
                self.held(self.path(f"apt/{name}"), "style")
                with open(self.path("installed"), encoding="utf-8") as file:
                    self.assertRegex(file.read(), "perl_1_amd64.deb")
                os.unlink(self.path("installed"))

    def test_lock_held_too_long(self):
        self.configure(lock_timeout=1)
        self.without_perl()
        self.hold(self.path("apt/dpkg/lock-frontend"))
        self.setup("style", status=1,
                   said=f"gave up after 1 seconds: .*\\(process {os.getpid()}\\) holds .*lock-frontend")
        self.assertFalse(os.path.exists(self.path("installed")))

    def test_another_setup(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.assert_kernel(self.held(os.path.join(self.build, "setup.lock"), "kernel", "6.1",
                                     lock=lambda file: fcntl.flock(file, fcntl.LOCK_EX),
                                     pattern="waiting for another scripts/setup"),
                           "6.1", "6.1.0-56-amd64")

    def test_two_at_once(self):
        self.publish(kernel("6.1.0-56-amd64"))
        first, second = self.start("kernel", "6.1"), self.start("kernel", "6.1")
        for process in first, second:
            out, err = self.output(process)
            self.assertEqual(process.returncode, 0, err)
            self.assert_kernel(out.rstrip("\n"), "6.1", "6.1.0-56-amd64")
        self.assertEqual(self.mirror.asked.count("pool/linux-image-6.1.0-56-amd64_1_amd64.deb"), 1)


# ---------------------------------------------------------------- disks

class Disks(Setup):
    def disk(self, kib, folder=None):
        """Puts a file system of that size on FOLDER, or on build/."""
        folder = folder or self.build
        if not shutil.which("mount"):
            self.skipTest("there is no small disk to fill: no mount here")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", folder],
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            self.skipTest(f"there is no small disk to fill: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)

    def larger(self, kib, folder=None):
        subprocess.run(["mount", "-o", f"remount,size={kib}k", folder or self.build], check=True)

    def one_line(self, pattern):
        """Standard error has one line besides the messages about progress."""
        rest = [line for line in self.err.splitlines()
                if not re.match("setup: (fetching|unpacking) |Get:|Fetched |Reading |Building |Hit:|Ign:", line)]
        self.assertEqual(len(rest), 1, self.err)
        self.assertRegex(rest[0], pattern)

    def test_known_before(self):
        self.disk(2048)
        self.publish(kernel("6.1.0-56-amd64", unpacked=5000))
        self.update()
        self.setup("kernel", "6.1", status=1)
        self.one_line(f"kernel 6.1.0-56-amd64 needs 5 MiB in {re.escape(self.build)}/kernels/6.1, "
                      "and 2 MiB are free")
        self.assertFalse([path for path in self.mirror.asked if path.startswith("pool/")])
        self.larger(20480)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")

    def test_unpacking(self):
        """The package is larger than its list says."""
        self.disk(3072)
        self.publish(Package("busybox-static", files=(("bin/busybox", 2000000),)), kernel("6.1.0-56-amd64"))
        self.update()
        self.setup("guest", status=1)
        self.one_line(f"could not unpack busybox.*no space is left in {re.escape(self.build)}/guest "
                      r"\(\d MiB free, about \d MiB needed")
        self.assertFalse(os.path.exists(os.path.join(self.build, "guest")))
        self.larger(20480)
        self.setup("guest")
        self.assertTrue(os.path.exists(os.path.join(self.build, "guest/bin/busybox")))

    def test_lists(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.publish(OTHER, kernel("6.12.8+deb13-amd64"), padding=3000000)
        self.disk(1024)
        self.setup("kernel", "6.12", status=1, said=f"no space is left in {re.escape(self.build)}")

    def test_lists_of_the_machine(self):
        lists = self.path("apt/state/lists")
        self.disk(64, lists)
        os.mkdir(f"{lists}/partial")
        self.mirror.publish(OWN, kernel("6.1.0-56-amd64"), padding=3000000)
        self.setup("kernel", "6.1", status=1, unsaid=re.escape(self.build),
                   said="could not fetch the package lists: .*No space left on device")

    def test_installing(self):
        """The full disk is not the one of build/, so build/ must not be named."""
        self.without_perl()
        cache = self.path("apt/cache/archives")
        self.disk(16, cache)
        os.mkdir(f"{cache}/partial")
        self.setup("style", status=1, unsaid=re.escape(self.build),
                   said=[f"enough free space in {re.escape(cache)}", "could not install: perl"])
        self.larger(20480, cache)
        self.write("apt/dpkg/run", """#!/bin/sh
case "$*" in *--unpack*) echo "dpkg: error: /usr/bin/perl: No space left on device" >&2; exit 1 ;; esac
""", 0o755)
        self.setup("style", status=1, unsaid=re.escape(self.build),
                   said=["/usr/bin/perl: No space left on device", "could not install: perl"])


if __name__ == "__main__":
    # Tests clean up also on SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main()
