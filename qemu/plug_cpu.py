# SPDX-License-Identifier: GPL-2.0
"""Lists, plugs and unplugs a QEMU's CPUs."""

import re

import qmp
from plug_device import (RUNNING, Refused, asked, free_id, plug, qemu, say_unseen,
                         table, taken_ids, unplug)


def raw_slots(client):
    """All CPU slots in a fixed order, so that their numbers do not change."""
    order = ("drawer-id", "book-id", "socket-id", "die-id", "cluster-id", "core-id", "thread-id")
    slots = qemu(client, "query-hotpluggable-cpus", [{"type": str, "props": dict}])
    if not all(qmp.fits(slot.get("qom-path", ""), str) and
               all(qmp.fits(value, int) for value in slot["props"].values()) for slot in slots):
        raise qmp.Gone(f"QEMU's CPU slots are malformed: {str(slots)[:80]}")
    # The node is left out: it does not distinguish slots, and would change their order.
    slots.sort(key=lambda slot: [slot["props"].get(key, 0) for key in order])
    return slots


def cpu_slots(client):
    """The slots that are meant to be used, with the ids that their CPUs have or would get."""
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
    if job.dry_run:
        for slot in free[:number]:
            job.would(f"plug {slot['id']}")
        return
    for tried, slot in enumerate(free[:number], 1):
        plug(job, slot["id"], slot["type"], lambda seconds, slot=slot: cpu_back(job, slot, seconds),
             **slot["props"])
        if tried < number and job.pending and job.status == RUNNING:
            # Each further CPU would wait as long.
            job.notes.append(f"{number - tried} of {number} CPUs have not been plugged, "
                             "since the guest has not answered")
            break
    say_unseen(job)


def check_cpu_limit(job, used, number):
    """Refuses more CPUs than the command line of a kernel that QEMU has loaded allows."""
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


# Under TCG, QEMU keeps references to a CPU that it has removed, and never sends DEVICE_DELETED. So
# the slot counts: it is free when the CPU is removed.
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
    if job.dry_run:
        # The guest's firmware numbers CPUs in the order of the slots.
        job.would(f"take out {ident}, slot {slots.index(slot)}")
        return
    warn_of_crash(job)
    if unplug(job, slot["id"] if slot["state"] == "plugged" else None, path,
              job.seconds_to_remove(), lambda: cpu_gone(job.client, path)):
        print(ident, file=job.out)
    else:
        job.pending.append(ident)


def warn_of_crash(job):
    """QEMU 7.2 under TCG uses memory of a CPU after it was unplugged; 10.0 does not."""
    if job.client.max_cpus is not None:
        return  # qemu/vm has started this QEMU, with keep-tlb.c or KVM
    kvm = asked(job.client, "query-kvm", {"enabled": bool})
    version = asked(job.client, "query-version", {"qemu": {"major": int, "minor": int}})
    if kvm and version and not kvm["enabled"] and version["qemu"]["major"] < 10:
        release = f"{version['qemu']['major']}.{version['qemu']['minor']}"
        job.notes.append(
            f"warning: QEMU {release} without KVM may crash once a CPU was unplugged, at the next "
            "plug at the latest (7.2 does, 10.0 does not): start the guest with QEMU 10.0 or newer "
            "(`scripts/setup qemu` fetches one; QEMU= names it to qemu/vm)")
