#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/timeline: what it reads, and what it writes. How the page looks in a browser is seen by
scripts/try-timeline."""

import contextlib
import io
import json
import os
import re
import sys
from unittest import mock

import testing

sys.path.insert(0, os.path.join(testing.TOP, "scripts"))
import timeline_chrome  # pylint: disable=wrong-import-position
import timeline_lanes   # pylint: disable=wrong-import-position
import timeline_log     # pylint: disable=wrong-import-position
import timeline_page    # pylint: disable=wrong-import-position

timeline = testing.load("timeline", "scripts/timeline")

# CPU 2 is put online; the second client says no to its removal. A DIMM comes.
LOGGED = """\
10.000000 START cpu=2 node=0 client=first#1 result=0 took=100us
10.001000 START cpu=2 node=0 client=my driver#2 result=0 took=2000us
10.010000 COMPLETE cpu=2 node=0 client=first#1 result=0 took=10us
10.011000 COMPLETE cpu=2 node=0 client=my driver#2 result=0 took=10us
10.012000 ARRIVAL cpu=2 node=0 seq=7 client=none took=0us
11.000000 REMOVE_START cpu=2 node=0 client=my driver#2 result=-16 took=30us
11.000100 REMOVE_FAILURE cpu=2 node=0 client=first#1 result=-16 took=5us
12.000000 START mem=0x140000000-0x147ffffff node=1 client=m result=0 took=1us
12.100000 START mem=0x148000000-0x14fffffff node=1 client=m result=0 took=1us
12.200000 ARRIVAL mem=0x140000000-0x14fffffff node=1 seq=8 existing client=m merged=3 took=4us
12.300000 REMOVE_COMPLETE mem=0x180000000-0x187ffffff node=1 client=m result=0 took=1us
13.000000 QUERY_STOP client=r result=-11 took=9us
13.000100 START cpus=3 nodes=2 mem=0x40000000 seq=4 client=r took=9us
"""
# The same kinds as tracepoints: of ftrace, of trace-cmd report, and of perf script.
TRACED = """\
# tracer: nop
          sh-70   [001] ...1.    20.500000: dhp_processor: client=a b state=START cpu=3 nid=0 status=-5 \
duration_ns=500000
          sh-70    [001]    20.600000: dhp_memory:           client=m state=COMPLETE \
start_pfn=0x140000 nr_pages=32768 nid=1 status=0 duration_ns=1000
sh    70 [001]    20.700000:  dhp:dhp_event: client=m seq=5 memory ARRIVAL cpu=0 start=0x140000000 \
size=0x8000000 nid=1 merged=0 existing=0 duration_ns=2000
 <...>-9  [000] d..2.    20.750000: dhp_event: client=e seq=6 processor REMOVAL cpu=3 start=0x0 size=0x0 \
nid=0 merged=0 existing=0 duration_ns=2000
 <...>-9  [000] .....    20.800000: dhp_refusal: seq=1 processor cpu=3 start_pfn=0x0 nr_pages=0 add=1 \
by=client name=a b step=0 error=-5
 <...>-9  [000] .....    20.810000: dhp_refusal: seq=2 memory cpu=0 start_pfn=0x140000 nr_pages=32768 \
add=0 by=kernel name= step=0 error=-16
 <...>-9  [000] .....    20.900000: dhp_rebalance: client=r state=STOP status=0 cpus=3 nodes=2 mem=0x1 \
seq=4 duration_ns=7
 <...>-9  [000] .....    20.950000: dhp_pool: pool=dhp workers=3 buffers=512
 <...>-9  [000] .....    20.960000: sched_switch: prev_comm=sh
