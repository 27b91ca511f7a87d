// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: it drives a device of a bus.
 * If there is no memory for the device, the probe says so, and the driver stays loaded without it.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#define NAME "clean_probe"

struct port {
	struct miscdevice misc;
	atomic_t nr_uses;
};

/* The device, which a machine would have. */
static struct platform_device *device;

static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct port *port = container_of(file->private_data, struct port, misc);

	atomic_inc(&port->nr_uses);
	return size;
}

static const struct file_operations clean_fops = {
	.owner = THIS_MODULE,
	.write = clean_write,
};

static int clean_probe(struct platform_device *pdev)
{
	struct port *port;

	port = devm_kzalloc(&pdev->dev, sizeof(*port), GFP_KERNEL);
	if (!port)
		return -ENOMEM;
	port->misc.minor = MISC_DYNAMIC_MINOR;
	port->misc.name = NAME;
	port->misc.fops = &clean_fops;
	platform_set_drvdata(pdev, port);
	return misc_register(&port->misc);
}

static int clean_stop(struct platform_device *pdev)
{
	struct port *port = platform_get_drvdata(pdev);

	misc_deregister(&port->misc);
	return 0;
}

static struct platform_driver clean_driver = {
	.probe = clean_probe,
	.remove = clean_stop,
	.driver.name = NAME,
};

static int __init clean_init(void)
{
	int ret;

	device = platform_device_register_simple(NAME, PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	ret = platform_driver_register(&clean_driver);
	if (ret)
		platform_device_unregister(device);
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	platform_driver_unregister(&clean_driver);
	platform_device_unregister(device);
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: of a device that may have no memory");
MODULE_LICENSE("GPL");
