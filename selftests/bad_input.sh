#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Words that make no sense: each gets an error that says what was wrong, and nothing is done.
# Bad parameters are in load.sh, bad registrations in register.sh, bad pools in pool.sh.

. ./lib.sh

control() {
	while read -r errno command; do
		ctl_refused "$errno" "$command"
		[ -n "$(cat "$test_dir/control")" ] || fail "'$command' was refused without a word"
	done <<-END
	EINVAL nonsense
	EINVAL nonsense c1
	EINVAL processor
	EINVAL processor c1 c2
	EINVAL processor c1 colour=red
	EINVAL processor c1 flags=existing flags=existing
	EINVAL processor c1 flags=nonsense
	EINVAL processor c1 flags=existing,nonsense
	EINVAL processor c1 probe=yes
	EINVAL processor c1 fn=some
	EINVAL event c1
	EINVAL event c1 category=disk
	EINVAL bulk c
	EINVAL bulk c count=0
	EINVAL bulk c count=-1
	EINVAL bulk c count=99999999999999
	ENOENT unregister c1
	EINVAL unregister
	EINVAL unregister_bad processor
	ENOENT unregister_bad disk pointer=null
	EINVAL veto c1 state=start
	EINVAL veto c1 errno=-5
	EINVAL veto c1 state=never errno=-5
	EINVAL veto c1 state=start errno=EIO
	EINVAL veto c1 state=start errno=-5 cpu=one
	EINVAL veto c1 state=start errno=-5 count=-1
	EINVAL inside c1 state=start
	EINVAL inside c1 state=start action=dance
	EINVAL inside c1 state=start action=sleep_ms
	EINVAL inside c1 state=start action=sleep_ms arg=long
	EINVAL inside c1 state=start action=unregister
	ENOENT release c1
	EINVAL clear c1
	EINVAL reset now
	ENOENT submit p
	ENOENT flush p
	ENOENT get p
	ENOENT put p
	ENOENT destroy p
	EINVAL pool p buffer_size=big
	END
	ctl_refused EINVAL 'note a
note b'
	equal clients 0 "$(cat "$dhp/clients")"
	expect_log <<-END
	END
	ctl "processor c1"
	ctl_refused EEXIST "processor c1"
	ctl_refused EEXIST "event c1 category=memory"
	equal clients 1 "$(cat "$dhp/clients")"
}
test_case control 'bad words to the test client'

long_command() {
	long=$(printf '%04000d' 0)
	ctl_refused EINVAL "processor $long$long"
	ctl "processor c$long"
	ctl "unregister c$long"
}
test_case long_command 'bad a command of more than a page, and a long one'

online_file() {
	cpu=$(pick_cpu)
	ctl "processor c1"
	ctl "processor c2 flags=existing,removals"
	settle
	ctl clear
	refused EINVAL "$system/cpu/cpu$cpu/online" maybe
	online "$cpu"
	is_online "$cpu" || fail "CPU$cpu is not online"
	expect_log <<-END
	END
	offline "$cpu"
	settle
	ctl clear
	offline "$cpu"
	expect_log <<-END
	END
}
test_case online_file 'bad nothing is told of an add of what is online or a removal of what is offline'

# hotplug_fails STATUS WORDS...: with that status, and with a reason
hotplug_fails() {
	status=$1
	shift
	code=0
	hotplug "$@" >"$tmp/said" 2>"$tmp/reason" || code=$?
	equal "status of hotplug $*" "$status" "$code"
	[ -s "$tmp/reason" ] || fail "hotplug $*: refused without a reason"
}

hotplug_words() {
	command -v hotplug >/dev/null || skip "no 'hotplug' command"
	before="$(present_cpus) / $(memory_blocks)"
	hotplug_fails 2
	hotplug_fails 2 nonsense
	hotplug_fails 2 cpu
	hotplug_fails 2 cpu add none
	hotplug_fails 2 cpu add -1
	hotplug_fails 2 cpu add 0
	hotplug_fails 1 cpu add 100000
	hotplug_fails 1 cpu del nonsense
	hotplug_fails 1 cpu del
	hotplug_fails 2 dimm add
	hotplug_fails 2 dimm add 100M
	hotplug_fails 2 dimm add big
	hotplug_fails 1 dimm add 1000G
	hotplug_fails 1 dimm del nonsense
	hotplug_fails 1 dimm del
	equal 'processors and memory' "$before" "$(present_cpus) / $(memory_blocks)"
}
test_case hotplug_words 'bad words to hotplug'

run_tests
