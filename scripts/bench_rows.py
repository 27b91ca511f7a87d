# SPDX-License-Identifier: GPL-2.0
"""The rows of scripts/bench's table: what dhp is compared with, and the target of each comparison.
How a row is computed and printed is not here; see bench_table.py.
"""

import statistics

from bench_guests import Failed
from bench_table import COST, RATE, at_least, at_most, below, within

BASELINE = {"empty": "empty loop", "atomic": "atomic increment",
            "spinlock": "uncontended spinlock"}
WORK = ["queue_work_on", "kthread_queue_work"]


def add_baseline(table, results, mode, unit):
    for side, name in BASELINE.items():
        table.add(name, mode, results.rounds("baseline", side), None, unit, "")


def bare_note(results, name, theirs, factor, unit):
    """Shows how far the target is from the minimum: a burst wakes its worker and the waiter."""
    return (f"wanted: {theirs / factor:.0f} {unit}; a list and a thread, which refuse, count and "
            f"cancel nothing, take {results.median(name, 'bare'):.0f}")


def add_work(table, results, mode, unit):
    for burst in (1, 16, 256):
        name = f"work/{burst}"
        factor = 1 if burst == 1 else 3
        for other in WORK:
            ours, theirs = results.rounds(name, "dhp"), results.rounds(name, other)
            table.add(f"submit and run, bursts of {burst}", mode, ours, theirs, unit, other,
                      at_least(factor),
                      bare_note(results, name, statistics.median(theirs), factor, unit))


def add_contention(table, results, mode, unit):
    for other in WORK:
        table.add("submit from every CPU to one worker", mode, results.rounds("contention", "dhp"),
                  results.rounds("contention", other), unit, other, at_least(3))


def add_latency(table, results, mode, unit):
    places = {"own": "own CPU"}
    if results.guest == "real":  # in the guests that count, the other CPU is still offline
        places["other"] = "another CPU"
    for where, place in places.items():
        for which in ("median", "p99"):
            name = f"latency/{where}/{which}"
            for other in WORK:
                table.add(f"submit to start, {place}, {which}", mode, results.rounds(name, "dhp"),
                          results.rounds(name, other), unit, other, at_most(1))


def add_buffers(table, results, mode, unit):
    targets = {"kmem_cache": at_least(2), "mempool": at_least(3), "page_frag": RATE}
    lock = results.median("baseline", "spinlock")
    for size in (4096, 256):
        for burst in (1, 8, 64):
            name = f"buffers/{size}/{burst}"
            ours = results.rounds(name, "dhp")
            for other, target in targets.items():
                title = f"get and put {size} bytes" + (f", bursts of {burst}" if burst > 1 else "")
                theirs = results.rounds(name, other)
                note = (f"theirs takes as long as {statistics.median(theirs) / lock:.1f} uncontended "
                        f"locks, ours {statistics.median(ours) / lock:.1f}")
                table.add(title, mode, ours, theirs, unit, other,
                          target if burst == 1 else RATE, note if burst == 1 else "")
    softirq = "buffers/4096/1/softirq"
    if (softirq, "page_pool") in results.values:
        table.add("get and put 4096 bytes, in a softirq", mode, results.rounds(softirq, "dhp"),
                  results.rounds(softirq, "page_pool"), unit, "page_pool")


def total(*series):
    """Several series of rounds, added round by round."""
    return [sum(values) for values in zip(*series)]


def minus(series, other):
    return [a - b for a, b in zip(series, other)]


class Notified:
    """The notification benchmark: the parts of the time that one offline and one online take."""

    def __init__(self, results):
        self._results = results

    def part(self, part, who, ways=("offline", "online")):
        return total(*(self._results.rounds(f"notify/{way}/{part}", who) for way in ways))

    def added(self, who, parts, ways=("offline", "online")):
        """The increase of dhp's part by these clients."""
        return minus(total(*(self.part(part, who, ways) for part in parts)),
                     total(*(self.part(part, "nobody", ways) for part in parts)))


