#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/certify_console.py with recorded splats; and that each class has its words."""

import re
import unittest

import testing
import certify_console
import certify_patterns
import certify_splats
import certify_splats_of_waits as waits
import certify_words

SPLATS = certify_splats.SPLATS + waits.SPLATS


def stamped(text, caller=""):
    """As it stands in a console log."""
    return "".join(f"[{100 + number / 1000:12.6f}]{caller} {line}\n"
                   for number, line in enumerate(text.split("\n")))


MARKED = """\
dhp selftest 92.1: each CPU goes offline and comes back
%ssmpboot: CPU 2 is now offline
dhp selftest 92.1: teardown
"""


# What the first line alone decides, besides SPLATS.
TITLES = {
    "out-of-bounds": ("BUG: KFENCE: out-of-bounds read in f+0x1/0x2",
                      "BUG: KFENCE: memory corruption in f+0x1/0x2",
                      "BUG: KASAN: stack-out-of-bounds in f+0x1/0x2",
                      "UBSAN: object-size-mismatch in x.c:1:2",
                      "BUG kmalloc-64 (Tainted: G    B   W  O      ): Left Redzone overwritten",
                      "BUG kmalloc-64 (Not tainted): Object padding overwritten"),
    "use-after-free": ("BUG: KASAN: use-after-scope in f+0x1/0x2",
                       "BUG kmalloc-64 (Not tainted): Poison overwritten",
                       "BUG kmalloc-64 (Not tainted): Freepointer corrupt"),
    "double-free": ("BUG: KFENCE: invalid free in f+0x1/0x2",
                    "BUG: KASAN: double-free or invalid-free in f+0x1/0x2",
                    "BUG kmalloc-64 (Not tainted): Object already free",
                    "BUG kmalloc-64 (Not tainted): Invalid object pointer 0x0000000012345678",
                    "WARNING: CPU: 1 PID: 64 at mm/vmalloc.c:1 x\nTrying to vfree() nonexistent "
                    "vm area",
                    "[ cut here ]\nTrying to free already-free IRQ 9\n"
                    "WARNING: kernel/irq/manage.c:1 at x, CPU#1: a/1"),
    "null-pointer": ("BUG: KASAN: null-ptr-deref in f+0x1/0x2",
                     "UBSAN: null-ptr-deref in x.c:1:2",
                     "BUG: Kernel NULL pointer dereference on read at 0x00000010"),
    "bad-address": ("BUG: KFENCE: invalid read in "
                    "f+0x1/0x2", "BUG: KASAN: unknown-crash in f+0x1/0x2",
                    "BUG: KASAN: user-memory-access in f+0x1/0x2",
                    "Unable to handle kernel paging request at virtual address ffff800012345678",
                    "stack segment: 0000 [#1] PREEMPT SMP", "BUG: stack guard page was hit at 0x1"),
    "memory-leak": ("BUG faulty (Tainted: G  O ): Objects remaining in faulty on "
                    "__kmem_cache_shutdown()",),
    "cache-left": ("WARNING: mm/slab_common.c:1 at f, CPU#1: a/1\n"
                   "kmem_cache of name 'faulty' already exists",),
    "state-left": ("WARNING: CPU: 1 PID: 64 at kernel/cpu.c:1 x\n"
                   "No more dynamic states available for CPU hotplug",),
    "file-left": ("WARNING: CPU: 1 PID: 64 at fs/proc/generic.c:1 x\nproc_dir_entry 'a' already "
                  "registered",
                  "WARNING: CPU: 1 PID: 64 at fs/proc/generic.c:1 x\nremove_proc_entry: removing "
                  "non-empty "
                  "directory 'a', leaking at least 'b'",
                  "kobject: kobject_add_internal failed for x with -EEXIST"),
    "work-left": ("WARNING: CPU: 1 PID: 64 at kernel/workqueue.c:1 x\n"
                  "destroy_workqueue: faulty has the following busy pwq",),
    "sleep-in-atomic": ("BUG: scheduling in a non-blocking section: sh/64/1",
                        "WARNING: Illegal context switch in RCU read-side critical section",
                        "WARNING: CPU: 1 PID: 64 at kernel/rcu/tree_plugin.h:1 x\n"
                        "Voluntary context switch within RCU read-side critical section!"),
    "lock-order": ("WARNING: possible irq lock inversion dependency detected",
                   "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected"),
    "lockup": ("rcu: INFO: rcu_preempt self-detected stall on "
               "CPU", "watchdog: CPU1: hard LOCKUP on cpu 1",
               "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... }"),
    "panic": ("traps: PANIC: double fault, error_code: 0x0", "kernel BUG at x.c:1!"),
    "warning": ("WARNING: CPU: 1 PID: 64 at x.c:1 f+0x1/0x2",),
    "other-splat": ("UBSAN: shift-out-of-bounds in x.c:1:2", "WARNING: held lock freed!",
                    "WARNING: bad unlock balance detected!", "WARNING: suspicious RCU usage",
                    "BUG kmalloc-64 (Not tainted): Wrong object "
                    "count", "BUG: workqueue leaked lock",
                    "WARNING: sh/64 still has locks held!", "BUG: Bad rss-counter state mm:1",
                    "irq 11: nobody cared (try booting with the \"irqpoll\" option)",
                    "list_del corruption. prev->next should be ffff888012345678, but was 0",
                    "list_add double add: new=a\nWARNING: CPU: 1 PID: 64 at lib/list_debug.c:1 x",
                    "kobject: 'x' (1): tried to init an initialized object, something is "
                    "seriously wrong.",
                    "NOHZ tick-stop error: local softirq work is pending, handler #08!!!")}


