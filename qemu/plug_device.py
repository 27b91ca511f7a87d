# SPDX-License-Identifier: GPL-2.0
"""What plugging CPUs and plugging memory have in common: the job, ids, QEMU's answers, and the
guest's answer."""

import io
import time

import plug_refusal
import qmp

# A file next to the QMP socket of a guest that has more CPU slots than it is meant to use.
MAX_CPUS_FILE = "maxcpus"
BLOCK = 128 << 20     # the least size of Linux' memory blocks on x86
ADD_DEADLINE = 60     # seconds for the guest to answer; an emulated one may be slow
DEL_DEADLINE = 120    # the guest may have to move pages first
UNDO_DEADLINE = 10    # for the guest to give back what it has refused

# Sources and status codes of a guest's _OST, by the ACPI specification.
EJECT_EVENTS = (0x3, 0x103)
IN_PROGRESS = {"add": (0x80,), "del": (0x84, 0x85)}

ANSWERS = {
    "add": {0x1: "it failed", 0x2: "it does not know this kind of request",
            0x81: "its driver could not be loaded or failed", 0x82: "it cannot take devices now"},
    "del": {0x1: "it failed", 0x2: "it does not know this kind of request",
            0x80: "it does not support taking this device away",
            0x81: "the device is in use", 0x82: "the device is busy",
            0x83: "something that the device depends on is busy"},
}

# The states of query-status. A guest in one of HALTED does not run now, but may later; QEMU accepts
# requests for it. In any other state the guest never answers a request.
RUNNING = "running"
HALTED = ("paused", "prelaunch", "suspended", "debug", "io-error", "watchdog")


class Refused(Exception):
    """QEMU, the guest or its kernel has refused; the message names which of them."""


class NotPlugged(Refused):
    """QEMU itself has refused a device."""


class Job:
    """One command: its QEMU, its deadline, and what it prints."""

    def __init__(self, client, timeout=None, block=None, dry_run=False):
        self.client = client
        self.dry_run = dry_run  # only says what it would do
        self.block = block    # the guest's memory block size in bytes, or None if not given
        self.out = io.StringIO()
        self.notes = []       # for stderr, in any case
        self.pending = []     # ids that the guest has not answered about
        self.status = RUNNING
        self.did = "plugged"  # the request that the guest has to answer
        self.waited = 0       # deadline of the last answer, in seconds
        self._timeout = timeout

    def would(self, what):
        """Says what it would do. qemu/guest-hotplug reads this, and asks the kernel about it."""
        print(f"yes QEMU: would {what}", file=self.out)

    def seconds_to_add(self):
        return self._seconds(ADD_DEADLINE)

    def seconds_to_remove(self):
        return self._seconds(DEL_DEADLINE)

    def _seconds(self, default):
        """How long to wait for the guest; 0 if it does not run."""
        if self.status != RUNNING:
            return 0
        return default if self._timeout is None else self._timeout

    def needs_guest(self):
        """Refuses a guest that can never answer."""
        self.status = guest_status(self.client)
        if self.status != RUNNING and self.status not in HALTED:
            raise qmp.Gone("the guest does not run, and QEMU cannot resume it in its state "
                           f"{self.status!r}; nothing was done")


def guest_status(client):
    return qemu(client, "query-status", {"status": str})["status"]


def human(size):
    if not size:
        return "0M"
    for unit, shift in (("G", 30), ("M", 20)):
        if size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)


def table(rows, out):
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    for row in rows:
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths))
        print(line.rstrip(), file=out)


def qemu(client, command, shape=object, **arguments):
    try:
        return client.command(command, shape, **arguments)
    except qmp.Error as error:
        raise Refused(f"QEMU refused: {error}") from None


def asked(client, command, shape, **arguments):
    """QEMU's answer, or None if this QEMU or its machine has none."""
    try:
        answer = client.command(command, object, **arguments)
    except qmp.Error:
        return None
    return answer if qmp.fits(answer, shape) else None


def taken_ids(client):
    """The ids of all devices and objects in QEMU, other managers' as well."""
    return {entry["name"] for path in ("/machine/peripheral", "/objects")
            for entry in qemu(client, "qom-list", [{"name": str}], path=path)}


def free_id(taken, name):
    """NAME, or the next of NAME-2, NAME-3, ... that is free for a device and for its memory."""
    ident, number = name, 1
    while ident in taken or memory_of(ident) in taken:
        number += 1
        ident = f"{name}-{number}"
    return ident


