// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a sysfs or debugfs file with one write(), and reports its errno. A shell may split a
 * write, and few shells report the errno.
 *
 *   put FILE TEXT	writes TEXT and a newline
 *   put FILE		writes what is on standard input
 *
 * If the write fails, prints the errno's name and exits with status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(void)
{
	puts(strerrorname_np(errno));
	return 1;
}

int main(int argc, char **argv)
{
	char *bytes = NULL;
	size_t size = 0;
	ssize_t done;
	FILE *stream;
	int fd;

	if (argc < 2 || argc > 3) {
		fputs("usage: put FILE [TEXT]\n", stderr);
		return 2;
	}
	stream = open_memstream(&bytes, &size);
	if (!stream)
		return fail();
	if (argc == 3) {
		fprintf(stream, "%s\n", argv[2]);
	} else {
		char piece[4096];

		while ((done = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
			fwrite(piece, 1, done, stream);
	}
	if (fclose(stream))
		return fail();

	fd = open(argv[1], O_WRONLY);
	if (fd < 0)
		return fail();
	done = write(fd, bytes, size);
	if (done < 0 || close(fd))
		return fail();
	if ((size_t)done != size) {
		printf("%zd of %zu bytes\n", done, size);
		return 1;
	}
	return 0;
}
