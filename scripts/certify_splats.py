# SPDX-License-Identifier: GPL-2.0
"""Splats as kernels print them, from 6.1 to 7.x, for the tests of certify_console.py.

Each of SPLATS is a name, the class, the module and the function to blame, and the text. The driver is
"faulty". Not here: the tests.
"""

CPU = "CPU: 1 PID: 64 Comm: sh Tainted: G           O       6.1.192-debug #1"
LINKED = "Modules linked in: faulty(O) dhp(O)"
GONE = "Modules linked in: dhp(O) [last unloaded: faulty(O)]"
REGS = """\
Code: 28 5b 41 5c 41 5d 41 5e 41 5f 5d c3 45 85 ed 0f 94 c0 21 c8 88 45 c0 89 d8 e9 ee <0f> 0b b8 e4
RSP: 0018:ffff88810138f958 EFLAGS: 00010292
RAX: 0000000000000000 RBX: 0000000000000046 RCX: 0000000000000000
R13: ffffffff82041b78 R14: ffffffffa0000000 R15: ffffffffa0001060
FS:  000000003d0953c0(0000) GS:ffff888122e80000(0000) knlGS:0000000000000000
CR2: 000000000059936e CR3: 0000000104f1c000 CR4: 00000000003506e0"""
END = "---[ end trace 0000000000000000 ]---"
RULE = "=" * 66
USER = """\
 do_syscall_64+0x2f/0x50
 entry_SYSCALL_64_after_hwframe+0x4b/0xb5
RIP: 0033:0x47fbe9
RAX: ffffffffffffffda RBX: 000000003d09ee60 RCX: 000000000047fbe9
 </TASK>"""
CALLBACK = """\
 cpuhp_invoke_callback+0x1b3/0xa40
 cpuhp_thread_fun+0x1f6/0x570
 smpboot_thread_fn+0x333/0x560
 kthread+0x1a4/0x1e0
 ret_from_fork+0x1f/0x30
 </TASK>"""


def kasan(kind, title, trace, size="Read of size 8", more=""):
    return f"""\
{RULE}
BUG: KASAN: {kind} in {title}
{size} at addr ffff8881048f5a40 by task cpuhp/2/21

{CPU}
Call Trace:
 <TASK>
 dump_stack_lvl+0x51/0x66
 print_report+0x16f/0x4a6
 kasan_report+0xad/0x130
 __asan_load8+0x82/0xb0
{trace}
{CALLBACK}

{more}The buggy address belongs to the object at ffff8881048f5a00
 which belongs to the cache kmalloc-64 of size 64
The buggy address is located 0 bytes to the right of
 64-byte region [ffff8881048f5a00, ffff8881048f5a40)

Memory state around the buggy address:
>ffff8881048f5a00: 00 00 00 00 fc fc fc fc fc fc fc fc fc fc fc fc
                               ^
{RULE}
Disabling lock debugging due to kernel taint"""


FREED = """\
Allocated by task 60:
 kasan_save_stack+0x26/0x50
 __kasan_kmalloc+0x8b/0xa0
 faulty_init+0x28/0x1000 [faulty]
 do_one_initcall+0x64/0x270

Freed by task 61:
 kasan_save_stack+0x26/0x50
 kfree+0xb6/0x1a0
 faulty_free_all+0x31/0x50 [faulty]

Last potentially related work creation:
 insert_work+0x2f/0x100
 faulty_queue+0x31/0x50 [faulty]

"""


def oops(first, die, rip, trace, modules=LINKED, then=""):
    return f"""\
{first}
#PF: supervisor write access in kernel mode
#PF: error_code(0x0002) - not-present page
PGD 0 P4D 0
{die}
{CPU}
RIP: 0010:{rip}
{REGS}
Call Trace:
 <TASK>
{trace}
{CALLBACK}
{modules}
{then}CR2: 0000000000000010
{END}
RIP: 0010:{rip}
Kernel panic - not syncing: Fatal exception
Kernel Offset: disabled
---[ end Kernel panic - not syncing: Fatal exception ]---"""


