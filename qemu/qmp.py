# SPDX-License-Identifier: GPL-2.0
"""A client for QEMU's machine protocol: commands, and events with a deadline.

Not here: the way to a QEMU whose socket libvirt holds, see qmp_libvirt.py.
"""

import json
import os
import socket
import struct
import time

COMMAND_DEADLINE = 30  # seconds for QEMU to answer a command
PATIENCE = 2           # seconds before a caller says that it waits for the socket
LINE_MAX = 16 << 20    # bytes; no message of QEMU's comes anywhere near


class Error(Exception):
    """QEMU refused a command; the text is QEMU's own."""


class Gone(Exception):
    """There is no QEMU at the other end, or it has ended."""


class Timeout(Exception):
    """QEMU or its guest did not answer in time."""


def connect(path, timeout=5, on_wait=lambda: None):
    """Connects to the socket at PATH, which may be longer than a socket address can hold.

    QEMU talks to one client at a time. A second client waits for TIMEOUT seconds, and ON_WAIT() is
    called when it begins to wait.
    """
    deadline = time.monotonic() + timeout
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connect_until(sock, path, deadline, on_wait)
        return Client(sock, path, deadline - time.monotonic(), on_wait)
    except BaseException:
        sock.close()
        raise


def connect_until(sock, path, deadline, on_wait):
    """Connects, again and again while QEMU's short listen queue is full (EAGAIN)."""
    sock.settimeout(0)
    patience = time.monotonic() + PATIENCE
    try:
        folder = os.open(os.path.dirname(os.path.realpath(path)), os.O_PATH)
        try:
            address = f"/proc/self/fd/{folder}/{os.path.basename(os.path.realpath(path))}"
            while True:
                try:
                    return sock.connect(address)
                except BlockingIOError:
                    now = time.monotonic()
                    if now > deadline:
                        raise Gone(f"{path}: {held('QEMU')}") from None
                    if now > patience:
                        patience = deadline + 1
                        on_wait()
                    time.sleep(0.02)
        finally:
            os.close(folder)
    except OSError as error:
        # What Python itself refuses, such as a name that is too long, has no errno.
        raise Gone(f"no QEMU answers at {path}: {error.strerror or error}") from None


def held(qemu):
    """The message about a socket that another client holds."""
    return (f"no greeting: another client of {qemu} holds this socket, or it is not a QMP socket. "
            "End that client (`ss -xp` names it), or give QEMU a second socket: "
            "-qmp unix:PATH,server=on,wait=off")


def server_of(sock):
    """Names the process that listens at the other end."""
    try:
        pid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return f"{file.read().strip()} (process {pid})"
    except OSError:
        return "QEMU"


def fits(value, shape):
    """Does VALUE have the SHAPE: a type, a list of one shape, or the keys that it must have?"""
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(one, shape[0]) for one in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(key in value and fits(value[key], kind)
                                               for key, kind in shape.items())
    # Python's booleans are integers.
    return isinstance(value, shape) and not (shape is int and isinstance(value, bool))


# The parts of an event that callers use. All other events must have a dictionary.
EVENTS = {
    "ACPI_DEVICE_OST": {"info": {"source": int, "status": int}},
    "MEM_UNPLUG_ERROR": {"device": str, "msg": str},
}


class Monitor:
    """What all clients have in common: they understand answers, and keep events until they are wanted.

    A client adds command(), which returns QEMU's answer; _await_event(), which adds an event to _events; and
    close().
    """

    def __init__(self, name):
        self._name = name
        self._events = []
        self.max_cpus = None  # how many CPU slots may be used, if not all
        self.console = None  # where the guest logs who has refused, if it is to be read
        self.guest_looks = False  # the caller sees what the guest's kernel does with a device

    def forget_events(self):
        self._events.clear()

    def wait_event(self, match, deadline):
        """The first event that MATCH(name, data) accepts; others are dropped."""
        while True:
            while self._events:
                event = self._events.pop(0)
                name, data = event["event"], event.get("data", {})
                if not fits(name, str) or not fits(data, EVENTS.get(name, dict)):
                    raise self._malformed(event)
                if match(name, data):
                    return name, data
            self._await_event(deadline)

    def _await_event(self, deadline):
        raise NotImplementedError

    def _answer(self, message, shape):
        """What an answer returns, which must fit SHAPE."""
        if fits(message, {"error": {"desc": str}}):
            raise Error(message["error"]["desc"])
        if fits(message, {"return": shape}):
            return message["return"]
        raise self._malformed(message)

    def _parsed(self, line):
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise self._malformed(line)
        return message

    def _malformed(self, message):
        text = (message if isinstance(message, str) else message.decode(errors="replace")
                if isinstance(message, bytes) else json.dumps(message))
        return Gone(f"{self._name} is not a QMP socket: it said {text[:80]!r}")


class Client(Monitor):
    """A client of QEMU's own socket."""

    def __init__(self, sock, name="QMP", timeout=30, on_wait=lambda: None):
        super().__init__(name)
        self._sock = sock
        self._buffer = b""
        self._last_id = 0
        deadline = time.monotonic() + timeout
        try:
            try:
                greeting = self._receive(min(deadline, time.monotonic() + PATIENCE))
            except Timeout:
                on_wait()
                greeting = self._receive(deadline)
        except Timeout:
            raise Gone(f"{name}: {held(server_of(sock))}") from None
        if "QMP" not in greeting:
            raise self._malformed(greeting)
        self.command("qmp_capabilities", deadline=deadline)

    def close(self):
        self._sock.close()

    def command(self, name, shape=object, deadline=None, **arguments):
        """QEMU's answer to a command, which must fit SHAPE."""
        self._last_id += 1
        request = {"execute": name, "arguments": arguments, "id": self._last_id}
        deadline = deadline or time.monotonic() + COMMAND_DEADLINE
        try:
            self._sock.settimeout(COMMAND_DEADLINE)
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except socket.timeout:
            raise Timeout from None
        except OSError:
            raise Gone("QEMU has ended") from None
        while True:
            message = self._receive(deadline)
            if "event" in message:
                self._events.append(message)
            elif message.get("id") == self._last_id:
                return self._answer(message, shape)
            # Otherwise it is the late answer to a command that timed out.

    def _await_event(self, deadline):
        message = self._receive(deadline)
        if "event" in message:
            self._events.append(message)

    def _receive(self, deadline):
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout
            if len(self._buffer) > LINE_MAX:
                raise self._malformed(self._buffer)
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
        return self._parsed(line)
