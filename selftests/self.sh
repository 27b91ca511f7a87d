#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, other tests may pass although dhp is broken.
#
# The framework itself: everything that has to fail a test does, and a test leaves the machine as it
# was. The guest's `hotplug` is here, too. No test of dhp's is here.

. ./lib/all.sh

# must_fail COMMAND...: COMMAND has to end the test; here it ends a subshell.
must_fail() {
	if ("$@") >"$tmp/said" 2>&1; then
		fail "this should have failed: $*"
	fi
}

clean_log() {
	cat <<-END | badness 'the mark' >"$tmp/found"
	[    1.0] WARNING: CPU: 0 PID: 1 at before.c:1 before_the_mark+0x1/0x2
	[    1.1] the mark
	[    1.2] smpboot: CPU 1 is now offline
	[    1.3] dhp: CPU1 went away
	[    1.4] systemd[1]: no bugs here, and no warnings: none
	[    1.5] BUG: KCSAN: data-race in tick_nohz_idle_exit / report_idle_softirq
	END
	: >"$tmp/none"
	same "$tmp/none" "$tmp/found"
}
test_case clean_log 'self: a clean log is clean, whatever was before the mark'

bad_log() {
	cat >"$tmp/bad_lines" <<-END
	BUG: kernel NULL pointer dereference, address: 0000000000000008
	kernel BUG at mm/slub.c:379!
	Oops: 0002 [#1] PREEMPT SMP NOPTI
	general protection fault, probably for non-canonical address
	WARNING: CPU: 1 PID: 12 at kernel/cpu.c:1 cpuhp_thread_fun+0x1/0x2
	WARNING: possible recursive locking detected
	WARNING: possible circular locking dependency detected
	WARNING: suspicious RCU usage
	INFO: task cpuhp/1:16 blocked for more than 120 seconds.
	INFO: rcu_preempt detected stalls on CPUs/tasks:
	INFO: trying to register non-static key.
	BUG: KASAN: use-after-free in on_event+0x1/0x2
	BUG: KCSAN: data-race in on_event [dhp] / __list_add_rcu
	BUG: sleeping function called from invalid context at mm/slab.h:1
	BUG: scheduling while atomic: swapper/0/0x2
	BUG: workqueue lockup - pool cpus=1 node=0
	UBSAN: array-index-out-of-bounds in x.c:1
	watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [sh:1]
	kmemleak: 3 new suspected memory leaks
	BUG: Bad page state in process sh  pfn:1234
	list_del corruption. prev->next should be
	refcount_t: underflow; use-after-free.
	kworker/0:1: page allocation failure: order:4
	Call Trace:
	END
	{
		echo 'the mark'
		cat "$tmp/bad_lines"
	} | badness 'the mark' >"$tmp/found"
	same "$tmp/bad_lines" "$tmp/found"
}
test_case bad_log 'self: every kind of bad line is found'

lost_mark() {
	echo 'WARNING: CPU: 1 PID: 12 at kernel/cpu.c:1 f+0x1/0x2' >"$tmp/expected"
	badness 'the mark' <"$tmp/expected" >"$tmp/found"
	same "$tmp/expected" "$tmp/found"
}
test_case lost_mark 'self: without the mark, the whole log counts'

announced() {
	cat <<-END | badness 'the mark' >"$tmp/found"
	the mark
	vm: expect WARNING: on_purpose
	------------[ cut here ]------------
	WARNING: CPU: 1 PID: 12 at x.c:1 on_purpose+0x1/0x2
	Call Trace:
	---[ end trace 0000000000000000 ]---
	WARNING: CPU: 1 PID: 12 at x.c:2 on_purpose+0x1/0x2
	Call Trace:
	---[ end trace 0000000000000000 ]---
	END
	cat >"$tmp/expected" <<-END
	WARNING: CPU: 1 PID: 12 at x.c:2 on_purpose+0x1/0x2
	Call Trace:
	END
	same "$tmp/expected" "$tmp/found"
}
test_case announced 'self: a warning that was announced is excused, once'

# The same with the real log. The console scanner outside the guest reads the announcement, too.
real_log() {
	expect_warning 'dhp selftest: on purpose'
	echo 'WARNING: dhp selftest: on purpose' >/dev/kmsg
	echo '---[ end trace ]---' >/dev/kmsg
	dmesg | sed 's/vm: expect WARNING/vm: said/' | badness "$mark" >"$tmp/found"
	grep -q 'on purpose' "$tmp/found" || fail "a WARNING in the kernel's log was not found"
	[ -z "$(dmesg | badness "$mark")" ] || fail "an announced WARNING was not excused"
	logged 'on purpose' || fail "'logged' does not see the log"
}
test_case real_log "self: the kernel's log is read"

compare() {
	echo a >"$tmp/one"
	printf 'a\nb\n' >"$tmp/two"
	must_fail same "$tmp/one" "$tmp/two"
	same "$tmp/one" "$tmp/one"
	must_fail equal what 1 2
	equal what 1 1
	ctl "note seen"
	must_fail expect_log <"$tmp/one"
	echo seen >"$tmp/one"
	expect_log <"$tmp/one"
}
test_case compare 'self: a sequence that is not as expected fails'

# A time line is made of it on the host.
sends_log() {
	mkdir "$tmp/bin"
	# shellcheck disable=SC2016 # the program expands it
	printf '#!/bin/sh\ncat >"%s/sent.$1"\n' "$tmp" >"$tmp/bin/to-host"
	chmod +x "$tmp/bin/to-host"
	ctl "processor c1 flags=existing"
	cat >"$tmp/trace" <<-'END'
	# TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
	     init-1     [000] .....     0.000001: dhp_pool: pool=a b workers=1 buffers=1
	     init-1     [000] .....     0.000002: dhp_pool: pool=a b workers=1 buffers=2
	     init-1     [000] .....     0.000003: dhp_pool: pool=gone workers=0 buffers=0
	     init-1     [000] ..... 99999.000001: dhp_pool: pool=a b workers=2 buffers=3
	     init-1     [000] ..... 99999.000002: dhp_event: client=none seq=1
	END
	(
		PATH=$tmp/bin:$PATH
		keep_log here "$tmp/trace"
		keep_log again
		rm "$tmp/kept"
		keep_log alone
	)
	[ ! -e "$tmp/sent.self.again.notified" ] || fail "a second log was sent"
	grep -q '^[0-9.]* COMPLETE cpu=0 .* client=dhp_test/' "$tmp/sent.self.here.notified" ||
		fail "the log of notifications was not sent: $(ls "$tmp")"
	! grep dhp_pool: "$tmp/sent.self.alone.notified" || fail "sizes were sent that there is no trace of"
	begin=$(sed 's/ .*//; q' "$tmp/sent.self.here.notified")
	grep -h ' dhp_[a-z]*: ' "$tmp/sent.self.here.notified" | sort >"$tmp/sizes"
	sed -n "s/ 0.000002: / $begin: /p; /99999.000001/p" "$tmp/trace" | sort >"$tmp/wanted"
	same "$tmp/wanted" "$tmp/sizes"
}
test_case sends_log 'self: what clients were notified of goes to the host'

refusals() {
	must_fail ctl "processor c1 fn=none"
	must_fail ctl_refused EINVAL "processor c1"
	must_fail ctl_refused ENOMEM "processor c2 fn=none"
	must_fail put "$system/cpu/nothing" 1
	must_fail wait_or_fail 1 false
}
test_case refusals 'self: a command that does not do what is expected fails'

# inner_fails [names]: the script $tmp/inner prints what is in $tmp/expected, and has status 1.
inner_fails() {
	local code=0
	DHP_KTAP=${1-titles} sh "$tmp/inner" >"$tmp/said" 2>&1 || code=$?
	grep -v '^# took' "$tmp/said" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
	equal "exit status" 1 "$code"
}

nested() {
	cat >"$tmp/inner" <<-'END'
	. ./lib/all.sh
	setup() { :; }
	teardown() { :; }
	module_loaded() { false; }
	good() { :; }
	bad() { false; echo unreachable; }
	worse() { fail "with a reason"; }
	skipped() { skip "for a reason"; }
	test_case good 'is good'
	test_case bad 'is bad'
	test_case worse 'is worse'
	test_case skipped 'is skipped'
	run_tests
	END
	cat >"$tmp/expected" <<-END
	TAP version 13
	1..4
	ok 1 is good
	# a command failed without a word (status 1)
	not ok 2 is bad
	# with a reason
	not ok 3 is worse
	ok 4 is skipped # SKIP for a reason
	END
	inner_fails
	cat >"$tmp/expected" <<-END
	TAP version 13
	1..4
	# good: is good
	ok 1 good
	# a command failed without a word (status 1)
	# bad: is bad
	not ok 2 bad
	# with a reason
	# worse: is worse
	not ok 3 worse
	# skipped: is skipped
	# SKIP for a reason
	ok 4 skipped # SKIP
	END
	inner_fails names
	grep -v 'bad\|worse' "$tmp/inner" >"$tmp/inner2"
	sh "$tmp/inner2" >/dev/null 2>&1 || fail "a script without a failure has failed"
	grep -v 'bad\|worse\|good' "$tmp/inner" >"$tmp/inner3"
	code=0
	sh "$tmp/inner3" >/dev/null 2>&1 || code=$?
	equal "exit status of skipped tests" 4 "$code"
}
test_case nested 'self: results and exit statuses'

# Where nothing can be plugged, tests are skipped that have loaded and unloaded something before. Modules are
# lines of a file here.
skipped_halfway() {
	cat >"$tmp/inner" <<-'END'
	. ./lib/all.sh
	list=
	DHP_DIR=/nowhere
	needs=
	our_modules() { cut -d' ' -f1 "$list"; }
	module_loaded() { false; }
	modprobe() { echo "$@" >>"$list"; }
	rmmod() { sed -i "/^$1 /d" "$list"; }
	setup() { load one parameter=1; }
	unloaded() { unload one; skip "for a reason"; }
	reloaded() { unload one; load one parameter=2; skip "for a reason"; }
	more() { load two parameter=2; skip "for a reason"; }
	as_before() { equal modules "one parameter=1" "$(cat "$list")"; }
	as_before_2() { as_before; }
	as_before_3() { as_before; }
	test_case unloaded 'has unloaded'
	test_case as_before 'comes after it'
	test_case reloaded 'has loaded again'
	test_case as_before_2 'comes after it'
	test_case more 'has loaded another one'
	test_case as_before_3 'comes after it'
	run_tests
	END
	list=$tmp/modules
	: >"$list"
	sed -i "s,^list=.*,list=$list," "$tmp/inner"
	sh "$tmp/inner" >"$tmp/said" 2>&1 || fail "$(cat "$tmp/said")"
	equal "skipped tests" 3 "$(grep -c '^ok .* SKIP' "$tmp/said")"
	[ ! -s "$list" ] || fail "left at the end: $(cat "$list")"
}
test_case skipped_halfway 'self: after a skipped test, the modules are as setup has left them'

# The bad lines are logged before and after the test.
bad_around() {
	cat >"$tmp/inner" <<-'END'
	. ./lib/all.sh
	setup() { :; }
	teardown() { :; }
	module_loaded() { false; }
	dmesg() {
		echo "$mark"
		case $mark in
		*setup | *teardown) echo 'BUG: bad' ;;
		esac
	}
	good() { :; }
	test_case good 'is good'
	run_tests
	END
	cat >"$tmp/expected" <<-END
	TAP version 13
	1..1
	# setup failed: a clean log was expected; bad in the kernel's log:
	# BUG: bad
	not ok 1 is good
	# bad in the kernel's log:
	# BUG: bad
	END
	inner_fails
}
test_case bad_around 'self: a bad line before the first test or after the last one is a failure'

