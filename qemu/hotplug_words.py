# SPDX-License-Identifier: GPL-2.0
"""The words of `hotplug`, on the host and in a guest: parses them and does what they say.

Called by qemu/hotplug on the host, and by channel.py for a guest of qemu/vm. What the words do is
in plug_cpu.py, plug_dimm.py, plug_memory.py and plug_virtio_mem.py.
"""

import re

import qmp
from plug_cpu import cpu_add, cpu_del, cpu_list
from plug_device import BLOCK, Job, Refused, human, pending
from plug_dimm import dimm_add, dimm_del
from plug_memory import dimm_list
from plug_virtio_mem import virtio_mem_list, virtio_mem_resize

OK, REFUSED, USAGE, GONE, PENDING = 0, 1, 2, 3, 4

WORDS = """\
usage: hotplug [OPTION]... cpu list | cpu add [COUNT] | cpu del [ID]
       hotplug [OPTION]... dimm list | dimm add SIZE [--node N] | dimm del [ID]
       hotplug [OPTION]... virtio-mem list | virtio-mem resize SIZE [ID]
       hotplug watch
"""

HELP = WORDS + """
  --dry-run     changes nothing, but says who would refuse `cpu add`, `cpu del`, `dimm add` or `dimm
                del`: QEMU, and in a guest that has loaded dhp also its kernel and its drivers
  --timeout S   seconds to wait for the guest to answer about a device: 60 to add, 120 to take
                out or resize, unless given; and for another client to release QEMU's socket: 60
  --block SIZE  the guest's memory block size (/sys/devices/system/memory/block_size_bytes in
                it); without it, the size that Linux chooses by default is assumed

For `cpu del` and `dimm del`, a number N as ID means the id cpuN or dimmN.

Without ID, `cpu del` takes the highest CPU that was plugged, `dimm del` the most recent DIMM, and
`virtio-mem resize` the first device, in steps of its own (STEP in `virtio-mem list`). `dimm list`
shows every memory device.

`watch` changes nothing, but shows CPUs, memory, dhp's pools and the last notifications of the machine
that it runs on, once a second: as a screen on a terminal, which q ends, else a line each time.

With --dry-run, each line says who answers what, as /sys/kernel/dhp/query does, which the answers of
the kernel and of drivers are from. The last line is `no`, with exit status 1, if one of them says no;
or else, with exit status 0, `unknown` if an answer is missing, or `yes`. From the host, the guest's
kernel cannot be asked.

What exit status 0 means: after `del`, QEMU has removed the device, which the guest had given back;
after `resize`, the device has that size; after `add` inside a guest, the CPU is present and every
memory block of the DIMM is there. After `add` on the host, the guest has accepted the device
through ACPI (_OST). Linux accepts a device in that way even if it refuses it then, and nothing on
the host shows that; a line on stderr says so.

Exit status, on the host and in a guest:
  0  done
  1  refused; stderr names who refused it and why. Nothing has changed, or what is left is named
  2  the words are not understood
  3  there is no QEMU, or it does not answer, or its guest has ended
  4  requested, but the guest has not answered yet: it is paused, boots, or takes longer. A device
     to add is plugged, and its id printed; a device to remove has been asked back
"""

# Each prints the help, on the host and in a guest.
HELP_WORDS = (["--help"], ["-h"], ["help"])

# More digits than any number here needs; Python refuses to read thousands of them.
DIGITS = "[0-9]{1,9}"


class Usage(Exception):
    """The words are not understood; the message says which."""


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


def parse_id(kind, rest):
    """The id that the rest of `cpu del` or `dimm del` names, or None. QEMU has no ids of digits."""
    ident = rest[0] if rest else None
    return kind + ident if ident and re.fullmatch(DIGITS, ident) else ident


def parse_options(words):
    """The options at the beginning, as arguments for a Job, and the words behind them."""
    kinds = {"--timeout": ("timeout", lambda text: parse_count(text, "seconds")),
             "--block": ("block", parse_blocks)}
    options = {}
    while words[:1] and (words[0] in kinds or words[0] == "--dry-run"):
        if words[0] == "--dry-run":
            options["dry_run"], words = True, words[1:]
            continue
        if len(words) < 2:
            raise Usage(f"{words[0]} needs a value\n{WORDS.rstrip()}")
        name, read = kinds[words[0]]
        options[name], words = read(words[1]), words[2:]
    return options, words


def parse(words):
    """A function that does what the words say; its argument is a Job."""
    key, rest = tuple(words[:2]), words[2:]
    if key == ("cpu", "list") and not rest:
        return cpu_list
    if key == ("cpu", "add") and len(rest) <= 1:
        number = parse_count(rest[0]) if rest else 1
        return lambda job: cpu_add(job, number)
    if key == ("cpu", "del") and len(rest) <= 1:
        ident = parse_id("cpu", rest)
        return lambda job: cpu_del(job, ident)
    if key == ("dimm", "list") and not rest:
        return dimm_list
    if key == ("dimm", "add") and (len(rest) == 1 or len(rest) == 3 and rest[1] == "--node"):
        size = parse_blocks(rest[0])
        node = parse_node(rest[2]) if rest[1:] else None
        return lambda job: dimm_add(job, size, node)
    if key == ("dimm", "del") and len(rest) <= 1:
        ident = parse_id("dimm", rest)
        return lambda job: dimm_del(job, ident)
    if key == ("virtio-mem", "list") and not rest:
        return virtio_mem_list
    if key == ("virtio-mem", "resize") and len(rest) in (1, 2):
        size = parse_size(rest[0])
        return lambda job: virtio_mem_resize(job, size, (rest + [None])[1])
    raise Usage(f"what does {' '.join(words)!r} mean?\n{WORDS.rstrip()}" if words
                else HELP.rstrip())


def check_dry_run(words):
    if tuple(words[:2]) not in {(kind, verb) for kind in ("cpu", "dimm") for verb in ("add", "del")}:
        raise Usage("--dry-run is for `cpu add`, `cpu del`, `dimm add` and `dimm del`")


def say_verdict(job, refusal):
    """The last lines of a dry run. In a guest, qemu/guest-hotplug has more to say after a yes."""
    if refusal:
        print(f"no QEMU: {str(refusal).removeprefix('QEMU: ')}\nno", file=job.out)
    elif not job.client.guest_looks:
        print("unknown guest: its kernel cannot be asked from here, but by `hotplug --dry-run` in it\n"
              "unknown", file=job.out)


def run(words, client):
    """Does what the words say. CLIENT(timeout) connects to QEMU once they are understood.

    Returns an exit status, and the texts for stdout and stderr.
    """
    if words in HELP_WORDS:
        return OK, HELP, ""
    job = None
    status, complaint = OK, ""
    try:
        options, words = parse_options(words)
        action = parse(words)
        if options.get("dry_run"):
            check_dry_run(words)
        job = Job(client(options.get("timeout")), **options)
        action(job)
        if job.dry_run:
            say_verdict(job, None)
        if job.pending:
            status, complaint = PENDING, pending(job)
    except Usage as error:
        status, complaint = USAGE, error
    except (Refused, qmp.Error) as error:
        status, complaint = REFUSED, error
        if job and job.dry_run:
            say_verdict(job, error)
            return status, job.out.getvalue(), ""
    except qmp.Timeout as error:
        status, complaint = GONE, str(error) or "QEMU does not answer"
    except qmp.Gone as error:
        status, complaint = GONE, error
    said = (job.notes if job else []) + ([complaint] if status else [])
    return status, job.out.getvalue() if job else "", "".join(f"hotplug: {line}\n" for line in said)
