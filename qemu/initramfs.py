# SPDX-License-Identifier: GPL-2.0
"""What is in a guest: programs, kernel modules, and the command. cpio.py has the format."""

import lzma
import os
import re
import subprocess
import tempfile

import cpio
import shares
from host import BUILD, QEMU_DIR, compiled

# Modules of the kernel that tests may need, as far as the kernel has them.
GUEST_MODULES = ["memory-notifier-error-inject", "pm-notifier-error-inject",
                 "virtio-pci", "virtio-mem", "brd"]

# They are in packages that every Debian has. run_kselftest.sh needs timeout's --foreground.
HOST_PROGRAMS = ["/bin/bash", "/usr/bin/flock", "/usr/bin/timeout"]


def busybox_applets(busybox):
    listed = subprocess.run([busybox, "--list-full"], stdout=subprocess.PIPE, text=True,
                            check=True)
    return listed.stdout.split()


class HostPrograms:
    """Programs of this machine that busybox does not fully replace, with their libraries."""

    def __init__(self):
        self.files = {}  # path in the guest -> path on this machine

    def add(self, path):
        self.files[path] = os.path.realpath(path)
        listed = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True)
        for library in re.findall(r"(/\S+) \(0x", listed.stdout):
            self.files[library] = os.path.realpath(library)

    def add_perl(self, path, *modules):
        self.add(path)
        code = ("print map {qq($_\\n)} values %INC, @DynaLoader::dl_shared_objects,"
                " grep {-e} map {qq($_/auto/IO/IO.so)} @INC")
        listed = subprocess.run([path, *(f"-M{module}" for module in modules), "-e", code],
                                stdout=subprocess.PIPE, text=True, check=True)
        for module in listed.stdout.split():
            self.files[module] = os.path.realpath(module)

    def write(self, archive):
        for target, source in sorted(self.files.items()):
            archive.copy(source, target)


class KernelModules:
    """The modules in the guest: kernel modules with their dependencies, and those of the project.

    modprobe finds them by name, in modules.dep.
    """

    def __init__(self, folder):
        self._paths = {}
        for where, _, names in os.walk(os.path.realpath(folder)):
            for name in names:
                base, dot, end = name.partition(".ko")
                if dot and end in ("", ".xz"):
                    self._paths[base.replace("_", "-")] = os.path.join(where, name)
        self.images = {}   # name -> bytes
        self.files = {}    # name -> path in the guest, relative to modules.dep
        self.depends = {}  # name -> names

    def add(self, name):
        """Adds a module of the kernel, if the kernel has it."""
        name = name.replace("_", "-")
        if name in self.images or name not in self._paths:
            return
        with open(self._paths[name], "rb") as file:
            image = file.read()
        if self._paths[name].endswith(".xz"):
            image = lzma.decompress(image)
        self._take(name, f"{name}.ko", image)

    def add_ours(self, path):
        """Adds a module of the project, in /dhp: a short path to type after insmod."""
        file = os.path.basename(path)
        self._take(file.removesuffix(".ko").replace("_", "-"), f"../../../dhp/{file}",
                   without_debugging(path))

    def _take(self, name, file, image):
        found = re.search(rb"\0depends=([^\0]+)\0", image)
        depends = found[1].decode().split(",") if found else []
        self.images[name] = image
        self.files[name] = file
        self.depends[name] = [one.replace("_", "-") for one in depends]
        for one in depends:
            self.add(one)

    def write(self, archive, release):
        folder = f"/lib/modules/{release}"
        for name, image in self.images.items():
            archive.file(os.path.normpath(os.path.join(folder, self.files[name])), image)
        archive.file(f"{folder}/modules.dep", "".join(
            f"{self.files[name]}:{''.join(f' {self.files[one]}' for one in self._closure(name))}\n"
            for name in self.images).encode())

    def _closure(self, name):
        """A module's dependencies, each before its own: modprobe loads them from the end."""
        found = []
        for one in self.depends.get(name, []):
            found += [one, *self._closure(one)]
        return list(dict.fromkeys(reversed(found)))[::-1]


def project_modules(release):
    """The project's modules as built for this kernel: file name -> path."""
    found = {}
    for where, _, names in os.walk(os.path.join(BUILD, "modules", release)):
        for name in names:
            if name.endswith(".ko"):
                found[name] = os.path.join(where, name)
    return found


def without_debugging(path):
    """The bytes of a module without its debugging information, which is most of it."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = os.path.join(folder, os.path.basename(path))
        subprocess.run(["strip", "--strip-debug", "-o", stripped, path], check=True)
        with open(stripped, "rb") as file:
            return file.read()


def write_initramfs(path, release, kernel, command, interactive, additions, shared):
    guest = os.path.join(BUILD, "guest")
    busybox = os.path.join(guest, "bin/busybox")
    with open(path, "wb") as out:
        archive = cpio.Archive(out)
        for folder in ("proc", "sys", "dev", "tmp", "run", "root", "etc"):
            archive.directory(folder)
        archive.device("dev/console", 5, 1)
        archive.device("dev/null", 1, 3)
        archive.copy(compiled("init", "-static"), "init")
        archive.copy(busybox, "bin/busybox")
        programs = HostPrograms()
        for program in HOST_PROGRAMS:
            programs.add(program)
        # kselftest prefixes the tests' lines by a Perl program; sed instead would buffer them.
        programs.add_perl("/usr/bin/perl", "strict", "IO::Handle")
        programs.write(archive)
        for applet in busybox_applets(busybox):
            archive.symlink(applet, "/bin/busybox")
        archive.copy(os.path.join(QEMU_DIR, "guest-hotplug"), "usr/bin/hotplug")
        archive.copy(os.path.join(QEMU_DIR, "hotplug-watch"), "usr/bin/hotplug-watch")
        archive.copy(os.path.join(QEMU_DIR, "guest-to-host"), "usr/bin/to-host")
        archive.file("etc/passwd", b"root::0:0:root:/:/bin/sh\n")
        archive.file("etc/group", b"root:x:0:\n")
        modules = KernelModules(os.path.join(kernel, "modules"))
        for name in GUEST_MODULES:
            modules.add(name)
        for name in shares.MODULES if shared else ():
            modules.add(name)
        archive.directory("dhp")
        for _, source in sorted(project_modules(release).items()):
            modules.add_ours(source)
        modules.write(archive, release)
        for source, target in additions:
            archive.copy(os.path.realpath(source), target)
        archive.file(".vm/command", os.fsencode(command) + b"\n")
        if interactive:
            archive.file(".vm/interactive", b"")
            # Otherwise the shell begins each prompt with an escape code.
            archive.file("etc/inputrc", b"set enable-bracketed-paste off\n")
        shares.add_to(archive, shared)
        archive.close()
