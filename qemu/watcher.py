# SPDX-License-Identifier: GPL-2.0
"""Follows a guest through a QMP monitor, and reads its registers when it stops."""

import json
import threading
import time

import qmp

START_DEADLINE = 600  # seconds for QEMU's greeting
ASK_DEADLINE = 10     # seconds for QEMU to give the registers of a guest that hangs


class Watcher(threading.Thread):
    """Waits until the guest stops, or until ask(), and reads all registers then.

    It has a monitor of its own, because plugging consumes the events of the other one.
    """

    # QEMU's reasons for a SHUTDOWN event, and our words for them.
    REASONS = {"guest-reset": "it has reset itself", "guest-shutdown": "it has powered off",
               "guest-panic": "it has reported a panic to QEMU"}

    def __init__(self, sock):
        super().__init__(daemon=True)
        self._socket = sock
        self._asked = threading.Event()
        self._connected = False
        self.stopped = None    # why, when it has stopped
        self.registers = None  # QEMU's text, when it has been read
        self.state = []        # QEMU's answers about its vCPUs, a line each

    def run(self):
        stopped = None
        try:
            client = qmp.Client(self._socket, timeout=START_DEADLINE)
            self._connected = True
            while not stopped and not self._asked.is_set():
                try:
                    _, data = client.wait_event(
                        lambda event, _: event in ("SHUTDOWN", "GUEST_PANICKED"),
                        time.monotonic() + 0.2)
                    reason = data.get("reason", "guest-panic")
                    stopped = self.REASONS.get(reason, f"QEMU has stopped it ({reason})")
                except qmp.Timeout:
                    pass
            self.state = [json.dumps(client.command(name))
                          for name in ("query-status", "query-cpus-fast")]
            self.registers = client.command("human-monitor-command", str,
                                            **{"command-line": "info registers -a"})
        except (qmp.Gone, qmp.Error, qmp.Timeout):
            pass  # QEMU has ended, or does not answer
        finally:
            self.stopped = stopped

    def ask(self):
        """Reads the registers of a guest that runs, if QEMU answers."""
        self._asked.set()
        if self._connected:
            self.join(ASK_DEADLINE)
