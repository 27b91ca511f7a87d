# SPDX-License-Identifier: GPL-2.0
"""What each class of fault is called, and what drivers usually do about it.

Not here: how a class is found, see certify_console.py and selftests/certify.
"""

from collections import namedtuple

# title   what happened, in words, after "drill on kernel: "
# advice  two or three sentences for the author of the driver
Words = namedtuple("Words", "title advice")

WORDS = {
    "out-of-bounds": Words(
        "access outside of an object",
        "An array that is indexed by CPU number has nr_cpu_ids elements, not num_online_cpus() "
        "or num_present_cpus(): CPU numbers have gaps, and CPUs come later. alloc_percpu() or "
        "DEFINE_PER_CPU() need no size at all. What is made for each CPU is made with "
        "for_each_possible_cpu(), or in the prepare callback of cpuhp_setup_state()."),
    "use-after-free": Words(
        "access to memory that is freed",
        "Stop what uses an object before you free it: timer_delete_sync() (del_timer_sync() in "
        "older kernels), cancel_work_sync(), kthread_stop(), free_irq(), synchronize_rcu(), then "
        "kfree(). Free what belongs to a CPU in the teardown of the prepare step, which runs "
        "when the CPU is dead, not in that of the online step, and not while another CPU may "
        "still read it."),
    "double-free": Words(
        "memory freed twice",
        "The teardown of a prepare step runs both when a CPU has gone and when its add is "
        "rolled back, and rmmod runs it for each CPU that is online. Set the pointer to NULL "
        "when you free it (kfree(NULL) does nothing), and free in one place: the teardown "
        "callback, or the exit function after cpuhp_remove_state_nocalls(), not both."),
    "null-pointer": Words(
        "a NULL pointer used",
        "What a CPU needs was not made for a CPU that was offline when the driver was loaded. "
        "Make it in the prepare callback of cpuhp_setup_state(), which is also called for each "
        "CPU that is online already, or with for_each_possible_cpu() or alloc_percpu(). Check "
        "what kmalloc_node(), kthread_create_on_cpu() and their like return, and return the "
        "error from the callback."),
    "bad-address": Words(
        "access to an address that is not mapped",
        "The pointer was never set, or points into what is gone: a per-CPU pointer used without "
        "per_cpu_ptr(), an element behind the end of an array, the memory of a DIMM that is "
        "unplugged. Size by nr_cpu_ids, look up memory with pfn_to_online_page(), and drop "
        "pointers into a range in MEM_GOING_OFFLINE."),
    "sleep-in-atomic": Words(
        "sleeping where that is not allowed",
        "Prepare and online callbacks may sleep, callbacks of the starting section and whatever "
        "holds a spinlock, has interrupts off or runs between get_cpu() and put_cpu() may not. "
        "Allocate beforehand, in the prepare callback, or with GFP_ATOMIC; use a mutex instead "
        "of a spinlock around code that sleeps; or move the work to a workqueue."),
    "hotplug-lock": Words(
        "the CPU hotplug lock taken in a hotplug callback",
        "A callback runs with cpu_hotplug_lock held for writing: cpus_read_lock(), and all that "
        "takes it (cpuhp_setup_state(), cpuhp_remove_state(), static_branch_enable()), waits "
        "for itself. Leave it out, as the CPUs cannot change meanwhile; use the _cpuslocked "
        "form of a function; or move the work to a workqueue, without waiting for it. The same "
        "goes for mem_hotplug_lock in a memory notifier."),
    "lock-order": Words(
        "locks taken in the wrong order",
        "Callbacks run below cpu_hotplug_lock, so a lock that a callback takes must not be held "
        "around cpus_read_lock(), cpuhp_setup_state() or cpuhp_remove_state(). Take the hotplug "
        "lock first everywhere, your own lock inside it, and write the order down. The same "
        "goes for memory notifiers and mem_hotplug_lock."),
    "deadlock": Words(
        "a lock that can never be taken",
        "The lock is held by the one that waits for it, or by what an interrupt has stopped. Do "
        "not call, with a lock held, what takes it again; use spin_lock_irqsave() where an "
        "interrupt or a timer takes it too; and hold no lock around flush_work(), "
        "kthread_stop() or timer_delete_sync() that the work, thread or timer needs."),
    "lockup": Words(
        "a CPU or a task that gets no further",
        "A callback must end. Do not wait in it for what needs the operation to be over, such "
        "as another hotplug operation or cpus_read_lock() elsewhere, nor, in the teardown of a "
        "prepare step, for a thread or a work item on the CPU, which is dead by then. Stop or "
        "park threads in the teardown of the online step (smpboot threads park themselves), "
        "wait with a timeout, and call cond_resched() in long loops."),
    "data-race": Words(
        "a data race",
        "Two CPUs use a variable at the same time, at least one of them writes, and they share "
        "no lock. Take a lock on both sides, make it atomic_t or per CPU (this_cpu_inc(), "
        "summed up with for_each_possible_cpu(), so that the share of an offline CPU is not "
        "lost), or mark both sides with READ_ONCE() and WRITE_ONCE() if any value will do."),
    "memory-leak": Words(
        "memory that is never freed",
        "What a callback allocates for a CPU is freed by the teardown of the same step, which "
        "also runs when a later step fails; a step that fails itself must free what it has "
        "made, as its own teardown is not run. The exit function frees for_each_possible_cpu(), "
        "not for the CPUs that are online by then. Unwind errors in reverse order."),
    "object-left": Words(
        "an active timer, work item or other object freed or reused",
        "Call timer_delete_sync() (or timer_shutdown_sync()), cancel_work_sync() or "
        "cancel_delayed_work_sync() before the memory goes, for each possible CPU and in the "
        "exit function as well as in the teardown callback. Initialise an object once, before "
        "its first use, not each time that the CPU comes."),
    "refcount": Words(
        "a reference count out of balance",
        "Each get has one put: what start-up takes, the teardown of the same step gives back, "
        "once, and so does the error path. Use refcount_inc_not_zero() or "
        "kref_get_unless_zero() where the object may be being removed, and let the last put "
        "free it."),
    "warning": Words(
        "a warning of the kernel",
        "The kernel checks an assumption there, and the line that is named says which. Look at "
        "what the driver passes: often a state removed from inside a callback, a CPU that is "
        "offline (cpu_online() checked without cpus_read_lock()), or something destroyed that "
        "is in use."),
    "panic": Words(
        "the kernel stopped: BUG() or panic",
        "Return an error instead of BUG_ON(): a prepare or online callback may fail, and the "
        "CPU then stays as it was. A callback that tears down must not fail when the state is "
        "removed, and the kernel stops if it does: return 0 there, and undo what can be undone."),
    "other-splat": Words(
        "something else that the kernel complains about",
        "Read the first line of the report and the first of the driver's functions in its "
        "trace. Common causes are a lock, list or timer that was not initialised, an entry that "
        "is added or removed twice, smp_processor_id() where the task may move to another CPU "
        "(use get_cpu() or raw_smp_processor_id()), and RCU used without rcu_read_lock()."),
    "callback-after-unload": Words(
        "a call into the driver after it was unloaded",
        "Remove each registration in the exit function, and on each way out of the init "
        "function that fails after it: cpuhp_remove_state(), unregister_memory_notifier(), "
        "timer_shutdown_sync(), destroy_workqueue(), kthread_stop(), rcu_barrier() after "
        "call_rcu(). Keep the number that cpuhp_setup_state(CPUHP_AP_ONLINE_DYN) returns: it is "
        "the state to remove."),
    "state-left": Words(
        "a hotplug state left behind",
        "Call cpuhp_remove_state() with the number that cpuhp_setup_state() returned, in the "
        "exit function and on each error path of the init function, in the reverse of the order "
        "of set-up; remove the instances of a multi-instance state first. Dynamic states are "
        "few, and shared by all drivers."),
    "thread-left": Words(
        "a thread left behind",
        "Call kthread_stop() for each thread, also for those of CPUs that are offline now, and "
        "on error paths; or let smpboot_register_percpu_thread() keep them and "
        "smpboot_unregister_percpu_thread() end them. A thread must look at "
        "kthread_should_stop(), and at kthread_should_park() if it is bound to a CPU."),
    "timer-left": Words(
        "a timer left behind",
        "Call timer_delete_sync() (del_timer_sync() in older kernels) in the teardown callback of "
        "the "
        "CPU and in the exit function; a timer that arms itself again needs "
        "timer_shutdown_sync(). A timer that was armed with add_timer_on() is moved to another "
        "CPU when its own goes offline, not deleted."),
    "work-left": Words(
        "a work item left behind",
        "Call cancel_work_sync() or cancel_delayed_work_sync() for each possible CPU, after "
        "whatever queues the work is stopped; destroy_workqueue() drains a queue of your own. "
        "Work that was queued with queue_work_on() runs on another CPU when its own has gone "
        "offline: check smp_processor_id(), or cancel it in the teardown callback."),
    "cache-left": Words(
        "a slab cache left behind",
        "Call kmem_cache_destroy() in the exit function and on error paths, after each object "
        "was freed, and after rcu_barrier() if they are freed by call_rcu()."),
    "percpu-left": Words(
        "per-CPU memory left behind",
        "Call free_percpu() for each alloc_percpu(), in the exit function and on error paths, "
        "after the hotplug state that uses it is removed. percpu_counter_destroy() and "
        "percpu_ref_exit() free theirs."),
    "file-left": Words(
        "a file in sysfs, debugfs, procfs or sysctl left behind, or made twice",
        "Remove in the exit function and on error paths what was made: "
        "debugfs_remove_recursive(), sysfs_remove_group(), kobject_put(), "
        "unregister_sysctl_table(), remove_proc_subtree(). Make a file for a CPU in its online "
        "callback and remove it in the teardown of the same, or make the files of all possible "
        "CPUs once."),
    "thread-unbound": Words(
        "a thread that is not bound to its CPU any more",
        "When a CPU goes offline the scheduler lets its threads run anywhere, and does not bind "
        "them again, not even one of kthread_create_on_cpu() that was parked meanwhile. Use "
        "smpboot_register_percpu_thread(), whose threads are bound again; or stop the thread in "
        "the teardown of the online step, and make a new one with kthread_create_on_cpu() (or "
        "kthread_bind()) each time that the CPU comes online."),
    "thread-wrong-cpu": Words(
        "a thread that runs on the wrong CPU",
        "Use kthread_create_on_cpu(), or kthread_bind() before the first wake_up_process(): "
        "afterwards it is refused. The thread of a CPU that is going offline must be stopped in "
        "the teardown of the online step, or the scheduler moves it elsewhere; "
        "smpboot_register_percpu_thread() takes care of all of this."),
    "page-pinned": Words(
        "memory that cannot be unplugged",
        "Give up pages in the range in a memory notifier at MEM_GOING_OFFLINE "
        "(register_memory_notifier()), and return NOTIFY_OK. Movable pages must not be held for "
        "long (FOLL_LONGTERM moves them elsewhere first), kernel allocations on hot-plugged "
        "memory block its removal until they are freed, and each get_page() or pin_user_pages() "
        "has its put."),
    "refuses": Words(
        "a hotplug operation refused without a reason",
        "Return 0 from the CPU callbacks, and NOTIFY_OK or NOTIFY_DONE from the memory "
        "notifier, unless the driver cannot go on; then notifier_from_errno() with the true "
        "error, and a line in the log. NOTIFY_BAD refuses with -EPERM, whatever the reason is; "
        "an errno without notifier_from_errno() does not refuse, but hides the event from the "
        "notifiers behind."),
    "not-undone": Words(
        "steps not undone in reverse when an operation failed",
        "When a later step fails, the kernel calls the teardown of the steps that have "
        "succeeded, in reverse: give cpuhp_setup_state() a teardown for each start-up, and make "
        "it undo just that. A step that fails itself must undo its own half, as its teardown is "
        "not called; a memory notifier undoes MEM_GOING_ONLINE in MEM_CANCEL_ONLINE and "
        "MEM_GOING_OFFLINE in MEM_CANCEL_OFFLINE."),
    "half-loaded": Words(
        "neither works nor fails cleanly when memory is short",
        "Check what each allocation returns, hand -ENOMEM up, and unwind with labels in reverse "
        "order, so that a failed insmod leaves nothing. Where the driver can do without the "
        "memory, write a line in the log and go on; never return 0 with a part missing."),
    "slow": Words(
        "makes each hotplug operation wait",
        "All of the machine's hotplug waits for a callback. Move what takes long (firmware, "
        "msleep(), large allocations) to a workqueue; replace synchronize_rcu() by call_rcu(), "
        "or call it once for all CPUs; and do in the prepare and online steps only what the CPU "
        "needs."),
    "api-misuse": Words(
        "dhp used in a way that it does not allow",
        "See module/CONTRACT.md. A callback does not register, unregister or wait for "
        "callbacks, and keeps no pointer to the event after it returns; a client unregisters "
        "once, where it may sleep, and before what its callback uses is freed."),
    "exercise-failed": Words(
        "the exercise failed",
        "The driver did not do its work, though the kernel saw nothing wrong: look at what the "
        "exercise printed. Requests that were queued for a CPU that is gone must move to "
        "another one: in the teardown callback, splice its queue to that of a CPU in "
        "cpu_online_mask; take the CPU by get_cpu() or under cpus_read_lock()."),
    "load-failed": Words(
        "the driver does not load",
        "The driver must load with any number of CPUs online, and with gaps in their numbers: "
        "use for_each_online_cpu() under cpus_read_lock(), cpu_to_node() with NUMA_NO_NODE in "
        "mind, and kmalloc_node() that falls back to other nodes. If it failed on purpose, its "
        "log should say why."),
    "unload-failed": Words(
        "the driver does not unload",
        "A reference to the module is held: a file open, try_module_get() without module_put() "
        "(often on the path of an error), or a thread that took one. What is stopped must end "
        "in the exit function, without waiting for a CPU that is offline."),
    "hang": Words(
        "the guest got no further",
        "Look at what the drill did last, in the time line: mostly a callback that waits for a "
        "lock or a completion, or a loop that waits for a CPU that is offline. Wait with a "
        "timeout (wait_for_completion_timeout()), never for another CPU's hotplug step, and "
        "never with the hotplug lock held for what needs it."),
}


def title(kind):
    """The class in words; an unknown one by its id."""
    return WORDS[kind].title if kind in WORDS else kind


def advice(kind):
    """What drivers usually do about it, or nothing if the class is not known."""
    return WORDS[kind].advice if kind in WORDS else ""
