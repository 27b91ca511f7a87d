# SPDX-License-Identifier: GPL-2.0
"""Writes an initramfs: a cpio archive in the kernel's "newc" form."""

import os
import stat


class Archive:
    def __init__(self, out):
        self._out = out
        self._inode = 0
        self._seen = set()
        self._directories = set()

    def _entry(self, path, mode, data=b"", rdev=(0, 0)):
        """The first entry for a path counts; later ones are left out."""
        path = path.strip("/")
        if path in self._seen:
            return
        self._parents(path)
        self._seen.add(path)
        if stat.S_ISDIR(mode):
            self._directories.add(path)
        self._inode += 1
        name = os.fsencode(path) + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self._out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def _parents(self, path):
        parent = os.path.dirname(path)
        if parent and parent not in self._seen:
            self.directory(parent)

    def directory(self, path):
        self._entry(path, stat.S_IFDIR | 0o755)

    def names(self, folder):
        """What is in a folder of the archive so far."""
        return {os.path.basename(path) for path in self._seen if os.path.dirname(path) == folder}

    def has_directory(self, path):
        return path.strip("/") in self._directories

    def file(self, path, data, mode=0o644):
        self._entry(path, stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        self._entry(path, stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, path, major, minor):
        self._entry(path, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def copy(self, source, path):
        """A file, or a folder with everything below it. Links stay links."""
        if os.path.islink(source):
            self.symlink(path, os.readlink(source))
        elif os.path.isdir(source):
            self.directory(path)
            for name in sorted(os.listdir(source)):
                self.copy(os.path.join(source, name), os.path.join(path, name))
        elif os.path.isfile(source):
            with open(source, "rb") as file:
                self.file(path, file.read(), stat.S_IMODE(os.stat(source).st_mode))
        else:  # reading a pipe, for example, would block
            raise OSError(f"{source} is neither a file nor a folder nor a link")

    def close(self):
        self._inode = -1  # the trailer has number 0
        self._entry("TRAILER!!!", 0)
