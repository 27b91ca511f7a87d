# SPDX-License-Identifier: GPL-2.0
"""A client for QEMU's machine protocol: commands, and events with a deadline."""

import json
import os
import socket
import time


class Error(Exception):
    """QEMU refused a command; the text is QEMU's own."""


class Gone(Exception):
    """There is no QEMU at the other end, or none any more."""


class Timeout(Exception):
    """QEMU or its guest did not answer in time."""


def connect(path, timeout=5):
    """Connects to the socket at PATH, which may be longer than a socket address can hold."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        folder = os.open(os.path.dirname(os.path.realpath(path)), os.O_PATH)
        try:
            sock.connect(f"/proc/self/fd/{folder}/{os.path.basename(os.path.realpath(path))}")
        finally:
            os.close(folder)
    except OSError as error:
        sock.close()
        raise Gone(f"no QEMU answers at {path}: {error.strerror}") from None
    return Client(sock, path, timeout)


class Client:
    def __init__(self, sock, name="QMP", timeout=30):
        self._sock = sock
        self._name = name
        self._buffer = b""
        self._events = []
        self._last_id = 0
        self.max_cpus = None  # how many CPU slots are meant to be used, if not all
        deadline = time.monotonic() + timeout
        try:
            greeting = self._receive(deadline)
        except Timeout:
            raise Gone(f"{name}: no greeting; somebody else holds this socket, "
                       "or it is no QMP socket") from None
        if "QMP" not in greeting:
            raise Gone(f"{name} is no QMP socket")
        self.command("qmp_capabilities", deadline=deadline)

    def close(self):
        self._sock.close()

    def command(self, name, deadline=None, **arguments):
        self._last_id += 1
        request = {"execute": name, "arguments": arguments, "id": self._last_id}
        deadline = deadline or time.monotonic() + 30
        try:
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            raise Gone("QEMU has ended") from None
        while True:
            message = self._receive(deadline)
            if "event" in message:
                self._events.append(message)
            elif message.get("id") != self._last_id:
                continue  # the late answer to a command that was given up
            elif "error" in message:
                raise Error(message["error"]["desc"])
            else:
                return message["return"]

    def forget_events(self):
        self._events.clear()

    def wait_event(self, match, deadline):
        """The first event that MATCH(name, data) accepts; others are dropped."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if match(event["event"], event.get("data", {})):
                    return event["event"], event.get("data", {})
            message = self._receive(deadline)
            if "event" in message:
                self._events.append(message)

    def _receive(self, deadline):
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(65536)
            except socket.timeout:
                raise Timeout from None
            except OSError:
                data = b""
            if not data:
                raise Gone("QEMU has ended")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise Gone(f"{self._name} is no QMP socket")
        return message