def add_notify(table, results, mode, unit):
    n = Notified(results)
    steps, everything = ["dhp_steps"], ["dhp_steps", "dhp_later"]
    raw, chain = n.part("raw_steps", "raw"), n.part("raw_steps", "chain1000")
    one, nobody = n.added("dhp", everything), n.part("dhp_steps", "nobody")
    note = (f"a call takes {statistics.median(one) / 4:.0f} {unit}, for it is timed and logged, a "
            f"raw state's {statistics.median(raw) / 4:.0f}; what dhp takes without clients is "
            f"subtracted, and that varies by {max(nobody) - min(nobody):.0f}")
    table.add("one client, offline and online, COMPLETE included", mode, one, raw, unit,
              "two cpuhp states", at_most(1.05), note)
    table.add("one client, in the operations' way", mode, n.added("dhp", steps), raw, unit,
              "two cpuhp states", COST)
    table.add("dhp's states, with one client", mode, n.part("dhp_steps", "dhp"), raw, unit,
              "two cpuhp states", COST)
    table.add("offline and online as a whole, one client", mode, n.part("total", "dhp"),
              n.part("total", "raw"), unit, "two cpuhp states", COST)
    many = n.added("dhp1000", everything)
    table.add("1,000 clients, offline and online, COMPLETE included", mode, many, chain, unit,
              "notifier chain of 1,000", at_most(1.5),
              f"a call takes {statistics.median(many) / 4000:.0f} {unit}, for it is timed and "
              f"logged, the chain's {statistics.median(chain) / 4000:.0f}")
    online = ("online",)
    table.add("1,000 clients, their part of an online", mode,
              n.added("dhp1000", everything, online), n.part("total", "nobody", online), unit,
              "the online itself", below(0.01))


def add_dimm(table, results, mode, unit):
    begin, online, grown = (results.rounds(f"dimm/{mark}", "mark")[1:]
                            for mark in ("begin", "online", "grown"))
    table.add("DIMM of 1 GiB: last block online until buffers have grown", mode,
              minus(grown, online), minus(online, begin), unit, "onlining its blocks", below(0.1))


def halves(series, rounds):
    """The values of CPU 2 and those of the last CPU, each without its warm-up."""
    if len(series) != 2 * (rounds + 1):
        raise Failed("hot-adds are missing")
    return series[1:rounds + 1], series[rounds + 2:]


def add_plug(table, results, mode, unit):
    rounds = len(results.rounds("hotadd/2", "took")) - 1
    last = max(int(name[len("hotadd/"):]) for name, _ in results.values if
               name.startswith("hotadd/"))
    if last == 2:
        raise Failed(f"guest {results.guest!r} has hot-adds of CPU 2 only")
    everything = total(results.rounds("watched", "steps"), results.rounds("watched", "later"))
    few, many = halves(everything, rounds)
    table.add(f"hot-add of CPU {last}, dhp's part", mode, many, few, unit, "of CPU 2",
              within(0.2))
    if results.guest == "real":
        # In a guest that counts, the time of a wait includes the other CPUs' instructions.
        few, many = (results.rounds(f"hotadd/{cpu}", "took")[1:] for cpu in (2, last))
        table.add(f"hot-add of CPU {last}, until dhp's clients are done", mode,
                  [us * 1000 for us in many], [us * 1000 for us in few], unit, "of CPU 2",
                  COST)


def add_memory(table, few, many):
    cpus = many.median("memory/possible", "processors") - \
        few.median("memory/possible", "processors")
    if cpus <= 0:
        raise Failed(f"guest {many.guest!r} has not more possible CPUs than {few.guest!r}")
    for what, name in (("client", "client"), ("pool", "pool without buffers"),
                       ("pool_with_buffers", "pool with buffers")):
        difference = many.median(f"memory/{what}", "bytes") - few.median(f"memory/{what}", "bytes")
        table.limit(f"memory per absent CPU, {name}", "instructions",
                    [difference / cpus], "bytes", 64)


# The parts of the table: the function that adds the rows, and the guest or guests that it reads.
PARTS = [
    (add_baseline, "real"), (add_baseline, "instructions"),
    (add_work, "real"), (add_work, "instructions"),
    (add_contention, "real"),
    (add_latency, "real"), (add_latency, "instructions"),
    (add_buffers, "real"), (add_buffers, "instructions"),
    (add_notify, "real"), (add_notify, "instructions"),
    (add_dimm, "real"),
    (add_plug, "real"), (add_plug, "plug"),
    (add_memory, "instructions", "possible"),
]


def add_part(table, results, add, *guests):
    """RESULTS: a function that returns a guest's results."""
    found = [results(guest) for guest in guests]
    add(table, *found, *(() if add == add_memory else found[0].mode))
