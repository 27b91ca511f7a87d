# SPDX-License-Identifier: GPL-2.0
"""What splats of the kernel look like: tables of patterns, for x86 and arm64, Linux 6.1 to 7.x.

Not here: how a log is read with them, see certify_console.py.
"""

import re


def _table(*rows):
    return [(re.compile(pattern), *rest) for pattern, *rest in rows]


# ---------------------------------------------------------------- where a splat begins and ends

CUT_HERE = "[ cut here ]"

# Look like the head of a splat, but report a limit of the kernel's or of a test.
NO_FAULT = re.compile(
    r"BUG: MAX_LOCK|BUG: MAX_STACK_TRACE|BUG: kworker.* workqueue|INFO: lockdep is turned off|"
    r"INFO: NMI handler|INFO: Stall ended|KASAN: (?:KernelAddressSanitizer|maybe)? ?initialized|"
    r"KASAN: Kernel|INFO: Slab 0x|INFO: Object 0x")

# The groups of splats: each is ended and named in a way of its own. The first that matches counts.
HEADS = _table(
    (r"page allocation failure:|vmalloc error:|FAULT_INJECTION: forcing|invoked "
     r"oom-killer", "quiet"),
    (r"BUG: KASAN: ", "kasan"),
    (r"BUG: KCSAN: ", "kcsan"),
    (r"BUG: KFENCE: ", "kfence"),
    (r"UBSAN: ", "ubsan"),
    (r"^unreferenced object 0x[0-9a-f]+ ", "leak"),
    (r"^BUG:? [\w\-:.]+ \(.*\): ", "slub"),
    (r"WARNING: (?:possible (?:recursive|circular|irq lock)|inconsistent lock|suspicious RCU|"
     r"held lock freed|bad unlock|bad contention|lock held when|Nested lock|chain_key|"
     r".*-safe -> .*-unsafe lock order|.*still has locks held|.*context switch in)|"
     r"\[ BUG: Invalid wait|INFO: trying to register non-static", "lockdep"),
    (r"BUG: sleeping function called|BUG: scheduling while atomic|BUG: scheduling in a non-block",
     "atomic"),
    (r"INFO: task .* blocked |INFO: .*(?:detected (?:expedited )?stalls|self-detected stall)|"
     r"soft lockup - |hard LOCKUP|BUG: workqueue lockup|kthread starved for", "hang"),
    # Linux 6.1 makes a link in the root of sysfs, and leaves it there, when it has no memory for the
    # link from a module to a driver.
    (r"cannot create duplicate filename (?!'//)|kobject_add_internal failed for .* with -EEXIST", "file"),
    (r"Kernel panic - not syncing", "panic"),
    (r"NULL pointer dereference|BUG: [Uu]nable to handle|Unable to handle kernel|kernel BUG at|"
     r"general protection fault|stack segment: |stack guard page was hit|double fault|divide error|"
     r"Oops: |Oops - |Internal error: |^KASAN: |NX-protected page|list_(?:add|del) (?:corruption|"
     r"double)|"
     r"invalid opcode: |: [0-9a-f]{4} \[#\d+\]", "oops"),
    (r"WARNING: (?:CPU: \d+ PID: \d+ at |.*\S:\d+ at )|refcount_t: |ODEBUG: ", "warn"),
    (r"(?:^|[^A-Za-z_])BUG: |INFO: possible|nobody cared|NOHZ tick-stop error|"
     r"[Mm]emory corruption detected|something is seriously wrong", "other"))

END_TRACE = re.compile(r"---\[ end (?:trace|Kernel)")
RULE = re.compile(r"^={20,}$")
ENDS = {
    "kasan": RULE, "kcsan": RULE, "kfence": RULE,
    "ubsan": re.compile(RULE.pattern + "|" + END_TRACE.pattern),
    "warn": END_TRACE, "oops": END_TRACE, "panic": END_TRACE}

