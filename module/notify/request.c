// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to bring a CPU or a memory block online, or to take it offline, as the device core gets
 * them: by sysfs, by ACPI, by a driver. Some fail before any part of dhp is called: the last CPU,
 * hotplug that is disabled, an unmovable page. Two kretprobes see them all, with the errno that the
 * requester gets. They have no influence.
 *
 * cpuN/hotplug/target and suspend go round the device core.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "cpu_step.h"
#include "notify.h"
#include "refusal.h"

#if defined(CONFIG_KRETPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)

static unsigned long block_pages;

/*
 * The probe may be a breakpoint, whose handler runs as if in an NMI: what it calls takes no lock.
 * memory_subsys is not exported.
 */
static bool is_memory_block(const struct device *dev)
{
	return dev->bus && !strcmp(dev->bus->name, "memory");
}

static int request_entry(struct kretprobe_instance *instance, struct pt_regs *regs, bool add)
{
	struct device *dev = (void *)regs_get_kernel_argument(regs, 0);
	struct dhp_attempt *attempt = (void *)instance->data;
	struct memory_block *block;

	*attempt = (struct dhp_attempt){ .add = add };
	if (dev->bus == &cpu_subsys) {
		attempt->category = DHP_PROCESSOR;
		attempt->cpu = dev->id;
	} else if (is_memory_block(dev)) {
		block = container_of(dev, struct memory_block, dev);
		attempt->category = DHP_MEMORY;
		attempt->start_pfn = section_nr_to_pfn(block->start_section_nr);
		attempt->nr_pages = block_pages;
	} else {
		return 1;
	}
	dhp_refusal_request_begin(attempt);
	return 0;
}

static int online_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return request_entry(instance, regs, true);
}

static int offline_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return request_entry(instance, regs, false);
}

static int request_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct dhp_attempt *attempt = (void *)instance->data;
	unsigned long since = dhp_refusal_request_step();
	int ret = regs_return_value(regs);
	int step;

	if (ret < 0 && attempt->category == DHP_PROCESSOR &&
	    dhp_cpu_step_failed(attempt->cpu, attempt->add, since, &step) == ret)
		dhp_refusal_step(attempt, step, ret);
	dhp_refusal_request_end(attempt, ret);
	return 0;
}

/* The device hotplug lock allows one request at a time. */
#define REQUEST_PROBE(function, entry) {	\
	.kp.symbol_name = function,		\
	.entry_handler = entry,			\
	.handler = request_return,		\
	.data_size = sizeof(struct dhp_attempt),	\
	.maxactive = 16,			\
}

static struct kretprobe online_probe = REQUEST_PROBE("device_online", online_entry);
static struct kretprobe offline_probe = REQUEST_PROBE("device_offline", offline_entry);
static struct kretprobe *request_probes[] = { &online_probe, &offline_probe };
static bool requests_probed;

int dhp_request_init(void)
{
	int err;

	block_pages = PHYS_PFN(memory_block_size_bytes());
	err = register_kretprobes(request_probes, ARRAY_SIZE(request_probes));
	requests_probed = !err;
	if (err)
		pr_info("refusals before dhp is called are not listed: probing device_online() and device_offline() fails with %pe\n",
			ERR_PTR(err));
	return 0;
}

void dhp_request_exit(void)
{
	if (requests_probed)
		unregister_kretprobes(request_probes, ARRAY_SIZE(request_probes));
}

#else

int dhp_request_init(void)
{
	pr_info("refusals before dhp is called are not listed: the kernel has no CONFIG_KRETPROBES\n");
	return 0;
}

void dhp_request_exit(void)
{
}

#endif