# not_here WHY PATTERN: the script $tmp/inner runs nothing, says why, and has the status of a skip.
not_here() {
	local code=0
	sh "$tmp/inner" >"$tmp/said" 2>&1 || code=$?
	equal "exit status $1" 4 "$code"
	grep -qx "1..0 # SKIP $2" "$tmp/said" || fail "$1: $(cat "$tmp/said")"
}

skipped_here() {
	cat >"$tmp/inner" <<-'END'
	. ./lib/all.sh
	needs="dhp dhp_nonsense"
	good() { echo ran; }
	test_case good 'is good'
	run_tests
	END
	not_here "without a module" \
		"no dhp_nonsense.ko for Linux $(uname -r), neither in $DHP_DIR nor in /lib/modules"
	sed -i '/^needs=/s/.*/id() { echo 1000; }/' "$tmp/inner"
	not_here "for a user" "not root"
	sed -i '/^id()/d' "$tmp/inner"
	not_here "with dhp loaded" "dhp is loaded and in use here.*"
}
test_case skipped_here 'self: tests are skipped without their modules, for a user, or while dhp is in use'

leaks() {
	cat >"$tmp/journal" <<-END
	4295000100 a.sh: setup
	4295000200 a.sh: is good
	4295000250 a.sh: leaks
	4295000300 a.sh: comes next
	END
	cat >"$tmp/leaks" <<-END
	unreferenced object 0x1 (size 32):
	  comm "swapper/0", pid 1, jiffies 4294999999 (age 300.0s)
	  backtrace:
	    [<1>] early
	unreferenced object 0x2 (size 96):
	  comm "dd", pid 123, jiffies 4295000250 (age 20.0s)
	  backtrace:
	    [<2>] first
	unreferenced object 0x3 (size 96):
	  comm "dd", pid 124, jiffies 4295009999 (age 10.0s)
	  backtrace:
	    [<3>] second
	END
	cat >"$tmp/expected" <<-END
	a.sh: leaks leaked:
	unreferenced object 0x2 (size 96):
	  comm "dd", pid 123, jiffies 4295000250 (age 20.0s)
	  backtrace:
	    [<2>] first
	a.sh: comes next leaked:
	unreferenced object 0x3 (size 96):
	  comm "dd", pid 124, jiffies 4295009999 (age 10.0s)
	  backtrace:
	    [<3>] second
	END
	blame "$tmp/journal" "$tmp/leaks" >"$tmp/found"
	same "$tmp/expected" "$tmp/found"
}
test_case leaks 'self: a leak counts for the test that allocated it'

