#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of building, installing and removing dhp on a real machine, also by DKMS.

They use a copy of the sources, another root folder, and stand-ins for the kernel's build tree, depmod
and DKMS. They build nothing for a kernel and need no network.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

RELEASE = "6.66.0-test"
OTHER = "6.67.0-test"
PATIENCE = 60  # seconds that nothing here may take; the machine may be busy
SIGNED = "~Module signature appended~\n"

# Programs that are hidden: QEMU, and those that would change the machine.
ABSENT = ("qemu", "apt", "dpkg", "sudo", "dkms", "depmod")

# Behaves like kbuild as far as its caller can see. BROKEN names the target that fails. A failed signature is
# ignored, as kbuild does for external modules.
KBUILD = f"""
ifeq ($(BROKEN),$(MAKECMDGOALS))
$(error $(BROKEN) is broken)
endif
modules:
	mkdir -p $(M)/module
	echo "$(or $(BUILT),dhp) DHP_ONLY=$(DHP_ONLY)" >$(M)/module/dhp.ko
	echo "0x12345678	dhp_function	module/dhp	EXPORT_SYMBOL_GPL	" >$(M)/Module.symvers
folder = $(INSTALL_MOD_PATH)/lib/modules/$(notdir $(M))/$(INSTALL_MOD_DIR)/module
modules_install:
	mkdir -p $(folder)
	cp $(M)/module/dhp.ko $(folder)/dhp.ko
ifeq ($(CONFIG_MODULE_SIG_ALL),y)
	[ "$(BROKEN)" = signature ] || printf '{SIGNED.strip()}\\n' >>$(folder)/dhp.ko
endif
"""


