# SPDX-License-Identifier: GPL-2.0
"""A guest: one QEMU, the lines to it, and its folder in build/vm."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import host
import initramfs
import machine
import plug_device
import qmp
import shares
from host import Failed, say
from watcher import Watcher

KEEP_RUNS = 10       # folders of runs that are kept


def die_with_parent(parent):
    """Runs in the child before exec: the kernel kills QEMU when its runner dies."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


class Guest:
    """One QEMU and the lines to it."""

    def __init__(self, options, accelerator, command, interactive=False, latest=True):
        if not shutil.which(host.QEMU):
            raise Failed(f"there is no {host.QEMU} to run; `scripts/setup tools` installs one, and "
                         "the environment's QEMU names another")
        self.kernel = host.setup("kernel", options.kernel)
        host.setup("guest")
        with open(os.path.join(self.kernel, "release"), encoding="ascii") as file:
            self.release = file.read().strip()
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.folder = os.path.join(host.RUNS, name)
        while os.path.exists(self.folder):
            self.folder += "+"
        os.makedirs(self.folder)
        try:
            self._start(options, accelerator, command, interactive)
            if latest:
                self._become_latest()
        except BaseException:  # the folder has nothing to read yet
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _start(self, options, accelerator, command, interactive):
        self.log = os.path.join(self.folder, "console.log")
        # QEMU creates it late on a busy host, and it is read from the start.
        with open(self.log, "wb"):
            pass
        shared = shares.of(options)
        if shared:
            shares.check_kernel(self.kernel, self.release)
        initramfs.write_initramfs(os.path.join(self.folder, "initramfs"), self.release,
                                  self.kernel, command, interactive, options.add, shared)

        self.terminal, terminal = socket.socketpair()
        self.control, control = socket.socketpair()
        monitor, monitor_end = socket.socketpair()
        watch, watch_end = socket.socketpair()
        inherited = [terminal, control, monitor_end, watch_end]
        parent = os.getpid()
        self.max_cpus = options.maxcpus
        limit = os.path.join(self.folder, plug_device.MAX_CPUS_FILE)
        with open(limit, "w", encoding="ascii") as file:
            file.write(f"{self.max_cpus}\n")
        arguments = [
            host.QEMU, *machine.machine_arguments(options, accelerator),
            *machine.accelerator_arguments(options, accelerator),
            "-kernel", os.path.join(os.path.realpath(self.kernel), "vmlinuz"),
            "-initrd", "initramfs", "-append", machine.kernel_arguments(options, accelerator),
            *machine.serial_arguments("console.log", terminal.fileno(), control.fileno()),
            "-chardev", f"socket,id=monitor,fd={monitor_end.fileno()}",
            "-mon", "chardev=monitor,mode=control",
            "-chardev", f"socket,id=watch,fd={watch_end.fileno()}",
            "-mon", "chardev=watch,mode=control",
            # For qemu/hotplug on the host. Relative, since a socket's address must be short.
            "-qmp", "unix:qmp,server=on,wait=off",
            *(machine.GDB if options.gdb else ()),
            *shares.qemu_arguments(shared),
            *options.qemu_args,
        ]
        environment = dict(os.environ)
        if accelerator == "tcg":
            environment["LD_PRELOAD"] = host.compiled("keep-tlb", "-shared", "-fPIC")
        self.errors = os.path.join(self.folder, "qemu.log")
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                arguments, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors, pass_fds=[end.fileno() for end in inherited],
                start_new_session=True,  # Ctrl-C in a guest's shell must not end QEMU
                preexec_fn=lambda: die_with_parent(parent))
        for end in inherited:
            end.close()
        self._monitor_socket = monitor
        self._monitor = None
        self.watcher = Watcher(watch)
        self.watcher.start()
        if options.gdb:
            self._say_gdb()

    def _say_gdb(self):
        vmlinux = os.path.join(self.kernel, "kdir", "vmlinux")
        if not os.path.exists(vmlinux):
            vmlinux = "VMLINUX"  # a package has none
        say(f"for gdb: gdb -ex 'target remote {os.path.relpath(self.folder)}/gdb' "
            f"{os.path.relpath(vmlinux) if '/' in vmlinux else vmlinux}")

    def _become_latest(self):
        link = os.path.join(host.RUNS, "latest")
        os.symlink(os.path.basename(self.folder), f"{link}.{os.getpid()}")
        os.rename(f"{link}.{os.getpid()}", link)

    @property
    def monitor(self):
        if self._monitor is None:
            self._monitor = qmp.Client(self._monitor_socket, timeout=30)
            self._monitor.max_cpus = self.max_cpus
            self._monitor.guest_looks = True  # qemu/guest-hotplug looks at the kernel
        return self._monitor

    def qemu_said(self):
        """How QEMU has ended, if it has, and what it has printed."""
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            said = file.read().strip()
        status = self.process.poll()
        ended = ""
        if status is not None:
            ended = (f"; QEMU was ended by {signal.Signals(-status).name}" if status < 0 else
                     f"; QEMU ended with status {status}")
        return ended + (f"; QEMU said:\n{said}" if said else "")

    def end(self):
        self.process.kill()
        self.process.wait()
        for name in ("initramfs", "qmp", "gdb", plug_device.MAX_CPUS_FILE):
            try:
                os.unlink(os.path.join(self.folder, name))
            except FileNotFoundError:
                pass
        remove_old_runs(self.folder)


def remove_old_runs(current):
    runs = sorted(name for name in os.listdir(host.RUNS) if re.match(r"\d{8}-\d{6}-\d+", name))
    for name in runs[:-KEEP_RUNS]:
        folder = os.path.join(host.RUNS, name)
        # A guest that runs still needs its folder.
        runner = re.match(r"\d{8}-\d{6}-(\d+)", name)[1]
        alive = os.path.exists(f"/proc/{runner}")
        if folder != current and not alive:
            shutil.rmtree(folder, ignore_errors=True)