interrupted() {
	cpu=$(pick_cpu)
	cat >"$tmp/inner" <<-END
	. ./lib/all.sh
	setup() { :; }
	module_loaded() { false; }
	teardown() { :; }
	test() {
		offline $cpu
		ctl "processor inner"
		echo "so far"
		touch "\$tmp/../dhp-selftest-ready"
		wait_for 60 false
	}
	test_case test 'takes long'
	run_tests
	END
	ready=/tmp/dhp-selftest-ready
	rm -f "$ready"
	# Shells differ in what they print when a signal ends a child.
	DHP_KTAP=titles setsid sh "$tmp/inner" >"$tmp/said" 2>"$tmp/shell_said" &
	pid=$!
	wait_or_fail 30 test -e "$ready"
	rm -f "$ready"
	is_online "$cpu" && fail "CPU$cpu is online"
	# timeout(1) signals the whole group, too.
	group=$(awk '{ print $5 }' "/proc/$pid/stat")
	kill -TERM "-$group"
	wait "$pid" || true
	is_online "$cpu" || fail "CPU$cpu was left offline: $(cat "$tmp/said")"
	ctl_refused ENOENT "unregister inner"
	sed 's/after [0-9]* s/after n s/' "$tmp/said" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	TAP version 13
	1..1
	# so far
	not ok 1 takes long
	# was interrupted after n s
	END
	same "$tmp/expected" "$tmp/seen"
}
test_case interrupted 'self: an interrupted test restores the machine, and is named as failed'