RSS = "BUG: Bad rss-counter state mm:1 type:MM_ANONPAGES val:1"


class Splats(unittest.TestCase):
    def read(self, text, driver="faulty", **more):
        return certify_console.faults(text, driver, **more)

    def test_each(self):
        for name, kind, module, function, text in SPLATS:
            with self.subTest(name):
                found = self.read(stamped(text))
                self.assertEqual([fault[:3] for fault in found], [(kind, module, function)])
                self.assertNotIn("[  10", found[0].line)
                self.assertTrue(found[0].line)

    def test_however_lines_begin(self):
        for name, *expected, text in SPLATS:
            for log in (text, stamped(text, "[  T123]"), stamped(text).replace("\n", "\r\n"),
                        MARKED % (text + "\n"), f"a line\n{text}\nsmpboot: CPU 2 is now offline\n"):
                with self.subTest(name):
                    self.assertEqual([list(one[:3]) for one in self.read(log)], [expected])

    def test_titles(self):
        for kind, titles in TITLES.items():
            for title in titles:
                found = self.read(stamped(f"{title}\n{certify_splats.CPU}\nCall Trace:\n "
                                          f"f+0x1/0x2\n"))
                with self.subTest(title):
                    self.assertEqual([fault.kind for fault in found], [kind])

    def test_clean(self):
        for name, text in waits.CLEAN:
            with self.subTest(name):
                self.assertEqual(self.read(stamped(text)), [])

    def test_two_after_each_other(self):
        """The second one is not lost, and is not a part of the first one's trace."""
        leak = next(splat for splat in SPLATS if splat[0] == "leak")
        for name, *expected, text in SPLATS:
            if expected[0] == "memory-leak" or name == "panic":
                continue
            with self.subTest(name):
                found = self.read(stamped(f"{text}\n{leak[-1]}"))
                self.assertEqual([list(one[:3]) for one in found], [expected, list(leak[1:4])])
                self.assertNotIn("unreferenced", "\n".join(found[0].trace))
                self.assertEqual(len(found[1].trace), leak[-1].count("\n") + 1)

    def test_twice_is_once(self):
        for name, *expected, text in SPLATS:
            with self.subTest(name):
                again = re.sub("12345678|104a1b2c0", "876543210", text)
                self.assertEqual([list(one[:3]) for one in self.read(stamped(f"{text}\n{again}"))],
                                 [expected])

    def test_cut_short(self):
        """The guest may die at any line: one fault at most, and never another module's."""
        for name, kind, module, _, text in SPLATS:
            lines = text.split("\n")
            for count in range(len(lines) + 1):
                found = self.read(stamped("\n".join(lines[:count])))
                with self.subTest(name, lines=count):
                    self.assertLessEqual(len(found), 1)
                    self.assertLessEqual({one.module for one in found}, {module, ""})
            self.assertEqual(found[0].kind, kind)

    def test_trace(self):
        """All of the splat, as it is in the log, and nothing else."""
        text = next(splat[-1] for splat in SPLATS if splat[0] == "null")
        fault, = self.read(stamped(f"before\n{text}\nsmpboot: CPU 2 is now offline"))
        self.assertEqual(fault.line, certify_splats.NULL)
        self.assertEqual(list(fault.trace), stamped(f"before\n{text}").split("\n")[1:-1])

    def test_quiet_after_a_splat(self):
        """The trace of an allocation that fails is not a part of what came before."""
        for name, text in waits.CLEAN[:2]:
            fault, = self.read(f"{waits.SLEEPS}\n{text}")
            self.assertEqual(list(fault.trace), waits.SLEEPS.split("\n"), name)
            fault, = self.read(f"{RSS}\n{text}")
            self.assertEqual((fault.module, fault.trace), ("", (RSS,)), name)

    def test_line(self):
        for name, line in (("refcount", "refcount_t: underflow; use-after-free."),
                           ("instances left",
                            "Error: Removing state 180 which has instances left."),
                           ("warning of the driver", "WARNING: CPU: 1 PID: 64 at faulty.c:12 " +
                            certify_splats.ONLINE),
                           ("hung in a mutex", "INFO: task cpuhp/1:20 blocked for more than 30 "
                                               "seconds."),
                           ("hotplug lock", "WARNING: possible recursive locking detected")):
            text = next(splat[-1] for splat in SPLATS if splat[0] == name)
            self.assertEqual(self.read(stamped(text))[0].line, line)


