# SPDX-License-Identifier: GPL-2.0
"""Splats as kernels print them, for the tests of certify_console.py: locks, contexts, hangs, races
and leaks; and what is no fault. See certify_splats.py for the form.
"""

from certify_splats import AT, CALLBACK, CPU, LINKED, ONLINE, REGS, RULE, USER, warning


def lockdep(title, middle, trace, end=CALLBACK):
    return f"""\

============================================
WARNING: {title}
6.1.192-debug #1 Tainted: G           O
--------------------------------------------
{middle}
stack backtrace:
{CPU}
Call Trace:
 <TASK>
 dump_stack_lvl+0x51/0x66
 __lock_acquire+0x1807/0x6d50
 lock_acquire+0x232/0x5a0
{trace}
{end}"""


def recursive(lock, at):
    return f"""\
cpuhp/1/20 is trying to acquire lock:
ffffffff82041b78 ({lock}){{++++}}-{{0:0}}, at: {at}

but task is already holding lock:
ffffffff82041b78 ({lock}){{++++}}-{{0:0}}, at: cpuhp_thread_fun+0x8c/0x570

other info that might help us debug this:
 Possible unsafe locking scenario:

       CPU0
       ----
  lock({lock});
  lock({lock});

 *** DEADLOCK ***

 May be due to missing lock nesting notation

1 lock held by cpuhp/1/20:
 #0: ffffffff82041b78 (cpuhp_state-up){{+.+.}}-{{0:0}}, at: cpuhp_thread_fun+0xd0/0x570
"""


CIRCULAR = """\
insmod/70 is trying to acquire lock:
ffffffff82041b78 (cpu_hotplug_lock){++++}-{0:0}, at: __cpuhp_setup_state+0x41/0x200

but task is already holding lock:
ffffffffa0002020 (faulty_lock){+.+.}-{3:3}, at: faulty_init+0x1c/0x1000 [faulty]

which lock already depends on the new lock.


the existing dependency chain (in reverse order) is:

-> #1 (faulty_lock){+.+.}-{3:3}:
       __mutex_lock+0x12d/0xe10
       faulty_online+0x1a/0x30 [faulty]
       cpuhp_invoke_callback+0x1b3/0xa40

-> #0 (cpu_hotplug_lock){++++}-{0:0}:
       __lock_acquire+0x1807/0x6d50

other info that might help us debug this:

 Possible unsafe locking scenario:

       CPU0                    CPU1
       ----                    ----
  lock(faulty_lock);
                               lock(cpu_hotplug_lock);

 *** DEADLOCK ***
"""

SLEEPS = f"""\
BUG: sleeping function called from invalid context at include/linux/sched/mm.h:274
in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 21, name: cpuhp/2
preempt_count: 1, expected: 0
RCU nest depth: 0, expected: 0
Preemption disabled at:
[<ffffffffa0001035>] faulty_disable+0x15/0x40 [faulty]
{CPU}
Call Trace:
 <TASK>
 dump_stack_lvl+0x51/0x66
 __might_resched.cold+0x1a2/0x1f0
 __kmem_cache_alloc_node+0x2a/0x290
 kmalloc_trace+0x26/0x90
 faulty_online+0x22/0x40 [faulty]
{CALLBACK}"""

HUNG = f"""\
INFO: task sh:88 blocked for more than 30 seconds.
      Tainted: G           O       6.1.0-57-amd64 #1 Debian 6.1.192-3
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:sh              state:D stack:0     pid:88    ppid:80     flags:0x00004002
Call Trace:
 <TASK>
 __schedule+0x34d/0x9e0
 schedule+0x5a/0xd0
 schedule_timeout+0x118/0x150
 wait_for_completion+0x86/0x160
 _cpu_up+0x145/0x2f0
 do_cpu_up+0x6b/0xb0
{USER}
INFO: task cpuhp/1:20 blocked for more than 30 seconds.
      Tainted: G           O       6.1.0-57-amd64 #1 Debian 6.1.192-3
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:cpuhp/1         state:D stack:0     pid:20    ppid:2      flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x34d/0x9e0
 schedule+0x5a/0xd0
%s
{CALLBACK}
Kernel panic - not syncing: hung_task: blocked tasks"""

STALL = f"""\
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: \t1-...0: (1 GPs behind) idle=04ac/1/0x4000000000000000 softirq=91/92 fqs=2625
\t(detected by 0, t=5252 jiffies, g=41, q=12 ncpus=2)
Sending NMI from CPU 0 to CPUs 1:
NMI backtrace for cpu 1
{CPU}
RIP: 0010:faulty_spin+0x5/0x10 [faulty]
{REGS}
Call Trace:
 <TASK>
 faulty_online+0x12/0x20 [faulty]
{CALLBACK}
rcu: rcu_preempt kthread starved for 2100 jiffies! g41 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1
rcu: RCU grace-period kthread stack dump:"""

