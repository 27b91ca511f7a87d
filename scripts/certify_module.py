# SPDX-License-Identifier: GPL-2.0
"""What a kernel module says about itself, and which modules a guest kernel has.

Not here: which modules a driver is, see certify_driver.py.
"""

import dataclasses
import glob
import gzip
import lzma
import os
import re
import struct
import subprocess

ENDS = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")


class Refused(Exception):
    """The message names what was wrong with the user's input, and what would be right."""


def underscored(name):
    """As in /proc/modules."""
    return name.replace("-", "_")


def base(path):
    """The module's name, from that of its file."""
    return underscored(os.path.basename(path).split(".ko")[0])


def unpacked(path):
    """The bytes of a module's file."""
    with open(path, "rb") as file:
        image = file.read()
    try:
        if path.endswith(".xz"):
            return lzma.decompress(image)
        if path.endswith(".gz"):
            return gzip.decompress(image)
        if path.endswith(".zst"):
            return subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE,
                                  check=True).stdout
    except (OSError, EOFError, lzma.LZMAError, subprocess.CalledProcessError) as error:
        raise Refused(f"{path} cannot be unpacked: {error}") from None
    return image


@dataclasses.dataclass
class Info:
    """What `modinfo` would say."""

    vermagic: str
    depends: list       # names, with underscores
    before: list        # modules that would better be loaded before, as far as there are any
    parameters: dict    # name -> type, as in module_param()

    @property
    def release(self):
        return self.vermagic.split(" ", 1)[0]


def info(image, path):
    """Reads section .modinfo of a module's bytes; PATH is for messages."""
    said = {}
    for entry in _section(image, path, b".modinfo").split(b"\0"):
        key, _, value = entry.decode(errors="replace").partition("=")
        said.setdefault(key, []).append(value)
    if "vermagic" not in said:
        raise Refused(f"{path} is not a kernel module: it has no vermagic")
    depends = [underscored(one) for one in said.get("depends", [""])[0].split(",") if one]
    before = [underscored(word) for line in said.get("softdep", [])
              for word in line.partition("post:")[0].replace("pre:", "").split()]
    types = dict(one.split(":", 1) for one in said.get("parmtype", []) if ":" in one)
    names = [one.split(":", 1)[0] for one in said.get("parm", [])]
    return Info(said["vermagic"][0], depends, before,
                {**{name: "" for name in names}, **types})


def _section(image, path, wanted):
    """The bytes of a section of a 64-bit little-endian ELF file."""
    try:
        if image[:6] != b"\x7fELF\x02\x01":
            raise ValueError
        table, = struct.unpack_from("<Q", image, 0x28)
        size, count, names = struct.unpack_from("<HHH", image, 0x3a)
        sections = [struct.unpack_from("<IIQQQQ", image, table + size * index)
                    for index in range(count)]
        strings = sections[names][4]
        for name, _, _, _, start, length in sections:
            if image[strings + name:image.index(b"\0", strings + name)] == wanted:
                return image[start:start + length]
        return b""
    except (ValueError, IndexError, struct.error):
        raise Refused(f"{path} is not a kernel module of a 64-bit machine") from None


class Kernel:
    """A guest kernel as scripts/setup leaves it."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        with open(os.path.join(folder, "release"), encoding="ascii") as file:
            self.release = file.read().strip()
        self.kdir = os.path.realpath(os.path.join(folder, "kdir"))
        self._files = None

    def file(self, name):
        """The file of one of its modules; None if it has no such module."""
        if self._files is None:
            self._files = {}
            top = os.path.realpath(os.path.join(self.folder, "modules"))
            for where, _, names in os.walk(top):
                for one in names:
                    if one.endswith(ENDS):
                        self._files[base(one)] = os.path.join(where, one)
        return self._files.get(underscored(name))

    def built_in(self, name):
        """Whether it is a part of the kernel itself."""
        pattern = re.compile(rf"/{re.sub('[-_]', '[-_]', re.escape(name))}\.ko$", re.MULTILINE)
        for path in glob.glob(os.path.join(self.folder, "modules", "modules.builtin")):
            with open(path, encoding="utf-8") as file:
                return bool(pattern.search(file.read()))
        return False
