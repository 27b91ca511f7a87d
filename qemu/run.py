# SPDX-License-Identifier: GPL-2.0
"""The run of a guest: passes data between its lines and ours, and reaches the verdict.

Only an `end` message on the control line can make a run succeed.
"""

import os
import selectors
import sys
import time

import console
import vcpus
from channel import Channel
from guest import Guest
from host import Failed, Lost, say


class Run:
    """One guest from its start to its verdict."""

    def __init__(self, guest, output, timeout, keyboard=None, files=None, quiet=False):
        self._guest = guest
        self._output = output
        self._timeout = timeout
        self._keyboard = keyboard
        self._quiet = quiet
        self._deadline = time.monotonic() + timeout if timeout else None
        self._channel = Channel(guest, files, self._on_begin)
        self._scanner = console.Scanner(guest.log)
        self._started = time.monotonic()

    def wait(self):
        """The command's exit status; raises Failed when there is none that can be trusted."""
        self._channel.start()
        selector = selectors.DefaultSelector()
        selector.register(self._guest.terminal, selectors.EVENT_READ, self._on_terminal)
        selector.register(self._guest.control, selectors.EVENT_READ, self._on_control)
        if self._keyboard is not None:
            selector.register(self._keyboard, selectors.EVENT_READ, self._on_keyboard)
        while self._channel.status is None:
            for key, _ in selector.select(0.5):
                if not key.data():
                    selector.unregister(key.fileobj)
            self._check_health(selector)
        self._finish()
        return self._channel.status

    def _check_health(self, selector):
        if self._channel.status is not None:
            return
        stopped = self._guest.watcher.stopped
        if stopped or self._guest.control not in {key.fileobj for key in
                                                  selector.get_map().values()}:
            self._died(stopped)
        self._scanner.update()
        if self._scanner.fatal:
            # Give the kernel a moment to finish its report.
            time.sleep(3)
            self._drain()
            self._scan_console()
        if self._deadline and time.monotonic() > self._deadline:
            self._guest.watcher.ask()
            self._drain()
            self._scan_console()
            raise Failed(f"no end after {self._timeout} seconds{self._scanner.during()}")

    def _died(self, stopped):
        """The guest has ended without a verdict. STOPPED: why, if QEMU itself has not ended."""
        if not stopped:
            self._guest.process.wait()
        self._drain()
        self._scan_console()
        stray = vcpus.stray(self.vcpus) if stopped else None
        if stray:
            raise Lost(f"the guest was lost to QEMU{self._scanner.during()}: "
                       f"vCPU {stray.number} {stray.words()}; see qemu/README.md")
        raise Failed("the guest died before its command ended" + self._scanner.during() +
                     (f": {stopped}" if stopped else "") + self._guest.qemu_said())

    @property
    def vcpus(self):
        """Their registers when the guest stopped or hung; none if QEMU has not given them."""
        try:
            return vcpus.parse(self._guest.watcher.registers or "")
        except ValueError:
            return []

    def _finish(self):
        """The verdict has come. What came before it on the other lines counts as well."""
        deadline = time.monotonic() + 15
        while not self._scanner.ended and self._guest.process.poll() is None:
            self._scanner.update()
            if self._guest.watcher.stopped and not self._scanner.ended:
                self._died(self._guest.watcher.stopped)
            if time.monotonic() > deadline:
                raise Failed("the console fell silent before the command ended")
            time.sleep(0.02)
        self._drain()
        self._scan_console()
        if not self._scanner.ended:
            raise Failed("the guest died while its command ended")

    def _scan_console(self):
        self._scanner.update()
        if self._scanner.bad:
            raise Failed(f"bad on the guest's console: {self._scanner.bad[0]}"
                         f"{self._scanner.during()}")

    def excerpt(self):
        self._scanner.update()
        return self._scanner.excerpt()

    @property
    def stext(self):
        """Where the kernel's text is, if the guest has sent it."""
        return self._channel.stext

    def _drain(self):
        """Passes on what the guest has sent: it is in the socket, even if QEMU has ended."""
        self._guest.terminal.setblocking(False)
        try:
            while self._on_terminal():
                pass
        except BlockingIOError:
            pass
        self._guest.terminal.setblocking(True)

    def _receive(self, sock):
        try:
            return sock.recv(65536)
        except ConnectionError:
            return b""

    def _on_terminal(self):
        data = self._receive(self._guest.terminal)
        if data and self._output is not None:
            try:
                self._output.write(data)
                self._output.flush()
            except BrokenPipeError:
                self._output = None  # the reader has ended; the verdict still counts
                sys.stdout = None
        return bool(data)

    def _on_keyboard(self):
        data = os.read(self._keyboard, 4096)
        if data:
            self._guest.terminal.sendall(data)
        return bool(data)

    def _on_control(self):
        data = self._receive(self._guest.control)
        self._channel.take(data)
        return bool(data)

    def _on_begin(self):
        if not self._quiet:
            say(f"up after {time.monotonic() - self._started:.1f} s")


def run_quietly(options, accelerator, command):
    """The exit status of a command whose output does not matter."""
    guest = Guest(options, accelerator, command, latest=False)
    try:
        return Run(guest, None, options.timeout, files=options.files, quiet=True).wait()
    finally:
        guest.end()

