# SPDX-License-Identifier: GPL-2.0
"""Reads QEMU's `info registers -a`: what each vCPU of a stopped x86 guest was doing."""

import bisect
import re

# Where a PC maps its firmware: below 1 MiB, with the option ROMs, and at the end of 4 GiB.
FIRMWARE = ((0xc0000, 0x100000), (0xfffc0000, 0x100000000))
MODULES = 0xffffffffc0000000  # and above: where x86-64 kernels load their modules

PAGING = 1 << 31  # in CR0


class Vcpu:
    """One vCPU's registers."""

    def __init__(self, number, text):
        self.number = number
        self.ip = self._register(text, "[RE]IP")
        self.user = self._register(text, "CPL") == 3
        self.halted = self._register(text, "HLT") == 1
        self.paging = bool(self._register(text, "CR0") & PAGING)
        # Reset clears these, and the start of a kernel sets them.
        self.fresh = not any(self._register(text, name) for name in ("CR3", "CR4", "EFER"))
        segment = re.search(r"^CS =[0-9a-f]{4} ([0-9a-f]+) ", text, re.MULTILINE)
        if not segment:
            raise ValueError(f"vCPU {number} has no CS")
        self.base = int(segment[1], 16)
        table = re.search(r"^IDT= +[0-9a-f]+ ([0-9a-f]+)$", text, re.MULTILINE)
        self.no_idt = bool(table) and int(table[1], 16) == 0

    def _register(self, text, name):
        found = re.search(rf"(?:^|\s){name}=([0-9a-f]+)", text)
        if not found:
            raise ValueError(f"vCPU {self.number} has no {name}")
        return int(found[1], 16)

    @property
    def in_firmware(self):
        address = self.base + self.ip
        return not self.paging and any(first <= address < end for first, end in FIRMWARE)

    @property
    def strayed(self):
        """It runs the firmware and has not run anything else since its reset.

        Once the machine is up, no vCPU should do that: a vCPU that was plugged, or was sent an
        INIT, is halted until its SIPI, which starts it elsewhere.
        """
        return self.in_firmware and self.fresh and not self.halted

    def words(self, symbols=None):
        """What it was doing; SYMBOLS is a function that gives a kernel address a name."""
        if self.strayed:
            return f"ran the firmware from its reset vector, and was at {self.base + self.ip:#x}"
        if self.in_firmware:
            return ("waited to be started" if self.fresh else "halted in the firmware"
                    if self.halted else f"ran the firmware, at {self.base + self.ip:#x}")
        if not self.paging:
            return f"ran without paging, at {self.base + self.ip:#x}"
        if self.user:
            return f"ran a program, at {self.ip:#x}"
        where = symbols and symbols(self.ip)
        where = where or ("a module, at " if self.ip >= MODULES else "") + f"{self.ip:#x}"
        return (("halted in the kernel: " if self.halted else "ran the kernel: ") + where +
                (", without an IDT: its next exception is a triple fault" if self.no_idt else ""))


def parse(text):
    """The vCPUs of `info registers -a`, in its order. ValueError: TEXT is something else."""
    parts = re.split(r"^CPU#(\d+)\s*$", text.replace("\r", ""), flags=re.MULTILINE)
    if len(parts) < 3:
        raise ValueError(f"no registers: {text[:80]!r}")
    return [Vcpu(int(number), registers) for number, registers in zip(parts[1::2], parts[2::2])]


def stray(vcpus):
    """The vCPU that QEMU let run the firmware, while the guest's first one ran its kernel."""
    if not any(vcpu.number == 0 and vcpu.paging for vcpu in vcpus):
        return None  # the firmware still boots the machine
    return next((vcpu for vcpu in vcpus if vcpu.strayed), None)


class Symbols:
    """The functions of a kernel, from lines as in /proc/kallsyms and System.map.

    START is the address of the guest's _stext; it differs from the lines' by KASLR's offset.
    """

    def __init__(self, lines, start=None):
        found = []
        places = {}
        for line in lines:
            address, kind, name = line.split()[:3]
            if kind in "tTwW":
                found.append((int(address, 16), name))
            if name in ("_stext", "_etext"):
                places[name] = int(address, 16)
        found.sort(key=lambda one: one[0])
        self._addresses = [address for address, _ in found]
        self._names = [name for _, name in found]
        self._first, self._end = places.get("_stext", 0), places.get("_etext", 0)
        self._offset = start - self._first if start else 0

    def __call__(self, address):
        """FUNCTION+OFFSET, or None outside of the kernel itself."""
        address -= self._offset
        if not self._first <= address < self._end:
            return None
        index = bisect.bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        # One address may have several names: the first will do.
        index = bisect.bisect_left(self._addresses, self._addresses[index])
        return f"{self._names[index]}+{address - self._addresses[index]:#x}"
