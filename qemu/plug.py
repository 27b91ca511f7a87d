# SPDX-License-Identifier: GPL-2.0
"""Plugs CPUs and DIMMs into a QEMU, resizes virtio-mem, and waits for the guest's answer.

One place for both callers: qemu/hotplug on the host, and qemu/vm, which does it for a guest.
"""

import io
import re
import time

import qmp

OK, REFUSED, USAGE, GONE, PENDING = 0, 1, 2, 3, 4

WORDS = """\
usage: hotplug [OPTION]... cpu list | cpu add [COUNT] | cpu del [ID]
       hotplug [OPTION]... dimm list | dimm add SIZE [--node N] | dimm del [ID]
       hotplug [OPTION]... virtio-mem list | virtio-mem resize SIZE [ID]
"""

HELP = WORDS + """
  --timeout S   seconds to wait for the guest to answer about a device: 60 to add, 120 to take
                out or resize, unless given; and for another client to leave QEMU's socket: 60
  --block SIZE  the guest's memory block size (/sys/devices/system/memory/block_size_bytes in
                it); without it, the size that Linux chooses by default is assumed

`cpu del` takes the highest CPU that was plugged, `dimm del` the most recent DIMM, and
`virtio-mem resize` the first device, in steps of its own (STEP in `virtio-mem list`). `dimm list`
shows every memory device.

What "done" has seen: `del`, that QEMU has taken the device out after the guest gave it back;
`resize`, that the device has that size; `add` inside a guest, that the CPU is present and every
memory block of the DIMM is there. `add` on the host has seen only the guest's answer through
ACPI (_OST). Linux answers "taken" also for a device that it then refuses, and nothing on the
host shows that; a line on stderr says so.

Exit status, on the host and in a guest:
  0  done
  1  refused; stderr says by whom and why. Nothing has changed, or what is left over is named
  2  the words make no sense
  3  there is no QEMU, or it does not answer, or its guest has ended
  4  asked for, but the guest has not answered yet: it is paused, boots, or takes longer. What
     was to be added is plugged, and its id printed; what was to go is asked back
"""

# The same for a guest and for the host.
HELP_WORDS = (["--help"], ["-h"], ["help"])

# Next to the QMP socket of a guest that was given more slots than it is meant to use.
MAX_CPUS_FILE = "maxcpus"

BLOCK = 128 << 20     # the least size of Linux' memory blocks on x86
LARGEST_BLOCK = 2 << 30
LARGE_BLOCK_END = 64 << 30  # where boot memory must end for blocks above BLOCK
PAGES_PER_MEMMAP = 64       # a page has 64 bytes of struct page, a 64th of it
LEAST_MEMORY = 64 << 20     # no Linux on a PC runs in less, beside the memmap of a DIMM

ADD_DEADLINE = 60     # seconds for the guest to answer; an emulated one may be slow
DEL_DEADLINE = 120    # it may have to move pages first
UNDO_DEADLINE = 10    # to give back what it has refused

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

# What query-status says of a guest that does not run now, and may later on. QEMU takes requests
# for it. In every other state but "running" it takes none that the guest would ever answer.
RUNNING = "running"
HALTED = ("paused", "prelaunch", "suspended", "debug", "io-error", "watchdog")


class Refused(Exception):
    """Somebody said no: the message begins with who."""


class NotPlugged(Refused):
    """QEMU itself does not take a device."""


class Usage(Exception):
    """The words make no sense."""


