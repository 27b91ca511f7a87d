# SPDX-License-Identifier: GPL-2.0
"""Finds the faults in a piece of a guest's kernel log, and the function to blame for each.

Cuts the log into splats, names the class of each, and joins those that have one cause. Not here:
the patterns, see certify_patterns.py; what a class is in words, see certify_words.py.
"""

import re
from collections import namedtuple

import certify_patterns as patterns

# kind      the id of a class of fault
# module    the module to blame, "" for the kernel itself
# function  the function to blame, "" if the log does not name one
# line      the line that says what happened, without its time
# trace     the lines of the splat, as they are in the log
Fault = namedtuple("Fault", "kind module function line trace")

STAMP = re.compile(r"^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? ?")
MARK = re.compile(r"dhp selftest [\d.]+: |vm: (?:begin|end)$")
EXPECT = re.compile(r"vm: expect WARNING: (.+)")

# A function with its offset and module, or a bare address. The kernel prints a question mark
# before a frame that may be left from an earlier call.
FRAME = re.compile(r"(?P<doubt>\? )?(?:(?P<function>[A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+"
                   r"(?: \[(?P<module>\w+)[^\]]*\])?|(?<![\w<])0x(?P<address>[0-9a-f]{16})\b)")
PLAIN = re.compile(r"(?:^|[ /])(?P<function>[A-Za-z_][\w.]*) \[(?P<module>\w+)[^\]]*\]")
SUFFIX = re.compile(r"\.(?:isra|constprop|part|cold|llvm|lto_priv)\b.*$")
FAULT_ADDRESS = re.compile(r"(?:for address|at addr|virtual address|non-canonical address):? "
                           r"(?:0x)?([0-9a-f]{8,16})\b")
KCSAN_FRAMES = 2  # of each side, the access and its caller
HANGS = ("lockup", "deadlock", "hotplug-lock")  # the most telling comes last

# Where x86 has modules, with and without CONFIG_RANDOMIZE_BASE, and where KASAN has their shadow.
MODULE_SPACE = range(0xffffffffa0000000, 0xffffffffff000000)
SHADOW_SPACE = range(0xfffffbfff4000000, 0xfffffbffffe00000)
SHADOW_OFFSET = 0xdffffc0000000000


def faults(text, driver, symbols=""):
    """The faults in this piece of a log, in order; DRIVER is a module's name, or a list of names.

    SYMBOLS are lines of /proc/kallsyms from while the driver was loaded: they give names to
    addresses in a driver that is unloaded. Not reported are data races and leaks in which the
    driver has no part: the kernel has its own.
    """
    reader = _Reader([driver] if isinstance(driver, str) else list(driver), symbols)
    found = []
    for splat in _splats(text.replace("\r", "")):
        fault = reader.read(splat)
        if fault:
            found.append((splat.group, fault))
    return _joined(found)


# ---------------------------------------------------------------- cutting the log into splats

class _Splat:
    """The lines of one splat, with times in `raw` and without in `lines`."""

    def __init__(self):
        self.group = None
        self.title = None
        self.closed = False  # has had its end, or the end of a trace
        self.raw = []
        self.lines = []

    def add(self, line, bare, group):
        self.raw.append(line)
        self.lines.append(bare)
        if group and self.group is None:
            self.group = group
            self.title = bare.strip()
            # The text of a warning stands between the cut and the line with the place.
            if group == "warn" and len(self.lines) > 2:
                self.title = self.lines[1].strip()
        if group == "hang":
            self.closed = False
        end = patterns.ENDS.get(self.group, patterns.TRACE_END)
        if self.group == "leak":
            self.closed = bool(bare) and not bare.startswith("unref")
        elif end.search(bare):
            self.closed = True

    def goes_on_with(self, bare, group):
        """Does this line belong to the splat?"""
        if patterns.CUT_HERE in bare:
            return len(self.lines) <= 2 and self.group in ("oops", "warn")
        if group is None:
            if self.group == "leak":
                return bare.startswith(" ")
            return not self.closed or bool(patterns.PART.search(bare))
        if self.group is None:
            return True
        if group == "panic":
            return bool(patterns.DERIVED_PANIC.search(bare))
        if group == self.group:
            return group in ("hang", "file") or (group in ("oops", "warn") and not self.closed)
        return {group, self.group} == {"oops", "warn"} and not self.closed


def _group(bare):
    """The group of the splat that begins with this line, or None."""
    if patterns.NO_FAULT.search(bare):
        return None
    return next((group for head, group in patterns.HEADS if head.search(bare)), None)


