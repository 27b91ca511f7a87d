# SPDX-License-Identifier: GPL-2.0
"""A fake of libvirt and libvirt_qemu, whose domain `guest` has the QEMU at a QMP socket.

It is libvirt's daemon in so far as it holds the socket: commands go through it, and events come out of its
event loop only. QMP_SOCKET in the environment names the socket; without it, no libvirt answers. A QEMU that
has ended is a domain that has stopped. There are no tests here.
"""

import json
import os
import select
import socket
import time

VIR_DOMAIN_EVENT_ID_LIFECYCLE = 0
VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_CRASHED = 5, 8
VIR_ERR_OPERATION_TIMEOUT, VIR_ERR_OPERATION_INVALID = 68, 55

_loop = {}  # what the event loop knows: the timer's milliseconds, and the connection


class libvirtError(Exception):  # pylint: disable=invalid-name
    def __init__(self, text, code=VIR_ERR_OPERATION_INVALID):
        super().__init__(text)
        self._code = code

    def get_error_code(self):
        return self._code


class Domain:
    def __init__(self, name, active):
        self._name, self._active = name, active

    def name(self):
        return self._name

    def isActive(self):  # pylint: disable=invalid-name
        return self._active


class Connection:
    DOMAINS = {"guest": True, "asleep": False}
    UUID = "3e3fce45-4f53-4fa7-bb32-11f34168b82b"

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.rest = b""
        self.pending = []    # messages that have not been looked at
        self.on_event = self.on_change = self.on_close = None
        self.stopped = False
        self.receive(time.monotonic() + 60)  # the greeting
        self.ask({"execute": "qmp_capabilities"})

    def lookupByName(self, name):  # pylint: disable=invalid-name
        if name not in self.DOMAINS:
            raise libvirtError(f"Domain not found: no domain with matching name '{name}'")
        return Domain(name, self.DOMAINS[name])

    def lookupByUUIDString(self, text):  # pylint: disable=invalid-name
        if text != self.UUID:
            raise libvirtError("no such UUID")
        return Domain("guest", True)

    def listAllDomains(self):  # pylint: disable=invalid-name
        return [Domain(*one) for one in self.DOMAINS.items()]

    @staticmethod
    def getURI():  # pylint: disable=invalid-name
        return "qemu:///fake"

    def domainEventRegisterAny(self, _domain, _kind, call, _):  # pylint: disable=invalid-name
        self.on_change = call
        return 1

    def domainEventDeregisterAny(self, _):  # pylint: disable=invalid-name
        self.on_change = None

    def registerCloseCallback(self, call, _):  # pylint: disable=invalid-name
        self.on_close = call

    def unregisterCloseCallback(self):  # pylint: disable=invalid-name
        self.on_close = None

    def close(self):
        self.sock.close()

    def receive(self, deadline):
        """The next message, or None after the deadline, or when QEMU has ended."""
        while b"\n" not in self.rest:
            if self.stopped or not select.select([self.sock], [], [],
                                                 max(0, deadline - time.monotonic()))[0]:
                return None
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            self.stopped = not data
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def ask(self, request):
        """The answer, as text; events that come before it wait for the event loop."""
        request = {**request, "id": "libvirt-1"}
        try:
            self.sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            self.stopped = True
        deadline = time.monotonic() + 60
        while (line := self.receive(deadline)) is not None:
            if b'"event"' not in line:
                return line.decode(errors="replace")
            if self.on_event:
                self.pending.append(line)
        if not self.stopped:
            raise libvirtError("Timed out during operation: cannot acquire state change lock",
                               VIR_ERR_OPERATION_TIMEOUT)
        raise libvirtError("Requested operation is not valid: domain is not running")


# ---------------------------------------------------------------- libvirt

def registerErrorHandler(_call, _):  # pylint: disable=invalid-name
    pass


def virEventRegisterDefaultImpl():  # pylint: disable=invalid-name
    _loop["timer"] = -1


def open():  # pylint: disable=invalid-name,redefined-builtin
    if "timer" not in _loop:
        raise AssertionError("the event loop must be there before the connection")
    if "QMP_SOCKET" not in os.environ:
        raise libvirtError("Failed to connect socket to '/run/fake/virtqemud-sock': No such file")
    _loop["connection"] = Connection(os.environ["QMP_SOCKET"])
    return _loop["connection"]


def virEventAddTimeout(milliseconds, _call, _):  # pylint: disable=invalid-name
    _loop["timer"] = milliseconds
    return 7


def virEventUpdateTimeout(timer, milliseconds):  # pylint: disable=invalid-name
    assert timer == 7
    _loop["timer"] = milliseconds


def virEventRemoveTimeout(timer):  # pylint: disable=invalid-name
    assert timer == 7


def virEventRunDefaultImpl():  # pylint: disable=invalid-name
    connection = _loop["connection"]
    assert _loop["timer"] >= 0, "this would wait without a deadline"
    line = (connection.pending.pop(0) if connection.pending else
            connection.receive(time.monotonic() + _loop["timer"] / 1000))
    if line is not None and connection.on_event:
        event = json.loads(line)
        connection.on_event(connection, None, event["event"], 0, 0,
                            json.dumps(event["data"]) if "data" in event else None, None)
    elif connection.stopped and connection.on_change:
        connection.on_change(connection, None, VIR_DOMAIN_EVENT_STOPPED, 0, None)


# ---------------------------------------------------------------- libvirt_qemu

def qemuMonitorEventRegister(connection, _domain, event, call, _, flags=0):  # pylint: disable=invalid-name
    assert event is None and not flags
    connection.on_event = call
    return 2


def qemuMonitorEventDeregister(connection, _):  # pylint: disable=invalid-name
    connection.on_event = None


def qemuMonitorCommand(_domain, command, flags):  # pylint: disable=invalid-name
    assert not flags
    return _loop["connection"].ask(json.loads(command))
