#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Follows the README's section about a driver of your own, to the letter, in a fresh copy.

The driver, its Kbuild and the commands are taken from the README's text. The copy uses what has been
fetched into build/, but nothing that has been built. KERNEL in the environment names the guest kernel.
"""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

SECTION = "## In a driver of your own\n"
FETCHED = ("accelerator", "archive", "guest", "kernels", "qemu")
PATIENCE = 1200  # seconds: all modules are built and a guest boots, perhaps on a busy machine


def readme_blocks():
    """The fenced blocks of the section, as (language, text)."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        section = file.read().split(SECTION)[1].split("\n## ")[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.M | re.S)


class Recipe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.addClassCleanup(cls.folder.cleanup)
        cls.dhp = os.path.join(cls.folder.name, "dhp")
        cls.driver = os.path.join(cls.folder.name, "driver")
        os.mkdir(cls.driver)
        shutil.copytree(TOP, cls.dhp, symlinks=True,
                        ignore=lambda where, _: ("build", ".git") if where == TOP else ())
        os.mkdir(os.path.join(cls.dhp, "build"))
        for name in FETCHED:
            path = os.path.join(TOP, "build", name)
            if os.path.exists(path):
                os.symlink(os.path.realpath(path), os.path.join(cls.dhp, "build", name))
        # Without the variables of a make that runs this.
        cls.environment = {name: value for name, value in os.environ.items()
                           if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS")}
        cls.environment["DHP"] = cls.dhp

    def run_it(self, *command, **environment):
        return subprocess.run(command, cwd=self.driver, env={**self.environment, **environment},
                              text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)

    def write(self, name, text):
        with open(os.path.join(self.driver, name), "w", encoding="utf-8") as file:
            file.write(text)

    def test_readme(self):
        blocks = readme_blocks()
        self.assertEqual([language for language, _ in blocks], ["c", "make", "sh", "sh", "sh"])
        driver, kbuild, commands, here, dkms_conf = (text for _, text in blocks)
        self.write("hello.c", driver)
        self.write("Kbuild", kbuild)

        # The first commands after a clone.
        done = self.run_it("sh", "-eu", "-c", commands)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"CPU0 is about to start on node 0")
        self.assertRegex(done.stdout, r"CPU0 is in use")
        # qemu/vm quotes QEMU's warning about a KVM that does not work.
        said = re.sub(r"(?m)^(vm|setup): .*", "", done.stderr)
        self.assertNotRegex(said, r"(?i)warning:|undefined!")

        # Only the path is printed, also when something must be built.
        os.utime(os.path.join(self.dhp, "module/main.c"))
        done = self.run_it("make", "-s", "-C", self.dhp, "kdir")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\A/[^\n]*\n\Z")
        kdir = done.stdout.strip()
        self.assertTrue(os.path.exists(os.path.join(kdir, "include/generated/utsrelease.h")))

        self.look_at_installation(kdir, here)
        self.assertIn('BUILT_MODULE_NAME[0]="hello"', dkms_conf)
        self.assertIn('BUILD_DEPENDS[0]="dhp"', dkms_conf)

        # For the compiler, the kernel lacks an option.
        self.write("lacks.h", "#undef CONFIG_MEMORY_HOTPLUG\n")
        done = self.run_it(os.path.join(self.dhp, "scripts/build-modules"), "--real", kdir,
                           f"KCFLAGS=-include {self.driver}/lacks.h")
        self.assertNotEqual(done.returncode, 0)
        errors = re.findall(r"error: .*", done.stderr)
        self.assertEqual(len(errors), 1, done.stderr)
        self.assertIn("#error", errors[0])
        self.assertIn("CONFIG_MEMORY_HOTPLUG", errors[0])

    def look_at_installation(self, kdir, commands):
        """`make install` for the guest's kernel below another root, and the driver built with it."""
        root = os.path.join(self.folder.name, "root")
        depmod = os.path.join(self.folder.name, "bin", "depmod")
        os.mkdir(os.path.dirname(depmod))
        with open(depmod, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n")
        os.chmod(depmod, 0o755)
        done = self.run_it("make", "-C", self.dhp, "install", f"KDIR={kdir}",
                           f"INSTALL_MOD_PATH={root}",
                           PATH=f"{os.path.dirname(depmod)}:{os.environ['PATH']}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        release, = os.listdir(f"{root}/lib/modules")
        self.assertIn(f"is installed for {release}: modprobe dhp\n", done.stdout)
        modules = f"{root}/lib/modules/{release}"
        module, = glob.glob(f"{modules}/updates/module/dhp.ko*")
        self.assertEqual(set(os.listdir(f"{modules}/dhp")),
                         {"Module.symvers", *os.listdir(f"{self.dhp}/module/include")})

        with open(os.path.join(TOP, "dkms.conf"), encoding="utf-8") as file:
            version = re.search(r'^PACKAGE_VERSION="(.*)"$', file.read(), re.M)[1]
        if module.endswith(".ko"):
            with open(module, "rb") as file:
                self.assertIn(f"\0version={version}\0".encode(), file.read())

        here = "/lib/modules/$(uname -r)/build"
        self.assertIn(here, commands)
        with open(os.path.join(self.driver, "Kbuild"), encoding="utf-8") as file:
            kbuild = file.read()
        self.assertIn("/lib/modules", kbuild)
        self.write("Kbuild", kbuild.replace("/lib/modules", f"{root}/lib/modules"))
        os.remove(os.path.join(self.driver, "hello.ko"))
        self.environment.pop("DHP")
        done = self.run_it("sh", "-eu", "-c", commands.replace(here, kdir))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotRegex(done.stderr, r"(?i)warning:|undefined!")
        with open(os.path.join(self.driver, "hello.ko"), "rb") as file:
            self.assertIn(b"\0depends=dhp\0", file.read())


if __name__ == "__main__":
    # Tests clean up also on SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main()
