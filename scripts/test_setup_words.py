#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what scripts/setup and scripts/build-kernel refuse."""

import os
import re

import testing
from testing import TOP


class Scripts(testing.Refusals):
    """In a tree of their own, with an empty package archive."""

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
                      ("--help",), ("qemu", "9.0"), ("Tools",), ("dkms-source",)):
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

    def test_setup_packages(self):
        for word in ("", "lttng-modules", "-dkms", "../x-dkms", "a b-dkms", "A-dkms", "x-dkms\n",
                     "*"):
            self.run_script("setup", 1, "dkms-source", word,
                            named=[re.escape(f"'{word}'"), "package"])

    def test_setup_without_programs(self):
        os.mkdir(self.path("few"))
        for name in ("sh", "dirname", "mkdir"):
            os.symlink(f"/bin/{name}", self.path(f"few/{name}"))
        self.path_variable = self.path("few")
        # Only guests need QEMU.
        for what, package in (("build-tools", "(?!.*qemu).*gcc"), ("tools", "gcc.* qemu-system-x86"),
                              ("style", "sparse"), ("dkms", "dkms"), ("kernel-tools", "bison"),
                              ("observe", "bpftrace"), ("libvirt", "libvirt-clients")):
            self.run_script("setup", 1, what,
                            named=[f"missing, and there is no apt-get to install it with:.* {package}"])

    def test_kernel_words(self):
        self.run_script("build-kernel", 2, named=["which flavour", "debug and kcsan"])
        self.run_script("build-kernel", 2, "debug", "kcsan", named=["which flavour", "debug and kcsan"])
        for word in ("", "nonsense", "guest", "../debug", "debug ", "DEBUG", "debug\n", "*", "-h",
                     "6.1", "x" * 10000):
            self.run_script("build-kernel", 2, word, named=["no flavour '" + re.escape(word[:100]), "kcsan"])


if __name__ == "__main__":
    testing.main("scripts/setup", "scripts/build-kernel")