class Blame(unittest.TestCase):
    def read(self, name, driver="faulty", **more):
        text = next(splat[-1] for splat in SPLATS if splat[0] == name)
        return certify_console.faults(stamped(text), driver, **more)

    def test_another_module(self):
        """The fault stays one, but the module is not the driver."""
        fault, = self.read("slab", driver="other")
        self.assertEqual(fault[:3], ("out-of-bounds", "faulty", "faulty_online"))

    def test_names(self):
        """A driver has modules; insmod's name may have a hyphen."""
        splat = certify_splats.kasan("use-after-free", "f+0x1/0x2", " f+0x1/0x2\n g+0x1/0x2 [a_b]\n"
                                     " h+0x1/0x2 [c]")
        for driver, function in (("a-b", "g"), ("c", "h"), (["c", "a-b"], "g"), (["c"], "h"),
                                 ("d", "f")):
            fault, = certify_console.faults(splat, driver)
            self.assertEqual(fault.function, function)

    def test_symbols(self):
        symbols = ("ffffffffa0012100 t faulty_later\t[faulty]\n"
                   "ffffffffa0012000 t faulty_prepare\t[faulty]\n"
                   "ffffffffa0012010 d faulty_data\t[faulty]\n"
                   "ffffffffa0000000 t faulty_first\t[faulty]\n")
        fault, = self.read("leak after unload", symbols=symbols)
        self.assertEqual(fault[:3], ("memory-leak", "faulty", "faulty_prepare"))
        fault, = self.read("memory of an unloaded module", symbols=symbols)
        self.assertEqual(fault.function, "faulty_prepare")

    def test_doubtful_frames(self):
        """Those with a question mark count only if no other frame is the driver's."""
        for other, function in ((" ? old+0x1/0x2 [faulty]\n now+0x1/0x2 [faulty]", "now"),
                                (" ? old+0x1/0x2 [faulty]\n now+0x1/0x2", "old")):
            text = certify_splats.oops(certify_splats.NULL, certify_splats.DIE, "f+0x1/0x2", other)
            self.assertEqual(certify_console.faults(text, "faulty")[0].function, function)

    def test_suffixes(self):
        for function in ("f.cold", "f.isra.0", "f.constprop.0.isra.0", "f.part.0.cold", "f"):
            text = certify_splats.oops(certify_splats.NULL, certify_splats.DIE,
                                       f"{function}+0x1/0x2 [faulty]", "")
            self.assertEqual(certify_console.faults(text, "faulty")[0].function, "f")

    def test_build_ids(self):
        text = certify_splats.oops(certify_splats.NULL, certify_splats.DIE,
                                   "f+0x1/0x2 [faulty 0a1b2c3d4e5f]", "")
        self.assertEqual(certify_console.faults(text, "faulty")[0][1:3], ("faulty", "f"))

    def test_user_space(self):
        """The address where a system call was made is none of the kernel's."""
        text = certify_splats.warning("WARNING: CPU: 1 PID: 64 at x.c:1 f+0x1/0x2", "f+0x1/0x2", "")
        text = text.replace("0033:0x47fbe9", "0033:g+0x1/0x2 [faulty]")
        self.assertEqual(certify_console.faults(text, "faulty")[0].module, "")


