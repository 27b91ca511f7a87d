# SPDX-License-Identifier: GPL-2.0
"""A Debian system in a folder, for scripts/try-deb: making it, running commands in it, an image of it.

Not here: booting it, see try_deb_boot.py; what is tried in it, see try-deb.
"""

import os
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

# What a machine with a kernel of its own has, and what DKMS builds with.
PACKAGES = ("systemd-sysv", "udev", "kmod", "initramfs-tools", "e2fsprogs", "zstd", "ca-certificates",
            "linux-image-amd64", "linux-headers-amd64", "dkms", "gcc", "make", "xz-utils")

# The mounts end with the command.
ENTER = """
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount --bind /dev "$1/dev"
mount --bind /etc/resolv.conf "$1/etc/resolv.conf"
exec chroot "$@"
"""

# Where nothing of a package's stays, and what other packages leave there when they are installed. Debian's
# newer kernels do not have image and configuration in /boot as files of the package, but copy them.
KEPT = ("etc", "usr", "boot", "opt", "root", "srv", "var/lib/dkms")
OTHERS = ("boot/config-", "boot/initrd.img", "boot/vmlinuz-", "etc/alternatives/", "etc/apt/sources.list.d/",
          "etc/ld.so.cache", "var/lib/dkms/mok.")


class Failed(AssertionError):
    """Something in the tree did not do what it should; the message says what, with the output."""


def mirror():
    """The Debian archive that this machine uses."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(CODENAME)",
                             "Created-By: Packages"], stdout=subprocess.PIPE, text=True, check=True)
    for line in listed.stdout.splitlines():
        address, origin, codename = line.split()[:3]
        # Not bookworm-security, which is elsewhere.
        if origin == "Debian" and "-" not in codename:
            return address.rstrip("/")
    raise Failed("apt's sources name no Debian archive that a tree could come from")


class Tree:
    def __init__(self, suite, folder):
        self.suite = suite
        self.folder = folder
        self.root = os.path.join(folder, "tree")
        self.image = os.path.join(folder, "image")
        self.mirror = None

    def make(self):
        """Makes it anew. Packages that were downloaded before are used again."""
        self.remove()
        self.mirror = mirror()
        debs = os.path.join(self.folder, "debs")
        os.makedirs(debs, exist_ok=True)
        archives = "/var/cache/apt/archives"
        command = ["mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(PACKAGES)}",
                   "--skip=essential/unlink", "--components=main",
                   f'--setup-hook=mkdir -p "$1{archives}"',
                   f"--setup-hook=sync-in '{debs}' {archives}",
                   f"--customize-hook=sync-out {archives} '{debs}'",
                   self.suite, self.root, self.mirror]
        self._said(command)
        # A file to mount this machine's over.
        path = self.path("etc/resolv.conf")
        if not os.path.lexists(path):
            self.write("etc/resolv.conf", "")

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)
        if os.path.exists(self.image):
            os.remove(self.image)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def copy(self, source, name):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        shutil.copy(source, self.path(name))

    @staticmethod
    def _said(command, status=0, **how):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **how)
        if done.returncode != status:
            raise Failed(f"{' '.join(command[-6:])} has ended with status {done.returncode}, and should "
                         f"with {status}:\n{done.stdout}")
        return done.stdout

    def run(self, *command, status=0, **environment):
        """Runs a command in it as root. Returns its output; fails unless it ends with this status."""
        variables = {name: value for name, value in os.environ.items() if name.endswith("_proxy")}
        variables |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                      "DEBIAN_FRONTEND": "noninteractive", **environment}
        return self._said(["unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER, "enter",
                           self.root, *command], status, env=variables)

    def apt(self, *words, status=0):
        return self.run("apt-get", "-y", "-q", "--no-install-recommends", *words, status=status)

    def use_suite(self, suite):
        """Lets apt see another suite of the archive as well."""
        archive = f"{self.mirror}-security" if suite.endswith("-security") else self.mirror
        self.write(f"etc/apt/sources.list.d/{suite}.list", f"deb {archive} {suite} main\n")
        self.apt("update")

    def kernels(self):
        """The releases of the kernels that are installed."""
        prefix = "vmlinuz-"
        return {name[len(prefix):] for name in os.listdir(self.path("boot")) if name.startswith(prefix)}

    def files(self):
        """All paths in the folders in which a package may leave something."""
        return {os.path.relpath(os.path.join(where, name), self.root)
                for folder in KEPT for where, folders, names in os.walk(self.path(folder))
                for name in [*folders, *names]}

    def left_since(self, before):
        """What is there and was not, and belongs to no package: neither installed nor made by depmod."""
        owned = {os.path.realpath(self.path(line[1:])) for line in
                 self.run("sh", "-c", "cat /var/lib/dpkg/info/*.list").split("\n")}
        return sorted(name for name in self.files() - before
                      if os.path.realpath(self.path(name)) not in owned
                      and not name.startswith(OTHERS) and ("dhp" in name or "__pycache__" not in name)
                      and not os.path.basename(name).startswith("modules."))

    def make_image(self):
        """A disk with the tree as its file system."""
        used = self._said(["du", "-sm", "--apparent-size", self.root]).split()[0]
        self._said(["mke2fs", "-q", "-F", "-t", "ext4", "-d", self.root, self.image,
                    f"{int(used) * 5 // 4 + 512}M"])
