# SPDX-License-Identifier: GPL-2.0
"""Reads what dhp has logged: /sys/kernel/debug/dhp/log, or the tracepoints dhp:* as ftrace, trace-cmd
and perf print them.

Not here: the pictures of it, see timeline_page.py and timeline_chrome.py; and the kernel's own log, of
which certify_timeline.py makes a picture.
"""

import re
from collections import namedtuple

# A call of a client. about: ("cpu", N), ("mem", first byte, last byte, node) or ("machine",)
# result   0, or the errno with which a client has said no, or the operation has failed
# line     as it was read, without the time
Call = namedtuple("Call", "begin seconds about client state result line")
# What nobody was called for. kind: "refusal"
Mark = namedtuple("Mark", "time about kind text")
# How large a pool is from then on.
Size = namedtuple("Size", "time pool workers buffers")

NOTIFICATION = r"(?:REMOVE_)?(?:START|COMPLETE|FAILURE)"
# A name may have blanks in it, so what follows it is asked for, too.
LOGGED = re.compile(
    r"(?P<time>\d+\.\d+) (?:"
    rf"(?P<state>{NOTIFICATION}) (?P<about>(?:cpu|mem)=\S+) node=(?P<node>-?\d+) client=(?P<client>.*)"
    r" result=(?P<result>-?\d+)|"
    r"(?P<action>ARRIVAL|REMOVAL) (?P<where>(?:cpu|mem)=\S+) node=(?P<at>-?\d+) seq=\d+(?: existing)?"
    r" client=(?P<to>.*?)(?: merged=\d+)?|"
    r"(?P<rebalance>QUERY_STOP|STOP|START)(?: cpus=.*?)? client=(?P<of>.*?)(?: result=(?P<said>-?\d+))?"
    r") took=(?P<took>\d+)us$")
TRACED = re.compile(r"\s(?P<time>\d+\.\d+): +(?:dhp:)?(?P<event>dhp_\w+): +(?P<fields>.*)$")
FIELD = re.compile(r"(\w+)=(.*?)(?= \w+=|$)")
CATEGORY = re.compile(r"\b(processor|memory)\b(?: (ARRIVAL|REMOVAL))?")
PAGE = 4096


class Unreadable(Exception):
    """Says what is wrong with the text."""


class Log:
    """All that was found, in the order of time."""

    def __init__(self):
        self.calls = []
        self.marks = []
        self.sizes = []

    def sort(self):
        self.calls.sort(key=lambda call: call.begin)
        self.marks.sort(key=lambda mark: mark.time)
        self.sizes.sort(key=lambda size: size.time)

    def times(self):
        """The first moment and the last one."""
        times = [call.begin for call in self.calls]
        times += [call.begin + call.seconds for call in self.calls]
        times += [mark.time for mark in self.marks] + [size.time for size in self.sizes]
        return min(times), max(times)

    def __bool__(self):
        return bool(self.calls or self.marks or self.sizes)


def refuses(call):
    """Whether the client has said no."""
    return call.result != 0 and call.state in ("START", "REMOVE_START", "QUERY_STOP")


def failed(call):
    """Whether the client was told that what had begun is taken back."""
    return call.state in ("FAILURE", "REMOVE_FAILURE")


def read(text):
    """The log in this text. Lines that are nothing of dhp's are left out. Raises Unreadable if all are."""
    log = Log()
    for number, line in enumerate(text.splitlines(), 1):
        line = line.rstrip()
        if logged := LOGGED.match(line):
            log.calls.append(_logged(logged, line))
        elif traced := TRACED.search(line):
            try:
                _traced(traced, log)
            except (KeyError, ValueError) as wrong:
                raise Unreadable(f"line {number} is no whole record of {traced['event']}: {wrong}: "
                                 f"{line.strip()}") from wrong
    if not log:
        raise Unreadable("there is no line in it as /sys/kernel/debug/dhp/log or the tracepoints dhp:* "
                         "have them")
    log.sort()
    return log


def _logged(found, line):
    about = found["about"] or found["where"]
    return Call(
        float(found["time"]), int(found["took"]) / 1e6,
        _about(about, found["node"] or found["at"]) if about else ("machine",),
        found["client"] or found["to"] or found["of"],
        found["state"] or found["action"] or found["rebalance"],
        int(found["result"] or found["said"] or 0), line.partition(" ")[2])


def _about(text, node):
    kind, _, value = text.partition("=")
    if kind == "cpu":
        return "cpu", int(value)
    first, _, last = value.partition("-")
    return "mem", int(first, 16), int(last, 16), int(node)


def _pages(fields):
    first = int(fields["start_pfn"], 16) * PAGE
    return "mem", first, first + int(fields["nr_pages"]) * PAGE - 1, int(fields.get("nid", -1))


def _traced(found, log):
    time, event = float(found["time"]), found["event"]
    fields = dict(FIELD.findall(found["fields"]))
    # Of two fields there is only the word.
    category, action = CATEGORY.search(found["fields"] + " memory").groups()
    cpu = ("cpu", int(fields.get("cpu", 0)))
    state = fields.get("state", action)
    if event == "dhp_pool":
        log.sizes.append(Size(time, fields["pool"], int(fields["workers"]), int(fields["buffers"])))
        return
    if event == "dhp_refusal":
        log.marks.append(Mark(time, cpu if category == "processor" else _pages(fields), "refusal",
                              f"refused by {fields['by']} {fields['name']}: {fields['error']}"))
        return
    if event == "dhp_processor" or event == "dhp_event" and category == "processor":
        about = cpu
    elif event == "dhp_memory":
        about = _pages(fields)
    elif event == "dhp_event":
        first = int(fields["start"], 16)
        about = "mem", first, first + int(fields["size"], 16) - 1, int(fields["nid"])
    elif event == "dhp_rebalance":
        about = ("machine",)
    else:
        return
    seconds = int(fields["duration_ns"]) / 1e9
    # It is recorded when the call has returned.
    log.calls.append(Call(time - seconds, seconds, about, fields["client"], state,
                          int(fields.get("status", 0)), f"{event}: {found['fields']}"))
