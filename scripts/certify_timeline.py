# SPDX-License-Identifier: GPL-2.0
"""The time line of a test case as a picture: what a guest's kernel log says about CPUs, memory and
the driver, and when the splat came.

Makes an SVG element to stand in an HTML page, which has the colours: see the classes in
certify_html.py. Not here: what is bad in a log, see certify_console.py.
"""

import html
import re
from collections import namedtuple

STAMP = re.compile(r"^(?:<\d+>)?\[\s*(\d+\.\d+)\](?:\[\s*[TC]\d+\])? ?(.*)")
MARK = re.compile(r"dhp selftest [\d.]+: (.+)")

# lane   "test", "driver", "memory" or the number of a CPU
# state  what the lane is from then on: True or False for a CPU and the driver; None: just a mark
Event = namedtuple("Event", "time lane text state")

CPU_EVENTS = tuple((re.compile(pattern), text, state) for pattern, text, state in (
    (r"smpboot: CPU (\d+) is now offline", "offline", False),
    (r"smpboot: Booting Node \d+ Processor (\d+) APIC", "comes online", True),
    (r"CPU(\d+): Booted secondary processor", "comes online", True),
    (r"psci: CPU(\d+) killed", "offline", False),
    (r"Will online and init hotplugged CPU: (\d+)", "plugged", None)))

DRIVER_EVENTS = tuple((re.compile(pattern), text, state) for pattern, text, state in (
    (r"certify: load (\S+)", "load", True),
    (r"certify: unload (\S+)", "unload", False),
    (r"^(\w+): loading out-of-tree module", "load", True)))

MEMORY_EVENT = re.compile(
    r"Offlined Pages|Online(?:d)? Pages|memory memory\d+: .*(?:failed|line)|"
    r"virtio_mem \w+: (?:plugged|requested) size|(?:hot-?(?:add|remov)|acpi_memhotplug)|"
    r"removing memory|page_isolat|migration .* failed|Offlining|failed to (?:isolate|migrate)",
    re.I)
ZONELISTS = re.compile(r"Built \d+ zonelists.*Total pages: (\d+)")

ON_CPU = re.compile(r"\bCPU: (\d+) .*?PID: \d+ Comm:")
MAX_CPUS = 64


def events(log, driver=""):
    """What happened, in order, as far as the log tells."""
    found = []
    pages = None
    for line in log.replace("\r", "").split("\n"):
        stamp = STAMP.match(line)
        if not stamp:
            continue
        time, text = float(stamp[1]), stamp[2]
        mark = MARK.search(text)
        if mark:
            found.append(Event(time, "test", mark[1], None))
            continue
        for pattern, what, state in CPU_EVENTS:
            match = pattern.search(text)
            if match:
                found.append(Event(time, int(match[1]), f"CPU {match[1]} {what}", state))
        for pattern, what, state in DRIVER_EVENTS:
            match = pattern.search(text)
            if match and match[1] == driver:
                found.append(Event(time, "driver", f"{what} {driver}", state))
        match = ZONELISTS.search(text)
        if match:
            now = int(match[1])
            change = "" if pages in (None, now) else f", {now - pages:+} pages"
            found.append(Event(time, "memory", f"{now} pages{change}", None))
            pages = now
        elif MEMORY_EVENT.search(text):
            found.append(Event(time, "memory", text, None))
        match = ON_CPU.search(text)
        if match:
            found.append(Event(time, int(match[1]), "", None))
    return found


def time_of(lines):
    """The time of the first line that has one, or None."""
    for line in lines:
        stamp = STAMP.match(line)
        if stamp:
            return float(stamp[1])
    return None


# ---------------------------------------------------------------- the picture

WIDTH, LEFT, RIGHT = 960, 90, 16   # of all of it, of the names, of the margin
TOP, LANE, BAR, AXIS = 26, 26, 12, 24