def memory_of(ident):
    return f"mem-{ident}"


def await_answer(job, verb, ident, path, seconds, gone=lambda: False):
    """Waits until the guest has accepted a device, or has given it back. False: no answer yet.

    GONE() is true when a device was removed without an event, see cpu_gone() in plug_cpu.py.
    """
    deadline = time.monotonic() + seconds

    def match(event, data):
        if event == "SHUTDOWN":
            return True
        if event == "ACPI_DEVICE_OST":
            info = data["info"]
            ejecting = info["source"] in EJECT_EVENTS
            if info.get("device") != ident or ejecting != (verb == "del"):
                return False
            if info["status"] in IN_PROGRESS[verb]:
                return False
            # The guest's answer to an ejection comes before QEMU has removed the device.
            return verb == "add" or info["status"] != 0
        if event in ("MEM_UNPLUG_ERROR", "DEVICE_UNPLUG_GUEST_ERROR", "DEVICE_DELETED"):
            # A device without an id is known by its path only.
            same = data.get("device") == ident if ident else data.get("path") == path
            return verb == "del" and same
        return False

    name = ident or path
    while True:
        try:
            event, data = job.client.wait_event(match, min(deadline, time.monotonic() + 0.1))
            break
        except qmp.Timeout:
            if gone():
                return True
            if time.monotonic() > deadline:
                return False

    if event == "SHUTDOWN":
        raise qmp.Gone("the guest has ended")
    if event == "ACPI_DEVICE_OST" and data["info"]["status"]:
        status = data["info"]["status"]
        said = ANSWERS[verb].get(status, "for a reason that ACPI does not name")
        raise Refused(f"the guest's kernel refused {name}: {said} (_OST status {status:#x}); "
                      "its log says more, and with dhp its /sys/kernel/dhp/refusals who it was"
                      f"{dhp_said(job, verb)}")
    if event == "MEM_UNPLUG_ERROR":
        raise Refused(f"QEMU could not take {name} out: {data['msg']}")
    if event == "DEVICE_UNPLUG_GUEST_ERROR":
        raise Refused(f"the guest refused to give {name} back{dhp_said(job, verb)}")
    return True


def dhp_said(job, verb, seconds=None):
    """Who it was in the guest, for the end of a message; only on the host, see plug_refusal.py."""
    if not job.client.console:
        return ""
    said = job.client.console.refusals(verb, plug_refusal.PATIENCE if seconds is None else seconds)
    return f". Its dhp has logged: {'; '.join(said)}" if said else ""


def pending(job):
    """The message about devices for which the guest has not answered."""
    said = f"{' '.join(job.pending)}: {job.did}; the guest has not answered yet"
    status = guest_status(job.client)
    if status != RUNNING:
        return f"{said}, for it does not run now ({status})"
    return (f"{said}, within {job.waited} seconds: it boots, or is slow, or its kernel has no ACPI "
            "hotplug. Whether it answers later, `list` shows")


def plug(job, ident, driver, remove, **properties):
    """Plugs one device and waits for the guest. If the guest refuses it, REMOVE() takes it out."""
    job.client.forget_events()
    try:
        qemu(job.client, "device_add", driver=driver, id=ident, **properties)
    except Refused as refusal:
        raise NotPlugged(refusal) from None
    job.waited = job.seconds_to_add()
    try:
        answered = await_answer(job, "add", ident, None, job.waited)
    except Refused as refusal:
        raise Refused(f"{refusal}. {taken_back(ident, remove)}") from None
    if not answered:
        job.pending.append(ident)
    print(ident, file=job.out)


def taken_back(ident, remove):
    try:
        if remove(UNDO_DEADLINE):
            return f"{ident} is taken out again"
    except (Refused, qmp.Error):
        pass
    return f"{ident} is left over in QEMU: the guest does not give it back"


def unplug(job, ident, path, seconds, gone=lambda: False):
    """Asks for a device back. False: the guest has not answered yet."""
    job.client.forget_events()
    qemu(job.client, "device_del", id=ident or path)
    job.did, job.waited = "asked back", seconds
    return await_answer(job, "del", ident, path, seconds, gone)


def say_unseen(job):
    """Notes that the host does not see whether the guest's kernel uses a device."""
    if job.client.guest_looks:
        return
    names = [name for name in job.out.getvalue().split() if name not in job.pending]
    if names:
        job.notes.append(f"{' '.join(names)}: plugged; the guest's firmware answer says taken, "
                         "whether its kernel uses it is not seen from here")
