# SPDX-License-Identifier: GPL-2.0
"""A libvirtd of scripts/try-libvirt's own, and the console of its domain. What is tried is not here."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

from tap import comment, need

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
FOLDER = os.path.join(TOP, "build/try-libvirt")
HOTPLUG = os.path.join(TOP, "qemu/hotplug")
NAME = "dhp"
NOBODY = 65534
SECONDS = 120  # for anything but the boot


def came(condition, seconds=SECONDS):
    """Waits for it. Returns whether it has come."""
    deadline = time.monotonic() + seconds
    while not (there := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return there


def wait_until(condition, what, seconds=SECONDS):
    need(came(condition, seconds), f"{what}: not within {seconds} seconds")


class Session:
    """A libvirtd, and who may talk to it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="dhp-libvirt-")
        self.environment = {
            # Debian's Python, which has libvirt's module; and no libvirtd but ours.
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LIBVIRT_AUTOSTART": "0", "HOME": self.folder,
            "LIBVIRT_DEFAULT_URI": "qemu:///session", "TERM": "dumb", "LC_ALL": "C.UTF-8",
            **{f"XDG_{name}": os.path.join(self.folder, name.lower())
               for name in ("RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME", "DATA_HOME")}}
        config = os.path.join(self.environment["XDG_CONFIG_HOME"], "libvirt")
        for path in (self.environment["XDG_RUNTIME_DIR"], config):
            os.makedirs(path, 0o700)
        # Otherwise libvirtd starts a virtlogd, which stays.
        with open(os.path.join(config, "qemu.conf"), "w", encoding="ascii") as file:
            file.write('stdio_handler = "file"\n')
        self.user = {}
        if os.geteuid() == 0:
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for where, _, names in os.walk(self.folder):
                for name in ("", *names):
                    os.chown(os.path.join(where, name), NOBODY, NOBODY)
        self.daemon = None

    def start(self):
        need(self.run("test", "-x", HOTPLUG)[0] == 0,
             f"nobody, as whom libvirtd runs for root, cannot read {TOP}: give others the right, or let "
             "another user run this")
        log = os.path.join(FOLDER, "libvirtd.log")
        with open(log, "wb") as file:
            # Ctrl-C must not end it before the domain.
            self.daemon = subprocess.Popen(["libvirtd"], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                           env=self.environment, cwd="/", start_new_session=True, **self.user)
        wait_until(lambda: self.daemon.poll() is not None or self.run("virsh", "uri")[0] == 0,
                   f"libvirtd answers, see {log}")
        need(self.daemon.poll() is None,
             f"libvirtd has ended with status {self.daemon.returncode}, see {log}")

    def run(self, *words):
        """Exit status, and the texts of stdout and stderr."""
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.environment, cwd="/", check=False,
                              timeout=2 * SECONDS, **self.user)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def virsh(self, *words):
        status, out, err = self.run("virsh", *words)
        need(status == 0, f"`virsh {' '.join(words)}` has status {status}: {err.strip()}")
        return out.strip()

    def hotplug(self, words, status=0, out="", err=""):
        """Status and texts of `hotplug --libvirt`; OUT and ERR are patterns of what it must say."""
        got = self.run(HOTPLUG, "--libvirt", NAME, *words.split())
        said = f"`hotplug --libvirt {NAME} {words}` has status {got[0]} and says {got[1]!r}, {got[2]!r}"
        need(got[0] == status, f"{said}; the status should be {status}")
        for text, pattern in zip(got[1:], (out, err)):
            need(re.fullmatch(pattern, text.rstrip("\n"), re.DOTALL), f"{said}; {pattern!r} is missing")
        return got[1]

    def left(self):
        """The processes of this session, but for libvirtd: each has the folder in its environment."""
        mark, found = os.fsencode(f"={self.folder}/"), []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    ours = mark in file.read()
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                    comm = file.read().strip()
            except OSError:
                continue  # it has ended, or is another user's
            if ours and not (self.daemon and int(pid) == self.daemon.pid):
                found.append((int(pid), comm))
        return found

    def need_none_left(self):
        """A process that has been told to end may take its time."""
        came(lambda: not self.left())
        left = self.left()
        need(not left, f"these processes are left: {left}")

    def end(self):
        """Ends what is left; normally libvirtd only."""
        try:
            # Without libvirtd there is nobody to ask.
            if self.daemon and self.daemon.poll() is None:
                self.run("virsh", "destroy", NAME)
        except subprocess.TimeoutExpired as late:
            comment(f"libvirtd does not end the domain: {late}")
        finally:
            try:
                self.kill()
            finally:
                log = os.path.join(self.environment["XDG_CACHE_HOME"], f"libvirt/qemu/log/{NAME}.log")
                if os.path.exists(log):
                    shutil.copyfile(log, os.path.join(FOLDER, "qemu.log"))
                shutil.rmtree(self.folder)

    def kill(self):
        """Ends libvirtd, and whatever it has left."""
        if self.daemon:
            self.daemon.terminate()
            try:
                self.daemon.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        for pid, _ in self.left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.need_none_left()


class Console:
    """The shell on the domain's console, by `virsh start --console`."""

    PROMPT = r"bash-\S+# "

    def __init__(self, session):
        self.said = ""
        self.asked = 0
        self.master, terminal = pty.openpty()
        self.process = subprocess.Popen(["virsh", "start", NAME, "--console"], stdin=terminal,
                                        stdout=terminal, stderr=terminal, env=session.environment, cwd="/",
                                        start_new_session=True, **session.user)
        os.close(terminal)
        self.log = open(os.path.join(FOLDER, "console.log"), "wb")  # pylint: disable=consider-using-with

    def read(self, seconds):
        """Whether something has come."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # virsh has ended
            data = b""
        self.log.write(data)
        self.log.flush()
        self.said += data.decode(errors="replace").replace("\r", "")
        return bool(data)

    def expect(self, pattern, seconds=SECONDS):
        """What comes before the pattern, and the match."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said)):
            left = deadline - time.monotonic()
            need(left > 0, f"the console does not say {pattern!r} within {seconds} seconds, but: "
                 f"{self.said[-500:]!r}")
            need(self.read(left) or self.process.poll() is None,
                 f"`virsh start {NAME} --console` has ended: {self.said[-500:]!r}")
        before, self.said = self.said[:found.start()], self.said[found.end():]
        return before, found

    def ask(self, command):
        """What a command prints in the guest."""
        self.asked += 1
        # The echo of the line has `$?` and no digits, so it does not match. Typed before the prompt, the line
        # is echoed twice.
        os.write(self.master, f"{command}; echo end{self.asked}=$?\n".encode())
        said, end = self.expect(rf"end{self.asked}=(\d+)\n")
        self.expect(self.PROMPT)
        need(end[1] == "0", f"in the guest, `{command}` has status {end[1]}: {said}")
        return said.partition("\n")[2].strip()

    def wait(self, command, said):
        """Asks until the guest says so."""
        wait_until(lambda: self.ask(command) == said, f"in the guest, `{command}` says {said!r}")

    def close(self):
        while self.read(0):
            pass
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        self.log.close()