hotplug_help() {
	can_plug
	hotplug --help >"$tmp/help" 2>"$tmp/said" || fail "hotplug --help ended with $?: $(cat "$tmp/said")"
	[ ! -s "$tmp/said" ] || fail "hotplug --help complains: $(cat "$tmp/said")"
	for text in 'usage: hotplug ' 'cpu list' 'dimm add SIZE' 'virtio-mem resize SIZE' 'Exit status'; do
		grep -qF "$text" "$tmp/help" || fail "hotplug --help does not say '$text': $(cat "$tmp/help")"
	done
	for word in -h help; do
		hotplug "$word" >"$tmp/same" || fail "hotplug $word ended with $?"
		same "$tmp/help" "$tmp/same"
	done
	# Without words it prints the same on stderr.
	code=0
	hotplug >"$tmp/said" 2>"$tmp/complaint" || code=$?
	equal "exit status of hotplug without words" 2 "$code"
	sed '1s/^hotplug: //' "$tmp/complaint" >"$tmp/same"
	same "$tmp/help" "$tmp/same"
}
test_case hotplug_help 'self: hotplug --help lists the words'

# blind_hotplug WORDS...: runs a `hotplug` that takes $tmp/kernel for the kernel's sysfs. It must
# fail.
blind_hotplug() {
	local code=0
	can_plug
	sed "s|^system=.*|system=$tmp/kernel|" "$(command -v hotplug)" >"$tmp/blind"
	chmod +x "$tmp/blind"
	"$tmp/blind" "$@" >"$tmp/said" 2>"$tmp/reason" || code=$?
	equal "status of $*" 1 "$code"
}

# taken_out ID: the blind hotplug has plugged it, and taken it out again.
taken_out() {
	equal "what was plugged" "$1" "$(cat "$tmp/said")"
	grep -q "refused $1: " "$tmp/reason" || fail "not refused: $(cat "$tmp/reason")"
	grep -q "$1 is taken out again" "$tmp/reason" || fail "not taken out: $(cat "$tmp/reason")"
}