"""


class Reading(testing.Refusals):
    def test_logged(self):
        log = timeline_log.read(LOGGED)
        self.assertEqual(len(log.calls), 13)
        second = log.calls[1]
        self.assertEqual((second.about, second.client, second.state, second.seconds),
                         (("cpu", 2), "my driver#2", "START", 0.002))
        self.assertEqual([call.line.split()[0] for call in log.calls if timeline_log.refuses(call)],
                         ["REMOVE_START", "QUERY_STOP"])
        self.assertEqual([call.client for call in log.calls if timeline_log.failed(call)], ["first#1"])
        self.assertEqual([(call.about, call.client) for call in log.calls if call.state == "ARRIVAL"],
                         [(("cpu", 2), "none"), (("mem", 0x140000000, 0x14fffffff, 1), "m")])
        self.assertEqual([call.client for call in log.calls if call.about == ("machine",)], ["r", "r"])

    def test_traced(self):
        log = timeline_log.read(TRACED)
        self.assertEqual([(call.about, call.client, call.state) for call in log.calls], [
            (("cpu", 3), "a b", "START"),
            (("mem", 0x140000000, 0x147ffffff, 1), "m", "COMPLETE"),
            (("mem", 0x140000000, 0x147ffffff, 1), "m", "ARRIVAL"),
            (("cpu", 3), "e", "REMOVAL"), (("machine",), "r", "STOP")])
        # A record is written when the call has ended.
        self.assertAlmostEqual(log.calls[0].begin, 20.4995)
        self.assertTrue(timeline_log.refuses(log.calls[0]))
        self.assertEqual([mark.about for mark in log.marks],
                         [("cpu", 3), ("mem", 0x140000000, 0x147ffffff, -1)])
        self.assertIn("client a b: -5", log.marks[0].text)
        self.assertEqual(log.sizes, [(20.95, "dhp", 3, 512)])

    def test_unreadable(self):
        for text, named in (("", "no line in it"), ("hello\n1.0 START of nothing\n", "no line in it"),
                            ("  sh-1 [0] 1.5: dhp_pool: pool=dhp workers=x buffers=1", "line 1 .*dhp_pool"),
                            ("\n sh-1 [0] 1.5: dhp_processor: client=x", "line 2 .*duration_ns")):
            with self.assertRaisesRegex(timeline_log.Unreadable, named):
                timeline_log.read(text)


class Lanes(testing.Refusals):
    def test_order_and_stretches(self):
        lanes = timeline_lanes.lanes(timeline_log.read(LOGGED))
        self.assertEqual([lane.name for lane in lanes], [
            "CPU 2", "256M at 0x140000000", "128M at 0x180000000", "rebalance"])
        self.assertEqual([len(lane.calls) for lane in lanes], [7, 3, 1, 2])

    def test_what_touches_is_one(self):
        self.assertEqual(timeline_lanes.Memory([(0, 9, 0), (10, 19, 0), (21, 29, 0)]).of(12, 0),
                         (0, 19, 0))

    def test_nodes_are_apart(self):
        memory = timeline_lanes.Memory([(0, 9, 0), (10, 19, 1), (5, 12, 0)])
        self.assertEqual(memory.of(11, 0), (0, 12, 0))
        self.assertEqual(memory.of(11, 1), (10, 19, 1))

    def test_in_use(self):
        cpu = timeline_lanes.lanes(timeline_log.read(LOGGED))[0]
        self.assertEqual(cpu.in_use, [(10.01, 13.000109)])
        gone = LOGGED + "14.0 REMOVE_COMPLETE cpu=2 node=0 client=first#1 result=0 took=1us\n"
        self.assertEqual(timeline_lanes.lanes(timeline_log.read(gone))[0].in_use, [(10.01, 14.0)])
        only = "14.0 REMOVE_COMPLETE cpu=2 node=0 client=first#1 result=0 took=1us\n"
        self.assertEqual(timeline_lanes.lanes(timeline_log.read(only))[0].in_use, [(None, 14.0)])

    def test_sizes(self):
        for number, words in ((0x8000000, "128M"), (1 << 30, "1G"), (3 << 29, "1.5G"), (1 << 42, "4T"),
                              (1 << 53, "8192T")):
            self.assertEqual(timeline_lanes.size(number), words)


class Writing(testing.Refusals):
    def test_page(self):
        hostile = LOGGED.replace("first#1", "</script><b>")
        page = timeline_page.page(timeline_log.read(hostile), "<i>")
        self.assertEqual(page.count("&lt;i&gt;"), 2)
        self.assertEqual(page.count("</script>"), 1)
        self.assertNotIn("<b></", page)
        self.assertNotRegex(page, r"(?:src|href)=")
        self.assertIn("1 CPU, 2 ranges of memory, 5 clients, 13 calls, 2 vetoes, 1 failure, in 3.000 s",
                      page)
        drawn = json.loads(re.search(r"const log = (.*);\n", page)[1])
        self.assertEqual([lane["name"] for lane in drawn["lanes"]][0], "CPU 2")
        self.assertIn("</script><b>", drawn["clients"])
        self.assertEqual([call[3] for call in drawn["lanes"][0]["calls"]],
                         ["call"] * 4 + ["event", "veto", "failure"])

    def test_pools(self):
        drawn = timeline_page.data(timeline_log.read(TRACED))
        (pool,) = drawn["pools"]
        self.assertEqual((pool["name"], [one[1:] for one in pool["sizes"]]), ("dhp", [(3, 512)]))

    def test_nothing_refused(self):
        log = timeline_log.read(LOGGED.splitlines()[0])
        self.assertIn("No client has said no", timeline_page.page(log, "t"))

    def test_chrome(self):
        trace = json.loads(timeline_chrome.trace(timeline_log.read(LOGGED + TRACED)))["traceEvents"]
        calls = [event for event in trace if event["ph"] == "X"]
        self.assertEqual(len(calls), 18)
        self.assertEqual(calls[1]["name"], "START my driver#2")
        self.assertAlmostEqual(calls[1]["dur"], 2000)
        self.assertEqual(sorted(event["name"] for event in trace if event["ph"] == "i"),
                         ["failure", "refusal", "refusal", "veto", "veto", "veto"])
        self.assertEqual([event["args"] for event in trace if event["ph"] == "C"],
                         [{"workers": 3}, {"buffers": 512}])
        threads = {event["tid"]: event["args"]["name"] for event in trace if
                   event["name"] == "thread_name"}
        self.assertEqual(threads[calls[0]["tid"]], "CPU 2")


class Program(testing.Refusals):
    def test_bad_words(self):
        empty = self.file("empty")
        good = self.file("good", LOGGED)
        for words, named in (((), "LOG"), ((self.path("none"),), "cannot read .*none: No such file"),
                             ((empty,), "empty: there is no line"), ((good, "--jpeg", "x"), "--jpeg"),
                             ((good, "--html", self.path("no/x")), "cannot write .*no/x: No such file"),
                             ((self.folder,), "cannot read .*: Is a directory")):
            self.words("scripts/timeline", timeline.main, 2, *words, named=[named])

    def test_files(self):
        good = self.file("good", LOGGED)
        for options, files in (([], ["timeline.html"]), (["--chrome", "t.json"], ["t.json"]),
                               (["--chrome", "t.json", "--html", "x.html"], ["t.json", "x.html"])):
            printed = io.StringIO()
            with contextlib.chdir(self.build), contextlib.redirect_stdout(printed), \
                    mock.patch.object(sys, "argv", ["timeline", good, *options]):
                self.assertEqual(timeline.main(), 0)
            self.assertEqual(sorted(os.listdir(self.build)), files)
            self.assertEqual(sorted(printed.getvalue().split()), files)
            for file in files:
                os.unlink(os.path.join(self.build, file))


if __name__ == "__main__":
    testing.main("scripts/timeline")
