// SPDX-License-Identifier: GPL-2.0
/*
 * Makes allocations fail during one system call, and none before or after it. A shell would also
 * make its own allocations fail.
 *
 *   fail_nth TASK NTH write FILE TEXT
 *   fail_nth TASK NTH load FILE PARAMETERS
 *   fail_nth TASK NTH unload MODULE
 *
 * TASK is a process id or "self". Its NTH allocation fails; or, with "each" for NTH, those that
 * debugfs chooses. Prints how many allocations there still were before the NTH, 0 if it has failed,
 * and the errno of the system call, 0 if it has succeeded. The exit status is 0 if the call was
 * made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "fail_nth: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void print_usage(void)
{
	fputs("usage: fail_nth TASK NTH|each write FILE TEXT|load FILE PARAMETERS|unload MODULE\n",
	      stderr);
	exit(2);
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		die(path);
	return fd;
}

static void set(int fd, const char *value)
{
	if (write(fd, value, strlen(value)) < 0)
		die("/proc/TASK");
}

int main(int argc, char **argv)
{
	char path[64], left[16] = "";
	int nth_fd, fd = -1;
	const char *verb;
	long ret, error;
	bool each;

	if (argc < 5)
		print_usage();
	verb = argv[3];
	if (argc != (strcmp(verb, "unload") ? 6 : 5))
		print_usage();
	each = !strcmp(argv[2], "each");
	snprintf(path, sizeof(path), "/proc/%s/%s", argv[1], each ? "make-it-fail" : "fail-nth");
	if (!strcmp(verb, "write"))
		fd = open_file(argv[4], O_WRONLY);
	else if (!strcmp(verb, "load"))
		fd = open_file(argv[4], O_RDONLY);
	else if (strcmp(verb, "unload"))
		print_usage();

	nth_fd = open_file(path, O_RDWR);
	set(nth_fd, each ? "1" : argv[2]);
	if (!strcmp(verb, "write"))
		ret = write(fd, argv[5], strlen(argv[5]));
	else if (!strcmp(verb, "load"))
		ret = syscall(SYS_finit_module, fd, argv[5], 0);
	else
		ret = syscall(SYS_delete_module, argv[4], O_NONBLOCK);
	error = ret < 0 ? errno : 0;
	if (pread(nth_fd, left, sizeof(left) - 1, 0) <= 0)
		die(path);
	set(nth_fd, "0");
	printf("%d %ld\n", each ? 0 : atoi(left), error);
	return 0;
}
