# SPDX-License-Identifier: GPL-2.0
"""Plugs processors and DIMMs into a QEMU, resizes virtio-mem, and waits for the guest's answer.

One place for both callers: qemu/hotplug on the host, and qemu/vm, which does it for a guest.
"""

import io
import re
import time

import qmp

OK, REFUSED, USAGE, GONE = 0, 1, 2, 3

WORDS = """\
usage: hotplug cpu list | cpu add [COUNT] | cpu del [ID]
       hotplug dimm list | dimm add SIZE [--node N] | dimm del [ID]
       hotplug virtio-mem list | virtio-mem resize SIZE [ID]
"""

# The same for a guest and for the host.
HELP_WORDS = (["--help"], ["-h"], ["help"])
HELP = WORDS + """
`cpu del` takes the highest CPU that was plugged, `dimm del` the most recent DIMM, and
`virtio-mem resize` the first device, in steps of its own block size (STEP in `virtio-mem list`).

Exit status: 0 done; 1 refused, and stderr says by whom; 2 the words make no sense; 3 there is
no QEMU, or it or the guest did not answer in time.
"""

# Next to the QMP socket of a guest that was given more slots than it is meant to use.
MAX_CPUS_FILE = "maxcpus"

BLOCK = 128 << 20     # Linux adds memory in blocks of this size on x86
ADD_DEADLINE = 60     # seconds for the guest to answer; an emulated one may be slow
DEL_DEADLINE = 120    # it may have to move pages first

# What a guest says through ACPI's _OST, by the ACPI specification.
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


class Refused(Exception):
    """Somebody said no: the message begins with who."""


class Usage(Exception):
    """The words make no sense."""


def human(size):
    if not size:
        return "0M"
    for unit, shift in (("G", 30), ("M", 20)):
        if size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)


# ---------------------------------------------------------------- the guest's answer

