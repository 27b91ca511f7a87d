# SPDX-License-Identifier: GPL-2.0
"""A client for QEMU's machine protocol where libvirt owns the monitor.

QEMU talks to one client at a time, and libvirt's daemon is that client. It passes commands on, and events.
Both go through libvirt's own calls, because `virsh qemu-monitor-event` does not say when it has begun to
listen, and an event that comes before is lost. Not here: what answers and events mean, see qmp.py.
"""

import json
import sys
import time

import qmp

# Each event that QEMU has.
ANY_EVENT = None


def library():
    """libvirt's modules. They are Debian's, and a Python of the user's own may not have them."""
    try:
        import libvirt  # pylint: disable=import-outside-toplevel
        import libvirt_qemu  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise qmp.Gone(f"--libvirt needs libvirt's module for {sys.executable}: {error}. It is in the "
                       "package python3-libvirt, for /usr/bin/python3") from None
    return libvirt, libvirt_qemu


def connect(name):
    """A client for the QEMU of the domain NAME, or with this UUID, of libvirt's default connection."""
    libvirt, libvirt_qemu = library()
    # What it would print is in its exceptions.
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = None
    try:
        libvirt.virEventRegisterDefaultImpl()
        connection = libvirt.open()
        return Client(libvirt, libvirt_qemu, connection, domain(libvirt, connection, name))
    except libvirt.libvirtError as error:
        if connection:
            connection.close()
        said = "" if connection else ("no libvirt answers; LIBVIRT_DEFAULT_URI names another than the "
                                      "default: ")
        raise qmp.Gone(f"{said}{error}") from None
    except BaseException:
        if connection:
            connection.close()
        raise


def domain(libvirt, connection, name):
    try:
        found = connection.lookupByName(name)
    except libvirt.libvirtError as error:
        try:
            found = connection.lookupByUUIDString(name)
        except libvirt.libvirtError:
            names = " ".join(sorted(one.name() for one in connection.listAllDomains())) or "none"
            raise qmp.Gone(f"{error}; {connection.getURI()} has: {names}") from None
    if not found.isActive():
        raise qmp.Gone(f"the domain {name} does not run; `virsh start {name}` starts it")
    return found


class Client(qmp.Monitor):
    def __init__(self, libvirt, libvirt_qemu, connection, found):
        super().__init__(f"the monitor of {found.name()}")
        self._libvirt, self._libvirt_qemu = libvirt, libvirt_qemu
        self._connection, self._domain = connection, found
        self._ended = False
        self._listening = libvirt_qemu.qemuMonitorEventRegister(connection, found, ANY_EVENT, self._on_event,
                                                                None)
        self._watching = connection.domainEventRegisterAny(found, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                           self._on_change, None)
        connection.registerCloseCallback(self._on_close, None)
        # Otherwise the event loop would wait for an event without a deadline.
        self._timer = libvirt.virEventAddTimeout(-1, lambda *_: None, None)

    def close(self):
        try:
            self._libvirt.virEventRemoveTimeout(self._timer)
            self._connection.unregisterCloseCallback()
            self._connection.domainEventDeregisterAny(self._watching)
            self._libvirt_qemu.qemuMonitorEventDeregister(self._connection, self._listening)
            self._connection.close()
        except self._libvirt.libvirtError:
            pass  # the daemon has ended, or the domain

    def command(self, name, shape=object, deadline=None, **arguments):
        """QEMU's answer to a command, which must fit SHAPE. libvirt has a deadline of its own."""
        del deadline
        request = {"execute": name, "arguments": arguments}
        try:
            answer = self._libvirt_qemu.qemuMonitorCommand(self._domain, json.dumps(request), 0)
        except self._libvirt.libvirtError as error:
            if error.get_error_code() == self._libvirt.VIR_ERR_OPERATION_TIMEOUT:
                raise qmp.Timeout(str(error)) from None
            raise qmp.Gone(str(error)) from None
        return self._answer(self._parsed(answer), shape)

    def _on_event(self, _connection, _domain, event, _seconds, _micros, details, _):
        self._events.append({"event": event, "data": self._parsed(details) if details else {}})

    def _on_change(self, _connection, _domain, event, _detail, _):
        if event in (self._libvirt.VIR_DOMAIN_EVENT_STOPPED, self._libvirt.VIR_DOMAIN_EVENT_CRASHED):
            self._ended = True

    def _on_close(self, *_):
        self._ended = True

    def _await_event(self, deadline):
        while not self._events:
            left = deadline - time.monotonic()
            if left <= 0:
                raise qmp.Timeout
            if self._ended:
                raise qmp.Gone("QEMU has ended")
            self._libvirt.virEventUpdateTimeout(self._timer, int(left * 1000) + 1)
            try:
                self._libvirt.virEventRunDefaultImpl()
            finally:
                self._libvirt.virEventUpdateTimeout(self._timer, -1)
