#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs `make dkms` with the real DKMS for the guest's kernel, in temporary folders."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

PATIENCE = 600  # seconds; it builds for one kernel


def setup(*what):
    done = subprocess.run([os.path.join(TOP, "scripts/setup"), *what], stdout=subprocess.PIPE,
                          text=True, check=True)
    return done.stdout.strip()


class Dkms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        kernel = setup("kernel", os.environ.get("KERNEL") or "6.1")
        with open(os.path.join(kernel, "release"), encoding="utf-8") as file:
            self.release = file.read().strip()
        self.kdir = os.path.realpath(os.path.join(kernel, "kdir"))
        self.modules = os.path.join(self.folder, "modules", self.release)
        os.makedirs(self.modules)
        os.mkdir(os.path.join(self.folder, "dkms"))
        # DKMS must not make a signing key for this machine.
        self.environment = {**os.environ, "sign_file": "none",
                            "PATH": f"{setup('dkms-folder')}:{os.environ['PATH']}"}
        self.trees = (f"--dkmstree {self.folder}/dkms --sourcetree {self.folder} "
                      f"--installtree {self.folder}/modules")
        self.kernel = f"-k {self.release}/x86_64 --kernelsourcedir {self.kdir} --no-depmod"

    def run_it(self, *command):
        done = subprocess.run(command, cwd=TOP, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def files(self):
        return sorted(os.path.relpath(os.path.join(where, name), self.modules)
                      for where, _, names in os.walk(self.modules) for name in names)

    def test_there_and_back(self):
        self.run_it("make", "dkms", f"DKMS_SOURCE={self.folder}/dhp-1.0",
                    f"DKMS_ARGS={self.kernel} {self.trees}")
        files = self.files()
        module = [name for name in files if name.startswith("updates/dkms/dhp.ko")]
        self.assertEqual(len(module), 1, files)
        headers = os.listdir(os.path.join(TOP, "module/include"))
        self.assertIn("wdm.h", headers)
        self.assertEqual([name for name in files if name not in module],
                         sorted(f"dhp/{name}" for name in ["Module.symvers", *headers]))
        with open(os.path.join(self.modules, "dhp/Module.symvers"), encoding="utf-8") as file:
            self.assertIn("\tdhp_pool_destroy\t", file.read())
        said = os.path.join(self.folder, "modinfo")
        self.run_it("objcopy", "-O", "binary", "--only-section=.modinfo",
                    os.path.join(self.modules, module[0]), said)
        with open(said, encoding="utf-8") as file:
            said = file.read().split("\0")
        self.assertIn("version=1.0", said)
        for name in ("author=.", f"vermagic={re.escape(self.release)} "):
            self.assertTrue([line for line in said if re.match(name, line)], said)

        self.run_it("dkms", "remove", "dhp/1.0", "--all", "--no-depmod", *self.trees.split())
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
