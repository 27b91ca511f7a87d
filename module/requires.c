// SPDX-License-Identifier: GPL-2.0-only
/*
 * What dhp needs of a kernel's configuration, and what for. Kbuild compiles this file alone and
 * first: a kernel that lacks an option is refused by one line that names it, not by whatever the
 * other files run into. BUILD_EXCLUSIVE_CONFIG in dkms.conf names the same options.
 */

#if !defined(CONFIG_64BIT)
#error "dhp needs CONFIG_64BIT: the kernel has memory hotplug on 64-bit machines only"
#elif !defined(CONFIG_SMP)
#error "dhp needs CONFIG_SMP: without it there is no second CPU to follow"
#elif !defined(CONFIG_HOTPLUG_CPU)
#error "dhp needs CONFIG_HOTPLUG_CPU: it follows CPUs that go online and offline"
#elif !defined(CONFIG_MEMORY_HOTPLUG)
#error "dhp needs CONFIG_MEMORY_HOTPLUG: it follows memory blocks that go online"
#elif !defined(CONFIG_MEMORY_HOTREMOVE)
#error "dhp needs CONFIG_MEMORY_HOTREMOVE: it follows memory blocks that go offline"
#elif !defined(CONFIG_SYSFS)
#error "dhp needs CONFIG_SYSFS: clients and pools are in /sys/kernel/dhp"
#endif