class Job:
    """One command: whom it asks, for how long, and what it has to say."""

    def __init__(self, client, timeout=None, block=None):
        self.client = client
        self.block = block    # bytes, or None if nobody has said it
        self.out = io.StringIO()
        self.notes = []       # for stderr, whatever the outcome is
        self.pending = []     # ids that the guest has not answered about
        self.status = RUNNING
        self.did = "plugged"  # what the guest is to answer
        self.waited = 0       # seconds for the last answer
        self._timeout = timeout

    def seconds(self, default):
        """How long to wait for the guest: not at all for one that does not run."""
        if self.status != RUNNING:
            return 0
        return default if self._timeout is None else self._timeout

    def needs_guest(self):
        """For what a guest has to answer: finds out whether it can."""
        self.status = guest_status(self.client)
        if self.status != RUNNING and self.status not in HALTED:
            raise qmp.Gone(f"the guest does not run, and QEMU cannot let it run as it is: it says "
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


# ---------------------------------------------------------------- the guest's answer

def await_answer(job, verb, ident, path, seconds, gone=lambda: False):
    """Waits until the guest has taken a device, or has given it back. False: no answer yet.

    GONE() says whether a device has left although no event says so, see cpu_del().
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
                      "its log says more")
    if event == "MEM_UNPLUG_ERROR":
        raise Refused(f"QEMU could not take {name} out: {data['msg']}")
    if event == "DEVICE_UNPLUG_GUEST_ERROR":
        raise Refused(f"the guest refused to give {name} back")
    return True


def pending(job):
    """Why the guest has not answered, for those that it has not answered about."""
    said = f"{' '.join(job.pending)}: {job.did}; the guest has not answered yet"
    status = guest_status(job.client)
    if status != RUNNING:
        return f"{said}, for it does not run now ({status})"
    return (f"{said}, within {job.waited} seconds: it boots, or is slow, or its kernel has no ACPI "
            "hotplug. Whether it answers later, `list` shows")


def qemu(client, command, shape=object, **arguments):
    try:
        return client.command(command, shape, **arguments)
    except qmp.Error as error:
        raise Refused(f"QEMU refused: {error}") from None


def asked(client, command, shape, **arguments):
    """QEMU's answer, or None from a QEMU or a machine that does not know."""
    try:
        answer = client.command(command, object, **arguments)
    except qmp.Error:
        return None
    return answer if qmp.fits(answer, shape) else None


# ---------------------------------------------------------------- ids

def taken_ids(client):
    """Every id that a device or an object of QEMU's has, also those of other managers."""
    return {entry["name"] for path in ("/machine/peripheral", "/objects")
            for entry in qemu(client, "qom-list", [{"name": str}], path=path)}


def free_id(taken, name):
    """NAME or what follows it that nothing has, nor the memory of a device of that name."""
    ident, number = name, 1
    while ident in taken or memory_of(ident) in taken:
        number += 1
        ident = f"{name}-{number}"
    return ident


def memory_of(ident):
    return f"mem-{ident}"


# ---------------------------------------------------------------- devices

def plug(job, ident, driver, remove, **properties):
    """Plugs one device and waits for the guest. What it refuses, REMOVE() takes out again."""
    job.client.forget_events()
    try:
        qemu(job.client, "device_add", driver=driver, id=ident, **properties)
    except Refused as refusal:
        raise NotPlugged(refusal) from None
    job.waited = job.seconds(ADD_DEADLINE)
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
    """From the host, what a guest's kernel does with a device is not seen."""
    if job.client.guest_looks:
        return
    names = [name for name in job.out.getvalue().split() if name not in job.pending]
    if names:
        job.notes.append(f"{' '.join(names)}: plugged; the guest's firmware answer says taken, "
                         "whether its kernel uses it is not seen from here")


# ---------------------------------------------------------------- CPUs

def raw_slots(client):
    """Every place for a CPU in a fixed order, so that numbers stay the same."""
    order = ("drawer-id", "book-id", "socket-id", "die-id", "cluster-id", "core-id", "thread-id")
    slots = qemu(client, "query-hotpluggable-cpus", [{"type": str, "props": dict}])
    if not all(qmp.fits(slot.get("qom-path", ""), str) and
               all(qmp.fits(value, int) for value in slot["props"].values()) for slot in slots):
        raise qmp.Gone(f"QEMU's places for CPUs are none: {str(slots)[:80]}")
    # The node does not tell places apart, and it would mix up the order.
    slots.sort(key=lambda slot: [slot["props"].get(key, 0) for key in order])
    return slots


def cpu_slots(client):
    """The places that are meant to be used, with the ids that their CPUs have or would get."""
    slots = raw_slots(client)
    taken = taken_ids(client)
    for number, slot in enumerate(slots):
        path = slot.get("qom-path", "")
        plugged = re.fullmatch(r"/machine/peripheral/(.+)", path)
        slot["id"] = plugged[1] if plugged else free_id(taken, f"cpu{number}")
        slot["state"] = "plugged" if plugged else "boot" if path else "free"
    return slots[:client.max_cpus]


def properties(slot):
    return ",".join(f"{key}={value}" for key, value in sorted(slot["props"].items()))


def cpu_list(job):
    rows = [("ID", "STATE", "PROPERTIES")]
    rows += [(slot["id"], slot["state"], properties(slot)) for slot in cpu_slots(job.client)]
    table(rows, job.out)


def cpu_add(job, number):
    job.needs_guest()
    slots = cpu_slots(job.client)
    free = [slot for slot in slots if slot["state"] == "free"]
    if number > len(free):
        raise Refused(f"QEMU has {len(free)} free CPU slots, {number} asked for "
                      f"({len(slots) - len(free)} of {len(slots)} are in use: see -smp maxcpus)")
    check_cpu_limit(job, len(slots) - len(free), number)
    for tried, slot in enumerate(free[:number], 1):
        plug(job, slot["id"], slot["type"], lambda seconds, slot=slot: cpu_back(job, slot, seconds),
             **slot["props"])
        if tried < number and job.pending and job.status == RUNNING:
            # It would wait as long for each.
            job.notes.append(f"{number - tried} of {number} CPUs have not been plugged, "
                             "for want of an answer")
            break
    say_unseen(job)


def check_cpu_limit(job, used, number):
    """A kernel that QEMU itself has started has its limit of CPUs in sight."""
    if job.client.guest_looks:
        return
    append = asked(job.client, "qom-get", str, path="/machine", property="append") or ""
    for name, value in re.findall(r"(?:^|\s)(nr_cpus|possible_cpus)=([0-9]{1,9})(?=\s|$)", append):
        if used + number > int(value):
            raise Refused(f"the guest's kernel was started with {name}={value}, and takes no more "
                          f"CPUs than that: it has {used}, {number} more asked for")


def cpu_back(job, slot, seconds):
    """Takes out the CPU that was plugged into a slot."""
    path = f"/machine/peripheral/{slot['id']}"
    return unplug(job, slot["id"], path, seconds, lambda: cpu_gone(job.client, path))


# Under TCG, QEMU keeps references to a CPU that it has taken out and never says DEVICE_DELETED.
# The slot is what counts then: it is free when the CPU has left it.
def cpu_gone(client, path):
    return path not in [slot.get("qom-path") for slot in raw_slots(client)]


def cpu_del(job, ident):
    job.needs_guest()
    slots = cpu_slots(job.client)
    present = {slot["id"]: slot for slot in slots if slot["state"] != "free"}
    if ident is None:
        plugged = [slot["id"] for slot in slots if slot["state"] == "plugged"]
        if not plugged:
            raise Refused("no CPU has been plugged, so there is none to take out")
        ident = plugged[-1]
    if ident not in present:
        known = {slot["id"] for slot in slots}
        what = "is not plugged" if ident in known else "is not known"
        raise Refused(f"QEMU: CPU {ident} {what}; there are: {' '.join(present)}")
    slot, path = present[ident], present[ident]["qom-path"]
    warn_of_crash(job)
    if unplug(job, slot["id"] if slot["state"] == "plugged" else None, path,
              job.seconds(DEL_DEADLINE), lambda: cpu_gone(job.client, path)):
        print(ident, file=job.out)
    else:
        job.pending.append(ident)


def warn_of_crash(job):
    """QEMU 7.2 under TCG uses memory of a CPU after it was taken out; 10.0 does not."""
    if job.client.max_cpus is not None:
        return  # qemu/vm has started it, with qemu/keep-tlb.c or KVM
    kvm = asked(job.client, "query-kvm", {"enabled": bool})
    version = asked(job.client, "query-version", {"qemu": {"major": int, "minor": int}})
    if kvm and version and not kvm["enabled"] and version["qemu"]["major"] < 10:
        release = f"{version['qemu']['major']}.{version['qemu']['minor']}"
        job.notes.append(
            f"warning: QEMU {release} without KVM may crash once a CPU was taken out, at the next "
            "plug at the latest (7.2 does, 10.0 does not): start the guest with QEMU 10.0 or newer "
            "(`scripts/setup qemu` fetches one; QEMU= names it to qemu/vm)")


# ---------------------------------------------------------------- memory

# What QEMU says of a device; its id only if it has one.
DIMM = {"slot": int, "size": int, "node": int, "addr": int, "hotplugged": bool, "memdev": str}
VIRTIO_MEM = {"size": int, "requested-size": int, "max-size": int, "block-size": int, "node": int,
              "memaddr": int}
SHAPES = {"dimm": DIMM, "nvdimm": DIMM, "virtio-mem": VIRTIO_MEM,
          "virtio-pmem": {"size": int, "memaddr": int},
          "sgx-epc": {"size": int, "memaddr": int, "node": int}}


class Memory:
    """A memory device of any kind."""

    def __init__(self, device):
        self.kind, self.data = device["type"], device["data"]
        if not qmp.fits(self.data, SHAPES.get(self.kind, {})) or \
                not qmp.fits(self.data.get("id", ""), str):
            raise qmp.Gone(f"QEMU's devices of type {self.kind} are none: {str(self.data)[:80]}")
        self.id = self.data.get("id")

    def number(self, *keys):
        """What it says under the first of KEYS that it has, or None."""
        values = [self.data[key] for key in keys if qmp.fits(self.data.get(key), int)]
        return values[0] if values else None

    @property
    def address(self):
        return self.number("addr", "memaddr")

    @property
    def room(self):
        """What it takes of the addresses for memory devices; SGX's has others."""
        return 0 if self.kind == "sgx-epc" else self.number("max-size", "size") or 0


def memory_devices(client, *kinds):
    devices = qemu(client, "query-memory-devices", [{"type": str, "data": dict}])
    return [Memory(device) for device in devices if not kinds or device["type"] in kinds]


def dimm_list(job):
    def shown(value, form=str):
        return "-" if value is None else form(value)

    rows = [("ID", "SLOT", "SIZE", "NODE", "ADDRESS", "STATE", "TYPE")]
    for memory in memory_devices(job.client):
        state = {True: "plugged", False: "boot"}.get(memory.data.get("hotplugged"), "-")
        rows.append((shown(memory.id or None), shown(memory.number("slot")),
                     shown(memory.number("size", "max-size"), human), shown(memory.number("node")),
                     shown(memory.address, hex), state, memory.kind))
    table(rows, job.out)


def number_of(ident):
    found = re.fullmatch(r"(?:mem-)?dimm([0-9]{1,9})(?:-[0-9]{1,9})?", ident or "")
    return int(found[1]) if found else -1


def dimm_add(job, size, node):
    job.needs_guest()
    devices = memory_devices(job.client)
    machine = machine_memory(job.client)
    check_room(machine, devices, size)
    tree = asked(job.client, "human-monitor-command", str, **{"command-line": "info mtree"}) or ""
    block = job.block or default_block(job.client, tree)
    if size % block:
        raise Refused(f"the guest's kernel takes memory in blocks of {human(block)}"
                      f"{'' if job.block else ', as Linux chooses on a machine of this size'}: "
                      f"{human(size)} is not a multiple of it")
    if not job.client.guest_looks:
        check_memmap(job.client, machine, devices, size)
    arguments = {} if node is None else {"node": node}
    address = aligned_address(tree, devices, size, block)
    if address is not None:
        arguments["addr"] = address

    # Counting up, so that the highest number is the most recent.
    taken = taken_ids(job.client)
    ident = free_id(taken, f"dimm{max(map(number_of, taken), default=-1) + 1}")
    memory = memory_of(ident)
    qemu(job.client, "object-add", **{"qom-type": "memory-backend-ram", "id": memory, "size": size})

    def remove(seconds):
        return dimm_back(job, ident, memory, seconds)
    try:
        plug(job, ident, "pc-dimm", remove, memdev=memory, **arguments)
    except NotPlugged:
        qemu(job.client, "object-del", id=memory)
        raise
    say_unseen(job)


def machine_memory(client):
    """QEMU's memory without its memory devices, and its room; an older one says nothing."""
    return asked(client, "qom-get", {"max-size": int, "size": int, "slots": int},
                 path="/machine", property="memory")


def check_room(machine, devices, size):
    """QEMU's own words about a machine that is full are hard to read."""
    if not machine:
        return  # it will refuse in its own words
    dimms = [memory for memory in devices if memory.kind in ("dimm", "nvdimm")]
    others = sum(memory.room for memory in devices) - sum(memory.room for memory in dimms)
    room, slots = machine["max-size"] - machine["size"] - others, machine["slots"]
    used = sum(memory.room for memory in dimms)
    if len(dimms) >= slots:
        raise Refused(f"QEMU has no free DIMM slot: all {slots} are in use (see -m slots)")
    if used + size > room:
        raise Refused(f"QEMU has no room for {human(size)}: {human(used)} of {human(room)} for "
                      "DIMMs are in use (see -m maxmem)")


# Of QEMU's list of memory regions, the one that is called NAME.
def region(tree, name):
    found = re.search(rf"([0-9a-f]{{16}})-([0-9a-f]{{16}}) \(prio -?\d+, [a-z/]+\): {name}\b", tree)
    return (int(found[1], 16), int(found[2], 16) + 1) if found else None


def default_block(client, tree):
    """The memory block size that a Linux on x86 chooses by default, in arch/x86/mm/init_64.c."""
    above = region(tree, "alias ram-above-4g")
    end = above[1] if above else 0
    if end < LARGE_BLOCK_END:
        return BLOCK
    paths = [slot["qom-path"] for slot in raw_slots(client) if "qom-path" in slot]
    size = LARGEST_BLOCK
    if asked(client, "qom-get", bool, path=paths[0], property="hypervisor") if paths else True:
        while size > BLOCK and end % size:
            size //= 2
    return size


def aligned_address(tree, devices, size, block):
    """The lowest free one that is a multiple of a block; None where QEMU has to choose."""
    room = region(tree, "device-memory")
    if not room:
        return None
    address = -(-room[0] // block) * block
    for memory in sorted(filter(lambda one: one.room and one.address is not None, devices),
                         key=lambda one: one.address):
        if address + size <= memory.address:
            break
        address = max(address, -(-(memory.address + memory.room) // block) * block)
    if address + size > room[1]:
        raise Refused(f"QEMU has no room for {human(size)} at a multiple of the guest's memory "
                      f"block, {human(block)}: a DIMM that begins elsewhere would be refused there")
    return address


def check_memmap(client, machine, devices, size):
    """Linux allocates the memmap of a DIMM from the memory that is there."""
    append = asked(client, "qom-get", str, path="/machine", property="append") or ""
    if not machine or "memmap_on_memory" in append:
        return
    there = machine["size"] + sum(memory.number("size") or 0 for memory in devices)
    memmap = size // PAGES_PER_MEMMAP
    if memmap + LEAST_MEMORY > there:
        raise Refused(f"the guest's kernel needs {human(memmap)} for the memmap of {human(size)}, "
                      f"a {PAGES_PER_MEMMAP}th, and the guest has {human(there)} in all: plug a "
                      "smaller DIMM first")


def dimm_back(job, ident, memory, seconds):
    """Takes out a DIMM, and its memory if that was made for it."""
    if not unplug(job, ident, f"/machine/peripheral/{ident}", seconds):
        return False
    if memory == memory_of(ident):
        drop_memory(job.client, memory)
    return True


def dimm_del(job, ident):
    job.needs_guest()
    plugged = {memory.id: memory for memory in memory_devices(job.client, "dimm") if memory.id}
    if ident is None:
        if not plugged:
            raise Refused("no DIMM has been plugged, so there is none to take out")
        ident = max(plugged, key=number_of)
    if ident not in plugged:
        raise Refused(f"QEMU: there is no DIMM {ident}; "
                      f"there are: {' '.join(plugged) or 'none'}")
    memory = plugged[ident].data["memdev"]
    ours = memory_of(ident) if memory == f"/objects/{memory_of(ident)}" else None
    if dimm_back(job, ident, ours, job.seconds(DEL_DEADLINE)):
        print(ident, file=job.out)
    else:
        job.pending.append(ident)


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

def virtio_mem_list(job):
    rows = [("ID", "SIZE", "REQUESTED", "MAX", "NODE", "ADDRESS", "STEP")]
    for mem in (memory.data for memory in memory_devices(job.client, "virtio-mem")):
        rows.append((mem.get("id", "-"), human(mem["size"]), human(mem["requested-size"]),
                     human(mem["max-size"]), mem["node"], f"{mem['memaddr']:#x}",
                     human(mem["block-size"])))
    table(rows, job.out)


def virtio_mem_resize(job, size, ident):
    job.needs_guest()
    client = job.client
    mems = {memory.id: memory.data for memory in memory_devices(client, "virtio-mem") if memory.id}
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
    job.did, job.waited = "asked to change", job.seconds(DEL_DEADLINE)
    reached = await_size(client, ident, path, size, job.waited)
    if reached == size:
        print(ident, human(size), file=job.out)
    elif job.status != RUNNING:
        job.pending.append(ident)
    else:
        # As it is, so that the guest does not go on trying.
        qemu(client, "qom-set", path=path, property="requested-size", value=reached)
        if size > reached:
            why = ("or as much as it lets wait to be brought online, 1G or two memory blocks, is "
                   "offline there (see auto_online_blocks), or it has no memory for the memmap")
        else:
            why = "or memory there is in use"
        raise Refused(f"the guest has brought {ident} to {human(reached)} in {job.waited} seconds, "
                      f"{human(size)} was asked for: it has no driver (virtio_mem), {why}")


def await_size(client, ident, path, size, seconds):
    """Waits until the device has the size, or for too long; returns what it has.

    QEMU tells of changes once a second at most, so it is asked as well.
    """
    deadline = time.monotonic() + seconds
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


def parse_count(text, what="CPUs"):
    if not re.fullmatch(DIGITS, text) or not int(text):
        raise Usage(f"{text!r} is not a number of {what}; write 1 or more")
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
        raise Usage(f"{text!r} is not a node; write a number like 0")
    return int(text)


def parse_options(words):
    """The options in front, as arguments for a Job, and the words behind them."""
    kinds = {"--timeout": ("timeout", lambda text: parse_count(text, "seconds")),
             "--block": ("block", parse_blocks)}
    options = {}
    while words[:1] and words[0] in kinds:
        if len(words) < 2:
            raise Usage(f"{words[0]} wants a value\n{WORDS.rstrip()}")
        name, read = kinds[words[0]]
        options[name], words = read(words[1]), words[2:]
    return options, words


def parse(words):
    """The words as a function that does a Job."""
    key, rest = tuple(words[:2]), words[2:]
    if key == ("cpu", "list") and not rest:
        return cpu_list
    if key == ("cpu", "add") and len(rest) <= 1:
        number = parse_count(rest[0]) if rest else 1
        return lambda job: cpu_add(job, number)
    if key == ("cpu", "del") and len(rest) <= 1:
        return lambda job: cpu_del(job, rest[0] if rest else None)
    if key == ("dimm", "list") and not rest:
        return dimm_list
    if key == ("dimm", "add") and (len(rest) == 1 or len(rest) == 3 and rest[1] == "--node"):
        size = parse_blocks(rest[0])
        node = parse_node(rest[2]) if rest[1:] else None
        return lambda job: dimm_add(job, size, node)
    if key == ("dimm", "del") and len(rest) <= 1:
        return lambda job: dimm_del(job, rest[0] if rest else None)
    if key == ("virtio-mem", "list") and not rest:
        return virtio_mem_list
    if key == ("virtio-mem", "resize") and len(rest) in (1, 2):
        size = parse_size(rest[0])
        return lambda job: virtio_mem_resize(job, size, (rest + [None])[1])
    raise Usage(f"what does {' '.join(words)!r} mean?\n{WORDS.rstrip()}" if words
                else HELP.rstrip())


def run(words, client):
    """Does it. CLIENT(timeout) connects to QEMU, once the words are good; None: the usual time.

    Returns an exit status, what to print, and what to complain.
    """
    if words in HELP_WORDS:
        return OK, HELP, ""
    job = None
    status, complaint = OK, ""
    try:
        options, words = parse_options(words)
        action = parse(words)
        job = Job(client(options.get("timeout")), **options)
        action(job)
        if job.pending:
            status, complaint = PENDING, pending(job)
    except Usage as error:
        status, complaint = USAGE, error
    except (Refused, qmp.Error) as error:
        status, complaint = REFUSED, error
    except qmp.Timeout as error:
        status, complaint = GONE, str(error) or "QEMU does not answer"
    except qmp.Gone as error:
        status, complaint = GONE, error
    said = (job.notes if job else []) + ([complaint] if status else [])
    return status, job.out.getvalue() if job else "", "".join(f"hotplug: {line}\n" for line in said)