def warning(line, rip, trace, text=None, modules=LINKED):
    return f"""\
------------[ cut here ]------------
{text + chr(10) if text else ""}{line}
{modules}
{CPU}
RIP: 0010:{rip}
{REGS}
Call Trace:
 <TASK>
 ? __warn+0x9f/0x1a0
{trace}
{USER}
irq event stamp: 799
hardirqs last  enabled at (807): [<ffffffff8118d1d3>] __up_console_sem+0x53/0x60
{END}"""


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


ODEBUG = "ODEBUG: free active (active state 0) object type: timer_list hint: %s"
AT = "WARNING: CPU: 1 PID: 64 at %s"
DIE = "Oops: 0002 [#1] PREEMPT SMP NOPTI"
GPF = "general protection fault, probably for non-canonical address 0x%s: 0000 [#1] PREEMPT SMP KASAN"
NULL = "BUG: kernel NULL pointer dereference, address: 0000000000000010"
PAGING = "BUG: unable to handle page fault for address: %s"
ONLINE = "faulty_online+0x15/0x30 [faulty]"
CORE = "notifier_call_chain+0x45/0xb0"

SPLATS = (
    # KASAN
    ("slab", "out-of-bounds", "faulty", "faulty_online",
     kasan("slab-out-of-bounds", ONLINE, f" {ONLINE}")),
    ("global", "out-of-bounds", "faulty", "faulty_online",
     kasan("global-out-of-bounds", ONLINE, f" {ONLINE}", more="The buggy address belongs to the variable:\n"
           " table+0x14/0xffffffffffffdca0 [faulty]\n\n").replace(
               "ffff8881048f5a40 by", "ffffffffa0004374 by")),
    ("global, in what the driver calls", "out-of-bounds", "faulty", "faulty_online",
     kasan("global-out-of-bounds", CORE, f" {CORE}\n {ONLINE}")),
    ("use after free by the driver", "use-after-free", "faulty", "faulty_online",
     kasan("slab-use-after-free", ONLINE, f" {ONLINE}", more=FREED)),
    ("use after free by the kernel", "use-after-free", "faulty", "faulty_free_all",
     kasan("use-after-free", "__run_timers+0x2f/0x60", " __run_timers+0x2f/0x60", more=FREED)),
    ("freed twice", "double-free", "faulty", "faulty_dead",
     kasan("double-free", "faulty_dead+0x1/0x2 [faulty]", " kfree+0xb6/0x1a0\n"
           " faulty_dead+0x1/0x2 [faulty]", "Free of addr")),
    ("freed what is not allocated", "double-free", "faulty", "faulty_dead",
     kasan("invalid-free", "faulty_dead.cold+0x1/0x2 [faulty]", "", "Free of addr")),
    ("null by KASAN", "null-pointer", "faulty", "faulty_online",
     kasan("null-ptr-deref", ONLINE, f" {ONLINE}")),
    ("wild", "bad-address", "faulty", "faulty_online",
     kasan("wild-memory-access", ONLINE, f" {ONLINE}")),
    ("memory of an unloaded module", "callback-after-unload", "faulty", "",
     kasan("vmalloc-out-of-bounds", CORE, f" {CORE}\n 0xffffffffa0012010").replace(
         "ffff8881048f5a40 by", "ffffffffa0012040 by")),
    ("KFENCE", "use-after-free", "faulty", "faulty_read",
     f"{RULE}\nBUG: KFENCE: use-after-free read in faulty_read+0x5/0x20 [faulty]\n\nUse-after-free "
     "read at 0x00000000b9e8e5c7 (in kfence-#12):\n faulty_read+0x5/0x20 [faulty]\n"
     f"{RULE}"),
    ("UBSAN", "out-of-bounds", "faulty", "faulty_online",
     f"{'=' * 80}\nUBSAN: array-index-out-of-bounds in faulty.c:12:8\nindex 4 is out of range for type "
     f"'int [4]'\n{CPU}\nCall Trace:\n <TASK>\n __ubsan_handle_out_of_bounds.cold+0x2f/0x4b\n {ONLINE}\n"
     f"{CALLBACK}\n{'=' * 80}"),
    ("UBSAN of 6.12", "out-of-bounds", "faulty", "faulty_online",
     "------------[ cut here ]------------\nUBSAN: array-index-out-of-bounds in faulty.c:12:8\n"
     f"{CPU}\nCall Trace:\n <TASK>\n {ONLINE}\n{CALLBACK}\n---[ end trace ]---"),
    ("SLUB", "out-of-bounds", "faulty", "faulty_online",
     f"{'=' * 77}\nBUG kmalloc-64 (Tainted: G           O     ): Right Redzone overwritten\n{'-' * 77}\n\n"
     "0xffff8881048f5a40-0xffff8881048f5a47 @offset=2624. First byte 0x0 instead of 0xcc\n"
     f"Slab 0xffffea0004123d40 objects=21 used=5\n{CPU}\nCall Trace:\n <TASK>\n"
     f" check_bytes_and_report+0x5/0x20\n kfree+0xb6/0x1a0\n {ONLINE}\n{CALLBACK}\n"
     "FIX kmalloc-64: Restoring Right Redzone 0xffff8881048f5a40-0xffff8881048f5a47=0xcc"),

    # Oopses
    ("null", "null-pointer", "faulty", "faulty_online", oops(NULL, DIE, ONLINE, "")),
    ("null in what the driver calls", "null-pointer", "faulty", "faulty_online",
     oops(NULL, DIE, "_raw_spin_lock+0x13/0x20", f" {ONLINE}")),
    ("null of 6.12", "null-pointer", "faulty", "faulty_online",
     oops(NULL, "Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI", ONLINE, "")),
    ("null with KASAN inline", "null-pointer", "faulty", "faulty_online",
     oops(GPF % "dffffc0000000002", "KASAN: null-ptr-deref in range [0x10-0x17]", ONLINE, "")),
    ("null with KASAN inline, of 6.12", "null-pointer", "faulty", "faulty_online",
     oops("Oops: " + GPF % "dffffc0000000002", "KASAN: null-ptr-deref in range [0x10-0x17]", ONLINE, "")),
    ("null on arm64", "null-pointer", "faulty", "faulty_online",
     "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010\n"
     "Internal error: Oops: 0000000096000004 [#1] SMP\n" + LINKED + "\npc : " + ONLINE + "\nlr : " +
     f"cpuhp_invoke_callback+0x1/0x2\nCall trace:\n {ONLINE}\n kthread+0x1/0x2\n{END}"),
    ("paging", "bad-address", "faulty", "faulty_online",
     oops(PAGING % "ffffc90000a5d000", DIE, ONLINE, "")),
    ("not canonical", "bad-address", "faulty", "faulty_online",
     oops(GPF % "89480000458b4c0a", "", ONLINE, "")),
    ("poison of the slab", "use-after-free", "faulty", "faulty_online",
     oops(GPF % "6b6b6b6b6b6b6b7b", "", ONLINE, "")),
    ("poison of a list", "use-after-free", "faulty", "faulty_online",
     oops(GPF % "dead000000000108", "", ONLINE, "")),
    ("runs after unload", "callback-after-unload", "faulty", "",
     oops(PAGING % "ffffffffc0a52010", "Oops: 0010 [#1] PREEMPT SMP NOPTI", "0xffffffffc0a52010", "",
          GONE)),
    ("list of the driver after unload", "callback-after-unload", "faulty", "",
     oops(PAGING % "ffffffffc0a54080", DIE, CORE, " blocking_notifier_call_chain+0x5e/0x80\n"
          " memory_notify+0x1f/0x30", GONE)),
    ("shadow of an unloaded module", "callback-after-unload", "faulty", "",
     oops(PAGING % "fffffbfff4002408", DIE, CORE, "", GONE)),
    ("slab finds a double free", "double-free", "faulty", "faulty_dead",
     "------------[ cut here ]------------\nkernel BUG at mm/slub.c:379!\n" +
     oops("invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", "", "__slab_free+0x1c5/0x370",
          " kfree+0x1/0x2\n faulty_dead+0x1/0x2 [faulty]")),
    ("BUG()", "panic", "faulty", "faulty_online",
     "------------[ cut here ]------------\nkernel BUG at faulty.c:31!\n" +
     oops("invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", "", ONLINE, "")),
    ("list", "other-splat", "faulty", "faulty_online",
     "list_add double add: new=ffffffffa0002080, prev=ffffffffa0002080, next=ffffffff82041b78.\n"
     "------------[ cut here ]------------\nkernel BUG at lib/list_debug.c:33!\n" +
     oops("invalid opcode: 0000 [#1] PREEMPT SMP", "", "__list_add_valid+0x98/0xb0", f" {ONLINE}")),
    ("division", "other-splat", "faulty", "faulty_online",
     oops("divide error: 0000 [#1] PREEMPT SMP NOPTI", "", ONLINE, "")),
    ("panic", "panic", "", "", "Kernel panic - not syncing: Out of memory and no killable processes...\n"
     f"{CPU}\nCall Trace:\n <TASK>\n dump_stack_lvl+0x51/0x66\n panic+0x1/0x2\n </TASK>"),
    ("stack", "out-of-bounds", "faulty", "faulty_online",
     f"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: {ONLINE}\n{CPU}"),

    # Warnings
    ("warning of the driver", "warning", "faulty", "faulty_online",
     warning(AT % f"faulty.c:12 {ONLINE}", ONLINE, "")),
    ("warning of 7.x", "warning", "faulty", "faulty_online",
     warning(f"WARNING: faulty.c:12 at {ONLINE}, CPU#1: cpuhp/1/20", ONLINE, "")),
    ("warning with its condition, of 7.x", "warning", "", "__cpuhp_remove_state_cpuslocked",
     warning("WARNING: [state == 0] kernel/cpu.c:2251 at __cpuhp_remove_state_cpuslocked+0x1/0x2, CPU#1: "
             "sh/64", "__cpuhp_remove_state_cpuslocked+0x1/0x2", "")),
    ("warning for the driver", "warning", "faulty", "faulty_init",
     warning(AT % "kernel/cpu.c:1946 __cpuhp_setup_state_cpuslocked+0x4f2/0x6d0",
             "__cpuhp_setup_state_cpuslocked+0x4f2/0x6d0", " faulty_init+0x1/0x2 [faulty]")),
    ("instances left", "state-left", "faulty", "faulty_exit",
     warning(AT % "kernel/cpu.c:2257 __cpuhp_remove_state_cpuslocked+0x1/0x2", CORE,
             " faulty_exit+0x1/0x2 [faulty]", "Error: Removing state 180 which has instances left.")),
    ("slab cache with objects", "memory-leak", "faulty", "faulty_exit",
     warning(AT % "mm/slab_common.c:493 kmem_cache_destroy+0x1/0x2", "kmem_cache_destroy+0x1/0x2",
             " faulty_exit+0x1/0x2 [faulty]", "kmem_cache_destroy faulty: Slab cache still has objects "
             "when called from faulty_exit+0x1/0x2 [faulty]")),
    ("refcount", "refcount", "faulty", "faulty_put",
     warning(AT % "lib/refcount.c:28 refcount_warn_saturate+0xba/0x110",
             "refcount_warn_saturate+0xba/0x110", " faulty_put+0x1/0x2 [faulty]",
             "refcount_t: underflow; use-after-free.")),
    ("timer freed", "object-left", "faulty", "faulty_tick",
     warning(AT % "lib/debugobjects.c:505 debug_print_object+0x8f/0xb0", "debug_print_object+0x8f/0xb0",
             " kfree+0x1/0x2\n faulty_exit+0x1/0x2 [faulty]", ODEBUG % "faulty_tick+0x0/0x20 [faulty]")),
    ("timer freed, of 6.12", "object-left", "faulty", "faulty_exit",
     warning(AT % "lib/debugobjects.c:612 debug_print_object+0x8f/0xb0", "debug_print_object+0x8f/0xb0",
             " kfree+0x1/0x2\n faulty_exit+0x1/0x2 [faulty]",
             "ODEBUG: free active (active state 0) object: ffffffffc0a54080 object type: timer_list hint: "
             "delayed_work_timer_fn+0x0/0x10")),
    ("timer freed with the module", "object-left", "faulty", "free_module",
     warning(AT % "lib/debugobjects.c:505 debug_print_object+0x8f/0xb0", "debug_print_object+0x8f/0xb0",
             " debug_check_no_obj_freed+0x1/0x2\n free_module+0x1/0x2\n __do_sys_delete_module+0x1/0x2",
             ODEBUG % "0x0")),
    ("file twice", "file-left", "faulty", "faulty_init",
     f"sysfs: cannot create duplicate filename '/kernel/faulty'\n{CPU}\nCall Trace:\n <TASK>\n"
     " dump_stack_lvl+0x51/0x66\n sysfs_warn_dup.cold+0x17/0x24\n kobject_create_and_add+0x1/0x2\n"
     f" faulty_init+0x1/0x2 [faulty]\n{USER}\nkobject_add_internal failed for faulty with -EEXIST, don't "
     "try to register things with the same name in the same directory."),

    # Locks and contexts
    ("hotplug lock", "hotplug-lock", "faulty", "faulty_online",
     lockdep("possible recursive locking detected", recursive("cpu_hotplug_lock", ONLINE), f" {ONLINE}")),
    ("hotplug lock, taken in the kernel", "hotplug-lock", "faulty", "faulty_online",
     lockdep("possible recursive locking detected",
             recursive("cpu_hotplug_lock", "static_key_enable+0x1/0x2"), f" {ONLINE}")),
    ("own lock twice", "deadlock", "faulty", "faulty_online",
     lockdep("possible recursive locking detected", recursive("faulty_lock", ONLINE), f" {ONLINE}")),
    ("lock order", "lock-order", "faulty", "faulty_init",
     lockdep("possible circular locking dependency detected", CIRCULAR,
             " cpus_read_lock+0x1/0x2\n faulty_init+0x1c/0x1000 [faulty]", USER)),
    ("lock in an interrupt", "deadlock", "faulty", "faulty_tick",
     lockdep("inconsistent lock state",
             "inconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} usage.\nswapper/1/0 [HC0[0]:SC1[1]:HE1:SE0] "
             "takes:\nffffffffa0002020 (faulty_lock){+.?.}-{2:2}, at: faulty_tick+0x1/0x2 [faulty]\n"
             "{SOFTIRQ-ON-W} state was registered at:\n  lock_acquire+0x1/0x2\n"
             "  faulty_online+0x1/0x2 [faulty]\nirq event stamp: 12\n", " faulty_tick+0x1/0x2 [faulty]")),
    ("wait context", "sleep-in-atomic", "faulty", "faulty_tick",
     lockdep("x", "swapper/1/0 is trying to lock:\nffffffffa0002020 (faulty_lock){....}-{3:3}, at: "
             "faulty_tick+0x1/0x2 [faulty]\n", "").replace("WARNING: x", "[ BUG: Invalid wait context ]")),
    ("RCU", "other-splat", "faulty", "faulty_look",
     lockdep("suspicious RCU usage", "faulty.c:12 suspicious rcu_dereference_check() usage!\n",
             " lockdep_rcu_suspicious+0x1/0x2\n faulty_look+0x1/0x2 [faulty]")),
    ("sleeps", "sleep-in-atomic", "faulty", "faulty_online", SLEEPS),
    ("schedules", "sleep-in-atomic", "faulty", "faulty_starting",
     f"BUG: scheduling while atomic: swapper/1/0/0x00000002\n{LINKED}\n{CPU}\nCall Trace:\n <TASK>\n"
     " dump_stack_lvl+0x51/0x66\n __schedule_bug.cold+0x1/0x2\n schedule+0x1/0x2\n msleep+0x1/0x2\n"
     f" faulty_starting+0x1/0x2 [faulty]\n{CALLBACK}"),
    ("smp_processor_id()", "other-splat", "faulty", "faulty_read",
     "BUG: using smp_processor_id() in preemptible [00000000] code: sh/64\n"
     f"caller is faulty_read+0x1/0x2 [faulty]\n{CPU}\nCall Trace:\n <TASK>\n dump_stack_lvl+0x51/0x66\n"
     f" check_preemption_disabled+0x1/0x2\n faulty_read+0x1/0x2 [faulty]\n{USER}"),

    # Hangs
    ("hung in the hotplug lock", "hotplug-lock", "faulty", "faulty_online",
     HUNG % f" percpu_rwsem_wait+0x10a/0x130\n __percpu_down_read+0x4e/0x60\n cpus_read_lock+0x6d/0x80\n {ONLINE}"),
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
     leak("__kmalloc_cache_noprof+0x27/0x90", "faulty_prepare+0x23/0x60 [faulty]", crc=" (crc 8b6a3d2)")),
    ("leak after unload", "memory-leak", "faulty", "",
     leak("[<00000000d2c7e7a1>] kmalloc_trace+0x27/0x90", "[<000000003b2e1f0a>] 0xffffffffa0012023",
          "[<00000000aa51d2f4>] cpuhp_invoke_callback+0x1b3/0xa40")),

    # Others
    ("bad page", "other-splat", "faulty", "faulty_free",
     f"BUG: Bad page state in process sh  pfn:1234\npage:ffffea0000048d00 refcount:-1\n{LINKED}\n{CPU}\n"
     "Call Trace:\n <TASK>\n dump_stack_lvl+0x51/0x66\n bad_page.cold+0x7a/0x91\n"
     f" __free_pages+0x1/0x2\n faulty_free+0x1/0x2 [faulty]\n{USER}"),
    ("key", "other-splat", "faulty", "faulty_online",
     f"INFO: trying to register non-static key.\nThe code is fine but needs lockdep annotation, or maybe\n"
     f"{CPU}\nCall Trace:\n <TASK>\n register_lock_class+0x1/0x2\n ? faulty_other+0x1/0x2 [faulty]\n"
     f" {ONLINE}\n{CALLBACK}"))