class _Picture:
    """Lanes below each other, time from left to right."""

    def __init__(self, begin, end):
        self._begin = begin
        self._scale = (WIDTH - LEFT - RIGHT) / max(end - begin, 1e-6)
        self._parts = []
        self._lanes = 0

    def x(self, time):
        return LEFT + (time - self._begin) * self._scale

    def lane(self, name):
        """Begins a lane; returns the height of its middle."""
        y = TOP + self._lanes * LANE + LANE // 2
        self._lanes += 1
        self._parts.append(
            f'<text class="lane" x="{LEFT - 10}" y="{y + 4}">{_text(name)}</text>'
            f'<line class="rail" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        return y

    def bars(self, y, spans, kind):
        """Spans of time in which a lane is on; what is less than half a pixel apart is one."""
        merged = []
        for start, end, text in spans:
            left, right = self.x(start), max(self.x(end), self.x(start) + 0.5)
            if merged and left - merged[-1][1] < 0.5:
                merged[-1][1] = right
            else:
                merged.append([left, right, text])
        for left, right, text in merged:
            self._parts.append(
                f'<rect class="{kind}" x="{left:.1f}" y="{y - BAR // 2}" rx="2" '
                f'width="{right - left:.1f}" height="{BAR}"><title>{_text(text)}</title></rect>')

    def marks(self, y, marks):
        """Moments of a lane; those less than three pixels apart are one."""
        merged = []
        for time, text in marks:
            if merged and self.x(time) - merged[-1][0] < 3:
                merged[-1][1].append(f"{time:.3f} s: {text}")
            else:
                merged.append((self.x(time), [f"{time:.3f} s: {text}"]))
        for x, texts in merged:
            more = [f"and {len(texts) - 8} more"] if len(texts) > 8 else []
            title = "\n".join(texts[:8] + more)
            self._parts.append(f'<path class="mark" d="M{x:.1f} {y - 7}l5 7l-5 7l-5 -7z">'
                               f"<title>{_text(title)}</title></path>")

    def labels(self, y, labels):
        """Texts of a lane, each cut where the next one begins."""
        ends = [self.x(time) for time, _ in labels[1:]] + [WIDTH - RIGHT]
        for (time, text), end in zip(labels, ends):
            x = self.x(time)
            room = int((end - x - 6) / 6.2)
            self._parts.append(
                f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 10}" y2="{y + 10}">'
                f"<title>{time:.3f} s: {_text(text)}</title></line>")
            if room > 2:
                short = text if len(text) <= room else text[:room - 1] + "…"
                self._parts.append(
                    f'<text class="case" x="{x + 4:.1f}" y="{y + 4}">{_text(short)}</text>')

    def splat(self, time, text):
        x = self.x(time)
        anchor = "end" if x > WIDTH * 0.6 else "start"
        self._parts.append(
            f'<line class="splat" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{self._bottom()}"/>'
            f'<text class="splat" x="{x:.1f}" y="{TOP - 10}" text-anchor="{anchor}">'
            f"{_text(text)}</text>")

    def _bottom(self):
        return TOP + self._lanes * LANE

    def element(self, title):
        """All of it, with the axis."""
        height = self._bottom() + AXIS
        y = self._bottom() + 4
        axis = [f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>']
        for time in _ticks(self._begin, self._begin + (WIDTH - LEFT - RIGHT) / self._scale):
            x = self.x(time)
            axis.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 4}"/>'
                        f'<text class="axis" x="{x:.1f}" y="{y + 16}">{time:g} s</text>')
        return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_text(title)}">'
                f"{''.join(axis)}{''.join(self._parts)}</svg>")


def _text(text):
    return html.escape(re.sub(r"[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd]", "?", text))


def _ticks(begin, end):
    """At most ten round times."""
    step = 10.0 ** -3
    for factor in (2, 2.5, 2) * 10:
        if (end - begin) / step <= 10:
            break
        step *= factor
    first = int(begin / step) + (begin > 0 and begin % step > 0)
    return [round(number * step, 3) for number in range(first, int(end / step) + 1)]


def _spans(changes, begin, end, before):
    """(start, end) of what is on, from pairs of a time and on or off, and what it was before."""
    since = begin if before else None
    for time, state in changes:
        if state and since is None:
            since = time
        elif not state and since is not None:
            yield since, time
            since = None
    if since is not None:
        yield since, end


def svg(log, driver="", splat=None, splat_text=""):
    """The picture of a test case's log, or "" if nothing in it has a time. SPLAT: when it came."""
    found = events(log, driver)
    times = [float(stamp[1]) for stamp in map(STAMP.match, log.split("\n")) if stamp]
    if splat is not None:
        times.append(splat)
    if not times:
        return ""
    begin, end = min(times), max(times)
    margin = max((end - begin) * 0.02, 0.005)
    begin, end = max(begin - margin, 0), end + margin
    picture = _Picture(begin, end)

    def of(lane):
        return [event for event in found if event.lane == lane]

    if of("test"):
        picture.labels(picture.lane("test case"),
                       [(event.time, event.text) for event in of("test")])
    for name in ("driver", "memory"):
        lane = of(name)
        if not lane:
            continue
        y = picture.lane(name)
        changes = [(event.time, event.state) for event in lane if event.state is not None]
        if changes:
            picture.bars(y, [(start, stop, f"{driver} is loaded") for start, stop in
                             _spans(changes, begin, end, not changes[0][1])], "loaded")
        picture.marks(y, [(event.time, event.text) for event in lane])
    # The log does not name CPUs that nothing happens to, but one that boots is online.
    cpus = sorted({0} | {event.lane for event in found if isinstance(event.lane, int)})
    for cpu in cpus[:MAX_CPUS]:
        y = picture.lane(f"CPU {cpu}")
        changes = [(event.time, event.state) for event in of(cpu) if event.state is not None]
        before = not changes[0][1] if changes else True
        picture.bars(y, [(start, stop, f"CPU {cpu} is online, {start:.3f} to {stop:.3f} s")
                         for start, stop in _spans(changes, begin, end, before)], "online")
        picture.marks(y, [(event.time, event.text) for event in of(cpu)
                          if event.state is None and event.text])
    if splat is not None:
        picture.splat(splat, splat_text or "the splat")
    return picture.element(f"Time line, {begin:.1f} to {end:.1f} seconds of the guest's time")