SOFT = f"""\
watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [cpuhp/1:20]
{LINKED}
{CPU}
RIP: 0010:faulty_spin+0x5/0x10 [faulty]
{REGS}
Call Trace:
 <TASK>
{CALLBACK}"""


def race(title, *sides, origin=""):
    text = "\n\n".join(
        f"{origin}write to 0xffff888012345678 of 8 bytes by task {i} on cpu {i}:\n" +
        "\n".join(f" {name}" for name in side) for i, side in enumerate(sides))
    return f"""\
{RULE}
BUG: KCSAN: data-race in {title}

{text}

value changed: 0x0000000000000001 -> 0x0000000000000002

Reported by Kernel Concurrency Sanitizer on:
{CPU}
{RULE}"""


def leak(*frames, crc=""):
    return f"""\
unreferenced object 0xffff888104a1b2c0 (size 64):
  comm "sh", pid 88, jiffies 4294901760 (age 12.340s)
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
  backtrace{crc}:
    {chr(10).join(frames).replace(chr(10), chr(10) + "    ")}"""


SPLATS = (
    # Locks and contexts
    ("hotplug lock", "hotplug-lock", "faulty", "faulty_online",
     lockdep("possible recursive locking "
             "detected", recursive("cpu_hotplug_lock", ONLINE), f" {ONLINE}")),
    ("hotplug lock, taken in the kernel", "hotplug-lock", "faulty", "faulty_online",
     lockdep("possible recursive locking detected",
             recursive("cpu_hotplug_lock", "static_key_enable+0x1/0x2"), f" {ONLINE}")),
    ("own lock twice", "deadlock", "faulty", "faulty_online",
     lockdep("possible recursive locking "
             "detected", recursive("faulty_lock", ONLINE), f" {ONLINE}")),
    ("lock order", "lock-order", "faulty", "faulty_init",
     lockdep("possible circular locking dependency detected", CIRCULAR,
             " cpus_read_lock+0x1/0x2\n faulty_init+0x1c/0x1000 [faulty]", USER)),
    ("lock in an interrupt", "deadlock", "faulty", "faulty_tick",
     lockdep("inconsistent lock state",
             "inconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} usage.\nswapper/1/0 "
             "[HC0[0]:SC1[1]:HE1:SE0] "
             "takes:\nffffffffa0002020 (faulty_lock){+.?.}-{2:2}, at: faulty_tick+0x1/0x2 "
             "[faulty]\n"
             "{SOFTIRQ-ON-W} state was registered at:\n  lock_acquire+0x1/0x2\n"
             "  faulty_online+0x1/0x2 [faulty]\nirq event stamp: "
             "12\n", " faulty_tick+0x1/0x2 [faulty]")),
    ("wait context", "sleep-in-atomic", "faulty", "faulty_tick",
     lockdep("x", "swapper/1/0 is trying to lock:\nffffffffa0002020 (faulty_lock){....}-{3:3}, at: "
             "faulty_tick+0x1/0x2 "
             "[faulty]\n", "").replace("WARNING: x", "[ BUG: Invalid wait context ]")),
    ("RCU", "other-splat", "faulty", "faulty_look",
     lockdep("suspicious RCU usage", "faulty.c:12 suspicious rcu_dereference_check() usage!\n",
             " lockdep_rcu_suspicious+0x1/0x2\n faulty_look+0x1/0x2 [faulty]")),
    ("sleeps", "sleep-in-atomic", "faulty", "faulty_online", SLEEPS),
    ("schedules", "sleep-in-atomic", "faulty", "faulty_starting",
     f"BUG: scheduling while atomic: swapper/1/0/0x00000002\n{LINKED}\n{CPU}\nCall Trace:\n "
     "<TASK>\n"
     " dump_stack_lvl+0x51/0x66\n __schedule_bug.cold+0x1/0x2\n schedule+0x1/0x2\n msleep+0x1/0x2\n"
     f" faulty_starting+0x1/0x2 [faulty]\n{CALLBACK}"),
    ("smp_processor_id()", "other-splat", "faulty", "faulty_read",
     "BUG: using smp_processor_id() in preemptible [00000000] code: sh/64\n"
     f"caller is faulty_read+0x1/0x2 [faulty]\n{CPU}\nCall Trace:\n <TASK>\n "
     "dump_stack_lvl+0x51/0x66\n"
     f" check_preemption_disabled+0x1/0x2\n faulty_read+0x1/0x2 [faulty]\n{USER}"),

    # Hangs
    ("hung in the hotplug lock", "hotplug-lock", "faulty", "faulty_online",
     HUNG % " percpu_rwsem_wait+0x10a/0x130\n __percpu_down_read+0x4e/0x60\n "
            f"cpus_read_lock+0x6d/0x80\n {ONLINE}"),
    ("hung in a mutex", "deadlock", "faulty", "faulty_online",
     HUNG % f" __mutex_lock.constprop.0+0x3a1/0x660\n {ONLINE}"),
    ("hung", "lockup", "faulty", "faulty_online",
     HUNG % f" kthread_stop+0x57/0x170\n {ONLINE}"),
    ("soft lockup", "lockup", "faulty", "faulty_spin", SOFT),
    ("stall", "lockup", "faulty", "faulty_spin", STALL),
    ("stall and soft lockup", "lockup", "faulty", "faulty_spin", f"{SOFT}\n{STALL}\n{SOFT}"),
    ("workqueue", "lockup", "", "",
     "BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 30s!\n"
     "Showing busy workqueues and worker pools:\nworkqueue events: flags=0x0"),

    # KCSAN, kmemleak
    ("race", "data-race", "faulty", "faulty_count",
     race("faulty_count [faulty] / faulty_read [faulty]", ["faulty_count+0x1/0x2 [faulty]"],
          ["faulty_read+0x1/0x2 [faulty]"])),
    ("race with the kernel", "data-race", "faulty", "faulty_read",
     race("_find_next_bit / set_bit", ["_find_next_bit+0x1/0x2", "faulty_read+0x1/0x2 [faulty]"],
          ["set_bit+0x1/0x2"])),
    ("race of unknown origin", "data-race", "faulty", "faulty_read",
     race("faulty_read+0x1/0x2 [faulty]", ["faulty_read+0x1/0x2 [faulty]"],
          origin="race at unknown origin, with ")),
    ("leak", "memory-leak", "faulty", "faulty_prepare",
     leak("[<00000000d2c7e7a1>] kmalloc_trace+0x27/0x90",
          "[<000000003b2e1f0a>] faulty_prepare+0x23/0x60 [faulty]",
          "[<00000000aa51d2f4>] cpuhp_invoke_callback+0x1b3/0xa40")),
    ("leak of 6.12", "memory-leak", "faulty", "faulty_prepare",
     leak("__kmalloc_cache_noprof+0x27/0x90", "faulty_prepare+0x23/0x60 "
                                              "[faulty]", crc=" (crc 8b6a3d2)")),
    ("leak after unload", "memory-leak", "faulty", "",
     leak("[<00000000d2c7e7a1>] kmalloc_trace+0x27/0x90", "[<000000003b2e1f0a>] 0xffffffffa0012023",
          "[<00000000aa51d2f4>] cpuhp_invoke_callback+0x1b3/0xa40")))