def files(folder):
    """The files of a folder: path -> contents."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, encoding="utf-8") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


class Machine(unittest.TestCase):
    """A machine with gcc, make and a kernel's build tree, and without QEMU."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        cls.addClassCleanup(folder.cleanup)
        cls.tools = folder.name
        for where in ("/usr/bin", "/bin", "/usr/local/bin"):
            for name in os.listdir(where):
                if not name.startswith(ABSENT) and not os.path.lexists(f"{cls.tools}/{name}"):
                    os.symlink(f"{where}/{name}", f"{cls.tools}/{name}")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.tree = os.path.join(self.folder, "dhp")
        os.mkdir(self.tree)
        for name in ("Makefile", "Kbuild", "dkms.conf"):
            shutil.copy(os.path.join(TOP, name), self.tree)
        for name in ("module", "scripts"):
            shutil.copytree(os.path.join(TOP, name), os.path.join(self.tree, name),
                            ignore=shutil.ignore_patterns("*.o", "*.ko", "__pycache__"))
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        self.program("depmod", 'echo "depmod $*" >>"$LOG"')
        for name in ("apt-get", "apt-cache", "sudo"):
            self.program(name, 'echo "$0 $*" >>"$LOG"; exit 1')
        self.log = os.path.join(self.folder, "log")
        self.root = os.path.join(self.folder, "root")
        self.modules = os.path.join(self.root, "lib/modules", RELEASE)
        self.kdir = self.build_tree(RELEASE)

    def program(self, name, script):
        path = os.path.join(self.bin, name)
        self.write(path, f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)

    @staticmethod
    def write(path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def build_tree(self, release, config=""):
        kdir = os.path.join(self.folder, f"kdir-{release}")
        self.write(f"{kdir}/Makefile", KBUILD)
        self.write(f"{kdir}/include/generated/utsrelease.h", f'#define UTS_RELEASE "{release}"\n')
        self.write(f"{kdir}/include/config/auto.conf", config)
        return kdir

    def run_it(self, *command, **environment):
        done = subprocess.run(command, cwd=self.tree, text=True, timeout=PATIENCE, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={"PATH": f"{self.bin}:{self.tools}", "LOG": self.log,
                                   "INSTALL_MOD_PATH": self.root, **environment})
        self.assertNotIn("Traceback", done.stderr)
        return done

    def make(self, *words, kdir=None, **environment):
        return self.run_it("make", *words, f"KDIR={kdir or self.kdir}", **environment)

    def succeeds(self, *words, **how):
        done = self.make(*words, **how)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def fails(self, *words, **how):
        """Standard output must not report success. Returns standard error."""
        done = self.make(*words, **how)
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertNotIn("Error 127", done.stderr)
        return done.stderr

    def logged(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8") as file:
            return file.read()


class Modules(Machine):
    def test_without_qemu(self):
        said = self.succeeds("modules")
        self.assertEqual(said, f"{self.tree}/build/install/{RELEASE}/module/dhp.ko is built\n")
        with open(said.split()[0], encoding="utf-8") as file:
            self.assertEqual(file.read(), "dhp DHP_ONLY=1\n")
        self.assertEqual(self.logged(), "")

    def test_never_for_another_kernel(self):
        self.program("uname", f"echo {RELEASE}")
        for target in ("modules", "install"):
            done = self.run_it("make", target)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, "")
            self.assertIn(f"'/lib/modules/{RELEASE}/build', for the running kernel", done.stderr)
            self.assertIn("KDIR=", done.stderr)
            self.assertEqual(self.logged(), "")
            self.assertFalse(os.path.exists(os.path.join(self.tree, "build/install")))

    def test_bad_tree(self):
        self.assertIn(f"no kernel build tree at '{self.folder}/none'",
                      self.fails("modules", kdir=f"{self.folder}/none"))
        os.remove(f"{self.kdir}/include/generated/utsrelease.h")
        self.assertIn(f"{self.kdir} is not a prepared kernel build tree", self.fails("modules"))

    def test_failed_build(self):
        self.fails("modules", BROKEN="modules")
        self.fails("install", BROKEN="modules")
        self.assertFalse(os.path.exists(self.root))


class Install(Machine):
    def expected(self, built="dhp DHP_ONLY=1\n"):
        found = {"updates/module/dhp.ko": built}
        for name in os.listdir(os.path.join(TOP, "module/include")):
            with open(os.path.join(TOP, "module/include", name), encoding="utf-8") as file:
                found[f"dhp/{name}"] = file.read()
        found["dhp/Module.symvers"] = "0x12345678\tdhp_function\tmodule/dhp\tEXPORT_SYMBOL_GPL\t\n"
        return found

    def test_install(self):
        said = self.succeeds("install")
        self.assertRegex(said, fr"^dhp [0-9.]+ is installed for {RELEASE}: modprobe dhp\n$")
        self.assertEqual(files(self.modules), self.expected())
        self.assertIn("dhp/dhp.h", self.expected())
        self.assertIn("dhp/dhp_pool.h", self.expected())
        self.assertIn("dhp/wdm.h", self.expected())
        self.assertEqual(self.logged(), f"depmod -b {self.root} {RELEASE}\n")

    def test_root_on_the_command_line(self):
        other = os.path.join(self.folder, "other")
        self.succeeds("install", f"INSTALL_MOD_PATH={other}")
        self.assertEqual(files(f"{other}/lib/modules/{RELEASE}"), self.expected())
        self.succeeds("install", INSTALL_MOD_PATH="relative")
        self.assertEqual(files(f"{self.tree}/relative/lib/modules/{RELEASE}"), self.expected())
        self.assertFalse(os.path.exists(self.root))

    def test_anew(self):
        self.succeeds("install", BUILT="old")
        # Another compression, and the place that kbuild used before Linux 6.2.
        module = f"{self.modules}/updates/module/dhp.ko"
        os.rename(module, f"{module}.xz")
        self.write(f"{self.modules}/extra/module/dhp.ko", "older")
        self.write(f"{self.modules}/dhp/gone.h", "old")
        self.succeeds("install", BUILT="new")
        self.assertEqual(files(self.modules), self.expected("new DHP_ONLY=1\n"))

    def failing(self, *said, config="", **environment):
        """Fails without an earlier installation, and with one."""
        self.write(f"{self.kdir}/include/config/auto.conf", config)
        for before in (False, True):
            if before:
                self.write(f"{self.kdir}/include/config/auto.conf", "")
                self.succeeds("install", BUILT="old")
                self.write(f"{self.kdir}/include/config/auto.conf", config)
            output = self.fails("install", **environment)
            for one in said:
                self.assertIn(one, output)
            self.assertNotIn("installed", output)
            self.assertEqual(files(self.modules),
                             self.expected("old DHP_ONLY=1\n") if before else {})
            left = os.listdir(self.modules) if os.path.exists(self.modules) else []
            self.assertEqual([name for name in left if "install" in name], [])

    def test_depmod_fails(self):
        self.program("depmod", '[ -z "$FAIL" ]')
        self.failing("depmod failed", FAIL="1")

    def test_modules_install_fails(self):
        self.failing("modules_install failed", BROKEN="modules_install")

    def test_signature_fails(self):
        self.write(f"{self.kdir}/certs/key.pem", "")
        self.failing("could not be signed with", f"{self.kdir}/certs/key.pem",
                     config='CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_ALL=y\n'
                            'CONFIG_MODULE_SIG_KEY="certs/key.pem"\n', BROKEN="signature")

    def test_signature(self):
        self.write(f"{self.kdir}/certs/key.pem", "")
        self.build_tree(RELEASE, "CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_ALL=y\n"
                                 "CONFIG_MODULE_SIG_KEY=certs/key.pem\n")
        self.assertNotIn("signed", self.succeeds("install"))
        self.assertTrue(files(self.modules)["updates/module/dhp.ko"].endswith(SIGNED))
        self.assertIn("is not signed (CONFIG_MODULE_SIG_ALL is not set)",
                      self.succeeds("install", "CONFIG_MODULE_SIG_ALL="))
        self.assertFalse(files(self.modules)["updates/module/dhp.ko"].endswith(SIGNED))
        self.write(f"{self.folder}/named.pem", "")
        self.succeeds("install", f"CONFIG_MODULE_SIG_KEY={self.folder}/named.pem")
        self.assertTrue(files(self.modules)["updates/module/dhp.ko"].endswith(SIGNED))

    def test_no_key(self):
        self.build_tree(RELEASE, "CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_ALL=y\n"
                                 "CONFIG_MODULE_SIG_KEY=output/key.pem\n")
        said = self.succeeds("install")
        self.assertIn(f"is not signed (no key at {self.kdir}/output/key.pem)", said)
        named = f"{self.folder}/named.pem"
        self.assertIn(f"there is no key at {named}",
                      self.fails("install", f"CONFIG_MODULE_SIG_KEY={named}"))

    def test_must_be_signed(self):
        self.failing("loads signed modules only", "CONFIG_MODULE_SIG_KEY=",
                     config="CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n"
                            "CONFIG_MODULE_SIG_KEY=certs/key.pem\n")

    def test_dkms_has_it(self):
        self.write(f"{self.modules}/updates/dkms/dhp.ko.xz", "DKMS")
        self.assertIn("dkms remove dhp/", self.fails("install"))
        self.assertEqual(files(self.modules), {"updates/dkms/dhp.ko.xz": "DKMS"})


class Uninstall(Machine):
    def test_uninstall(self):
        self.write(f"{self.modules}/modules.order", "")
        self.succeeds("install")
        self.write(f"{self.modules}/extra/module/dhp.ko", "older")
        os.remove(self.log)
        said = self.succeeds("uninstall")
        self.assertIn(f"removed for {RELEASE}:", said)
        for name in ("updates/module/dhp.ko", "extra/module/dhp.ko", "dhp"):
            self.assertIn(f" {self.modules}/{name}", said)
        self.assertEqual(os.listdir(self.modules), ["modules.order"])
        self.assertEqual(self.logged(), f"depmod -b {self.root} {RELEASE}\n")

    def test_nothing_there(self):
        os.makedirs(self.modules)
        self.assertEqual(self.succeeds("uninstall"),
                         f"`make install` has installed nothing for {RELEASE}\n")

    def test_others(self):
        other = self.build_tree(OTHER)
        self.succeeds("install")
        self.succeeds("install", kdir=other)
        self.write(f"{self.modules}/updates/module/foreign.ko", "foreign")
        said = self.succeeds("uninstall")
        self.assertIn(f"still installed for {OTHER}: "
                      f"make uninstall KDIR=/lib/modules/{OTHER}/build", said)
        self.assertEqual(files(self.modules), {"updates/module/foreign.ko": "foreign"})
        # The kernel's headers may have been removed before.
        self.assertIn(f"removed for {OTHER}:",
                      self.succeeds("uninstall", kdir=f"/lib/modules/{OTHER}/build"))
        self.assertEqual(os.listdir(os.path.join(self.root, "lib/modules", OTHER)), [])

    def test_dkms_has_it(self):
        self.write(f"{self.modules}/updates/dkms/dhp.ko", "DKMS")
        self.write(f"{self.modules}/dhp/dhp.h", "DKMS")
        said = self.succeeds("uninstall")
        self.assertIn("installed nothing", said)
        self.assertIn("dkms remove dhp/", said)
        self.assertEqual(len(files(self.modules)), 2)

    def test_depmod_fails(self):
        self.succeeds("install")
        self.program("depmod", "exit 1")
        self.assertIn("depmod failed", self.fails("uninstall"))


class Dkms(Machine):
    """What DKMS 3.0 and 3.2 do with dkms.conf, in the same order."""

    def setUp(self):
        super().setUp()
        self.dkms_tree = os.path.join(self.folder, "dkms")
        self.lib_modules = os.path.join(self.root, "lib/modules")
        self.source = os.path.join(self.folder, "dhp-source")
        self.program("dkms", 'echo "dkms $*" >>"$LOG"')

    def make_dkms(self):
        return self.make("dkms", f"DKMS_SOURCE={self.source}")

    def directives(self):
        script = (f'dkms_tree={self.dkms_tree} install_tree={self.lib_modules} '
                  f'kernelver={RELEASE} arch=x86_64 '
                  f'kernel_source_dir={self.kdir}; . {self.tree}/dkms.conf; '
                  'for name in ${!BUILD_EXCLUSIVE*} ${!POST*} ${!PACKAGE*} MAKE; do '
                  'echo "$name=${!name}"; done')
        done = subprocess.run(["bash", "-c", script], text=True, stdout=subprocess.PIPE, check=True)
        return dict(line.split("=", 1) for line in done.stdout.splitlines())

    def hook(self, command, folder):
        """Runs a hook of dkms.conf as DKMS does."""
        command = command.split()
        self.assertTrue(os.access(os.path.join(folder, command[0]), os.X_OK), command[0])
        subprocess.run([os.path.join(folder, command[0]), *command[1:]], cwd=folder, check=True)

    def test_headers_and_symbols_stay(self):
        done = self.make_dkms()
        self.assertEqual(done.returncode, 0, done.stderr)
        # Without `dkms build --force` an earlier build would be installed again.
        self.assertRegex(self.logged(), r"\Adkms build --force -m dhp -v [0-9.]+\n"
                                        r"dkms install --force -m dhp -v [0-9.]+\n\Z")
        directive = self.directives()
        package = os.path.join(self.dkms_tree, directive["PACKAGE_NAME"],
                               directive["PACKAGE_VERSION"])
        build = os.path.join(package, "build")
        shutil.copytree(self.source, build)
        self.assertIn(f"M={build} ", directive["MAKE"])
        subprocess.run(["sh", "-c", directive["MAKE"]], check=True, stdout=subprocess.DEVNULL)
        self.hook(directive["POST_BUILD"], build)
        shutil.rmtree(build)

        published = os.path.join(self.modules, "dhp")
        self.assertFalse(os.path.exists(published))
        self.hook(directive["POST_INSTALL"], self.source)
        self.assertEqual(set(files(published)), {"Module.symvers", *os.listdir(
            os.path.join(self.source, "module/include"))})
        self.assertIn("dhp_function", files(published)["Module.symvers"])

        # Another version may be installed.
        self.write(f"{self.modules}/updates/dkms/dhp.ko.xz", "")
        self.hook(directive["POST_REMOVE"], self.source)
        self.assertTrue(os.path.exists(published))
        os.remove(f"{self.modules}/updates/dkms/dhp.ko.xz")
        self.hook(directive["POST_REMOVE"], self.source)
        self.assertFalse(os.path.exists(published))

    def test_the_same_place_as_make_install(self):
        self.succeeds("install")
        installed = set(files(f"{self.modules}/dhp"))
        self.succeeds("uninstall")
        symvers = os.path.join(self.folder, "Module.symvers")
        self.write(symvers, "")
        command = self.directives()["POST_INSTALL"].split()
        self.hook(f"{command[0]} {symvers} {command[2]}", self.tree)
        self.assertEqual(set(files(f"{self.modules}/dhp")), installed)

    def test_make_install_has_it(self):
        self.succeeds("install")
        os.remove(self.log)
        done = self.make_dkms()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"dhp is installed for {RELEASE}; first: make uninstall KDIR=", done.stderr)
        self.assertEqual(self.logged(), "")
        self.assertFalse(os.path.exists(self.source))

    def test_a_package_has_it(self):
        self.program("dpkg-query", '[ "$4" = dhp-dkms ] && echo "install ok installed"')
        done = self.make_dkms()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("package dhp-dkms has it built by DKMS; first: apt purge dhp-dkms", done.stderr)
        self.assertEqual(self.logged(), "")
        # Its configuration may be left.
        self.program("dpkg-query", 'echo "deinstall ok config-files"')
        self.assertEqual(self.make_dkms().returncode, 0)

    def test_exclusive(self):
        directive = self.directives()
        self.assertEqual(directive["BUILD_EXCLUSIVE_ARCH"], "x86_64")
        self.assertEqual(directive["BUILD_EXCLUSIVE_KERNEL_MIN"], "6.1")
        self.assertEqual(set(directive["BUILD_EXCLUSIVE_CONFIG"].split()), set(needed_options()))


