#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/vcpus.py: vCPUs from registers as text, and the names of kernel functions."""

import unittest

import testing
from fakes import LOST_REGISTERS, RESET_REGISTERS
import vcpus

KALLSYMS = """\
ffffffff81000000 T startup_64
ffffffff81000000 T _stext
ffffffff81005000 t first
ffffffff81005010 T second
ffffffff81005010 t alias_of_second
ffffffff81005020 D data
ffffffff81006000 T _etext
ffffffff82000000 T init_one
"""


class Registers(unittest.TestCase):
    def words(self, text, symbols=None):
        return [vcpu.words(symbols) for vcpu in vcpus.parse(text)]

    def test_lost(self):
        found = vcpus.parse(LOST_REGISTERS)
        self.assertEqual([vcpu.number for vcpu in found], [0, 1, 3])
        self.assertEqual(vcpus.stray(found).number, 3)
        self.assertEqual(self.words(LOST_REGISTERS), [
            "ran the kernel: 0xffffffff9f5f69d0", "halted in the kernel: 0xffffffff9f6592eb",
            "ran the firmware from its reset vector, and was at 0xef2a8"])

    def test_reset(self):
        self.assertIsNone(vcpus.stray(vcpus.parse(RESET_REGISTERS)))
        self.assertEqual(self.words(RESET_REGISTERS)[2], "waited to be started")

    # Guests that are not lost; each differs from the lost one in one register.
    def test_not_lost(self):
        stray = LOST_REGISTERS.split("CPU#3")[1]
        for old, new in (("HLT=0", "HLT=1"),            # it waits
                         ("CR3=00000000", "CR3=00001000"),  # it has run a kernel before
                         ("EFER=0000000000000000", "EFER=0000000000000d01"),
                         ("EIP=000ef2a8", "EIP=0000a2a8"),  # a kernel's first steps
                         ("CR0=00000011", "CR0=80000011")):
            self.assertIn(old, stray)
            changed = LOST_REGISTERS.replace(stray, stray.replace(old, new))
            self.assertIsNone(vcpus.stray(vcpus.parse(changed)), new)
        # The firmware still boots the machine.
        booting = LOST_REGISTERS.replace("CR0=80050033", "CR0=60000010")
        self.assertIsNone(vcpus.stray(vcpus.parse(booting)))
        self.assertIsNone(vcpus.stray(vcpus.parse(LOST_REGISTERS.replace("CPU#3", "CPU#0"))[2:]))

    def test_words(self):
        self.assertIn("a program, at 0xffffffff9f5f69d0",
                      self.words(LOST_REGISTERS.replace("CPL=0", "CPL=3"))[0])
        self.assertIn("a module, at 0xffffffffc05f69d0",
                      self.words(LOST_REGISTERS.replace("ffffffff9f5f", "ffffffffc05f"))[0])
        self.assertIn("triple fault",
                      self.words(RESET_REGISTERS.replace("00000fff", "00000000"))[0])

    def test_no_registers(self):
        for text in ("", "CPU#0", "unknown command: 'info registers'", "\0" * 1000,
                     LOST_REGISTERS.replace("CR3=", "CRX="), LOST_REGISTERS.replace("CS =", "CX ="),
                     LOST_REGISTERS.replace("IP=", "XX=")):
            with self.assertRaises(ValueError):
                vcpus.parse(text)

    def test_symbols(self):
        for start in (None, 0xffffffff81000000, 0xffffffff9f000000):
            offset = start - 0xffffffff81000000 if start else 0
            symbols = vcpus.Symbols(KALLSYMS.splitlines(), start)
            for address, name in ((0xffffffff81005000, "first+0x0"),
                                  (0xffffffff8100500f, "first+0xf"),
                                  (0xffffffff81005018, "second+0x8"),
                                  (0xffffffff81000004, "startup_64+0x4"),
                                  (0xffffffff80ffffff, None), (0xffffffff81006000, None),
                                  (0xffffffff82000000, None), (0, None)):
                self.assertEqual(symbols(address + offset), name, f"{address:#x}, {start}")


if __name__ == "__main__":
    testing.main()
