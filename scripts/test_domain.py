#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/domain without libvirt: the XML, and what is refused. scripts/try-libvirt has a libvirtd
define and start it; here is what that does if libvirtd does not answer any more."""

import contextlib
import io
import os
import signal
import subprocess
import xml.etree.ElementTree
from unittest import mock

import testing
from testing import forbidden
import host
import initramfs
import try_libvirt_session
from options import parse

domain = testing.load("domain", "qemu/domain")
try_libvirt = testing.load("try_libvirt", "scripts/try-libvirt")

ARGUMENTS = "{http://libvirt.org/schemas/domain/qemu/1.0}commandline/"


class Domain(testing.Refusals):
    def setUp(self):
        super().setUp()
        self.file("release", "6.1.0-1-amd64\n")
        self.commands = []
        self.emulator = self.file("qemu & <friends>", mode=0o755)
        self.patch(host, setup=lambda *_: self.folder, QEMU=self.emulator,
                   compiled=lambda name, *_: self.path(f"'\"{name}"))
        self.patch(domain, FOLDER=self.path("build/domain"))
        self.patch(initramfs, write_initramfs=lambda *words: self.commands.append(words))

    def xml(self, accelerator):
        with mock.patch.dict(os.environ, clear=True):
            text = domain.domain(parse(["shell"]), accelerator)
        return xml.etree.ElementTree.fromstring(text)

    def test_emulated(self):
        root = self.xml("tcg")
        self.assertEqual((root.get("type"), root.findtext("name")), ("qemu", "dhp"))
        self.assertEqual(root.findtext("devices/emulator"), self.emulator)
        self.assertEqual(root.findtext("os/kernel"), os.path.realpath(self.path("vmlinuz")))
        self.assertEqual(root.findtext("os/initrd"), self.path("build/domain/initramfs-6.1.0-1-amd64"))
        self.assertEqual(self.commands[0][0], root.findtext("os/initrd"))
        words = root.findtext("os/cmdline").split()
        self.assertIn("vm_terminal=ttyS0", words)
        self.assertIn("possible_cpus=4", words)
        self.assertNotIn("ignore_loglevel", words)
        vcpu, memory = root.find("vcpu"), root.find("maxMemory")
        self.assertEqual((vcpu.get("current"), vcpu.text), ("2", "255"))
        self.assertEqual((memory.get("slots"), memory.text, root.findtext("memory")), ("16", "8192", "1024"))
        self.assertEqual(root.find("cpu/numa/cell").get("cpus"), "0-254")
        self.assertEqual([(one.tag.rpartition("}")[2], one.get("value"))
                          for one in root.findall(f"{ARGUMENTS}*")][-2:],
                         [("arg", "type=1,serial=VMware"), ("env", self.path("'\"keep-tlb"))])

    def test_kvm(self):
        root = self.xml("kvm")
        self.assertEqual((root.get("type"), root.find("cpu").get("mode")), ("kvm", "host-passthrough"))
        self.assertEqual(root.findtext("vcpu"), "4")
        self.assertEqual(root.findall(f"{ARGUMENTS}*"), [])

    # ---- bad input

    def test_words(self):
        self.patch(domain, pick_accelerator=forbidden("an accelerator was chosen"))
        self.patch(try_libvirt, set_up=forbidden("something was installed"))
        for words in ("x",), ("--kernel", "6.1"), ("",):
            wrong = f"there are no options, but got '{' '.join(words)}'"
            self.words("domain", domain.main, 2, *words, named=[f"^domain: {wrong}"])
            self.words("try-libvirt", try_libvirt.main, 2, *words, named=[f"^try-libvirt: {wrong}"])

    def test_no_qemu(self):
        self.patch(host, QEMU="no-such-qemu")
        self.patch(domain, pick_accelerator=lambda _: "tcg")
        self.words("domain", domain.main, 1, named=["^domain: there is no no-such-qemu to run"])


class Session(testing.Refusals):
    def test_a_libvirtd_that_hangs(self):
        """It ends nevertheless, with what it has started, and nothing of it is left."""
        self.patch(try_libvirt_session, SECONDS=testing.SHORT, FOLDER=self.folder)
        session = try_libvirt_session.Session()
        late = subprocess.TimeoutExpired("virsh destroy", 1)
        self.patch(session, run=mock.Mock(side_effect=late))
        with subprocess.Popen(["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done"],
                              stdout=subprocess.PIPE, env=session.environment) as session.daemon, \
                subprocess.Popen(["sleep", "600"], env=session.environment) as left:
            session.daemon.stdout.readline()
            self.assertIn((left.pid, "sleep"), session.left())
            with contextlib.redirect_stdout(io.StringIO()) as said:
                session.end()
            self.assertEqual(left.wait(testing.PATIENCE), -signal.SIGKILL)
        self.assertEqual(session.daemon.returncode, -signal.SIGKILL)
        self.assertFalse(os.path.exists(session.folder))
        self.assertEqual(said.getvalue(), f"# libvirtd does not end the domain: {late}\n")

    def test_before_libvirtd_has_started(self):
        session = try_libvirt_session.Session()
        session.end()
        self.assertFalse(os.path.exists(session.folder))


if __name__ == "__main__":
    testing.main("domain", "try-libvirt")