# Nothing for the driver's author.
CLEAN = (
    ("allocation", f"sh: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL)\n{CPU}\nCall "
                   "Trace:\n"
     f" <TASK>\n warn_alloc+0x1/0x2\n {ONLINE}\n{USER}\nMem-Info:\nactive_anon:12"),
    ("injected", "FAULT_INJECTION: forcing a failure.\nname failslab, interval 1, probability 100\n"
     f"{CPU}\nCall Trace:\n <TASK>\n should_fail_ex+0x1/0x2\n {ONLINE}\n{USER}"),
    ("limit of lockdep", "BUG: MAX_LOCKDEP_KEYS too low!\nturning off the locking correctness "
                         "validator.\n"
     f"{CPU}\nCall Trace:\n <TASK>\n {ONLINE}\n{USER}"),
    ("race of the kernel", race("f / g", ["f+0x1/0x2", "h+0x1/0x2", ONLINE], ["g+0x1/0x2"])),
    ("race of another module", race("f [dhp] / g", ["f+0x1/0x2 [dhp]"], ["g+0x1/0x2"])),
    ("leak of the kernel", leak("[<00000000d2c7e7a1>] kmalloc_trace+0x27/0x90")),
    ("announced", "vm: expect WARNING: faulty_online\n"
                  f"{warning(AT % f'faulty.c:12 {ONLINE}', ONLINE, '')}"),
    ("kobject without memory",
     "kobject: kobject_add_internal failed for faulty0 (error: -12 parent: misc)"),
    ("boot", "kmemleak: Kernel memory leak detector initialized (mem pool available: 15000)\n"
     "kfence: initialized - using 2097152 bytes for 255 objects at 0x0-0x1\n"
     "kasan: KernelAddressSanitizer initialized\n"
     "kcsan: enabled early\nsmpboot: CPU 2 is now offline\nfaulty: loading out-of-tree module "
     "taints kernel."))
