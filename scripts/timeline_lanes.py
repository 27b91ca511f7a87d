# SPDX-License-Identifier: GPL-2.0
"""Which lane of a time line each call of a log belongs to: a CPU, a stretch of memory, or the machine.

Notifications name memory blocks, events name whole ranges, and a driver may see many of either. Ranges of
one node that touch each other are one stretch, and have one lane.
"""

from collections import namedtuple

# in_use: (begin, end) of the time in which a CPU is in use, as its notifications tell
Lane = namedtuple("Lane", "name calls marks in_use")


class Memory:
    """The stretches of memory in these ranges, each (first byte, last byte, node)."""

    def __init__(self, ranges):
        self._stretches = []
        for first, last, node in sorted(set(ranges), key=lambda one: (one[2], one[0])):
            if self._stretches and self._stretches[-1][2] == node and \
                    first <= self._stretches[-1][1] + 1:
                self._stretches[-1][1] = max(self._stretches[-1][1], last)
            else:
                self._stretches.append([first, last, node])

    def of(self, first, node):
        """The stretch that this byte is in."""
        return next(tuple(one) for one in self._stretches if one[0] <= first <= one[1] and
                    one[2] == node)


def size(number):
    """A number of bytes in words."""
    for unit in "", "K", "M", "G", "T":
        if number < 1024 or unit == "T":
            return f"{number:g}{unit}"
        number /= 1024
    raise AssertionError


def _name(key):
    if key[0] == "cpu":
        return f"CPU {key[1]}"
    if key[0] == "mem":
        return f"{size(key[2] - key[1] + 1)} at {key[1]:#x}"
    return "rebalance"


def lanes(log):
    """Those of the log: CPUs by number, memory by address, and the machine as a whole last."""
    memory = Memory(one.about[1:] for one in log.calls + log.marks if one.about[0] == "mem")

    def key(about):
        return ("mem", *memory.of(about[1], about[3])) if about[0] == "mem" else about

    found = {}
    for call in log.calls:
        found.setdefault(key(call.about), ([], []))[0].append(call)
    for mark in log.marks:
        found.setdefault(key(mark.about), ([], []))[1].append(mark)
    order = {"cpu": 0, "mem": 1, "machine": 2}
    _, end = log.times()
    return [Lane(_name(one), *found[one], _in_use(found[one][0], end) if one[0] == "cpu" else [])
            for one in sorted(found, key=lambda one: (order[one[0]], one[1:]))]


def _in_use(calls, end):
    """(begin, end) of each time from a first COMPLETE to a last REMOVE_COMPLETE. A CPU that is removed
    first has been in use before."""
    spans = []
    since = None
    for call in calls:
        if call.state == "COMPLETE" and since is None:
            since = call.begin
        elif call.state == "REMOVE_COMPLETE":
            if since is not None:
                spans.append((since, call.begin))
            elif not spans:
                spans.append((None, call.begin))
            since = None
    if since is not None:
        spans.append((since, end))
    return spans
