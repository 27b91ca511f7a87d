# SPDX-License-Identifier: GPL-2.0
"""The virtual machine: QEMU's arguments for CPUs, memory, accelerator and serial lines, and the
kernel's command line."""

import os

TCG_CONTEXTS = 255   # the most CPUs that QEMU gives a machine without an IOMMU
MAX_SLOTS = 256      # the most DIMM slots
MAX_NODES = 128      # the most NUMA nodes

# ignore_loglevel and devkmsg=on: the console must have every message.
KERNEL_ARGS = ("console=ttyS0,115200 ignore_loglevel printk.devkmsg=on log_buf_len=4M "
               "panic=-1 oops=panic rcupdate.rcu_cpu_stall_timeout=60 net.ifnames=0")

# The kernel cuts off a longer command line; we may add these words ourselves.
APPEND_MAX = 2047 - len(f"{KERNEL_ARGS}  possible_cpus={TCG_CONTEXTS} "
                           "tsc=reliable no_ipi_broadcast=1 nokaslr")

def sockets(options, accelerator):
    """How many CPUs QEMU can be given."""
    if accelerator == "tcg":
        # Each vCPU that ever ran uses up one of QEMU's maxcpus translation contexts, and QEMU
        # aborts when it has none left. So QEMU has many, and possible_cpus= limits the guest.
        return max(options.maxcpus, TCG_CONTEXTS)
    return options.maxcpus


def kernel_arguments(options, accelerator):
    """The kernel's command line."""
    words = KERNEL_ARGS
    if options.gdb:
        words += " nokaslr"  # gdb knows the addresses of vmlinux
    if accelerator == "tcg":
        words += f" possible_cpus={options.maxcpus}"
        # All emulated time stamp counters have one value; a kernel that does not know it reads
        # the HPET each time, which is slow. And a vCPU that waits to be started may run the
        # firmware when the guest sends interrupts to all CPUs at once, see README.md.
        if not options.icount:
            words += " tsc=reliable no_ipi_broadcast=1"
    return f"{words} {options.append}".strip()



def machine_arguments(options, accelerator):
    """Each CPU is a socket, so that any number of them can be plugged one by one."""
    maxcpus = sockets(options, accelerator)
    arguments = [
        "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none",
        # A guest that resets itself or powers off is stopped, so that its registers can be read.
        "-action", "reboot=shutdown,shutdown=pause",
        "-smp", f"cpus={options.cpus},maxcpus={maxcpus},"
                f"sockets={maxcpus},cores=1,threads=1",
        "-m", f"size={options.memory >> 20}M,slots={options.slots},"
              f"maxmem={options.maxmem >> 20}M",
    ]
    if options.nodes + options.empty_nodes > 1:
        share = (options.memory >> 20) // options.nodes
        for node in range(options.nodes):
            size = share if node else (options.memory >> 20) - share * (options.nodes - 1)
            arguments += ["-object", f"memory-backend-ram,id=ram{node},size={size}M",
                          "-numa", f"node,nodeid={node},memdev=ram{node}"]
        for cpu in range(maxcpus):
            arguments += ["-numa", f"cpu,node-id={cpu % options.nodes},socket-id={cpu}"]
        for node in range(options.nodes, options.nodes + options.empty_nodes):
            arguments += ["-numa", f"node,nodeid={node}"]
    if options.virtio_mem:
        # The device is empty at first; `hotplug virtio-mem resize` fills it.
        size = f"{options.virtio_mem >> 20}M"
        arguments += ["-object", f"memory-backend-ram,id=mem-vmem0,size={size}",
                      "-device", "virtio-mem-pci,id=vmem0,memdev=mem-vmem0,requested-size=0"]
    return arguments


def serial_arguments(log, terminal, control):
    """The console, the command's terminal and the control line. Port 3 has interrupt 5, or it would
    share port 1's."""
    return [
        "-chardev", f"file,id=console,path={log}", "-device", "isa-serial,chardev=console",
        "-chardev", f"socket,id=terminal,fd={terminal}", "-device", "isa-serial,chardev=terminal",
        "-chardev", f"socket,id=control,fd={control}",
        "-device", "isa-serial,chardev=control,irq=5",
    ]


# Relative, since a socket's address must be short.
GDB = ["-chardev", "socket,id=gdb,path=gdb,server=on,wait=off", "-gdb", "chardev:gdb"]


# Linux 6.12 and newer accept CPU slots that old firmware marks as disabled only under a hypervisor
# that they know. They do not know TCG's signature. Without a signature they ask the serial number,
# and a port that QEMU answers as VMware does.
#
# TCG copies and clears byte by byte with the instructions that erms and fsrm declare to be fast.
# Without these flags the kernel uses others, and clears pages three times as fast.
EMULATED = ["-cpu", "max,-hypervisor,-erms,-fsrm", "-smbios", "type=1,serial=VMware"]
ACCELERATORS = ("kvm", "tcg")

# The guest's clock counts instructions. What else differs between runs is fixed as well: the CPU's
# random numbers, and the date.
ICOUNT = ["-accel", "tcg,thread=single", "-cpu", "max", "-icount", "shift=0,sleep=off",
          "-seed", "1", "-rtc", "base=2024-01-01,clock=vm"]


def accelerator_arguments(options, accelerator):
    if options.icount:
        return ICOUNT
    if accelerator == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    # A thread for each vCPU, if there are cores to run them on. On one core the vCPUs take turns
    # in one thread; otherwise half of the time goes to waiting for locks whose holders do not run.
    threads = "multi" if len(os.sched_getaffinity(0)) > 1 else "single"
    return ["-accel", f"tcg,thread={threads}", *EMULATED]