class Unloaded(unittest.TestCase):
    """An address in the memory of modules counts only if the driver was unloaded."""

    def kind(self, address, modules, rip=certify_splats.CORE):
        text = certify_splats.oops(certify_splats.PAGING % address, certify_splats.DIE, rip, "",
                                   modules)
        return certify_console.faults(text, "faulty")[0].kind

    def test_loaded(self):
        for address in ("ffffffffc0a54080", "ffffffffa0012010", "fffffbfff4002408"):
            self.assertEqual(self.kind(address, certify_splats.LINKED), "bad-address")
            self.assertEqual(self.kind(address, certify_splats.GONE), "callback-after-unload")

    def test_loaded_again(self):
        again = certify_splats.LINKED + " [last unloaded: faulty(O)]"
        self.assertEqual(self.kind("ffffffffc0a54080", again), "callback-after-unload")
        again = certify_splats.LINKED + " [last unloaded: faulty]"
        self.assertEqual(self.kind("ffffffffc0a54080", again), "callback-after-unload")
        other = certify_splats.LINKED + " [last unloaded: faulty2(O)]"
        self.assertEqual(self.kind("ffffffffc0a54080", other), "bad-address")

    def test_elsewhere(self):
        for address in ("ffff888012345678", "fffffbfff0408360"):
            self.assertEqual(self.kind(address, certify_splats.GONE), "bad-address")


class Joined(unittest.TestCase):
    def kinds(self, *names):
        texts = [text for name in names for one, *_, text in SPLATS if one == name]
        return [fault.kind for fault in certify_console.faults(stamped("\n".join(texts)), "faulty")]

    def test_a_checker_then_the_cpu(self):
        self.assertEqual(self.kinds("null by KASAN", "null"), ["null-pointer"])
        self.assertEqual(self.kinds("use after free by the driver", "paging"), ["use-after-free"])

    def test_a_lock_then_the_hang(self):
        self.assertEqual(self.kinds("hotplug lock", "hung in the hotplug lock"), ["hotplug-lock"])
        self.assertEqual(self.kinds("lock order", "hung in a mutex"), ["lock-order"])

    def test_unrelated(self):
        self.assertEqual(self.kinds("refcount", "timer freed"), ["refcount", "object-left"])
        self.assertEqual(self.kinds("race", "race with the kernel"), ["data-race"] * 2)
        self.assertEqual(self.kinds("refcount", "soft lockup"), ["refcount", "lockup"])
        self.assertEqual(self.kinds("refcount", "panic"), ["refcount", "panic"])

    def test_the_better_hang(self):
        self.assertEqual(self.kinds("workqueue", "hung in the hotplug lock"), ["hotplug-lock"])
        self.assertEqual(self.kinds("hung in the hotplug lock", "workqueue"), ["hotplug-lock"])

    def test_the_better_of_two_hangs(self):
        other = waits.SOFT.replace("faulty", "other")
        lock = next(text for name, *_, text in SPLATS if name == "hung in the hotplug lock")
        for texts in ((other, lock), (lock, other)):
            fault, = certify_console.faults("\nall is well\n".join(texts), "faulty")
            self.assertEqual(fault[:3], ("hotplug-lock", "faulty", "faulty_online"))
            for text in texts:
                self.assertIn(text.split("\n")[0], fault.trace)

    def test_derived_panics(self):
        for reason in ("Fatal exception", "Fatal exception in interrupt",
                       "kernel: panic_on_warn set ...", "hung_task: blocked tasks",
                       "softlockup: hung tasks", "RCU Stall",
                       "Attempted to kill the idle task!"):
            text = f"{waits.SLEEPS}\nKernel panic - not syncing: {reason}\n"
            fault, = certify_console.faults(text, "faulty")
            self.assertEqual(fault.kind, "sleep-in-atomic")
            self.assertIn(reason, fault.trace[-1])


class Words(unittest.TestCase):
    def test_each_class(self):
        kinds = {kind for table in certify_patterns.TYPES.values() for _, kind in table}
        kinds |= set(certify_patterns.SIMPLE.values())
        kinds |= {splat[1] for splat in SPLATS}
        self.assertLessEqual(kinds, set(certify_words.WORDS))

    def test_form(self):
        for kind, (title, advice) in certify_words.WORDS.items():
            self.assertRegex(kind, r"^[a-z]+(-[a-z]+)*$")
            self.assertFalse(title.endswith("."), kind)
            self.assertTrue(advice.endswith("."), kind)
            self.assertNotIn("  ", advice)
            self.assertTrue(150 < len(advice) < 520, f"{kind}: {len(advice)}")

    def test_unknown(self):
        self.assertEqual(certify_words.title("new"), "new")
        self.assertEqual(certify_words.advice("new"), "")


if __name__ == "__main__":
    testing.main()
