# SPDX-License-Identifier: GPL-2.0
"""A package archive for the tests of scripts/setup: packages, a mirror with a mirror's faults, and the
base class of the tests, in which the machine's own apt knows only this archive. Nothing is installed,
and no network is needed. The tests are in test_setup.py and test_setup_faults.py.
"""

import functools
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

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
    """A package of the archive and its entry in the list of packages."""

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
    """The packages of a kernel, except those whose names begin with one of WITHOUT."""
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
    """Serves the archive. Files can be missing, connections can break."""

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
        """PADDING: so many bytes are added to the suite's list."""
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


# ---------------------------------------------------------------- the machine

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
        # Replaces dpkg: writes down what apt would have installed.
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
        """Waits for its end. The output is not changed, because tests look for carriage returns."""
        return tuple(stream.decode() for stream in process.communicate(timeout=PATIENCE))

    def setup(self, *words, status=0, said=(), unsaid=()):
        """Runs it. SAID, UNSAID: regular expressions that standard error must match, and must not."""
        process = self.start(*words)
        out, self.err = self.output(process)
        self.assertEqual(process.returncode, status, self.err)
        self.check_said(said, unsaid)
        # No folder that is only half filled may be left, neither after success nor after a failure.
        left = [os.path.join(folder, name) for folder, names, _ in os.walk(self.build) for name in names
                if name.endswith(".new") or name in ("debs", ".package") or name.startswith("download.")]
        self.assertEqual(left, [])
        return out.rstrip("\n")

    def check_said(self, said, unsaid):
        for pattern in (said,) if isinstance(said, str) else said:
            self.assertRegex(self.err, pattern)
        for pattern in (unsaid,) if isinstance(unsaid, str) else unsaid:
            self.assertNotRegex(self.err, pattern)

    def updates(self, suite=OWN):
        return sum(path in (f"dists/{suite}/InRelease",) for path in self.mirror.asked)

    def update(self):
        """Gives the machine package lists."""
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
        os.makedirs(f"{folder}/tools/testing/kunit")
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
        """Only perl is missing for `setup style`."""
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