# What closes a trace in a splat without an end of its own, and what may still come after that, or
# after an end. Whatever else follows is the log of something else.
TRACE_END = re.compile(r"</TASK>|</IRQ>$")
PART = re.compile(
    r"^$|^\s|^(?:RIP|Code|RSP|R[A-Z0-9]{2}|EAX|[FCEDG]S|CR2|PKRU|pc |lr |sp |x\d+): ?|"
    r"^(?:Call Trace|Call trace|Modules linked|CPU: |Hardware name|Tainted: |Workqueue: |task:|"
    r"---\[|"
    r"\"echo 0|note: |Sending NMI|NMI backtrace|rcu: |Showing all locks|\d+ locks? held by|no "
    r"locks held|"
    r"irq event|hardirqs last|softirqs last|={9}|-{9}|Kernel Offset|Shutting down cpus|"
    r"INFO: lockdep is turned off|FIX |Object 0x|Slab 0x|Redzone|Padding|Memory state|Disabling "
    r"lock|Rebooting in)")

# ---------------------------------------------------------------- the class of a splat

KASAN_TYPES = _table(
    (r"out-of-bounds", "out-of-bounds"),
    (r"use-after-(?:free|scope)", "use-after-free"),
    (r"double-free|invalid-free", "double-free"),
    (r"null-ptr-deref", "null-pointer"),
    (r"", "bad-address"))

KFENCE_TYPES = _table(
    (r"out-of-bounds|memory corruption", "out-of-bounds"),
    (r"use-after-free", "use-after-free"),
    (r"invalid free", "double-free"),
    (r"", "bad-address"))

UBSAN_TYPES = _table(
    (r"array-index-out-of-bounds|object-size", "out-of-bounds"),
    (r"null", "null-pointer"),
    (r"", "other-splat"))

SLUB_TYPES = _table(
    (r"Object already free", "double-free"),
    (r"Redzone overwritten|Redzone \w+ overwritten|Object padding", "out-of-bounds"),
    (r"Poison overwritten|Object corrupt|Free(?:pointer|chain) corrupt", "use-after-free"),
    (r"Objects remaining", "memory-leak"),
    (r"Invalid object pointer|outside of slab", "double-free"),
    (r"", "other-splat"))

LOCKDEP_TYPES = _table(
    (r"Invalid wait context|[Cc]ontext switch in", "sleep-in-atomic"),
    (r"possible recursive", "deadlock"),
    (r"possible circular|possible irq lock inversion|lock order detected", "lock-order"),
    (r"inconsistent lock state", "deadlock"),
    (r"", "other-splat"))

# All of the splat is searched, in this order.
OOPS_TYPES = _table(
    (r"NULL pointer dereference|KASAN: null-ptr-deref", "null-pointer"),
    # What the slab allocator and list_del() leave in memory that is no more in use.
    (r"address:? (?:0x)?(?:6b){7}|address:? (?:0x)?dead0000000001[0-9a-f]{2}", "use-after-free"),
    (r"(?:[Uu]nable to handle|general protection|stack segment|stack guard page)", "bad-address"),
    (r"list_add double add|list_(?:add|del) corruption", "other-splat"),
    (r"(?s)kernel BUG at .*mm/slub\.c.*(?:free|set_freepointer)", "double-free"),
    (r"kernel BUG at|double fault", "panic"),
    (r"", "other-splat"))

WARN_TYPES = _table(
    (r"refcount_t: ", "refcount"),
    (r"ODEBUG: ", "object-left"),
    (r"still has objects when called", "memory-leak"),
    (r"kmem_cache of name .* already exists", "cache-left"),
    (r"which has instances left|No more dynamic states available", "state-left"),
    (r"already registered|removing non-empty directory", "file-left"),
    (r"has the following busy pwq", "work-left"),
    (r"[Vv]oluntary context switch within RCU", "sleep-in-atomic"),
    (r"nonexistent vm area|already-free IRQ", "double-free"),
    (r"list_add double add|list_(?:add|del) corruption", "other-splat"),
    (r"", "warning"))

TYPES = {"kasan": KASAN_TYPES, "kfence": KFENCE_TYPES, "ubsan": UBSAN_TYPES, "slub": SLUB_TYPES,
         "lockdep": LOCKDEP_TYPES, "oops": OOPS_TYPES, "warn": WARN_TYPES}
