// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's first process: mounts what a test needs, runs one command and sends its exit status
 * to the runner, qemu/vm. The runner decides what the status means.
 *
 * ttyS0 is the kernel's console, ttyS1 the command's terminal, ttyS2 the control line for the
 * status. If this process dies, the kernel panics (no init), and the runner sees a guest that ended
 * without a verdict.
 *
 * A domain of libvirt, see domain, has no runner and only one line, ttyS0. Its kernel has
 * vm_terminal=ttyS0 on the command line, which it passes on in the environment. When the command
 * ends, so does the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define COMMAND "/.vm/command"	/* a shell script, put there by the runner */
#define MOUNTS "/.vm/mounts"	/* exists: a shell script that mounts folders of the host */
#define INTERACTIVE "/.vm/interactive"	/* exists: the command is interactive */

static void die(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void mount_at(const char *type, const char *dir, int required)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, NULL) && required)
		die(dir);
}

static void link_at(const char *target, const char *path)
{
	if (symlink(target, path) && errno != EEXIST)
		die(path);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;	/* this kernel does not have it */
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "init: %s: %s\n", path, strerror(errno));
	close(fd);
}

static void write_files(const char *pattern, const char *text)
{
	glob_t found;
	size_t i;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		write_file(found.gl_pathv[i], text);
	globfree(&found);
}

static int open_line(const char *path, int raw)
{
	struct termios t;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &t))
		die(path);
	cfsetspeed(&t, B115200);
	if (raw)
		cfmakeraw(&t);
	t.c_cflag |= CLOCAL;
	if (tcsetattr(fd, TCSANOW, &t))
		die(path);
	return fd;
}

/* Without them the command would fail, or do something else than on the host. */
static void mount_shares(void)
{
	if (access(MOUNTS, F_OK))
		return;
	if (system("exec sh -e " MOUNTS)) {
		fprintf(stderr, "init: the host's folders cannot be mounted, see " MOUNTS "\n");
		exit(1);
	}
}

static pid_t start_command(int terminal, int interactive)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;

	setsid();
	if (interactive)
		ioctl(terminal, TIOCSCTTY, 0);
	dup2(interactive ? terminal : open("/dev/null", O_RDONLY), 0);
	dup2(terminal, 1);
	dup2(terminal, 2);
	execl("/bin/sh", "sh", COMMAND, NULL);
	die("/bin/sh");
	return 0;
}

/* Sends the address that KASLR has chosen: the runner names the functions of a kernel that died. */
static void send_address(int control)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char line[256];

	if (!symbols)
		return;	/* this kernel does not have it */
	while (fgets(line, sizeof(line), symbols)) {
		if (strstr(line, " _stext\n")) {
			dprintf(control, "stext %.16s\n", line);
			break;
		}
	}
	fclose(symbols);
}

/* Reaps the command's orphans as well. */
static int wait_for(pid_t command)
{
	int status;
	pid_t pid;

	do {
		pid = wait(&status);
		if (pid < 0 && errno != EINTR)
			die("wait");
	} while (pid != command);

	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void run_without_runner(const char *terminal)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", terminal);
	wait_for(start_command(open_line(path, 0), 1));
	reboot(RB_POWER_OFF);
	die("reboot");
}

int main(void)
{
	int interactive, terminal, control, status;

	mount_at("proc", "/proc", 1);
	mount_at("sysfs", "/sys", 1);
	mount_at("devtmpfs", "/dev", 1);
	mount_at("devpts", "/dev/pts", 0);
	mount_at("tmpfs", "/tmp", 1);
	mount_at("tmpfs", "/run", 1);
	mount_at("debugfs", "/sys/kernel/debug", 0);
	mount_at("tracefs", "/sys/kernel/tracing", 0);
	link_at("/proc/self/fd", "/dev/fd");
	link_at("/proc/self/fd/0", "/dev/stdin");
	link_at("/proc/self/fd/1", "/dev/stdout");
	link_at("/proc/self/fd/2", "/dev/stderr");

	sethostname("guest", 5);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "linux", 0);

	/* A slow host must not look like a hang; a hang must be found before the deadline. */
	write_file("/proc/sys/kernel/watchdog_thresh", "30");
	write_file("/proc/sys/kernel/hung_task_timeout_secs", "90");
	/*
	 * On a slow host, newer kernels warn about their scheduler's fair server: 6.12 when a CPU
	 * goes offline while its server is queued, 7.3 when the server's timer is late.
	 */
	write_files("/sys/kernel/debug/sched/fair_server/cpu*/runtime", "0");

	if (getenv("vm_terminal"))
		run_without_runner(getenv("vm_terminal"));

	mount_shares();

	interactive = access(INTERACTIVE, F_OK) == 0;
	terminal = open_line("/dev/ttyS1", !interactive);
	control = open_line("/dev/ttyS2", 1);

	write_file("/dev/kmsg", "vm: begin\n");
	send_address(control);
	dprintf(control, "begin\n");

	status = wait_for(start_command(terminal, interactive));

	/* The output of the command and of the kernel must be out before the verdict. */
	tcdrain(terminal);
	write_file("/dev/kmsg", "vm: end\n");
	dprintf(control, "end %d\n", status);
	tcdrain(control);

	/* The runner switches the machine off. */
	for (;;)
		pause();
}
