#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Reports the results of run_kselftest.sh, or of torture_seeds.sh, to LAVA: a test for each result, with the
# name that LAVA's usual test definitions give it. Not a test. Without LAVA, prints the names and the results.
#
#   ./lava_results.sh <OUTPUT

report() {
	if command -v lava-test-case >/dev/null; then
		lava-test-case "$1" --result "$2"
	else
		echo "$1 $2"
	fi
}

awk '
BEGIN { below = 0 }
function slug(text) {
	sub(/ *#.*/, "", text)
	sub(/^selftests: /, "", text)
	gsub(/[^A-Za-z0-9_-]+/, "_", text)
	sub(/^_/, "", text)
	sub(/_$/, "", text)
	return text
}
function result() {
	return /^(# )?not ok / ? "fail" : /# SKIP/ ? "skip" : "pass"
}
# The results below a test come before its own.
function flush(name,    i) {
	for (i = 0; i < below; i++)
		print name "_" names[i], results[i]
	below = 0
}
{ sub(/\r$/, "") }
/^# selftests: / { running = slug(substr($0, 3)) }
/^# (not )?ok [0-9]+ / {
	results[below] = result()
	sub(/^# (not )?ok [0-9]+ /, "")
	names[below++] = slug($0)
	next
}
/^(not )?ok [0-9]+ / {
	status = result()
	sub(/^(not )?ok [0-9]+ /, "")
	name = slug($0)
	flush(name)
	print name, status
}
# The machine may have died.
END { flush(running) }' | while read -r name result; do
	report "$name" "$result"
done