WHOLE_TEXT = ("oops", "warn", "slub")
SIMPLE = {"kcsan": "data-race", "leak": "memory-leak", "file": "file-left",
          "atomic": "sleep-in-atomic", "hang": "lockup", "panic": "panic", "other": "other-splat"}

# Panics for something that was reported before.
DERIVED_PANIC = re.compile(r"not syncing: (?:.*panic_on_warn|Fatal |hung_task|softlockup|RCU Stall|"
                           r"Hard LOCKUP|Oops|Attempted to kill|KASAN|kasan)")

# Waiting for a lock; and for the lock of CPU hotplug, in a callback of it.
LOCK_WAIT = re.compile(r"__mutex_lock|rwsem_down_|percpu_rwsem_wait|__percpu_down_|\bdown_\w+|"
                       r"rt_mutex_slowlock|__down_common|cpus_read_lock|get_online_mems")
HOTPLUG_LOCK = re.compile(r"\b(?:cpu_hotplug_lock|mem_hotplug_lock)\b")
HOTPLUG_WAIT = re.compile(r"cpus_read_lock|percpu_rwsem_wait|__percpu_down_read|get_online_mems")
IN_CALLBACK = re.compile(r"cpuhp_invoke_callback|cpuhp_thread_fun|memory_notify")

# ---------------------------------------------------------------- whom to blame

# The parts of a splat, by the line that begins each.
REGIONS = _table(
    (r"is trying to acquire(?: lock)?:|is trying to lock:|just changed the state of lock:| takes:$",
     "acquire"),
    (r"already holding(?: lock)?:|^but (?:this|task)", "held"),
    (r"locks? held by|Showing all locks", "held"),
    (r"^-> #\d|-irq-(?:un)?safe (?:at|lock)|state was registered at:|shortest dependencies|"
     r"dependencies between", "chain"),
    (r"Allocated by task|allocated by task", "allocated"),
    (r"Freed by task|freed by task", "freed"),
    (r"related work creation", "work"),
    (r"belongs to the variable", "variable"),
    (r"is located in stack of task|in frame:", "frame"),
    (r"belongs to|Memory state around", "rest"),
    (r"Preemption disabled at:", "preempt"),
    (r"irq event stamp|(?:hard|soft)irqs last|(?:hard|soft)irqs (?:last )?(?:en|dis)abled", "rest"),
    (r"stack backtrace:|Call [Tt]race:| bytes by (?:task|interrupt)|^\s+backtrace|^RIP: 0010|"
     r"^pc : ", "trace"))

# Most telling first. A frame in "rest" and a variable's name are no function to blame.
ORDER = ("title", "acquire", "trace", "freed", "allocated", "work", "chain", "held", "frame",
         "preempt")

# Functions that only report, allocate, wait or lead to the interesting one.
MACHINERY = re.compile(
    r"^_*(?:dump_stack|show_|print_|kasan|asan|check_|might_|report_|warn|handle_bug|exc_|asm_|"
    r"lock_|"
    r"lockdep|validate_chain|mark_lock|mark_usage|register_lock|raw_|spin_|mutex_|down_|up_|"
    r"percpu_|"
    r"rwsem_|rt_|refcount_warn|debug_|kfree|kmalloc|kzalloc|kvmalloc|kmem_cache_|vmalloc|slab_|"
    r"alloc_|"
    r"free_pages|free_unref|mem(?:cpy|set|move|cmp)|str(?:len|cmp|cpy|ncpy)|list_|schedule|"
    r"wait_for_|preempt_|context_switch|page_fault|do_(?:user_addr_|kern_addr_)|no_context|die|"
    r"oops|"
    r"panic|nmi|default_idle|sysvec|irq_|hrtimer_|tick_|update_process|watchdog|rcu_|queued_spin|"
    r"pv_|"
    r"csd_|create_object|vmalloc|bad_page|sysfs_warn|ubsan|kfence|kcsan|tsan|fault_inject|"
    r"ret_from_fork|kthread$|entry_|do_syscall|x64_sys|x64_sys_call|rcuwait)")
LOADING = re.compile(r"\b(?:do_init_module|load_module|free_module|\w*sys_delete_module)\b")
