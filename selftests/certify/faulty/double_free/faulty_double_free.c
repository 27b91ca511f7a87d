// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: it frees a CPU's ring when the CPU is offline, and
 * again when the CPU is unplugged.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/topology.h>

#define RING_BYTES 512

/* Of a CPU that is plugged in. It has a ring while the CPU is online. */
struct port {
	void *ring;
};

static DEFINE_PER_CPU(struct port *, port);
static enum cpuhp_state state;

static int add_port(struct device *dev, struct subsys_interface *sif)
{
	struct port *new = kzalloc(sizeof(*new), GFP_KERNEL);

	if (!new)
		return -ENOMEM;
	per_cpu(port, dev->id) = new;
	return 0;
}

static void remove_port(struct device *dev, struct subsys_interface *sif)
{
	struct port *old = per_cpu(port, dev->id);

	if (!old)
		return;
	per_cpu(port, dev->id) = NULL;
	kfree(old->ring);
	kfree(old);
}

static struct subsys_interface faulty_interface = {
	.name = "faulty_double_free",
	.subsys = &cpu_subsys,
	.add_dev = add_port,
	.remove_dev = remove_port,
};

static int prepare_ring(unsigned int cpu)
{
	struct port *its = per_cpu(port, cpu);

	if (!its)
		return -ENODEV;
	its->ring = kzalloc_node(RING_BYTES, GFP_KERNEL, cpu_to_node(cpu));
	return its->ring ? 0 : -ENOMEM;
}

static int free_ring(unsigned int cpu)
{
	kfree(per_cpu(port, cpu)->ring);
	return 0;
}

static int __init faulty_init(void)
{
	int ret;

	ret = subsys_interface_register(&faulty_interface);
	if (ret)
		return ret;
	ret = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "faulty/double_free:prepare", prepare_ring,
				free_ring);
	if (ret < 0) {
		subsys_interface_unregister(&faulty_interface);
		return ret;
	}
	state = ret;
	return 0;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	/* The rings go with the ports. */
	cpuhp_remove_state_nocalls(state);
	subsys_interface_unregister(&faulty_interface);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: frees a ring twice when a CPU is unplugged");
MODULE_LICENSE("GPL");
