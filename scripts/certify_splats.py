# SPDX-License-Identifier: GPL-2.0
"""Splats as kernels print them, from 6.1 to 7.x, for the tests of certify_console.py: memory,
crashes and warnings.

Each of SPLATS is a name, the class, the module and the function to blame, and the text. The driver
is "faulty". Not here: locks, hangs, races and leaks, see certify_splats_of_waits.py; and the tests.
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


ODEBUG = "ODEBUG: free active (active state 0) object type: timer_list hint: %s"
AT = "WARNING: CPU: 1 PID: 64 at %s"
DIE = "Oops: 0002 [#1] PREEMPT SMP NOPTI"
GPF = "general protection fault, probably for non-canonical address 0x%s: 0000 [#1] PREEMPT SMP"
NULL = "BUG: kernel NULL pointer dereference, address: 0000000000000010"
PAGING = "BUG: unable to handle page fault for address: %s"
ONLINE = "faulty_online+0x15/0x30 [faulty]"
CORE = "notifier_call_chain+0x45/0xb0"

SPLATS = (
    # KASAN
    ("slab", "out-of-bounds", "faulty", "faulty_online",
     kasan("slab-out-of-bounds", ONLINE, f" {ONLINE}")),
    ("global", "out-of-bounds", "faulty", "faulty_online",
     kasan("global-out-of-bounds", ONLINE, f" {ONLINE}",
           more="The buggy address belongs to the variable:\n"
           " table+0x14/0xffffffffffffdca0 [faulty]\n\n").replace(
               "ffff8881048f5a40 by", "ffffffffa0004374 by")),
    ("the driver's variable, by the kernel", "out-of-bounds", "faulty", "",
     kasan("global-out-of-bounds", CORE, f" {CORE}",
           more="The buggy address belongs to the variable:\n"
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
     f"{'=' * 80}\nUBSAN: array-index-out-of-bounds in faulty.c:12:8\nindex 4 is out of range for "
     "type "
     f"'int [4]'\n{CPU}\nCall Trace:\n <TASK>\n __ubsan_handle_out_of_bounds.cold+0x2f/0x4b\n "
     f"{ONLINE}\n"
     f"{CALLBACK}\n{'=' * 80}"),
    ("UBSAN of 6.12", "out-of-bounds", "faulty", "faulty_online",
     "------------[ cut here ]------------\nUBSAN: array-index-out-of-bounds in faulty.c:12:8\n"
     f"{CPU}\nCall Trace:\n <TASK>\n {ONLINE}\n{CALLBACK}\n---[ end trace ]---"),
    ("SLUB", "out-of-bounds", "faulty", "faulty_online",
     f"{'=' * 77}\nBUG kmalloc-64 (Tainted: G           O     ): Right Redzone overwritten\n"
     f"{'-' * 77}\n\n"
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
     oops("Oops: " + GPF % "dffffc0000000002", "KASAN: null-ptr-deref in range "
                                               "[0x10-0x17]", ONLINE, "")),
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
     oops(PAGING % "ffffffffc0a52010", "Oops: 0010 [#1] PREEMPT SMP "
                                       "NOPTI", "0xffffffffc0a52010", "",
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
    ("panic", "panic", "", "", "Kernel panic - not syncing: Out of memory and no killable "
                               "processes...\n"
     f"{CPU}\nCall Trace:\n <TASK>\n dump_stack_lvl+0x51/0x66\n panic+0x1/0x2\n </TASK>"),
    ("stack", "out-of-bounds", "faulty", "faulty_online",
     f"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: {ONLINE}\n{CPU}"),

    # Warnings
    ("warning of the driver", "warning", "faulty", "faulty_online",
     warning(AT % f"faulty.c:12 {ONLINE}", ONLINE, "")),
    ("warning of 7.x", "warning", "faulty", "faulty_online",
     warning(f"WARNING: faulty.c:12 at {ONLINE}, CPU#1: cpuhp/1/20", ONLINE, "")),
    ("warning with its condition, of 7.x", "warning", "", "__cpuhp_remove_state_cpuslocked",
     warning("WARNING: [state == 0] kernel/cpu.c:2251 at __cpuhp_remove_state_cpuslocked+0x1/0x2, "
             "CPU#1: "
             "sh/64", "__cpuhp_remove_state_cpuslocked+0x1/0x2", "")),
    ("warning for the driver", "warning", "faulty", "faulty_init",
     warning(AT % "kernel/cpu.c:1946 __cpuhp_setup_state_cpuslocked+0x4f2/0x6d0",
             "__cpuhp_setup_state_cpuslocked+0x4f2/0x6d0", " faulty_init+0x1/0x2 [faulty]")),
    ("instances left", "state-left", "faulty", "faulty_exit",
     warning(AT % "kernel/cpu.c:2257 __cpuhp_remove_state_cpuslocked+0x1/0x2", CORE,
             " faulty_exit+0x1/0x2 "
             "[faulty]", "Error: Removing state 180 which has instances left.")),
    ("slab cache with objects", "memory-leak", "faulty", "faulty_exit",
     warning(AT % "mm/slab_common.c:493 kmem_cache_destroy+0x1/0x2", "kmem_cache_destroy+0x1/0x2",
             " faulty_exit+0x1/0x2 "
             "[faulty]", "kmem_cache_destroy faulty: Slab cache still has objects "
             "when called from faulty_exit+0x1/0x2 [faulty]")),
    ("refcount", "refcount", "faulty", "faulty_put",
     warning(AT % "lib/refcount.c:28 refcount_warn_saturate+0xba/0x110",
             "refcount_warn_saturate+0xba/0x110", " faulty_put+0x1/0x2 [faulty]",
             "refcount_t: underflow; use-after-free.")),
    ("timer freed", "object-left", "faulty", "faulty_tick",
     warning(AT % "lib/debugobjects.c:505 "
                  "debug_print_object+0x8f/0xb0", "debug_print_object+0x8f/0xb0",
             " kfree+0x1/0x2\n faulty_exit+0x1/0x2 "
             "[faulty]", ODEBUG % "faulty_tick+0x0/0x20 [faulty]")),
    ("timer freed, of 6.12", "object-left", "faulty", "faulty_exit",
     warning(AT % "lib/debugobjects.c:612 "
                  "debug_print_object+0x8f/0xb0", "debug_print_object+0x8f/0xb0",
             " kfree+0x1/0x2\n faulty_exit+0x1/0x2 [faulty]",
             "ODEBUG: free active (active state 0) object: ffffffffc0a54080 object type: "
             "timer_list hint: "
             "delayed_work_timer_fn+0x0/0x10")),
    ("timer freed with the module", "object-left", "faulty", "free_module",
     warning(AT % "lib/debugobjects.c:505 "
                  "debug_print_object+0x8f/0xb0", "debug_print_object+0x8f/0xb0",
             " debug_check_no_obj_freed+0x1/0x2\n free_module+0x1/0x2\n "
             "__do_sys_delete_module+0x1/0x2",
             ODEBUG % "0x0")),
    ("file twice", "file-left", "faulty", "faulty_init",
     f"sysfs: cannot create duplicate filename '/kernel/faulty'\n{CPU}\nCall Trace:\n <TASK>\n"
     " dump_stack_lvl+0x51/0x66\n sysfs_warn_dup.cold+0x17/0x24\n kobject_create_and_add+0x1/0x2\n"
     f" faulty_init+0x1/0x2 [faulty]\n{USER}\nkobject_add_internal failed for faulty with "
     "-EEXIST, don't "
     "try to register things with the same name in the same directory."),

    # Others
    ("bad page", "other-splat", "faulty", "faulty_free",
     f"BUG: Bad page state in process sh  pfn:1234\npage:ffffea0000048d00 refcount:-1\n{LINKED}\n"
     f"{CPU}\n"
     "Call Trace:\n <TASK>\n dump_stack_lvl+0x51/0x66\n bad_page.cold+0x7a/0x91\n"
     f" __free_pages+0x1/0x2\n faulty_free+0x1/0x2 [faulty]\n{USER}"),
    ("key", "other-splat", "faulty", "faulty_online",
     "INFO: trying to register non-static key.\nThe code is fine but needs lockdep annotation, "
     "or maybe\n"
     f"{CPU}\nCall Trace:\n <TASK>\n register_lock_class+0x1/0x2\n ? faulty_other+0x1/0x2 "
     "[faulty]\n"
     f" {ONLINE}\n{CALLBACK}"))