def await_answer(client, verb, ident, path, seconds, gone=lambda: False):
    """Waits until the guest has taken a device, or has given it back.

    GONE() tells of a device that has left without a word, see cpu_del().
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
            # A guest that has ejected says so before QEMU has taken the device away.
            return verb == "add" or info["status"] != 0
        if event in ("MEM_UNPLUG_ERROR", "DEVICE_UNPLUG_GUEST_ERROR", "DEVICE_DELETED"):
            # A device without an id is known by its path only.
            same = data.get("device") == ident if ident else data.get("path") == path
            return verb == "del" and same
        return False

    name = ident or path
    while True:
        try:
            event, data = client.wait_event(match, min(deadline, time.monotonic() + 0.1))
            break
        except qmp.Timeout:
            if gone():
                return
            if time.monotonic() > deadline:
                raise qmp.Timeout(
                    f"the guest did not answer within {seconds} seconds about {name}; does it "
                    "run, and does its kernel have ACPI hotplug?") from None

    if event == "SHUTDOWN":
        raise qmp.Gone("the guest has ended")
    if event == "ACPI_DEVICE_OST" and data["info"]["status"]:
        status = data["info"]["status"]
        said = ANSWERS[verb].get(status, "for a reason that ACPI does not name")
        raise Refused(f"the guest's kernel refused {name}: {said} (_OST status {status:#x}); "
                      "its log says more")
    if event == "MEM_UNPLUG_ERROR":
        raise Refused(f"QEMU could not take {name} out: {data['msg']}")
    if event == "DEVICE_UNPLUG_GUEST_ERROR":
        raise Refused(f"the guest refused to give {name} back")


def qemu(client, command, shape=object, **arguments):
    try:
        return client.command(command, shape, **arguments)
    except qmp.Error as error:
        raise Refused(f"QEMU refused: {error}") from None


# ---------------------------------------------------------------- processors

def cpu_slots(client):
    """Every place for a processor in a fixed order, so that numbers stay the same."""
    order = ("node-id", "drawer-id", "book-id", "socket-id", "die-id", "cluster-id", "core-id",
             "thread-id")
    slots = qemu(client, "query-hotpluggable-cpus", [{"type": str, "props": dict}])
    if not all(qmp.fits(slot.get("qom-path", ""), str) and
               all(qmp.fits(value, int) for value in slot["props"].values()) for slot in slots):
        raise qmp.Gone(f"QEMU's places for processors are none: {str(slots)[:80]}")
    # The node does not tell places apart, and it would mix up the order.
    slots.sort(key=lambda slot: [slot["props"].get(key, 0) for key in order[1:]])
    for number, slot in enumerate(slots):
        path = slot.get("qom-path", "")
        plugged = re.fullmatch(r"/machine/peripheral/(.+)", path)
        slot["id"] = plugged[1] if plugged else f"cpu{number}"
        slot["state"] = "plugged" if plugged else "boot" if path else "free"
    return slots[:client.max_cpus]


def properties(slot):
    return ",".join(f"{key}={value}" for key, value in sorted(slot["props"].items()))


def cpu_list(client, out):
    rows = [("ID", "STATE", "PROPERTIES")]
    rows += [(slot["id"], slot["state"], properties(slot)) for slot in cpu_slots(client)]
    table(rows, out)


def cpu_add(client, out, number):
    slots = cpu_slots(client)
    free = [slot for slot in slots if slot["state"] == "free"]
    if number > len(free):
        raise Refused(f"QEMU has {len(free)} free processor slots, {number} asked for "
                      f"({len(slots) - len(free)} of {len(slots)} are in use: see -smp maxcpus)")
    for slot in free[:number]:
        client.forget_events()
        qemu(client, "device_add", driver=slot["type"], id=slot["id"], **slot["props"])
        await_answer(client, "add", slot["id"], None, ADD_DEADLINE)
        print(slot["id"], file=out)


def cpu_del(client, out, ident):
    slots = cpu_slots(client)
    present = {slot["id"]: slot for slot in slots if slot["state"] != "free"}
    if ident is None:
        plugged = [slot["id"] for slot in slots if slot["state"] == "plugged"]
        if not plugged:
            raise Refused("no processor has been plugged, so there is none to take out")
        ident = plugged[-1]
    if ident not in present:
        known = {slot["id"] for slot in slots}
        what = "is not plugged" if ident in known else "is not known"
        raise Refused(f"QEMU: processor {ident} {what}; there are: {' '.join(present)}")
    slot = present[ident]

    # Under TCG, QEMU keeps references to a processor that it has taken out and never says
    # DEVICE_DELETED. The slot is what counts then: it is free when the processor has left it.
    def gone():
        return slot["qom-path"] not in [one.get("qom-path") for one in cpu_slots(client)]

    unplug(client, slot["id"] if slot["state"] == "plugged" else None, slot["qom-path"], gone)
    print(ident, file=out)


def unplug(client, ident, path, gone=lambda: False):
    client.forget_events()
    qemu(client, "device_del", id=ident or path)
    await_answer(client, "del", ident, path, DEL_DEADLINE, gone)


# ---------------------------------------------------------------- memory

# What QEMU says of a device; its id only if it has one.
DIMM = {"slot": int, "size": int, "node": int, "addr": int, "hotplugged": bool, "memdev": str}
VIRTIO_MEM = {"size": int, "requested-size": int, "max-size": int, "block-size": int, "node": int,
              "memaddr": int}


def memory_devices(client, kind, shape):
    devices = qemu(client, "query-memory-devices", [{"type": str, "data": dict}])
    found = [device["data"] for device in devices if device["type"] == kind]
    if not qmp.fits(found, [shape]) or not all(qmp.fits(one.get("id", ""), str) for one in found):
        raise qmp.Gone(f"QEMU's devices of type {kind} are none: {str(found)[:80]}")
    return found


def dimms(client):
    return memory_devices(client, "dimm", DIMM)


def dimm_list(client, out):
    rows = [("ID", "SLOT", "SIZE", "NODE", "ADDRESS", "STATE")]
    rows += [(dimm.get("id", "-"), dimm["slot"], human(dimm["size"]), dimm["node"],
              f"{dimm['addr']:#x}", "plugged" if dimm["hotplugged"] else "boot")
             for dimm in dimms(client)]
    table(rows, out)


def number_of(dimm):
    found = re.fullmatch(r"dimm(\d+)", dimm.get("id", ""))
    return int(found[1]) if found else -1


def dimm_add(client, out, size, node):
    # Counting up, so that the highest number is the most recent.
    ident = f"dimm{max([number_of(dimm) for dimm in dimms(client)], default=-1) + 1}"
    memory = f"mem-{ident}"
    check_room(client, size)
    client.forget_events()
    qemu(client, "object-add", **{"qom-type": "memory-backend-ram", "id": memory, "size": size})
    arguments = {} if node is None else {"node": node}
    try:
        qemu(client, "device_add", driver="pc-dimm", id=ident, memdev=memory, **arguments)
    except Refused:
        client.command("object-del", id=memory)
        raise
    await_answer(client, "add", ident, None, ADD_DEADLINE)
    print(ident, file=out)


def check_room(client, size):
    """QEMU's own words about a machine that is full are hard to read."""
    try:
        machine = client.command("qom-get", path="/machine", property="memory")
    except qmp.Error:
        return  # an older QEMU does not tell; it will refuse in its own words
    if not qmp.fits(machine, {"max-size": int, "size": int, "slots": int}):
        return
    room, slots = machine["max-size"] - machine["size"], machine["slots"]
    plugged = dimms(client)
    room -= sum(mem["max-size"] for mem in virtio_mems(client))
    used = sum(dimm["size"] for dimm in plugged)
    if len(plugged) >= slots:
        raise Refused(f"QEMU has no free DIMM slot: all {slots} are in use (see -m slots)")
    if used + size > room:
        raise Refused(f"QEMU has no room for {human(size)}: {human(used)} of {human(room)} for "
                      "DIMMs are in use (see -m maxmem)")


