#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the Debian packages: what `make deb` makes of a copy of the sources with another version, and what
it and its helpers refuse. Installing and running them is in scripts/try-deb."""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import testing
from testing import TOP

VERSION = "7.7+test"
PAGES = {"hotplug.1": "dhp-tools", "dhp-vm.1": "dhp-tools", "dhp.4": "dhp-dkms"}
PATIENCE = 600  # seconds; the machine may be busy


def copy_tree(target):
    shutil.copytree(TOP, target, symlinks=True, ignore=lambda where, names: [
        name for name in names if name in (".git", "__pycache__") or where == TOP and name == "build"])


def set_version(tree, version):
    path = os.path.join(tree, "dkms.conf")
    text = read(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r'(?m)^PACKAGE_VERSION=".*"$', f'PACKAGE_VERSION="{version}"', text))


def read(*path):
    path = os.path.join(*path)
    if path.endswith(".gz"):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return file.read()
    with open(path, encoding="utf-8") as file:
        return file.read()


def differences(one, other, *options):
    """What `diff -r` says of two folders."""
    done = subprocess.run(["diff", "-r", *options, one, other], stdout=subprocess.PIPE, text=True,
                          timeout=PATIENCE, check=False)
    return done.stdout


def said(*command, **how):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE,
                          **how).stdout


class Packages(unittest.TestCase):
    """They are built once, and unpacked side by side."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.tree = os.path.join(cls.folder, "dhp")
        copy_tree(cls.tree)
        set_version(cls.tree, VERSION)
        cls.before = sorted(os.listdir(cls.tree))
        done = subprocess.run(["make", "deb"], cwd=cls.tree, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise AssertionError(f"make deb: {done.stderr}")
        cls.printed = done.stdout.split()
        cls.root = {}
        for path in cls.printed:
            if path.endswith(".deb"):
                name = os.path.basename(path).split("_")[0]
                cls.root[name] = os.path.join(cls.folder, name)
                subprocess.run(["dpkg-deb", "-x", path, cls.root[name]], check=True)

    def path(self, package, *names):
        return os.path.join(self.root[package], *names)

    def field(self, package, name):
        path, = (path for path in self.printed if os.path.basename(path).startswith(f"{package}_"))
        return said("dpkg-deb", "-f", path, name).strip()

    def page(self, name):
        return read(self.path(PAGES[name], "usr/share/man", f"man{name[-1]}", f"{name}.gz"))

    def shown(self, name):
        """A man page as a reader sees it, without line breaks."""
        done = subprocess.run(["man", "--warnings", "-l", "-"], input=self.page(name), text=True,
                              capture_output=True, check=True, timeout=PATIENCE,
                              env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8",
                                   "MAN_KEEP_FORMATTING": "", "MANPAGER": "cat"})
        self.assertEqual(done.stderr, "")
        return " ".join(re.sub(r"-\n\s+", "", done.stdout).split())

    def test_what_is_printed(self):
        where = os.path.join(self.tree, "build/deb")
        self.assertEqual(self.printed, [f"{where}/{name}" for name in (
            f"dhp-dkms_{VERSION}_all.deb", f"dhp-tools_{VERSION}_all.deb", f"dhp_{VERSION}.dsc")])
        # The sources stay as they are.
        self.assertEqual(sorted(os.listdir(self.tree)), sorted([*self.before, "build"]))

    def test_one_version(self):
        source = f"usr/src/dhp-{VERSION}"
        self.assertEqual(os.listdir(self.path("dhp-dkms", "usr/src")), [f"dhp-{VERSION}"])
        self.assertIn(f'\nPACKAGE_VERSION="{VERSION}"\n', read(self.path("dhp-dkms", source, "dkms.conf")))
        for package in self.root:
            self.assertEqual(self.field(package, "Version"), VERSION)
            self.assertIn(f"dhp ({VERSION}) ", read(self.path(
                package, "usr/share/doc", package, "changelog.gz")))
        for name in PAGES:
            self.assertIn(f'"dhp {VERSION}"', self.page(name).split("\n")[0])

    def test_dkms_source(self):
        """The package has what `make dkms` gives DKMS."""
        target = os.path.join(self.folder, "source")
        subprocess.run([os.path.join(self.tree, "scripts/dkms-source"), target], check=True)
        packaged = self.path("dhp-dkms", f"usr/src/dhp-{VERSION}")
        self.assertEqual(differences(target, packaged), "")
        self.assertTrue(os.access(os.path.join(packaged, "scripts/publish"), os.X_OK))
        self.assertIn("module/include/dhp.h", said("find", "module", cwd=packaged).split())

    def test_dkms_is_called(self):
        path, = (path for path in self.printed if "/dhp-dkms_" in path)
        scripts = os.path.join(self.folder, "scripts")
        subprocess.run(["dpkg-deb", "-e", path, scripts], check=True)
        for name in ("postinst", "prerm"):
            script = read(scripts, name)
            self.assertIn("DKMS_NAME=dhp\n", script)
            self.assertIn(f"DKMS_VERSION={VERSION}\n", script)
        self.assertRegex(self.field("dhp-dkms", "Depends"), r"\bdkms\b")

    def test_examples(self):
        """Those that their README lists are there, and no others."""
        folder = self.path("dhp-dkms", "usr/share/doc/dhp-dkms/examples")
        text = read(folder, "README.md")
        table = "\n".join(line.split("|")[1] for line in text.split("\n") if line.startswith("| `"))
        there = [name for name in said("find", ".", "-type", "f", "-printf", r"%P\n", cwd=folder).split()
                 if not name.startswith("samples/") and name != "README.md"]
        self.assertEqual(sorted(re.findall(r"`([^`]+)`", table)), sorted([*there, "samples/"]))
        self.assertIn("dhp_sample_native.c", os.listdir(os.path.join(folder, "samples")))
        for title in ("At boot", "memory that stay offline", "Secure Boot", "Removal"):
            self.assertRegex(text, f"(?m)^## .*{title}$")

    def test_examples_use_what_there_is(self):
        folder = self.path("dhp-dkms", "usr/share/doc/dhp-dkms/examples")
        variables = set(re.findall(r"\bDHP_\w+", read(folder, "udev/90-dhp-event.rules")))
        page = self.shown("dhp.4")
        self.assertTrue(variables)
        for name in (*variables, "auto_online", "pool"):
            self.assertRegex(page, rf"\b{name}\b")
        for name in re.findall(r"(\w+)=", read(folder, "modprobe.d/dhp.conf")):
            self.assertIn(f"MODULE_PARM_DESC({name},", said(
                "grep", "-rh", "MODULE_PARM_DESC", os.path.join(self.tree, "module")))

    def test_module_page(self):
        page = self.shown("dhp.4")
        abi = read(self.tree, "module/sysfs-kernel-dhp")
        files = re.findall(r"(?m)^What:\s*(\S+)$", abi)
        self.assertGreater(len(files), 10)
        for name in files:
            self.assertIn(name, page)
        # Whole texts, not their first lines only.
        for text in ("after half a second.", "END the last byte of a memory block.",
                     "0 for a pool without buffers.", "as a positive number"):
            self.assertIn(text, " ".join(abi.split()))
            self.assertIn(text, page)
        sources = said("grep", "-rhA1", "MODULE_PARM_DESC", os.path.join(self.tree, "module"),
                       "--include=*.c", "--exclude-dir=samples")
        parameters = re.findall(r'MODULE_PARM_DESC\((\w+),\s*"([^"]*)"', sources)
        self.assertGreater(len(parameters), 3)
        for name, text in parameters:
            self.assertIn(f"{name} {text}", page)

    def test_program_pages(self):
        for name, command in (("hotplug.1", ["qemu/hotplug"]), ("dhp-vm.1", ["qemu/vm"]),
                              ("dhp-vm.1", ["qemu/vm", "run"])):
            text = said(os.path.join(self.tree, command[0]), *command[1:], "--help",
                        env={**os.environ, "COLUMNS": "90"})
            words = set(re.findall(r"(?m)^  (-[-\w]+)", text))
            self.assertTrue(words)
            page = self.shown(name)
            for word in words:
                self.assertIn(word, page)
            self.assertNotIn("qemu/vm", page)
            self.assertNotIn("qemu/hotplug", page)
        self.assertIn("EXIT STATUS 0 done 1 refused", self.shown("hotplug.1"))

    def test_tools_dependencies(self):
        """What scripts/setup would install, which needs root, the package depends on."""
        text = read(self.tree, "scripts/setup")
        part = text[text.index("\nBUILD_TOOLS=") + 1:text.index("\nsetup_kernel_tools()")]
        needed = set(re.findall(r"[\w./-]+=([a-z][\w.+-]+)", part.replace('BUILD_TOOLS="', "")))
        self.assertIn("rsync", needed)
        self.assertIn("xz-utils", needed)
        self.assertLessEqual(needed, set(re.findall(r"[\w.+-]+", self.field("dhp-tools", "Depends"))))

    def run_tool(self, name, *words, **environment):
        """Runs a program of dhp-tools in a home folder of its own."""
        home = os.path.join(self.folder, "home")
        os.makedirs(home, exist_ok=True)
        return subprocess.run([self.path("dhp-tools", "usr/bin", name), *words], text=True, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
                              env={**os.environ, "HOME": home, **environment})

    def test_dhp_vm(self):
        done = self.run_tool("dhp-vm", "run", "--help")
        self.assertEqual((done.returncode, done.stdout[:17]), (0, "usage: dhp-vm run"))
        done = self.run_tool("dhp-vm", "run", "--cpus", "0", "--", "true")
        self.assertEqual(done.returncode, 2)
        self.assertIn("dhp-vm run: error: argument --cpus: '0' is not a number", done.stderr)
        cache = os.path.join(self.folder, "home/.cache/dhp")
        self.assertFalse(os.path.exists(cache))

        # A make that only says what it is called with.
        tools = os.path.join(self.folder, "tools")
        os.makedirs(tools)
        with open(os.path.join(tools, "make"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho make $*\nexit 1\n")
        os.chmod(file.name, 0o755)
        for again in (False, True):
            if again:
                for name in ("build/fetched", "gone.py"):
                    os.makedirs(os.path.dirname(os.path.join(cache, name)), exist_ok=True)
                    with open(os.path.join(cache, name), "w", encoding="utf-8"):
                        pass
            done = self.run_tool("dhp-vm", "run", "--kernel", "6.12", "--", "true",
                                 PATH=f"{tools}:{os.environ['PATH']}")
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertIn(f"make -s -C {cache} guest-modules KERNEL=6.12\n", done.stderr)
            self.assertEqual(differences(self.path("dhp-tools", "usr/share/dhp-tools"), cache,
                                         "--exclude=build", "--exclude=__pycache__"), "")
        self.assertTrue(os.path.exists(os.path.join(cache, "build/fetched")))

    def test_hotplug(self):
        # It finds the package's files where they are installed.
        script = read(self.path("dhp-tools", "usr/bin/hotplug"))
        self.assertIn("\n[ -x \"$tree/qemu/hotplug\" ] || tree=/usr/share/dhp-tools\n", script)
        self.assertTrue(os.access(self.path("dhp-tools", "usr/share/dhp-tools/qemu/hotplug"), os.X_OK))
        tree = os.path.join(self.folder, "home2/.cache/dhp/qemu")
        os.makedirs(tree)
        with open(os.path.join(tree, "hotplug"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho the copy of dhp-vm: $*\n")
        os.chmod(file.name, 0o755)
        done = self.run_tool("hotplug", "cpu", "list", HOME=os.path.join(self.folder, "home2"))
        self.assertEqual(done.stdout, "the copy of dhp-vm: cpu list\n")


class Refused(testing.Refusals):
    def test_versions(self):
        copy_tree(self.path("dhp"))
        for version in ("", "one", "1.0-1", "1 0", "1:2", "1/2", ".5"):
            set_version(self.path("dhp"), version)
            self.program("scripts/deb", 1, self.path("dhp/scripts/deb"),
                         named=[re.escape(f"PACKAGE_VERSION in dkms.conf is '{version}'"), "like 1.0"])
            self.assertFalse(os.path.exists(self.path("dhp/build")))

    def test_words(self):
        for words in (("--help",), ("",), ("x", "y")):
            self.program("scripts/deb", 2, os.path.join(TOP, "scripts/deb"), *words,
                         named=["means nothing here"])
        for words in ((), ("",), ("vm",), ("dhp.4", "dhp.4"), ("../dhp.4",)):
            self.program("scripts/man", 2, os.path.join(TOP, "scripts/man"), *words,
                         named=["should be one of hotplug.1"])
        for words in ((), ("",), ("folder",), ("a/b", "c/d")):
            self.program("scripts/dkms-source", 2, os.path.join(TOP, "scripts/dkms-source"), *words,
                         named=["should be the path of a FOLDER"])

    def test_pages_without_their_sources(self):
        copy_tree(self.path("dhp"))
        self.file("dhp/module/main.c", "nothing")
        self.program("scripts/man", 1, self.path("dhp/scripts/man"), "dhp.4",
                     named=["module/main.c has nothing that matches"])
        self.file("dhp/qemu/hotplug", "#!/bin/sh\necho broken >&2; exit 1\n", 0o755)
        self.program("scripts/man", 1, self.path("dhp/scripts/man"), "hotplug.1",
                     named=["qemu/hotplug --help` has printed no usage: broken"])

    def test_kernels(self):
        self.program("tests/build", 1, os.path.join(TOP, "scripts/debian/tests/build"),
                     named=["no headers in .*'6.66-none'; DHP_KERNEL names another"],
                     env={**os.environ, "DHP_KERNEL": "6.66-none"})


if __name__ == "__main__":
    testing.main("scripts/deb", "scripts/man", "scripts/dkms-source", "tests/build")