def _splats(text):
    """Each splat of the log; those that a test has announced are quiet."""
    splat = None
    expected = []
    for line in text.split("\n"):
        bare = STAMP.sub("", line)
        expect = EXPECT.search(bare)
        if expect:
            expected.append(expect[1].strip())
        if expect or MARK.search(bare):
            if splat:
                yield splat
            splat = None
            continue
        group = _group(bare)
        if splat and not splat.goes_on_with(bare, group):
            yield splat
            splat = None
        if splat is None:
            if group is None and patterns.CUT_HERE not in bare:
                continue
            splat = _Splat()
        splat.add(line, bare, group)
        announced = [one for one in expected if one in bare and "WARNING: " in bare]
        if announced:
            expected.remove(announced[0])
            splat.group = "quiet"
    if splat:
        yield splat


# ---------------------------------------------------------------- reading one splat

class _Frame:
    """A function that a splat names, and in which part of it."""

    def __init__(self, region, function, module, sure=True):
        self.region = region
        self.function = SUFFIX.sub("", function or "")
        self.module = module or ""
        self.sure = sure


class _Reader:
    """Reads splats with a driver in mind."""

    def __init__(self, names, symbols):
        self._names = [name.replace("-", "_") for name in names]
        self._symbols = sorted(
            (int(words[0], 16), words[2]) for words in map(str.split, symbols.splitlines())
            if len(words) >= 3 and words[1] in "tT")

    def read(self, splat):
        """The fault that a splat is, or None if it is none, or none of the driver's."""
        if splat.group in (None, "quiet"):
            return None
        if splat.group == "hang":
            return self._hang(splat)
        frames = self._frames(splat.lines)
        kind = self._kind(splat)
        if splat.group == "kcsan" and not self._races(splat):
            return None
        blamed = self._blame(frames)
        if splat.group == "leak" and blamed.module not in self._names:
            return None
        if kind == "callback-after-unload" and blamed.module not in self._names:
            blamed = _Frame("title", "", self._names[0])
        if blamed.module == "" and any(map(patterns.LOADING.search, splat.lines)):
            blamed.module = self._names[0]
        return self._fault(kind, blamed, splat)

    @staticmethod
    def _fault(kind, blamed, splat):
        while not splat.lines[-1].strip():
            splat.lines.pop()
        return Fault(kind, blamed.module, blamed.function, splat.title,
                     tuple(splat.raw[:len(splat.lines)]))

    # ------------------------------------------------------------ the class

    def _kind(self, splat):
        text = "\n".join(splat.lines)
        if splat.group in ("kasan", "oops") and self._unloaded_memory(text):
            return "callback-after-unload"
        if splat.group == "panic" and "stack is corrupted" in text:
            return "out-of-bounds"
        if splat.group not in patterns.TYPES:
            return patterns.SIMPLE[splat.group]
        searched = text if splat.group in patterns.WHOLE_TEXT else splat.title
        kind = next(kind for pattern, kind in patterns.TYPES[splat.group]
                    if pattern.search(searched))
        if splat.group == "lockdep" and "possible recursive" in splat.title and \
                patterns.HOTPLUG_LOCK.search(text.partition("other info")[0]):
            return "hotplug-lock"
        return kind

    def _unloaded_memory(self, text):
        """Does it run in a module that is unloaded, or touch the memory of one?"""
        if re.search(r"^RIP: 0010:0xffffffff[a-f]", text, re.M):
            return True
        address = FAULT_ADDRESS.search(text)
        if not address:
            return False
        address = int(address[1], 16)
        if address in SHADOW_SPACE:
            address = (address - SHADOW_OFFSET << 3) % 2**64
        return address in MODULE_SPACE and self._is_unloaded(text)

    def _is_unloaded(self, text):
        """By the list of modules; without one, by whether the driver has a part in the splat."""
        loaded = re.search(r"Modules linked in:(.*)", text)
        if not loaded:
            return not any(f" [{name}" in text for name in self._names)
        now, _, last = loaded[1].partition("[last unloaded:")
        now = {re.sub(r"\(.*", "", word) for word in now.split()}
        return self._names[0] not in now or re.sub(r"[(\]].*", "", last.strip()) == self._names[0]

    def _races(self, splat):
        """Is either side of a data race the driver's, or what it has called?"""
        count = 0
        for line in splat.lines:
            if " bytes by " in line:
                count = 0
            for frame in self._matches(line):
                near = line.strip() == splat.title or count < KCSAN_FRAMES
                if near and frame.module in self._names:
                    return True
                count += 1
        return False

    # ------------------------------------------------------------ the function

    def _matches(self, line, region="title"):
        """Each function that a line names."""
        matches = list(FRAME.finditer(line))
        if not matches and "BUG: KCSAN: " in line:
            return [_Frame(region, one["function"], one["module"]) for one in PLAIN.finditer(line)]
        return [frame for frame in map(lambda one: self._frame(region, one), matches) if frame]

    def _frame(self, region, match):
        sure = not match["doubt"]
        if match["function"]:
            return _Frame(region, match["function"], match["module"], sure)
        address = int(match["address"], 16)
        if address not in MODULE_SPACE or not sure:
            return None
        return _Frame(region, self._name_of(address), self._names[0])

    def _name_of(self, address):
        """The function at an address in the driver, as it was loaded."""
        before = [name for start, name in self._symbols if start <= address < start + 2**20]
        return before[-1] if before else ""

    def _frames(self, lines):
        """Each function that a splat names, in order."""
        frames = []
        region = "title"
        for line in lines:
            found = [name for pattern, name in patterns.REGIONS if pattern.search(line)]
            if found:
                region = found[0]
            if line.startswith("RIP: 0033"):
                continue
            frames += self._matches(line, region)
            if region == "rest" and not line.startswith(" "):
                region = "trace"
        return frames

    def _blame(self, frames):
        """The driver's function that is the most telling, or else the first telling one."""
        ours = [frame for frame in frames if frame.module in self._names]
        for sure in (True, False):
            for region in patterns.ORDER:
                for frame in ours:
                    if frame.region == region and frame.sure == sure:
                        return frame
        if ours:
            return _Frame("variable", "", ours[0].module)
        for region in patterns.ORDER:
            for frame in frames:
                telling = not patterns.MACHINERY.match(frame.function)
                if frame.region == region and frame.sure and telling:
                    return frame
        return _Frame("title", "", "")

    # ------------------------------------------------------------ hangs

    def _hang(self, splat):
        """The most telling trace of several: a CPU or task that waits for a lock, in the driver."""
        best = None
        for lines in _traces(splat.lines):
            text = "\n".join(lines)
            frames = self._frames(lines)
            blamed = self._blame(frames)
            kind = "lockup"
            if re.search(r"INFO: task|state:D", text):
                if patterns.HOTPLUG_WAIT.search(text) and patterns.IN_CALLBACK.search(text):
                    kind = "hotplug-lock"
                elif patterns.LOCK_WAIT.search(text):
                    kind = "deadlock"
            rank = (blamed.module in self._names, HANGS.index(kind))
            if best is None or rank > best[0]:
                title = lines[0].strip() if _group(lines[0]) == "hang" else splat.title
                best = rank, kind, blamed, title
        splat.title = best[3]
        return self._fault(best[1], best[2], splat)


