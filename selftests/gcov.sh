#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# On a kernel with gcov, writes what it has counted in module/ to standard output, as a tar.gz for
# scripts/coverage. Not a test.

set -e
cd /sys/kernel/debug/gcov
folder=$(mktemp -d /tmp/dhp-gcov.XXXXXX)
trap 'rm -rf "$folder"' EXIT
# The files have a size of 0, and tar would archive them as empty: they are copied first.
find . -path '*/module/*.gcda' | while read -r file; do
	cat "$file" >"$folder/${file##*/}"
done
tar -C "$folder" -cz .