def needed_options():
    with open(os.path.join(TOP, "module/requires.c"), encoding="utf-8") as file:
        return re.findall(r"!defined\((CONFIG_\w+)\)", file.read())


class Requires(unittest.TestCase):
    def refused(self, *missing):
        options = [f"-D{name}=1" for name in needed_options() if name not in missing]
        source = os.path.join(TOP, "module/requires.c")
        done = subprocess.run(["gcc", "-fsyntax-only", *options, source], text=True,
                              stderr=subprocess.PIPE, check=False)
        errors = re.findall(r"error: #error (.*)", done.stderr)
        self.assertEqual(done.returncode != 0, bool(errors), done.stderr)
        return errors

    def test_all_there(self):
        self.assertEqual(self.refused(), [])

    def test_each_is_named(self):
        self.assertLessEqual({"CONFIG_64BIT", "CONFIG_HOTPLUG_CPU", "CONFIG_MEMORY_HOTPLUG"},
                             set(needed_options()))
        for name in needed_options():
            errors = self.refused(name)
            self.assertEqual(len(errors), 1, errors)
            self.assertRegex(errors[0], fr'^"dhp needs {name}: \w+ .*"$')

    def test_one_at_a_time(self):
        self.assertEqual(len(self.refused(*needed_options())), 1)


if __name__ == "__main__":
    unittest.main()