def dimm_del(client, out, ident):
    plugged = {dimm["id"]: dimm for dimm in dimms(client) if dimm.get("id")}
    if ident is None:
        if not plugged:
            raise Refused("no DIMM has been plugged, so there is none to take out")
        ident = max(plugged.values(), key=number_of)["id"]
    if ident not in plugged:
        raise Refused(f"QEMU: there is no DIMM {ident}; "
                      f"there are: {' '.join(plugged) or 'none'}")
    memory = plugged[ident]["memdev"]
    unplug(client, ident, f"/machine/peripheral/{ident}")
    if memory == f"/objects/mem-{ident}":
        drop_memory(client, f"mem-{ident}")
    print(ident, file=out)


def drop_memory(client, memory):
    """QEMU lets go of a DIMM's memory a moment after it says that the DIMM is gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            client.command("object-del", id=memory)
            return
        except qmp.Error as error:
            if time.monotonic() > deadline:
                raise Refused(f"QEMU keeps the DIMM's memory: {error}") from None
            time.sleep(0.05)


# ---------------------------------------------------------------- virtio-mem

def virtio_mems(client):
    return memory_devices(client, "virtio-mem", VIRTIO_MEM)


def virtio_mem_list(client, out):
    rows = [("ID", "SIZE", "REQUESTED", "MAX", "NODE", "ADDRESS", "STEP")]
    rows += [(mem.get("id", "-"), human(mem["size"]), human(mem["requested-size"]),
              human(mem["max-size"]), mem["node"], f"{mem['memaddr']:#x}",
              human(mem["block-size"]))
             for mem in virtio_mems(client)]
    table(rows, out)


def virtio_mem_resize(client, out, size, ident):
    mems = {mem["id"]: mem for mem in virtio_mems(client) if mem.get("id")}
    if not mems:
        raise Refused("QEMU has no virtio-mem device (see --virtio-mem of qemu/vm)")
    if ident is None:
        ident = min(mems)
    if ident not in mems:
        raise Refused(f"QEMU: there is no virtio-mem device {ident}; "
                      f"there are: {' '.join(sorted(mems))}")
    if size > mems[ident]["max-size"]:
        raise Refused(f"QEMU: {ident} has room for {human(mems[ident]['max-size'])}, "
                      f"{human(size)} is more")
    step = mems[ident]["block-size"]
    if step < 1 or size % step:
        raise Refused(f"QEMU: {ident} changes in steps of {human(step)}, and {human(size)} is not "
                      "a multiple of it")
    path = f"/machine/peripheral/{ident}"
    client.forget_events()
    qemu(client, "qom-set", path=path, property="requested-size", value=size)
    reached = await_size(client, ident, path, size)
    if reached != size:
        # As it is, so that the guest does not go on trying.
        qemu(client, "qom-set", path=path, property="requested-size", value=reached)
        raise Refused(f"the guest has brought {ident} to {human(reached)} in {DEL_DEADLINE} "
                      f"seconds, {human(size)} was asked for: it has no driver (virtio_mem), or "
                      "memory there is in use")
    print(ident, human(size), file=out)


def await_size(client, ident, path, size):
    """Waits until the device has the size, or for too long; returns what it has.

    QEMU tells of changes once a second at most, so it is asked as well.
    """
    deadline = time.monotonic() + DEL_DEADLINE
    while True:
        reached = qemu(client, "qom-get", int, path=path, property="size")
        if reached == size or time.monotonic() > deadline:
            return reached
        try:
            event, _ = client.wait_event(
                lambda event, data: event == "SHUTDOWN" or
                event == "MEMORY_DEVICE_SIZE_CHANGE" and data.get("id") == ident,
                time.monotonic() + 0.1)
            if event == "SHUTDOWN":
                raise qmp.Gone("the guest has ended")
        except qmp.Timeout:
            pass


# ---------------------------------------------------------------- words

def table(rows, out):
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    for row in rows:
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths))
        print(line.rstrip(), file=out)


# Of a number, as many digits as can be meant; Python refuses to read thousands of them.
DIGITS = "[0-9]{1,9}"


def parse_count(text):
    if not re.fullmatch(DIGITS, text) or not int(text):
        raise Usage(f"{text!r} is no number of processors; write 1 or more")
    return int(text)


def parse_size(text):
    found = re.fullmatch(f"({DIGITS})([MG])", text, re.IGNORECASE)
    if not found:
        raise Usage(f"{text!r} is not a size; write it like 256M or 1G")
    return int(found[1]) << {"M": 20, "G": 30}[found[2].upper()]


def parse_blocks(text):
    size = parse_size(text)
    if not size or size % BLOCK:
        raise Usage(f"{text} is not a multiple of a memory block; "
                    f"write a multiple of {human(BLOCK)}, like 256M or 1G")
    return size


def parse_node(text):
    if not re.fullmatch(DIGITS, text):
        raise Usage(f"{text!r} is no node; write a number like 0")
    return int(text)


def parse(words):
    """The words as a function that wants a client and a file to print to."""
    key, rest = tuple(words[:2]), words[2:]
    if key == ("cpu", "list") and not rest:
        return cpu_list
    if key == ("cpu", "add") and len(rest) <= 1:
        number = parse_count(rest[0]) if rest else 1
        return lambda client, out: cpu_add(client, out, number)
    if key == ("cpu", "del") and len(rest) <= 1:
        return lambda client, out: cpu_del(client, out, rest[0] if rest else None)
    if key == ("dimm", "list") and not rest:
        return dimm_list
    if key == ("dimm", "add") and (len(rest) == 1 or len(rest) == 3 and rest[1] == "--node"):
        size = parse_blocks(rest[0])
        node = parse_node(rest[2]) if rest[1:] else None
        return lambda client, out: dimm_add(client, out, size, node)
    if key == ("dimm", "del") and len(rest) <= 1:
        return lambda client, out: dimm_del(client, out, rest[0] if rest else None)
    if key == ("virtio-mem", "list") and not rest:
        return virtio_mem_list
    if key == ("virtio-mem", "resize") and len(rest) in (1, 2):
        size = parse_size(rest[0])
        return lambda client, out: virtio_mem_resize(client, out, size, (rest + [None])[1])
    raise Usage(f"what does {' '.join(words)!r} mean?\n{WORDS.rstrip()}" if words
                else HELP.rstrip())


def run(words, client):
    """Does it. CLIENT is a qmp.Client, or a function that makes one once the words are good.

    Returns an exit status, what to print, and what to complain.
    """
    if words in HELP_WORDS:
        return OK, HELP, ""
    out = io.StringIO()
    status, complaint = OK, ""
    try:
        action = parse(words)
        action(client() if callable(client) else client, out)
    except Usage as error:
        status, complaint = USAGE, error
    except (Refused, qmp.Error) as error:
        status, complaint = REFUSED, error
    except qmp.Timeout as error:
        status, complaint = GONE, str(error) or "QEMU does not answer"
    except qmp.Gone as error:
        status, complaint = GONE, error
    return status, out.getvalue(), f"hotplug: {complaint}\n" if status else ""