# Nothing for the driver's author.
CLEAN = (
    ("allocation", f"sh: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL)\n{CPU}\nCall Trace:\n"
     f" <TASK>\n warn_alloc+0x1/0x2\n {ONLINE}\n{USER}\nMem-Info:\nactive_anon:12"),
    ("injected", "FAULT_INJECTION: forcing a failure.\nname failslab, interval 1, probability 100\n"
     f"{CPU}\nCall Trace:\n <TASK>\n should_fail_ex+0x1/0x2\n {ONLINE}\n{USER}"),
    ("limit of lockdep", "BUG: MAX_LOCKDEP_KEYS too low!\nturning off the locking correctness validator.\n"
     f"{CPU}\nCall Trace:\n <TASK>\n {ONLINE}\n{USER}"),
    ("race of the kernel", race("f / g", ["f+0x1/0x2", "h+0x1/0x2", ONLINE], ["g+0x1/0x2"])),
    ("race of another module", race("f [dhp] / g", ["f+0x1/0x2 [dhp]"], ["g+0x1/0x2"])),
    ("leak of the kernel", leak("[<00000000d2c7e7a1>] kmalloc_trace+0x27/0x90")),
    ("announced", f"vm: expect WARNING: faulty_online\n{warning(AT % f'faulty.c:12 {ONLINE}', ONLINE, '')}"),
    ("boot", "kmemleak: Kernel memory leak detector initialized (mem pool available: 15000)\n"
     "kfence: initialized - using 2097152 bytes for 255 objects at 0x0-0x1\n"
     "kasan: KernelAddressSanitizer initialized\n"
     "kcsan: enabled early\nsmpboot: CPU 2 is now offline\nfaulty: loading out-of-tree module taints kernel."))
