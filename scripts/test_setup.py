#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/setup with an archive of its own, in each state that an archive, its mirror, the
disk and the package manager may be in. apt is the machine's, configured by APT_CONFIG to know of
nothing else; nothing is installed, and there is no network.
"""

import contextlib
import fcntl
import functools
import hashlib
import http.server
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PATIENCE = 60  # seconds that one run may take
PROGRAMS = ("sh", "env", "sed", "awk", "grep", "sort", "head", "tail", "cut", "tr", "cat", "mkdir", "rm",
            "mv", "ln", "ls", "date", "dirname", "df", "id", "flock", "sleep", "find", "chmod", "readlink",
            "zcat", "gzip", "xz", "tar", "perl", "apt-get", "apt-cache", "apt-config", "dpkg", "dpkg-deb",
            "make", "uname", "nproc", "which", "echo", "cksum")


def codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        return dict(line.strip().split("=", 1) for line in file if "=" in line).get(
            "VERSION_CODENAME", "").strip('"')


OWN = codename()
OTHER = "trixie" if OWN != "trixie" else "bookworm"
SUITES = {OWN, "bookworm", "trixie", "trixie-backports"}


def setUpModule():
    lacking = [name for name in ("apt-get", "dpkg-deb", "flock") if not shutil.which(name)]
    if lacking or not OWN:
        raise unittest.SkipTest(f"no Debian: there is no {lacking or 'VERSION_CODENAME'}")
    global debs
    debs = tempfile.TemporaryDirectory()


def tearDownModule():
    debs.cleanup()


# ---------------------------------------------------------------- packages

class Package:
    """What is in the archive: a package and what Packages says of it."""

    def __init__(self, name, version="1", depends="", files=(), unpacked=1):
        self.name = name
        self.version = version
        self.file = build_deb(name, version, tuple(files))
        self.path = f"pool/{os.path.basename(self.file)}"
        with open(self.file, "rb") as file:
            content = file.read()
        self.entry = (f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n"
                      "Maintainer: nobody <nobody@localhost>\nDescription: a test\n"
                      f"Installed-Size: {unpacked}\n" + (f"Depends: {depends}\n" if depends else "") +
                      f"Filename: {self.path}\nSize: {len(content)}\n"
                      f"SHA256: {hashlib.sha256(content).hexdigest()}\n")


@functools.cache
def build_deb(name, version, files):
    """FILES: (path, content) or (path, size)"""
    folder = os.path.join(debs.name, f"{name}_{version}_{abs(hash(files))}")
    os.makedirs(os.path.join(folder, "root/DEBIAN"))
    with open(os.path.join(folder, "root/DEBIAN/control"), "w", encoding="ascii") as control:
        control.write(f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n"
                      "Maintainer: nobody <nobody@localhost>\nDescription: a test\n")
    for path, content in files:
        path = os.path.join(folder, "root", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(os.urandom(content) if isinstance(content, int) else content)
    deb = os.path.join(folder, f"{name}_{version}_amd64.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build",
                    os.path.join(folder, "root"), deb], stdout=subprocess.DEVNULL, check=True)
    return deb


def common_headers(release):
    return f"linux-headers-{re.sub('(-rt)?-amd64$', '', release)}-common"


def kernel(release, without=(), **more):
    """The packages of a kernel, less those whose names begin with one of WITHOUT."""
    common = common_headers(release)
    kbuild = f"linux-kbuild-{re.match('[0-9]+[.][0-9]+', release)[0]}"
    headers = f"usr/src/linux-headers-{release}"
    return [package for package in (
        Package(f"linux-image-{release}", depends="a-bootloader", files=(
            (f"boot/vmlinuz-{release}", b"an image"), (f"lib/modules/{release}/modules.dep", b"")),
                **more),
        Package(f"linux-headers-{release}", depends=f"{common}, {kbuild}, a-compiler", files=(
            (f"{headers}/Makefile", f"include /usr/src/{common}/Makefile\n".encode()),
            (f"{headers}/.kernelvariables", b"CC = gcc\n"))),
        Package(common, files=((f"usr/src/{common}/Makefile", b"all:\n"),)),
        Package(kbuild, files=((f"usr/lib/{kbuild}/modpost", b""),)),
        Package("a-compiler"),
    ) if not package.name.startswith(tuple(without) or ("nothing",))]


def busybox(version="1"):
    return Package("busybox-static", version, files=(("bin/busybox", version.encode()),))


class Mirror(http.server.ThreadingHTTPServer):
    """The archive as a mirror serves it, with a mirror's faults."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = {}
        self.gone = set()
        self.broken = {}  # path: how many times the connection breaks in the middle
        self.asked = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/debian"

    def publish(self, suite, packages, padding=0):
        """PADDING: bytes that the suite's list is larger."""
        for package in packages:
            with open(package.file, "rb") as file:
                self.files[package.path] = file.read()
        content = "\n".join({package.entry: None for package in packages}).encode()
        if padding:
            content += b"Comment: " + b"x" * padding + b"\n"
        digest = hashlib.sha256(content).hexdigest()
        self.files[f"dists/{suite}/main/binary-amd64/Packages"] = content
        self.files[f"dists/{suite}/Release"] = (
            f"Origin: Debian\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\n"
            "Components: main\nDate: Sat, 01 Jan 2022 00:00:00 UTC\n"
            f"SHA256:\n {digest} {len(content)} main/binary-amd64/Packages\n").encode()

    def end(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        pass


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.removeprefix("/debian/").replace("%2b", "+")
        self.server.asked.append(path)
        content = self.server.files.get(path)
        if content is None or path in self.server.gone:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.server.broken.get(path, 0):
            self.server.broken[path] -= 1
            self.wfile.write(content[:len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content)

    def log_message(self, *_):
        pass


# ---------------------------------------------------------------- running it

class Setup(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.tree = self.path("tree")
        self.build = self.path("tree/build")
        os.makedirs(self.build)
        for name in ("scripts", "qemu"):
            os.symlink(os.path.join(TOP, name), os.path.join(self.tree, name))
        self.mirror = Mirror()
        self.addCleanup(self.mirror.end)
        for suite in SUITES:
            self.mirror.publish(suite, [])
        self.configure()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def configure(self, lock_timeout=PATIENCE):
        for name in ("state/lists/partial", "cache/archives/partial", "etc/parts",
                     "etc/preferences.d", "log", "dpkg"):
            os.makedirs(self.path(f"apt/{name}"), exist_ok=True)
        self.write("apt/etc/sources.list", f"deb [trusted=yes] {self.mirror.url} {OWN} main\n")
        self.status = self.write("apt/dpkg/status", "")
        # What apt would have installed.
        dpkg = self.write("apt/dpkg/run", f'#!/bin/sh\necho "$*" >>{self.path("installed")}\n', 0o755)
        self.configuration = self.write("apt/conf", f'''
Dir::State "{self.path("apt/state")}"; Dir::State::Status "{self.status}";
Dir::Cache "{self.path("apt/cache")}"; Dir::Log "{self.path("apt/log")}";
Dir::Etc "{self.path("apt/etc")}"; Dir::Etc::Main "none"; Dir::Etc::Parts "parts";
Dir::Bin::dpkg "{dpkg}"; APT::Architecture "amd64"; APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::http::Proxy "DIRECT";
Acquire::Retries::Delay "false"; Acquire::AllowInsecureRepositories "true";
APT::Get::AllowUnauthenticated "true"; DPkg::Lock::Timeout "{lock_timeout}";
''')
        os.makedirs(self.path("bin"), exist_ok=True)
        for name in PROGRAMS:
            if not os.path.lexists(self.path(f"bin/{name}")):
                os.symlink(shutil.which(name) or "/nonexistent", self.path(f"bin/{name}"))
        self.write("bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
        self.write("bin/qemu-system-x86_64", "#!/bin/sh\necho QEMU emulator version 7.2.22\n", 0o755)
        self.environment = {"PATH": self.path("bin"), "APT_CONFIG": self.configuration, "TERM": "xterm",
                            "HOME": self.folder, "LANG": "de_DE.UTF-8"}

    def start(self, *words):
        process = subprocess.Popen([os.path.join(self.tree, "scripts/setup"), *words],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd=self.folder, env=self.environment)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()

    @staticmethod
    def output(process):
        """To its end, as it is: a terminal's carriage returns are looked for."""
        return tuple(stream.decode() for stream in process.communicate(timeout=PATIENCE))

    def setup(self, *words, status=0, said=(), unsaid=()):
        """Runs it. SAID: what its standard error must have, UNSAID: must not, as regular expressions."""
        process = self.start(*words)
        out, self.err = self.output(process)
        self.assertEqual(process.returncode, status, self.err)
        self.check_said(said, unsaid)
        # Nothing half filled is left, whatever has happened.
        left = [os.path.join(folder, name) for folder, names, _ in os.walk(self.build) for name in names
                if name.endswith(".new") or name in ("debs", ".package") or name.startswith("download.")]
        self.assertEqual(left, [])
        return out.rstrip("\n")

    def check_said(self, said, unsaid):
        for pattern in (said,) if isinstance(said, str) else said:
            self.assertRegex(self.err, pattern)
        for pattern in (unsaid,) if isinstance(unsaid, str) else unsaid:
            self.assertNotRegex(self.err, pattern)

    def lines(self):
        """What scripts/setup itself says."""
        return [line for line in self.err.splitlines() if line.startswith("setup: ")]

    def updates(self, suite=OWN):
        return sum(path in (f"dists/{suite}/InRelease",) for path in self.mirror.asked)

    def update(self):
        """As a machine has lists."""
        subprocess.run(["apt-get", "-qq", "update"], env=self.environment, stderr=subprocess.DEVNULL,
                       check=True)
        self.mirror.asked.clear()

    def publish(self, *packages, suite=OWN):
        self.mirror.publish(suite, [package for one in packages for package in
                                    (one if isinstance(one, list) else [one])])

    def source(self):
        folder = self.path("sources/linux-source-6.1")
        tests = f"{folder}/tools/testing/selftests"
        os.makedirs(f"{folder}/scripts")
        os.makedirs(f"{tests}/kselftest")
        for name in ("lib.mk", "run_kselftest.sh", "kselftest_install.sh", "kselftest.h",
                     "kselftest_harness.h"):
            self.write(f"{tests}/{name}", name)
        self.write(f"{folder}/scripts/checkpatch.pl", "#!/usr/bin/perl\n")
        self.write(f"{folder}/Makefile", "all:\n")
        with open(f"{folder}/scripts/large", "wb") as large:
            large.truncate(25 << 20)
        subprocess.run(["tar", "-C", self.path("sources"), "-I", "xz -0", "-cf", self.path("x.tar.xz"),
                        "linux-source-6.1"], check=True)
        subprocess.run(["gzip", "-n", self.write("changelog", "linux (6.1.192-2) x; urgency=low\n")],
                       check=True)
        files = []
        for path, name in (("usr/src/linux-source-6.1.tar.xz", "x.tar.xz"),
                           ("usr/share/doc/linux-source-6.1/changelog.Debian.gz", "changelog.gz")):
            with open(self.path(name), "rb") as file:
                files.append((path, file.read()))
        return Package("linux-source-6.1", "6.1.192-2", files=files)

    def without_perl(self):
        """What `setup style` installs."""
        os.unlink(self.path("bin/perl"))
        for name in ("sparse", "shellcheck"):
            self.write(f"bin/{name}", "#!/bin/sh\n", 0o755)
        self.publish(kernel("6.1.0-56-amd64"), Package("perl", "1"))
        self.update()

    def no_network(self):
        self.mirror.end()

    def assert_kernel(self, out, name, release):
        folder = os.path.join(self.build, "kernels", name)
        self.assertEqual(out, folder)
        with open(os.path.join(folder, "release"), encoding="ascii") as file:
            self.assertEqual(file.read(), release + "\n")
        with open(os.path.join(folder, "vmlinuz"), "rb") as file:
            self.assertEqual(file.read(), b"an image")
        with open(os.path.join(folder, "kdir/Makefile"), encoding="ascii") as file:
            self.assertEqual(file.read(), f"include ../{common_headers(release)}/Makefile\n")


# ---------------------------------------------------------------- which kernel

class Kernels(Setup):
    def test_newest(self):
        self.publish(kernel("6.1.0-9-amd64"), kernel("6.1.0-10-amd64"), kernel("6.12.5+deb12-amd64"),
                     kernel("6.1.0-11-rt-amd64"))
        self.assert_kernel(self.setup("kernel", "6.1", unsaid="passing over"), "6.1", "6.1.0-10-amd64")
        self.assert_kernel(self.setup("kernel", "6.12"), "6.12", "6.12.5+deb12-amd64")
        self.assert_kernel(self.setup("kernel", "6.1-rt"), "6.1-rt", "6.1.0-11-rt-amd64")

    def test_newest_is_not_whole(self):
        for number, lacking in enumerate(("linux-image-", "linux-headers-6.1.0-57-common",
                                          "linux-headers-6.1.0-57-amd64")):
            with self.subTest(lacking):
                shutil.rmtree(os.path.join(self.build, "kernels"), ignore_errors=True)
                self.publish(kernel("6.1.0-56-amd64"), kernel("6.1.0-57-amd64", without=[lacking]))
                self.update()
                self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")
                # Headers that are not there name no release.
                if number < 2:
                    self.check_said(f"passing over kernel 6.1.0-57-amd64: there is no {lacking}", ())
                    self.assertEqual(self.err.count("passing over"), 1)

    def test_parts_of_newer_ones(self):
        """A kernel whose image is in parts, as from 6.19 on."""
        release = "7.3+deb13-amd64"
        parts = [Package(f"linux-binary-{release}", files=((f"boot/vmlinuz-{release}", b"an image"),)),
                 Package(f"linux-modules-{release}", files=((f"lib/modules/{release}/x", b""),))]
        whole = [package for package in kernel(release) if "linux-image" not in package.name]
        whole.append(Package(f"linux-image-{release}", depends=", ".join(part.name for part in parts)))
        self.publish(whole, parts[:1])
        self.setup("kernel", "7.3", status=1,
                   said=f"passing over .*: there is no linux-modules-{re.escape(release)}")
        self.publish(whole, parts)
        self.update()
        self.assert_kernel(self.setup("kernel", "7.3"), "7.3", release)

    def test_exact(self):
        self.publish(*(kernel(f"6.1.0-{name}-amd64") for name in ("5", "55", "56", "55-rt", "55-cloud")))
        for word, name, release in (("6.1.0-55", "6.1.0-55", "6.1.0-55-amd64"),
                                    ("6.1.0-5-amd64", "6.1.0-5", "6.1.0-5-amd64"),
                                    ("6.1.0-55-rt", "6.1.0-55-rt", "6.1.0-55-rt-amd64")):
            self.assert_kernel(self.setup("kernel", word), name, release)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")
        # One folder for one release, whatever it is called; and nothing is asked for it.
        self.no_network()
        shutil.rmtree(self.path("apt/state/lists"))
        for word, name, release in (("6.1.0-56", "6.1", "6.1.0-56-amd64"),
                                    ("6.1.0-55-rt-amd64", "6.1.0-55-rt", "6.1.0-55-rt-amd64")):
            self.assert_kernel(self.setup("kernel", word), name, release)
            self.assertEqual(self.err, "")

    def test_exact_and_wrong(self):
        self.publish(kernel("6.1.0-55-amd64"), kernel("6.1.0-56-amd64", without=["linux-image"]),
                     kernel("6.12.5+deb12-amd64"))
        self.assertEqual(self.setup("kernel", "6.1.0-99", status=1,
                                    said="no kernel 6.1.0-99 .*it has headers of:( 6.1.0-5[56]-amd64){2} $"), "")
        self.setup("kernel", "6.1.0-56", status=1,
                   said=["passing over kernel 6.1.0-56-amd64: there is no linux-image",
                         "no kernel 6.1.0-56 .*it has headers of: .*6.1.0-55-amd64"])
        self.setup("kernel", "5.10", status=1, said="no kernel 5.10 .*it has headers of: 6.1 6.12 ")
        self.setup("kernel", "6.1.0-5", status=1, said="no kernel 6.1.0-5 ")

    def test_nothing_whole(self):
        """Also where packages depend on the newest one, which are called like a series."""
        self.publish(kernel("6.1.0-57-amd64", without=["linux-image"]),
                     Package("linux-headers-6.1-amd64", depends="linux-headers-6.1.0-57-amd64"),
                     Package("linux-image-6.1-amd64", depends="linux-image-6.1.0-57-amd64"))
        self.setup("kernel", "6.1", status=1,
                   said=["passing over kernel 6.1.0-57-amd64: there is no linux-image-6.1.0-57",
                         "no kernel 6.1 with all that it needs"])

    def test_nothing_whole_but_one_is_here(self):
        self.publish(kernel("6.1.0-55-amd64"))
        self.setup("kernel", "6.1.0-55")
        self.publish(kernel("6.1.0-57-amd64", without=["linux-image"]))
        self.update()
        self.assert_kernel(self.setup("kernel", "6.1", said="using 6.1.0-55-amd64, which is there"),
                           "6.1.0-55", "6.1.0-55-amd64")
        # What is there was all that had to be fetched.
        self.publish(kernel("6.1.0-55-amd64"))
        self.update()
        self.setup("kernel", "6.1")
        self.assertFalse([path for path in self.mirror.asked if path.startswith("pool/")])

    def test_kernel_of_another_suite(self):
        self.publish(kernel("6.1.0-56-amd64"))
        headers = Package("linux-headers-6.12.9+deb13-amd64", "2",
                          f"{common_headers('6.12.9+deb13-amd64')}, linux-kbuild-6.12, gcc-14",
                          files=(("usr/src/linux-headers-6.12.9+deb13-amd64/Makefile",
                                  b"include /usr/src/linux-headers-6.12.9+deb13-common/Makefile\n"),))
        newest = [package for package in kernel("6.12.9+deb13-amd64") if package.name != headers.name]
        older = kernel("6.12.8+deb13-amd64")
        broken_compiler = [Package("gcc-14", depends="libnowhere"), Package("a-bootloader")]
        self.publish(newest, headers, older, broken_compiler, suite=OTHER)
        self.assert_kernel(self.setup("kernel", "6.12", said=[
            "passing over kernel 6.12.9.deb13-amd64: gcc-14 needs libnowhere, .*not installable",
            "fetching kernel 6.12.8.deb13-amd64"]), "6.12", "6.12.8+deb13-amd64")

    def test_another_language(self):
        """What apt prints is read, and a person's apt may speak another language."""
        self.publish(kernel("6.1.0-56-amd64"), kernel("6.1.0-57-amd64", without=["linux-image"]))
        apt_cache = os.path.realpath(self.path("bin/apt-cache"))
        os.unlink(self.path("bin/apt-cache"))
        self.write("bin/apt-cache", f'''#!/bin/sh
[ "$LC_ALL" != C ] || exec {apt_cache} "$@"
LC_ALL=C {apt_cache} "$@" | sed "s/Depends/Haengt ab von/; s/Candidate/Kandidat/"
''', 0o755)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")


# ---------------------------------------------------------------- other things

class Others(Setup):
    def qemu(self, version, depends=""):
        return Package("qemu-system-x86", version, depends, files=(("usr/bin/qemu-system-x86_64", b"#!"),))

    def test_qemu(self):
        self.publish(kernel("6.1.0-56-amd64"), self.qemu("1:7.2+dfsg-7"))
        self.publish(self.qemu("1:10.0.2+ds-2", "libx"), Package("libx"), suite="trixie")
        self.publish(self.qemu("1:10.1.0+ds-1~bpo13+1", "libnowhere"), suite="trixie-backports")
        program = os.path.join(self.build, "qemu/qemu-system-x86_64")
        self.assertEqual(program, self.setup("qemu", said=[
            "passing over QEMU 1:10.1.0.*: qemu-system-x86 needs libnowhere, .*not installable",
            "fetching QEMU 1:10.0.2"]))
        self.no_network()
        self.assertEqual(self.setup("qemu"), program)
        self.assertEqual(self.err, "")

    def test_no_qemu(self):
        self.publish(kernel("6.1.0-56-amd64"), self.qemu("1:7.2+dfsg-7"))
        self.publish(self.qemu("1:10.0.2+ds-2", "libnowhere"), suite=OTHER)
        self.setup("qemu", status=1, said="no QEMU of 8.1 or newer .*it has: .*1:7.2")

    def test_source(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.publish(self.source(), suite=OTHER)
        folder = self.setup("source", said=["no linux-source-6.1 in the package archive for this machine",
                                            "fetching linux-source-6.1"])
        self.assertEqual(sorted(os.listdir(folder)), ["package-version", "scripts", "tools"])
        with open(os.path.join(folder, "package-version"), encoding="ascii") as file:
            self.assertEqual(file.read(), "6.1.192-2\n")
        self.no_network()
        self.assertEqual(self.setup("source"), folder)
        self.assertEqual(self.err, "")

    def test_whole_source(self):
        self.publish(kernel("6.1.0-56-amd64"), self.source())
        folder = self.setup("kernel-source")
        self.assertEqual(sorted(os.listdir(folder)), ["Makefile", "package-version", "scripts", "tools"])
        self.assertEqual(self.setup("source"), folder)

    def test_no_source(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.setup("source", status=1, said="no linux-source-6.1 in the package archive")


# ---------------------------------------------------------------- lists and network

class Lists(Setup):
    def test_stale(self):
        """What the lists name has gone: newer ones are fetched, once, and what they name is taken."""
        self.publish(kernel("6.1.0-56-amd64"), busybox("1"))
        self.update()
        self.mirror.gone.update(path for path in self.mirror.files if "6.1.0-56" in path)
        self.mirror.gone.add("pool/busybox-static_1_amd64.deb")
        self.publish(kernel("6.1.0-58-amd64"), busybox("2"))
        self.setup("guest", said=["404", "the package lists may be old", "fetching the package lists"])
        with open(os.path.join(self.build, "guest/bin/busybox"), encoding="ascii") as file:
            self.assertEqual(file.read(), "2")
        self.assertEqual(self.updates(), 1)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-58-amd64")

    def test_stale_kernel(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.gone.update(path for path in self.mirror.files if "6.1.0-56" in path)
        self.publish(kernel("6.1.0-58-amd64"))
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-58-amd64")
        self.assertEqual(self.updates(), 1)

    def test_stale_and_nothing_new(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.gone.update(path for path in self.mirror.files if "6.1.0-56" in path)
        self.publish(kernel("6.1.0-58-amd64", without=["linux-image"]))
        self.setup("kernel", "6.1", status=1, said="passing over kernel 6.1.0-58-amd64")

    def test_stale_for_good(self):
        """A mirror that names what it has not."""
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.gone.add("pool/linux-image-6.1.0-56-amd64_1_amd64.deb")
        self.setup("kernel", "6.1", status=1, said="could not fetch kernel 6.1.0-56-amd64$")
        self.assertEqual(self.updates(), 1)

    def test_stale_when_installing(self):
        self.without_perl()
        self.mirror.gone.add("pool/perl_1_amd64.deb")
        self.publish(kernel("6.1.0-56-amd64"), Package("perl", "2"))
        self.setup("style", said=["installing: perl", "404", "the package lists may be old"])
        self.assertEqual(self.updates(), 1)
        with open(self.path("installed"), encoding="utf-8") as file:
            self.assertRegex(file.read(), "perl_2_amd64.deb")

    def test_installed_headers(self):
        """Installed packages are no lists."""
        self.write("apt/dpkg/status", "".join(
            f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n"
            "Maintainer: x <x@localhost>\nDescription: x\n\n"
            for name in ("linux-headers-6.1.0-57-amd64", "linux-image-6.1.0-57-amd64",
                         "linux-headers-6.1.0-57-common", "linux-kbuild-6.1", "busybox-static")))
        self.publish(kernel("6.1.0-56-amd64"), busybox())
        self.assert_kernel(self.setup("kernel", "6.1", said="fetching the package lists"),
                           "6.1", "6.1.0-56-amd64")
        self.setup("guest")

    def test_breaks(self):
        self.publish(kernel("6.1.0-56-amd64"))
        image = "pool/linux-image-6.1.0-56-amd64_1_amd64.deb"
        self.mirror.broken[image] = 2
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")
        self.assertEqual(self.mirror.asked.count(image), 3)

    def test_breaks_for_good(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.mirror.broken["pool/linux-image-6.1.0-56-amd64_1_amd64.deb"] = 1000
        self.setup("kernel", "6.1", status=1, said="could not fetch kernel 6.1.0-56-amd64")

    def test_no_lists_and_no_network(self):
        self.no_network()
        for words in (("kernel", "6.1"), ("guest",), ("source",), ("qemu",)):
            self.assertEqual(self.setup(*words, status=1, said="no package lists, and none could be fetched"), "")

    def test_lists_but_no_network(self):
        self.publish(kernel("6.1.0-56-amd64"), busybox())
        self.update()
        self.no_network()
        self.assertEqual(self.setup("kernel", "6.1", status=1, said="could not fetch kernel 6.1.0-56-amd64"), "")
        self.setup("guest", status=1, said="could not fetch busybox")
        self.setup("qemu", status=1, said="could not fetch the package lists of: ")

    def test_what_is_there(self):
        """Without network, lists, or a package that is still in the archive."""
        self.publish(kernel("6.1.0-55-amd64"), kernel("6.1.0-56-amd64"),
                     busybox())
        self.setup("kernel", "6.1.0-55")
        kernel_folder, guest = self.setup("kernel", "6.1"), self.setup("guest")
        self.publish(kernel("6.1.0-60-amd64"))
        self.update()
        self.assertEqual(self.setup("kernel", "6.1"), kernel_folder)
        self.no_network()
        shutil.rmtree(self.path("apt/state/lists"))
        self.assertEqual(self.setup("kernel", "6.1"), kernel_folder)
        self.assertEqual(self.setup("guest"), guest)
        self.assertEqual(self.err, "")
        # Not the very one that would be taken today, but of its series.
        shutil.rmtree(kernel_folder)
        self.assert_kernel(self.setup("kernel", "6.1", said="using 6.1.0-55-amd64, which is there"),
                           "6.1.0-55", "6.1.0-55-amd64")
        self.setup("kernel", "6.1.0-56", status=1, unsaid="using")
        self.setup("kernel", "6.1-rt", status=1, unsaid="using")

    def test_download_fails_and_one_is_here(self):
        self.publish(kernel("6.1.0-55-amd64"))
        self.setup("kernel", "6.1.0-55")
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.no_network()
        self.assert_kernel(self.setup("kernel", "6.1", said=["could not fetch kernel 6.1.0-56-amd64",
                                                             "using 6.1.0-55-amd64, which is there"]),
                           "6.1.0-55", "6.1.0-55-amd64")

    def test_other_suites_without_network(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.publish(kernel("6.12.8+deb13-amd64"), suite=OTHER)
        self.setup("kernel", "6.12")
        self.no_network()
        self.setup("kernel", "6.13", status=1, said=["using those that are there",
                                                     "no kernel 6.13 .*it has headers of: .*6.12"])

    def test_one_suite_has_gone(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.publish(kernel("6.12.8+deb13-amd64"), suite=OTHER)
        for path in list(self.mirror.files):
            if path.startswith("dists/trixie-backports/"):
                del self.mirror.files[path]
        self.assert_kernel(self.setup("kernel", "6.12", said="could not fetch all of these lists"),
                           "6.12", "6.12.8+deb13-amd64")


# ---------------------------------------------------------------- locks

class Locks(Setup):
    def hold(self, path, lock=lambda file: fcntl.lockf(file, fcntl.LOCK_EX)):
        """Returns what lets it go."""
        file = open(path, "a", encoding="ascii")
        self.addCleanup(file.close)
        lock(file)
        return file.close

    def wait_for(self, process, pattern):
        """Reads what it says until it has said that."""
        said = ""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, said):
            ready, _, _ = select.select([process.stderr], [], [], max(0, deadline - time.monotonic()))
            self.assertTrue(ready, f"{pattern} was not said in {PATIENCE} s: {said}")
            more = os.read(process.stderr.fileno(), 4096).decode()
            self.assertTrue(more, f"{pattern} was not said: {said}")
            said += more
        return said

    def held(self, path, *words, pattern=None, **how):
        let_go = self.hold(path, **how)
        process = self.start(*words)
        self.wait_for(process, pattern or f"waiting: .*\\(process {os.getpid()}\\) holds {re.escape(path)}")
        self.assertIsNone(process.poll())
        let_go()
        out, err = self.output(process)
        self.assertEqual(process.returncode, 0, err)
        return out.rstrip("\n")

    def test_lists(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.assert_kernel(self.held(self.path("apt/state/lists/lock"), "kernel", "6.1"),
                           "6.1", "6.1.0-56-amd64")

    def test_holder_that_is_not_seen(self):
        """No process holds it, but an open file description."""
        self.publish(kernel("6.1.0-56-amd64"))
        whole = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        path = self.path("apt/state/lists/lock")
        self.held(path, "kernel", "6.1", pattern=f"waiting: another process holds {re.escape(path)}\n",
                  lock=lambda file: fcntl.fcntl(file, fcntl.F_OFD_SETLK, whole))

    def test_dpkg(self):
        self.without_perl()
        for name in ("dpkg/lock-frontend", "dpkg/lock", "cache/archives/lock"):
            with self.subTest(name):
                self.held(self.path(f"apt/{name}"), "style")
                with open(self.path("installed"), encoding="utf-8") as file:
                    self.assertRegex(file.read(), "perl_1_amd64.deb")
                os.unlink(self.path("installed"))

    def test_too_long(self):
        self.configure(lock_timeout=1)
        self.without_perl()
        self.hold(self.path("apt/dpkg/lock-frontend"))
        self.setup("style", status=1,
                   said=f"gave up after 1 seconds: .*\\(process {os.getpid()}\\) holds .*lock-frontend")
        self.assertFalse(os.path.exists(self.path("installed")))

    def test_another_setup(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.assert_kernel(self.held(os.path.join(self.build, "setup.lock"), "kernel", "6.1",
                                     lock=lambda file: fcntl.flock(file, fcntl.LOCK_EX),
                                     pattern="waiting for another scripts/setup"),
                           "6.1", "6.1.0-56-amd64")

    def test_two_at_once(self):
        self.publish(kernel("6.1.0-56-amd64"))
        first, second = self.start("kernel", "6.1"), self.start("kernel", "6.1")
        for process in first, second:
            out, err = self.output(process)
            self.assertEqual(process.returncode, 0, err)
            self.assert_kernel(out.rstrip("\n"), "6.1", "6.1.0-56-amd64")
        self.assertEqual(self.mirror.asked.count("pool/linux-image-6.1.0-56-amd64_1_amd64.deb"), 1)


# ---------------------------------------------------------------- disks

class Disks(Setup):
    def disk(self, kib, folder=None):
        """A folder, build/ as a rule, on a file system of that size."""
        folder = folder or self.build
        if not shutil.which("mount"):
            self.skipTest("there is no small disk to fill: no mount here")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", folder],
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            self.skipTest(f"there is no small disk to fill: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)

    def larger(self, kib, folder=None):
        subprocess.run(["mount", "-o", f"remount,size={kib}k", folder or self.build], check=True)

    def one_line(self, pattern):
        """All that is said besides what is being done."""
        rest = [line for line in self.err.splitlines()
                if not re.match("setup: (fetching|unpacking) |Get:|Fetched |Reading |Building |Hit:|Ign:", line)]
        self.assertEqual(len(rest), 1, self.err)
        self.assertRegex(rest[0], pattern)

    def test_known_before(self):
        self.disk(2048)
        self.publish(kernel("6.1.0-56-amd64", unpacked=5000))
        self.update()
        self.setup("kernel", "6.1", status=1)
        self.one_line(f"kernel 6.1.0-56-amd64 needs 5 MiB in {re.escape(self.build)}/kernels/6.1, "
                      "and 2 MiB are free")
        self.assertFalse([path for path in self.mirror.asked if path.startswith("pool/")])
        self.larger(20480)
        self.assert_kernel(self.setup("kernel", "6.1"), "6.1", "6.1.0-56-amd64")

    def test_unpacking(self):
        """One that is larger than it says."""
        self.disk(3072)
        self.publish(Package("busybox-static", files=(("bin/busybox", 2000000),)), kernel("6.1.0-56-amd64"))
        self.update()
        self.setup("guest", status=1)
        self.one_line(f"could not unpack busybox.*no space is left in {re.escape(self.build)}/guest "
                      r"\(\d MiB free, about \d MiB needed")
        self.assertFalse(os.path.exists(os.path.join(self.build, "guest")))
        self.larger(20480)
        self.setup("guest")
        self.assertTrue(os.path.exists(os.path.join(self.build, "guest/bin/busybox")))

    def test_lists(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.update()
        self.mirror.publish(OTHER, kernel("6.12.8+deb13-amd64"), padding=3000000)
        self.disk(1024)
        self.setup("kernel", "6.12", status=1, said=f"no space is left in {re.escape(self.build)}")


    def test_lists_of_the_machine(self):
        lists = self.path("apt/state/lists")
        self.disk(64, lists)
        os.mkdir(f"{lists}/partial")
        self.mirror.publish(OWN, kernel("6.1.0-56-amd64"), padding=3000000)
        self.setup("kernel", "6.1", status=1, unsaid=re.escape(self.build),
                   said="could not fetch the package lists: .*No space left on device")

    def test_installing(self):
        """The disk is another one than that of build/, whose space says nothing."""
        self.without_perl()
        cache = self.path("apt/cache/archives")
        self.disk(16, cache)
        os.mkdir(f"{cache}/partial")
        self.setup("style", status=1, unsaid=re.escape(self.build),
                   said=[f"enough free space in {re.escape(cache)}", "could not install: perl"])
        self.larger(20480, cache)
        self.write("apt/dpkg/run", """#!/bin/sh
case "$*" in *--unpack*) echo "dpkg: error: /usr/bin/perl: No space left on device" >&2; exit 1 ;; esac
""", 0o755)
        self.setup("style", status=1, unsaid=re.escape(self.build),
                   said=["/usr/bin/perl: No space left on device", "could not install: perl"])


# ---------------------------------------------------------------- what a person sees

class Terminals(Setup):
    def on_terminal(self, *words, **environment):
        """What it writes to a terminal."""
        pid, terminal = pty.fork()
        if not pid:
            try:
                os.execve(os.path.join(self.tree, "scripts/setup"), ["setup", *words],
                          {**self.environment, **environment})
            finally:
                os._exit(127)
        said = b""
        deadline = time.monotonic() + PATIENCE
        with contextlib.suppress(OSError):  # EIO: its last writer has ended
            while True:
                ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
                self.assertTrue(ready, said)
                said += os.read(terminal, 65536)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, said)
        return said.decode().replace("\r\n", "\n")

    def test_terminal(self):
        self.publish(kernel("6.1.0-56-amd64"))
        said = self.on_terminal("kernel", "6.1")
        self.assertRegex(said, r"\d+% \[")  # apt's
        self.assertRegex(said, r"\rsetup: package 4 of 4")
        self.assertNotIn("\x1b", said)

    def test_source(self):
        self.publish(kernel("6.1.0-56-amd64"), self.source())
        said = self.on_terminal("kernel-source")
        self.assertRegex(said, r"\rsetup: 20 of 25 MiB ")
        self.assertNotIn("\x1b", said)

    def test_dumb(self):
        self.publish(kernel("6.1.0-56-amd64"))
        said = self.on_terminal("kernel", "6.1", TERM="dumb")
        self.assertRegex(said, r"setup: fetching kernel 6.1.0-56-amd64 \(\d+ MiB\)\n")
        self.assertNotRegex(said, "[\r\x1b]")

    def test_file(self):
        self.publish(kernel("6.1.0-56-amd64"))
        self.setup("kernel", "6.1", said=r"setup: fetching kernel 6.1.0-56-amd64 \(\d+ MiB\)\n",
                   unsaid="[\r\x1b]")


class Paths(Setup):
    def test_paths_that_kbuild_does_not_take(self):
        for odd in " \t\n\"#$%&()*,:;<=>?[\\]`{|}'":
            tree = self.path(f"x{odd}y")
            os.mkdir(tree)
            for name in ("scripts", "Makefile"):
                os.symlink(os.path.join(TOP, name), os.path.join(tree, name))
            for command in (["scripts/setup", "guest"], ["make", "help"], ["make", "modules"]):
                with self.subTest(odd=odd, command=command):
                    done = subprocess.run(command, cwd=tree, env=self.environment, text=True, check=False,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, timeout=PATIENCE)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertEqual(done.stdout, "")
                    self.assertIn("setup: the kernel's build cannot work in ", done.stderr)
                    if odd != "\n":
                        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertEqual(sorted(os.listdir(tree)), ["Makefile", "scripts"])

    def test_paths_that_it_takes(self):
        for tree in (self.path("a-b_c.d+e@f~g^h!\u00fc"), self.tree):
            os.makedirs(tree, exist_ok=True)
            for name in ("scripts", "Makefile", "dkms.conf"):
                if not os.path.lexists(os.path.join(tree, name)):
                    os.symlink(os.path.join(TOP, name), os.path.join(tree, name))
            done = subprocess.run(["make", "help"], cwd=tree, env=self.environment, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_link_to_one(self):
        os.mkdir(self.path("a b"))
        os.symlink(os.path.join(TOP, "scripts"), self.path("a b/scripts"))
        os.symlink(self.path("a b"), self.path("link"))
        done = subprocess.run([self.path("link/scripts/setup"), "path"], env=self.environment, text=True,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "cannot work in")


if __name__ == "__main__":
    # What a test has started and mounted is taken back also then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main()