def _traces(lines):
    """The parts of a report of a hang: a task or a CPU each."""
    part = []
    for line in lines:
        if part and re.search(r"INFO: task |^NMI backtrace|^task:", line) and \
                any("Call " in one for one in part):
            yield part
            part = []
        part.append(line)
    yield part


# ---------------------------------------------------------------- one cause, one fault

LOCKS = ("hotplug-lock", "lock-order", "deadlock")


def _joined(found):
    """The faults without those that only repeat or follow from one before."""
    kept = []
    for group, fault in found:
        at = next((i for i, before in enumerate(kept) if _same(before, (group, fault))), None)
        if at is None:
            kept.append((group, fault))
            continue
        before = kept[at][1]
        if group == kept[at][0] == "hang":
            worth = [(one.module != "", one.kind in LOCKS) for one in (before, fault)]
            better = fault if worth[1] > worth[0] else before
            kept[at] = group, better._replace(trace=before.trace + fault.trace)
        elif group == "panic":
            kept[at] = kept[at][0], before._replace(trace=before.trace + fault.trace)
    return [fault for _, fault in kept]


def _same(before, after):
    """Is the second fault the first one again, or what came of it?"""
    (first_group, first), (group, fault) = before, after
    if group == "kcsan":
        return first.line == fault.line
    if (first.kind, first.module, first.function) == (fault.kind, fault.module, fault.function):
        return True
    if group == "panic":
        return bool(patterns.DERIVED_PANIC.search(fault.line))
    if group == "hang":
        return first_group == "hang" or first.kind in LOCKS or first_group == "oops"
    # A checker sees the access first, then the CPU does; and what is bad goes on to be bad.
    if group in ("oops", "warn") and first_group in ("kasan", "kfence", "slub"):
        return (first.module, first.function) == (fault.module, fault.function)
    return first_group == "oops" and fault.module == ""
