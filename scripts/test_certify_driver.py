#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what DRIVER= and WITH= of `make certify` may be, and of building them.

A fake build tree turns NAME.image into NAME.ko.
"""

import os

import testing
from certify_fakes import module_image

import certify_driver
import certify_module


def module_of(path):
    return certify_driver.Module(path)


class Drivers(testing.Refusals):
    """What DRIVER= may be."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.path("kernel/modules/kernel"))
        os.makedirs(self.path("kernel/kdir"))
        self.file("kernel/release", "6.1.0-test\n")
        # Makes each NAME.c a module, NAME.image.
        self.file("kernel/kdir/Makefile", 'modules:\n\t@cd $(M) && for i in *.image; do '
                                          'cp "$$i" "$${i%.image}.ko"; done\n')
        self.kernel = certify_module.Kernel("6.1", self.path("kernel"))

    def image(self, name, **said):
        with open(self.path(name), "wb") as file:
            file.write(module_image(**{"vermagic": "6.1.0-test SMP", **said}))
        return self.path(name)

    def folder_of(self, name, *modules, makefile="Kbuild"):
        os.makedirs(self.path(name))
        self.file(f"{name}/{makefile}", "obj-m := x.o\n")
        for module in modules:
            self.image(f"{name}/{module}.image")
        return self.path(name)

    def modules(self, text):
        os.makedirs(self.path("out"), exist_ok=True)
        return certify_driver.find(text).modules(self.kernel, self.path("out"))

    def refused(self, *named, of=certify_driver.find):
        testing.count(testing.tried, "DRIVER=")
        with self.assertRaises(certify_module.Refused) as caught:
            of()
        for text in named:
            self.assertIn(text, str(caught.exception))
        testing.count(testing.refused, "DRIVER=")

    def test_a_folder(self):
        path = self.folder_of("mine", "driver-x")
        before = sorted(os.listdir(path))
        self.assertEqual([module.name for module in self.modules(path)], ["driver_x"])
        self.assertEqual(sorted(os.listdir(path)), before)
        self.assertEqual(certify_driver.find(path).name, "mine")

    def test_another_folder_of_that_name(self):
        self.modules(self.folder_of("a/mine", "one"))
        self.assertEqual([module.name for module in self.modules(self.folder_of("b/mine", "two"))],
                         ["two"])

    def test_several_modules(self):
        path = self.folder_of("mine", "one", "two")
        self.refused("builds several modules: one, two", f"Write {path}:one",
                     of=lambda: self.modules(path))
        self.assertEqual([module.name for module in self.modules(f"{path}:two")], ["two", "one"])
        self.refused("makes no module three; it makes one, two",
                     of=lambda: self.modules(f"{path}:three"))
        # One of them needs the other.
        self.image("mine/one.image", depends="two")
        self.assertEqual([module.name for module in self.modules(path)], ["one", "two"])

    def test_dkms(self):
        path = self.folder_of("tree", "driver")
        self.file("tree/dkms.conf", 'PACKAGE_NAME=pack\nPACKAGE_VERSION=1.0\n'
                                    'BUILT_MODULE_NAME[0]=driver\nBUILT_MODULE_LOCATION[0]=sub\n'
                                    'PRE_BUILD=pre.sh\n'
                                    'MAKE[0]="make -C /lib/modules/${kernelver}/build '
                                    'M=$dkms_tree/pack/1.0/build modules && mv driver.ko sub"\n')
        self.file("tree/pre.sh", "#!/bin/sh\nmkdir -p sub\n", 0o755)
        self.assertEqual([module.name for module in self.modules(path)], ["driver"])
        self.file("tree/dkms.conf", "PACKAGE_NAME=pack\n")
        self.refused("dkms.conf' sets no PACKAGE_VERSION", of=lambda: self.modules(path))
        self.file("tree/dkms.conf", "PACKAGE_NAME='a b'\nPACKAGE_VERSION=1\n")
        self.refused("dkms.conf' sets no PACKAGE_NAME", of=lambda: self.modules(path))
        self.file("tree/dkms.conf", "if\n")
        self.refused("dkms.conf' sets no PACKAGE_NAME: ", "syntax error",
                     of=lambda: self.modules(path))
        self.file("tree/dkms.conf", "PACKAGE_NAME=pack\nPACKAGE_VERSION=1\n"
                                    "BUILD_EXCLUSIVE_KERNEL='^5'\n")
        self.refused("is not for kernel 6.1", "BUILD_EXCLUSIVE_KERNEL is ^5",
                     of=lambda: self.modules(path))
        self.file("tree/dkms.conf", "PACKAGE_NAME=pack\nPACKAGE_VERSION=1\nMAKE[0]=true\n"
                                    "BUILT_MODULE_NAME[0]=other\n")
        self.refused("dkms.conf lists other.ko", of=lambda: self.modules(path))

    def test_a_build_that_fails(self):
        path = self.folder_of("mine")
        self.file("kernel/kdir/Makefile", "modules:\n\t@echo $(M)/x.c:3: error: no such thing; "
                                          "exit 1\n")
        self.refused(f"'{path}' does not build for kernel 6.1 (6.1.0-test)",
                     f"  | {path}/x.c:3: error: no such thing", of=lambda: self.modules(path))
        self.file("kernel/kdir/Makefile", "modules:\n")
        self.refused("makes no module", "obj-m := driver.o", of=lambda: self.modules(path))

    def test_a_file(self):
        path = self.image("driver.ko")
        self.assertEqual([module.name for module in self.modules(path)], ["driver"])
        other = self.image("other.ko", vermagic="6.1.0-other SMP")
        self.refused("was built for the kernel 6.1.0-other", "kernel 6.1 is 6.1.0-test",
                     of=lambda: self.modules(other))
        for content, named in ((b"nothing", "is not a kernel module"),
                               (module_image()[:100], "is not a kernel module"),
                               (module_image(license="GPL"), "it has no vermagic")):
            with open(path, "wb") as file:
                file.write(content)
            self.refused(named, of=lambda: certify_driver.find(path))

    def test_a_module_of_the_kernel(self):
        self.image("kernel/modules/kernel/zram.ko")
        self.file("kernel/modules/modules.builtin", "kernel/drivers/virtio/virtio-pci.ko\n")
        self.assertEqual([module.name for module in self.modules("zram")], ["zram"])
        self.refused("virtio_pci is a part of kernel 6.1", of=lambda: self.modules("virtio_pci"))
        self.refused("no folder and no file 'zrom'", "no module of that name",
                     of=lambda: self.modules("zrom"))

    def test_nothing_of_that_name(self):
        os.mkdir(self.path("empty"))
        self.file("text.c")
        os.mkfifo(self.path("pipe"))
        for name, named in (("absent", "no folder and no file"), ("pipe", "neither a file nor"),
                            ("empty", "neither a Kbuild nor a Makefile nor a dkms.conf"),
                            ("text.c", "does not end in .ko"), ("absent.ko", "no folder and no")):
            self.refused(named, "DRIVER is a folder",
                         of=lambda name=name: certify_driver.find(self.path(name)))

    def test_what_it_needs(self):
        for name, needs in ("leaf", ""), ("middle", "leaf"), ("soft", ""), ("sum_generic", ""):
            self.image(f"kernel/modules/kernel/{name}.ko", depends=needs)
        driver = module_of(self.image("driver.ko", depends="middle,mine",
                                      softdep="pre: soft sum absent post: late"))
        mine = module_of(self.image("mine.ko"))
        order, users = certify_driver.load_order([driver, module_of(self.image("unused.ko"))],
                                                 [[mine]], self.kernel, dict)
        self.assertEqual(users, [])
        self.assertEqual([module.name for module in order],
                         ["mine", "soft", "sum_generic", "leaf", "middle", "driver"])
        # Only an alias may be one of an algorithm.
        sums = module_of(self.image("sums.ko", depends="sum"))
        self.refused("needs the module sum, which kernel 6.1", "WITH=",
                     of=lambda: certify_driver.load_order([sums], [], self.kernel, dict))
        self.refused("needs the module mine, which kernel 6.1", "WITH=",
                     of=lambda: certify_driver.load_order([driver], [], self.kernel, dict))
        one = module_of(self.image("one.ko", depends="two"))
        two = module_of(self.image("two.ko", depends="one"))
        self.refused("need each other",
                     of=lambda: certify_driver.load_order([one], [[two]], self.kernel, dict))
        client = module_of(self.image("client.ko", depends="dhp"))
        order, _ = certify_driver.load_order([client], [], self.kernel,
                                             lambda: {"dhp": self.path("mine.ko")})
        self.assertEqual([module.file for module in order],
                         ["/dhp/dhp.ko", "/certify/modules/client.ko"])

    def test_what_uses_it(self):
        for name, needs in ("driver", "leaf"), ("leaf", ""), ("other", ""), \
                ("client", "driver,other"), ("top", "client"):
            self.image(f"kernel/modules/kernel/{name}.ko", depends=needs)
        groups = [self.modules(name) for name in ("top", "driver")]
        order, users = certify_driver.load_order(groups[1], groups[:1], self.kernel, dict)
        self.assertEqual([module.name for module in order], ["leaf", "other", "driver"])
        self.assertEqual([module.name for module in users], ["client", "top"])
        # The driver itself may be named as well.
        for names, expected in ((["driver"], []), (["driver", "client"], ["client"]),
                                (["client", "driver"], ["client"])):
            order, users = certify_driver.load_order(
                self.modules("driver"), [self.modules(name) for name in names], self.kernel, dict)
            self.assertEqual([module.name for module in order][-1], "driver")
            self.assertEqual([module.name for module in users], expected)

    def test_a_module_of_the_project(self):
        self.patch(certify_driver, build_ours=lambda kernel: {"dhp": self.image("dhp.ko")})
        ours = self.modules("dhp")
        self.assertEqual([module.file for module in ours], ["/dhp/dhp.ko"])
        client = module_of(self.image("client.ko", depends="dhp"))
        order, _ = certify_driver.load_order([client], [ours], self.kernel, dict)
        self.assertEqual([module.name for module in order], ["dhp", "client"])

    def test_parameters(self):
        module = module_of(self.image(
            "driver.ko", parmtype=["rounds:int", "on:bool", "who:charp"], parm=["who:a name"]))
        for good in ("", "rounds=0x10 on who=a=b", "rounds=-3", "on=Y"):
            certify_driver.check_params(good, module)
        for bad, named in (("size=3", "no parameter 'size'; it has on, rounds, who"),
                           ("rounds=many", "takes a number (int)"), ("rounds", "needs a value"),
                           ("on=maybe", "takes Y or N"), ("=3", "is not a parameter")):
            self.refused("PARAMS", named,
                         of=lambda bad=bad: certify_driver.check_params(bad, module))

    def test_clients_of_the_project(self):
        path = self.folder_of("mine", "driver")
        self.assertFalse(certify_driver.find(path).client)
        self.file("mine/Kbuild", "dhp := $(DHP)/build/modules\n")
        self.assertTrue(certify_driver.find(path).client)


if __name__ == "__main__":
    testing.main("DRIVER=")
