#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/certify_html.py and scripts/certify_timeline.py: the page of `make certify`."""

import os
import re
import tempfile
import unittest
from html.parser import HTMLParser
from xml.etree import ElementTree

import testing
import certify_html
import certify_timeline
import certify_words

KERNELS = [{"name": "6.1", "release": "6.1.0-57-amd64"},
           {"name": "debug", "release": "6.1.192-debug"}]
EVIL = "<script>alert('&amp;')</script>\"\x00\x1b[31m\ud800"
COMMAND = "make certify DRIVER=faulty DRILLS=off_and_on:in_order KERNELS=debug SEED=17"
TRACE = "[   12.250000] BUG: KASAN: x in f+0x1/0x2 [faulty]\n[   12.250100]  f+0x1/0x2 [faulty]\n"
LOG = """\
[   10.000000] dhp selftest 92.1: each CPU goes offline and comes back
[   10.100000] certify: load faulty
[   10.500000] smpboot: CPU 2 is now offline
[   11.000000] smpboot: Booting Node 0 Processor 2 APIC 0x2
[   11.200000] Built 1 zonelists, mobility grouping on.  Total pages: 1000
[   11.500000] smpboot: Booting Node 0 Processor 3 APIC 0x3
[   12.000000] Built 1 zonelists, mobility grouping on.  Total pages: 33768
[   12.100000] Offlined Pages 32768
[   12.200000] smpboot: CPU 3 is now offline
""" + TRACE + """\
[   12.260000] CPU: 1 PID: 64 Comm: sh Tainted: G           O       6.1.192-debug #1
[   12.900000] dhp selftest 92.1: teardown
[   13.000000] certify: unload faulty
"""


def result(drill="off_and_on", kernel="debug", status="not ok", **more):
    failed = {"kind": "use-after-free", "module": "faulty", "function": "faulty_dead",
              "what": "BUG: KASAN: use-after-free in faulty_dead", "command": COMMAND,
              "trace": TRACE, "log": LOG} if status == "not ok" else {}
    return {"drill": drill, "kernel": kernel, "case": "in_order", "title": "each CPU, in order",
            "status": status, "seconds": 2.5, "reason": "", **failed, **more}


def report(*results, **more):
    def number(status):
        return sum(one["status"] == status for one in results)
    return {"driver": "faulty", "modules": ["dhp.ko"], "date": "2026-11-30 07:20",
            "kernels": KERNELS, "drills": ["late_cpu", "off_and_on"], "exercise": True,
            "results": list(results),
            "passed": number("ok"), "failed": number("not ok"), "skipped": number("skip"), **more}


class Reader(HTMLParser):
    """Reads a page as strictly as possible."""

    EMPTY = ("meta", "br")

    def __init__(self, page):
        super().__init__()
        self.open = []
        self.tags = []      # (name, attributes)
        self.said = []
        self.ids = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    def text(self):
        return " ".join(" ".join(self.said).split())

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def read(content):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.html")
        certify_html.write(path, content)
        assert os.listdir(folder) == ["report.html"]
        with open(path, encoding="utf-8") as file:
            return Reader(file.read())