unused_cpu() {
	before=$(present_cpus)
	mkdir -p "$tmp/kernel/cpu"
	cp "$system/cpu/present" "$tmp/kernel/cpu"
	blind_hotplug cpu add
	taken_out "$(hotplug cpu list | awk '$2 == "free" { print $1 }' | head -n 1)"
	# hotplug shows what the kernel has logged meanwhile.
	grep -q 'hotplug: kernel: .*hot-added' "$tmp/reason" || fail "no log: $(cat "$tmp/reason")"
	equal 'CPUs that are present' "$before" "$(present_cpus)"
}
test_case unused_cpu 'self: hotplug unplugs a CPU that the kernel does not use'

# A DIMM of two blocks, of which the kernel uses the first one.
half_a_dimm() {
	before=$(memory_blocks)
	plug dimm add 256M
	new=$(missing "$before" "$(memory_blocks)")
	equal 'new blocks' 2 "$(echo "$new" | wc -w)"
	plug dimm del
	id=$(cat "$tmp/plugged")
	mkdir -p "$tmp/kernel/memory/memory${new%%[!0-9]*}"
	cp "$system/memory/block_size_bytes" "$tmp/kernel/memory"
	blind_hotplug dimm add 256M
	taken_out "$id"
	grep -q "there are not memory${new##*[!0-9]}" "$tmp/reason" ||
		fail "memory${new##*[!0-9]} is not named: $(cat "$tmp/reason")"
	equal 'memory blocks' "$before" "$(memory_blocks)"
}
test_case half_a_dimm 'self: hotplug unplugs a DIMM of which the kernel uses only a part'

several_cpus() {
	plug cpu add 2
	cat "$tmp/plugged" >>"$tmp/cpus"
	equal 'CPUs that were named' 2 "$(wc -l <"$tmp/plugged")"
	while read -r id; do
		hotplug cpu del "$id" >/dev/null 2>"$tmp/refusal" </dev/null || fail "$(cat "$tmp/refusal")"
	done <"$tmp/plugged"
	: >"$tmp/cpus"
}
test_case several_cpus 'self: hotplug names each of several CPUs'

chosen() {
	cat >"$tmp/inner" <<-'END'
	. ./lib/all.sh
	setup() { :; }
	teardown() { :; }
	module_loaded() { false; }
	one() { :; }
	two() { :; }
	three() { :; }
	test_case one 'P1 E3 R8 is one'
	test_case two 'E3 X4 is two'
	test_case three 'is three, E5'
	run_tests
	END
	DHP_KTAP=titles sh "$tmp/inner" -t two -t one >"$tmp/said"
	grep -v '^# took' "$tmp/said" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	TAP version 13
	1..2
	# P1 E3 R8 X4: clauses of module/CONTRACT.md
	ok 1 P1 E3 R8 is one
	ok 2 E3 X4 is two
	END
	same "$tmp/expected" "$tmp/seen"
	cat >"$tmp/names" <<-END
	one P1 E3 R8 is one
	two E3 X4 is two
	three is three, E5
	END
	sh "$tmp/inner" -l >"$tmp/seen"
	same "$tmp/names" "$tmp/seen"
	code=0
	sh "$tmp/inner" -t four >"$tmp/said" 2>"$tmp/seen" || code=$?
	equal "status for a name that no test has" 2 "$code"
	[ ! -s "$tmp/said" ] || fail "something ran: $(cat "$tmp/said")"
	sed -i 1d "$tmp/seen"
	same "$tmp/names" "$tmp/seen"
	code=0
	DHP_KTAP=numbers sh "$tmp/inner" >"$tmp/said" 2>&1 || code=$?
	equal "status for DHP_KTAP=numbers" 2 "$code"
	grep -q "DHP_KTAP is 'numbers', and should be titles or names" "$tmp/said" || fail "$(cat "$tmp/said")"
	for bad in one '-t' '-t no,name' '-x' '-l one'; do
		code=0
		# shellcheck disable=SC2086 # a list
		sh "$tmp/inner" $bad >"$tmp/said" 2>&1 || code=$?
		equal "status for '$bad'" 2 "$code"
		grep -q '^usage: ' "$tmp/said" || fail "'$bad': $(cat "$tmp/said")"
	done
}
test_case chosen 'self: -t runs some of the tests, -l lists them, and bad arguments are refused'

run_tests