class Page(unittest.TestCase):
    def check(self, content):
        """What is true of each page."""
        page = read(content)
        names = {tag for tag, _ in page.tags}
        self.assertFalse(names & {"script", "link", "img", "iframe", "object", "embed", "form"})
        self.assertEqual(len(page.ids), len(set(page.ids)))
        for tag, attributes in page.tags:
            for name, value in attributes.items():
                self.assertFalse(name.startswith("on"), (tag, name))
                self.assertNotIn(name, ("src", "xlink:href", "style"))
                if name == "href":
                    self.assertIn(value[1:], page.ids)
                    self.assertEqual(value[0], "#")
        return page

    def test_failure(self):
        text = self.check(report(result(), result("late_cpu", "6.1", "ok"))).text()
        for said in ("fails: 1 passed, 1 failed", "faulty, put through hotplug",
                     "6.1.192-debug", "1 failed",
                     "access to memory that is freed: off_and_on on debug",
                     "each CPU, in order (2.5 s)", COMMAND, "faulty_dead()",
                     "BUG: KASAN: use-after-free in faulty_dead",
                     certify_words.advice("use-after-free"), "not run", "with dhp.ko", "CPU 3",
                     "1 failure with 1 cause"):
            self.assertIn(said, text)
        self.assertNotIn("Nothing used the driver", text)

    def test_good(self):
        page = self.check(report(result("late_cpu", "6.1", "ok"),
                                 result("late_cpu", "debug", "ok")))
        self.assertIn("passes: 2 passed, 0 failed", page.text())
        self.assertNotIn("Failures", page.text())
        self.assertEqual(page.all("svg"), [])

    def test_nothing(self):
        self.assertIn("was not tested: 0 passed, 0 failed", self.check(report()).text())
        self.check(report(kernels=[], drills=[], modules=""))

    def test_no_exercise(self):
        text = self.check(report(result("late_cpu", "6.1", "ok"), exercise=False)).text()
        self.assertIn("Nothing used the driver", text)

    def test_skip(self):
        skips = [result("late_cpu", kernel["name"], "skip", reason="no <node> without memory")
                 for kernel in KERNELS]
        text = self.check(report(*skips, result("off_and_on", "6.1", "ok"))).text()
        self.assertIn("1 passed, 0 failed, 2 skipped", text)
        self.assertIn("late_cpu 6.1, debug no <node> without memory 2 test cases", text)

    def test_cells(self):
        """A cell says the worst; skipped cases beside good ones do not matter."""
        def cell(*results):
            return re.sub("<[^>]*>", " ", certify_html._cell(list(results))).split()[0]
        failed, good, skip = ({**result(status=status), "id": "f1"}
                              for status in ("not ok", "ok", "skip"))
        self.assertEqual(cell(good, failed, skip), "1")
        self.assertEqual(cell(good, skip), "passed")
        self.assertEqual(cell(skip), "skipped")
        self.assertEqual(cell(), "not")

    def test_escapes(self):
        """Whatever is in any field, it stays text."""
        texts = ("drill", "case", "title", "reason", "command", "kind", "module", "function",
                 "what", "trace", "log", "kernel", "object", "said")
        evil = result(**{name: EVIL for name in texts})
        evil["trace"] = evil["log"] = (f"[   12.000000] {EVIL} [{EVIL}+0x\n"
                                       f"[   13.000000] dhp selftest 1.1: {EVIL}")
        content = report(evil, result(status="skip", reason=EVIL, title=EVIL), driver=EVIL,
                         modules=[EVIL], date=EVIL, drills=[EVIL],
                         kernels=[{"name": EVIL, "release": EVIL}], exercise=False)
        page = self.check(content)
        self.assertIn("<script>alert('&amp;')</script>", page.text())
        self.assertNotRegex(page.text(), "[\x00\x1b\ud800]")

    def test_least(self):
        """A result needs no more than where it is from."""
        least = {name: result()[name] for name in ("drill", "kernel", "case", "title", "status",
                                                   "seconds", "reason")}
        self.assertIn("a step of the drill failed", self.check(report(least)).text())
        nothing = dict.fromkeys(("kind", "module", "function", "what", "trace", "log", "command"))
        self.check(report({**least, **nothing}))

    def test_reason(self):
        self.assertIn("reason it hangs", self.check(report(result(reason="it hangs"))).text())
        text = self.check(report(result(reason="it hangs", what=""))).text()
        self.assertEqual(text.count("it hangs"), 1)

    def test_picture(self):
        """Of the log, or else of the trace."""
        for log, count in ((LOG, 1), ("", 1), (None, 1)):
            self.assertEqual(len(self.check(report(result(log=log))).all("svg")), count)
        self.assertEqual(self.check(report(result(log="", trace=""))).all("svg"), [])

    def test_trace_of_lines(self):
        pages = [certify_html.page(report(result(trace=trace)))
                 for trace in (TRACE, tuple(TRACE.split("\n")))]
        self.assertEqual(*pages)

    def test_many(self):
        many = [result(title=f"case {number}", function=f"f{number % 5}") for number in range(200)]
        page = self.check(report(*many))
        self.assertIn("200 failures with 5 causes", page.text())
        self.assertEqual(len(page.all("article")), 200)
        self.assertFalse(any("open" in details for details in page.all("details")))
        few = self.check(report(*many[:certify_html.SHOWN]))
        self.assertTrue(any("open" in details for details in few.all("details")))

    def test_light_and_dark(self):
        page = certify_html.page(report(result()))
        colours = re.findall(r"--([a-z]+):", page)
        self.assertIn("prefers-color-scheme: dark", page)
        self.assertEqual(sorted(colours), sorted(list(dict.fromkeys(colours)) * 2))
        self.assertLessEqual(set(re.findall(r"var\(--([a-z]+)\)", page)), set(colours))
        self.assertNotRegex(page.partition("<body")[2], r"https?:|url\(|@import")

    def test_long_log(self):
        log = "".join(f"[   12.{number:06}] line {number}\n" for number in range(10000))
        text = self.check(report(result(log=log))).text()
        self.assertIn(f"its last {certify_html.LOG_LINES} lines of 10000", text)
        self.assertIn("line 9999", text)
        self.assertNotIn("line 5000", text)

    def test_report_json(self):
        """The form of certify_result.py: kernels with drills with cases with findings."""
        finding = {"kind": "use-after-free", "module": "faulty", "function": "faulty_dead",
                   "object": "", "text": "seen", "trace": TRACE.split("\n"), "times": 2}
        case = {"name": "in_order", "title": "in order", "result": "failed", "reason": "",
                "seconds": 1, "output": ["it said this"],
                "findings": [finding, {**finding, "kind": "refcount"}],
                "console": LOG, "repeat": COMMAND}
        good = {**case, "result": "passed", "findings": []}
        failed = {**case, "findings": [], "title": "no finding"}
        drill = {"name": "off_and_on", "result": "failed", "reason": "", "seconds": 9}
        lost = {"name": "memory", "result": "lost", "reason": "QEMU", "seconds": 1, "cases": []}
        content = {"name": "faulty", "driver": "/x/faulty", "modules": ["a.ko"], "date": "d",
                   "exercise": "", "kernels": [{**KERNELS[0], "module": "faulty", "drills": [
                       {**drill, "cases": [case, good, failed]}, lost]}],
                   "passed": 1, "failed": 2, "skipped": 0}
        page = self.check(content)
        text = page.text()
        for said in ("2 failed", "access to memory that is freed",
                     "a reference count out of balance", "it said this", "no finding",
                     COMMAND, "QEMU", "Nothing used the driver"):
            self.assertIn(said, text)
        self.assertEqual(len(page.all("article")), 3)
        self.assertEqual([one["scope"] for one in page.all("th") if "scope" in one],
                         ["col", "row", "row"])


class TimeLine(unittest.TestCase):
    def test_events(self):
        events = certify_timeline.events(LOG, "faulty")
        self.assertEqual([(event.time, event.lane, event.state) for event in events], [
            (10.0, "test", None), (10.1, "driver", True), (10.5, 2, False), (11.0, 2, True),
            (11.2, "memory", None), (11.5, 3, True), (12.0, "memory", None), (12.1, "memory", None),
            (12.2, 3, False), (12.26, 1, None), (12.9, "test", None), (13.0, "driver", False)])
        self.assertIn("33768 pages, +32768 pages", [event.text for event in events])

    def test_arm64(self):
        log = ("[    1.000000] psci: CPU2 killed (polled 0 ms)\n"
               "[    2.000000] CPU2: Booted secondary processor\n")
        self.assertEqual([event[1::2] for event in certify_timeline.events(log)],
                         [(2, False), (2, True)])

    def test_stamps(self):
        for stamp in ("[   10.500000]", "[   10.500000][    T1]", "<6>[   10.500000]"):
            event, = certify_timeline.events(f"{stamp} smpboot: CPU 2 is now offline\r\n")
            self.assertEqual(event[:2], (10.5, 2))
        self.assertEqual(certify_timeline.events("smpboot: CPU 2 is now offline"), [])

    def draw(self, *arguments):
        return ElementTree.fromstring(certify_timeline.svg(*arguments))

    def lanes(self, picture):
        return [one.text for one in picture.iter("text") if one.get("class") == "lane"]

    def spans(self, picture, kind):
        """Pairs of begin and end, in parts of the whole width."""
        width = certify_timeline.WIDTH - certify_timeline.LEFT - certify_timeline.RIGHT
        return [tuple(round((float(x) - certify_timeline.LEFT) / width, 1) for x in
                      (one.get("x"), float(one.get("x")) + float(one.get("width"))))
                for one in picture.iter("rect") if one.get("class") == kind]

    def test_picture(self):
        picture = self.draw(LOG, "faulty", 12.25, "a <splat>")
        self.assertEqual(self.lanes(picture),
                         ["test case", "driver", "memory", "CPU 0", "CPU 1", "CPU 2", "CPU 3"])
        self.assertEqual(self.spans(picture, "online"),
                         [(0, 1), (0, 1), (0, 0.2), (0.3, 1), (0.5, 0.7)])
        self.assertEqual(self.spans(picture, "loaded"), [(0.1, 1)])
        splat, = [one for one in picture.iter("line") if one.get("class") == "splat"]
        self.assertAlmostEqual(float(splat.get("x1")), 90 + 854 * 2.31 / 3.12, delta=1)
        self.assertIn("a <splat>", [one.text for one in picture.iter("text")])

    def test_nothing_to_draw(self):
        self.assertEqual(certify_timeline.svg(""), "")
        self.assertEqual(certify_timeline.svg("no time here\n"), "")

    def test_one_moment(self):
        for log in ("[    0.000000] x\n", "[   12.000000] smpboot: CPU 2 is now offline\n"):
            self.draw(log, "", 12.0)

    def test_within_the_picture(self):
        for log, splat in ((LOG, 12.25), (LOG, 99.0), (LOG, 1.0), (LOG, None)):
            picture = self.draw(log, "faulty", splat)
            for one in picture.iter():
                for name in ("x", "x1", "x2"):
                    if one.get(name):
                        self.assertTrue(0 <= float(one.get(name)) <= certify_timeline.WIDTH,
                                        one.attrib)

    def test_spans(self):
        for changes, before, spans in (
                ((), True, [(0, 9)]), ((), False, []), (((2, False),), True, [(0, 2)]),
                (((2, True), (3, True), (4, False), (5, False)), False, [(2, 4)]),
                (((2, False), (3, True)), True, [(0, 2), (3, 9)])):
            self.assertEqual(list(certify_timeline._spans(changes, 0, 9, before)), spans)

    def test_ticks(self):
        for begin, end in ((0, 1), (3.2, 300), (99.95, 100.01), (0, 5000), (12, 12.01), (0, 1e6)):
            ticks = certify_timeline._ticks(begin, end)
            self.assertTrue(2 <= len(ticks) <= 11, ticks)
            self.assertTrue(begin <= ticks[0] and ticks[-1] <= end, ticks)

    def test_many_events(self):
        """Four thousand turns do not make a picture of four thousand parts."""
        log = "".join(f"[{number:5}.{at}00000] {text}\n" for number in range(4000) for at, text in (
            (1, "smpboot: CPU 2 is now offline"), (2, "Offlined Pages 32768"),
            (3, "smpboot: Booting Node 0 Processor 2 APIC 0x2"), (4, "certify: load faulty"),
            (5, "certify: unload faulty")))
        text = certify_timeline.svg(log, "faulty")
        ElementTree.fromstring(text)
        self.assertLess(len(text), 400000)

    def test_many_cpus(self):
        log = "".join(f"[   12.{number:06}] smpboot: CPU {number} is now offline\n"
                      for number in range(500))
        self.assertEqual(len(self.lanes(self.draw(log))), certify_timeline.MAX_CPUS)

    def test_of_a_trace(self):
        self.assertEqual(certify_timeline.time_of(["", "x", *TRACE.split("\n")]), 12.25)
        self.assertIsNone(certify_timeline.time_of(["", "x"]))


if __name__ == "__main__":
    testing.main()
