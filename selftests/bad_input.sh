#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a wrong value is taken for a right one, or crashes the machine.
#
# Bad input of every kind: dhp refuses it with an errno or a message that names it, and does
# nothing. The last test prints how many inputs of each kind there were. Bad registrations from
# inside callbacks are in register.sh, misused buffers in buffers.sh.

. ./lib/all.sh

parameters=/sys/module/dhp/parameters
debugfs=/sys/kernel/debug/dhp

kinds='parameters of insmod|parameters at run time|read-only files|concurrent writers'
kinds="$kinds|concurrent insmods|statuses from callbacks|words to dhp_test|bytes to query"
# These names are those of modules/bad_calls_*.c.
for calls in 'processor clients' 'memory clients' 'event clients' 'rebalance clients' 'questions' \
	'names of pools' 'sizes of pools' 'work items' 'work without a pool, pools without work' \
	'from inside a work item' 'buffers' 'buffers without a pool' 'module_wdm_driver' \
	'KeRegisterProcessorChangeCallback' 'IoRegisterPlugPlayNotification' \
	'KeGetProcessorNumberFromIndex' 'status values' 'DhpRegisterRebalance' 'DPCs' 'events' \
	'pools of memory' 'groups'; do
	kinds="$kinds|calls: $calls"
done
for program in hotplug to-host; do
	! command -v "$program" >/dev/null || kinds="$kinds|words to $program"
done

# ---------------------------------------------------------------- counting

# tried KIND [HOW-MANY]: counts inputs that are tried next. Sets $kind for refused_one.
tried() {
	kind=$1
	echo "$1|tried|${2-1}" >>"$tmp/counts"
}

# refused_one [HOW-MANY]: counts those of the last kind that were refused.
refused_one() {
	echo "$kind|refused|${1-1}" >>"$tmp/counts"
}

# chosen: is this input one of the DHP_PERCENT that are tried? They are evenly spread, and differ
# from run to run. Counts in $asked.
asked=$((DHP_SEED % 100))
chosen() {
	asked=$((asked + 1))
	[ $((asked * DHP_PERCENT / 100)) -gt $(((asked - 1) * DHP_PERCENT / 100)) ]
}

# counts KIND|KIND...: prints a line of the table for each
counts() {
	touch "$tmp/counts"
	awk -F '|' -v kinds="$1" '
	{ sum[$1, $2] += $3 }
	END {
		nr = split(kinds, kind, "|")
		for (i = 1; i <= nr; i++)
			printf "%-42s%7d%9d\n", kind[i], sum[kind[i], "tried"], sum[kind[i], "refused"]
	}' "$tmp/counts"
}

# summary KIND: what a test prints at its end
summary() {
	counts "$1" | awk '{ print "tried " $(NF - 1) ", refused " $NF }'
}

# ---------------------------------------------------------------- nothing has changed

# What bad input must not change: everything of dhp, and what the input could be mistaken for. A
# test sets $leave_out to a file that good input changes meanwhile.
leave_out=
state() {
	local file
	cut -d' ' -f1-3 /proc/modules
	cat "$system/cpu/online" "$system"/memory/*/state
	cat /proc/[0-9]*/comm 2>/dev/null | grep '^dhp' | sort
	for file in "$parameters"/* "$dhp"/[cps]* "$dhp"/pools/*/* "$debugfs"/*; do
		[ -f "$file" ] || continue
		[ "$file" != "$leave_out" ] || continue
		echo "== $file $(stat -c %a "$file")"
		cat "$file"
	done
	ls "$debugfs" 2>/dev/null || true
	grep ': dhp:' "$system/cpu/hotplug/states" || true
}

remember() {
	state >"$tmp/before"
}

unchanged() {
	state >"$tmp/after"
	same "$tmp/before" "$tmp/after"
}

# ---------------------------------------------------------------- writing bytes

# write SOURCE FILE: all bytes of SOURCE in one write; if it fails, sets $why to the errno's name
write() {
	why=$(./put "$2" <"$1")
}

# bytes_refused ERRNO SOURCE FILE
bytes_refused() {
	if write "$2" "$3"; then
		fail "$(wc -c <"$2") bytes beginning with '$(head -c 20 "$2")' into $3 were not refused"
	fi
	[ "$why" = "$1" ] || equal "$(head -c 20 "$2") into $3" "$1" "$why"
}

# Makes files in $tmp/bytes, each with bytes that are not a value of anything.
make_bytes() {
	local number word
	[ ! -e "$tmp/bytes" ] || return 0
	mkdir "$tmp/bytes"
	cd "$tmp/bytes"
	printf '\n' >newline
	printf ' ' >blank
	printf ' 1' >blank_first
	printf '1 ' >blank_behind
	printf '1 1' >two
	printf '1\n1\n' >lines
	printf '1x' >trailing
	printf 'x' >one
	printf '\0' >nul
	printf '\0001' >nul_first
	printf '\377\376\200' >no_utf8
	printf '\033[2J' >escape
	printf '%%s%%n' >format
	for number in -1 2 10 2147483648 4294967296 4294967297 9223372036854775808 \
		18446744073709551616 18446744073709551617 0x1 1e0 1.0 +1 01; do
		printf %s "$number" >"number$number"
	done
	for word in nonsense yess Nope truely on/off none; do
		printf %s "$word" >"word_${word%/*}"
	done
	head -c 4096 /dev/zero | tr '\0' x >page
	head -c 1048576 /dev/zero | tr '\0' 1 >megabyte
	head -c 4096 /dev/zero >zeroes
	head -c 1000 /proc/self/exe >program
	cd - >/dev/null
}

control() {
	remember
	while read -r errno command; do
		tried 'words to dhp_test'
		ctl_refused "$errno" "$command"
		[ -n "$(cat "$test_dir/control")" ] || fail "'$command' was refused without a reason"
		refused_one
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
	unchanged
	expect_log <<-END
	END
	summary 'words to dhp_test'
	ctl "processor c1"
	ctl_refused EEXIST "processor c1"
	ctl_refused EEXIST "event c1 category=memory"
	equal clients 1 "$(cat "$dhp/clients")"
}
test_case control 'bad: words to the test client'

long_command() {
	long=$(printf '%04000d' 0)
	make_bytes
	for bytes in zeroes page megabyte nul nul_first no_utf8 program; do
		tried 'words to dhp_test'
		bytes_refused EINVAL "$tmp/bytes/$bytes" "$test_dir/control"
		refused_one
	done
	tried 'words to dhp_test'
	ctl_refused EINVAL "processor $long$long"
	refused_one
	ctl "processor c$long"
	ctl "unregister c$long"
}
test_case long_command 'bad: a command of more than a page; a long one works'

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
test_case online_file 'bad: onlining an online CPU, or offlining an offline one, causes no notification'

# ---------------------------------------------------------------- parameters

# Bytes that no parameter accepts, into each parameter; some of these cannot be written at all.
runtime_parameters() {
	echo "DHP_SEED=$DHP_SEED"
	make_bytes
	remember
	for file in "$parameters"/*; do
		value=$(cat "$file")
		errno=EINVAL
		[ "$(stat -c %a "$file")" = 644 ] || errno=EACCES
		for bytes in "$tmp"/bytes/*; do
			chosen || [ "${bytes##*/}" = word_nonsense ] || continue
			tried 'parameters at run time'
			bytes_refused "$errno" "$bytes" "$file"
			read -r seen <"$file"
			equal "$file" "$value" "$seen"
			refused_one
		done
		[ "$errno" = EACCES ] || logged "dhp: bad parameter ${file##*/}=nonsense: it must be" ||
			fail "the log does not name ${file##*/}=nonsense"
	done
	unchanged
	# They do accept good values.
	for file in auto_online debug; do
		for value in 1 0 Y N y n yes no on off; do
			put "$parameters/$file" "$value" || fail "$value into $file: $why"
		done
	done
	unchanged
	summary 'parameters at run time'
}
test_case runtime_parameters 'bad: bytes written to a parameter are refused and change nothing'

# ---------------------------------------------------------------- files

# Files that cannot be written refuse root, too, also when their mode allows writing. `query` is the
# one that can.
read_only_files() {
	make_bytes
	ctl "pool t buffer_size=4096 permille=1"
	settle
	remember
	find "$dhp" "$debugfs" -type f ! -path "$dhp/query" >"$tmp/files"
	while read -r file; do
		errno=EACCES
		[ "${file#"$debugfs"}" = "$file" ] || errno=EINVAL
		mode=$(stat -c %a "$file")
		[ $((0$mode & 0222)) = 0 ] || fail "$file has the mode $mode"
		for bytes in newline one number-1 number18446744073709551616 nul no_utf8 page megabyte; do
			tried 'read-only files'
			bytes_refused "$errno" "$tmp/bytes/$bytes" "$file"
			refused_one
		done
		# kobj_attr_store() has another errno than kernfs.
		[ "$errno" = EINVAL ] || errno=EIO
		chmod 666 "$file"
		tried 'read-only files'
		bytes_refused "$errno" "$tmp/bytes/number2" "$file"
		refused_one
		chmod "$mode" "$file"
	done <"$tmp/files"
	for command in "mkdir $dhp/x" "mkdir $dhp/pools/x" "rmdir $dhp/pools/t" "rmdir $dhp" \
		"rm $dhp/clients" "mv $dhp/clients $dhp/x" "ln -s x $dhp/x" "mkdir $debugfs/x" \
		"touch $debugfs/x" "ln -s x $debugfs/x"; do
		tried 'read-only files'
		! $command 2>"$tmp/said" || fail "$command: it works"
		grep -q 'denied\|not permitted' "$tmp/said" || fail "$command: $(cat "$tmp/said")"
		refused_one
	done
	unchanged
	equal "files" "$(sort "$tmp/files")" "$(find "$dhp" "$debugfs" -type f ! -path "$dhp/query" | sort)"
	summary 'read-only files'
}
test_case read_only_files 'bad: writes to read-only files are refused, whatever their mode'

# The words that query takes are in query.sh and query_memory.sh.
query_bytes() {
	make_bytes
	put "$dhp/query" "cpu 0 add" || fail "'cpu 0 add' cannot be asked: $why"
	head -n 1 "$dhp/query" >"$tmp/question"
	remember
	for bytes in "$tmp"/bytes/*; do
		tried 'bytes to query'
		bytes_refused EINVAL "$bytes" "$dhp/query"
		refused_one
	done
	equal "the question" "$(cat "$tmp/question")" "$(head -n 1 "$dhp/query")"
	unchanged
	summary 'bytes to query'
}
test_case query_bytes 'Q2 bad: bytes written to query are refused, and the question stays'

writer_rounds=$(portion 20)

# writer NUMBER FILE: writes good and bad values in turn; unexpected answers go to
# $tmp/writer.NUMBER
writer() {
	local value
	for _ in $(seq "$writer_rounds"); do
		for value in 1 nonsense 0 18446744073709551616; do
			if put "$2" "$value"; then
				[ ${#value} = 1 ] || echo "'$value' into $2 was not refused"
			elif [ ${#value} = 1 ] || [ "$why" != EINVAL ]; then
				echo "'$value' into $2: $why"
			fi
		done
		if put "$dhp/clients" 1; then
			echo "clients can be written"
		fi
	done >"$tmp/writer.$1" 2>&1
}

concurrent_writers() {
	remember
	tried 'concurrent writers' $((4 * 3 * writer_rounds))
	writer 1 "$parameters/auto_online" &
	writer 2 "$parameters/auto_online" &
	writer 3 "$parameters/debug" &
	writer 4 "$parameters/debug" &
	wait
	[ -z "$(cat "$tmp"/writer.*)" ] || fail "$(head -n 20 "$tmp"/writer.*)"
	refused_one $((4 * 3 * writer_rounds))
	for file in auto_online debug; do
		put "$parameters/$file" 0
	done
	unchanged
	summary 'concurrent writers'
}
test_case concurrent_writers 'bad: values from several writers at once, among good ones'

# ---------------------------------------------------------------- functions and callbacks

# It creates good pools, too, which appear in the log of notifications.
bad_calls() {
	leave_out=$debugfs/log
	# The thread of Windows' drivers comes with the first of them, and stays.
	load wdm_rules
	unload wdm_rules
	remember
	for function in pool_submit pool_submit_on pool_flush work_cancel buffer_get buffer_put \
		pool_flush work_cancel; do
		expect_warning "dhp_$function"
	done
	load dhp_bad_calls
	cat /sys/kernel/debug/dhp_bad_calls >"$tmp/tallies"
	unload dhp_bad_calls
	sed 's/: \([0-9]*\) \([0-9]*\)$/|\1|\2/' "$tmp/tallies" >"$tmp/fields"
	while IFS='|' read -r what number wrong; do
		tried "calls: $what" "$number"
		refused_one $((number - wrong))
	done <"$tmp/fields"
	log_since_mark | sed -n 's/.*dhp_bad_calls: //p'
	awk '$NF { exit 1 }' "$tmp/tallies" || fail "not every answer is what the headers promise"
	# The log names bad arguments.
	for complaint in 'a pool needs a configuration with a name' \
		'bad pool name "elevenchars": it must be 1 to 10' 'bad pool name "a/b"' \
		'bad pool name ".n"' 'bad buffer_size 65537: it must be at most 65536' \
		'bad buffer_permille 501: it must be 1 to 500' \
		'bad buffers_min 10: it must be at most buffers_max, which is 5' \
		'bad buffers_min 18446744073709551615: it must be at most [0-9]+,' \
		'pool name bad_calls is in use already' \
		'KeRegisterProcessorChangeCallback\(.*flags 0x2\) failed' \
		'KeDeregisterProcessorChangeCallback.* not what KeRegister' \
		'(un)?registering a CPU callback from inside a work item.* is refused' \
		'unregistering an event callback from inside a work item.* is refused' \
		'unregistering a rebalance client from inside a work item.* is refused' \
		'(creating|destroying) a pool from inside a work item.* is refused' \
		'dhp_bad_calls: module_wdm_driver\(\) names no DriverEntry' \
		'KeInsertQueueDpc\(.* from .*dhp_bad_calls.* not a DPC that' \
		'KeWaitForSingleObject\(.* from .*dhp_bad_calls.* not an event that' \
		'KeInitializeEvent\(.*, type 2\) from .*dhp_bad_calls' \
		'ExAllocatePoolWithTag\(type 2\) from .*dhp_bad_calls' \
		'ExAllocatePool2\(flags 0x140\) from .*dhp_bad_calls'; do
		logged "dhp: .*$complaint" || fail "the log does not say: $complaint"
	done
	unchanged
	awk '{ tried += $(NF - 1); wrong += $NF }
		END { print "tried " tried ", refused " tried - wrong }' "$tmp/tallies"
}
test_case bad_calls 'R1 W2 W3 W4 W5 W9 E2 bad calls of every function get the answers that its header promises'

# A status that is not an errno is not a veto. It is logged once per client, so each has a client.
bad_statuses() {
	cpu=$(pick_cpu)
	for status in 1 16 4096 2147483647 -4096 -5000 -2147483648; do
		ctl "processor c flags=removals"
		for state in start remove_start; do
			ctl "inside c state=$state action=write_status arg=$status"
		done
		tried 'statuses from callbacks' 2
		offline "$cpu"
		online "$cpu"
		settle
		logged "dhp: .*wrote status $status in (REMOVE_)?START of CPU$cpu, which is ignored" ||
			fail "the log does not name status $status"
		refused_one 2
		ctl "unregister c"
	done
	equal clients 0 "$(cat "$dhp/clients")"
	summary 'statuses from callbacks'
}
test_case bad_statuses 'P3 P6 bad statuses from a callback are not vetoes, and the log names them'

# ---------------------------------------------------------------- programs of the guest

# program_fails STATUS PROGRAM WORDS...: it must end with that status, give a reason that has the
# last word, and print nothing on standard output.
program_fails() {
	local status="$1" program="$2" code=0 word
	shift
	for word in "$@"; do :; done
	tried "words to $program"
	"$@" >"$tmp/said" 2>"$tmp/reason" </dev/null || code=$?
	equal "status of $*" "$status" "$code"
	[ ! -s "$tmp/said" ] || fail "$*: printed $(cat "$tmp/said")"
	[ -s "$tmp/reason" ] || fail "$*: refused without a reason"
	case $word in
	hotplug | del | *[![:print:]]*) ;;
	*) grep -qF -- "$word" "$tmp/reason" || fail "$*: does not name '$word': $(cat "$tmp/reason")" ;;
	esac
	refused_one
}

hotplug_words() {
	can_plug
	before="$(present_cpus) / $(memory_blocks)"
	remember
	program_fails 2 hotplug
	for words in nonsense cpu dimm 'cpu plug' 'cpu list 1' 'cpu add none' 'cpu add -1' 'cpu add 0' \
		'cpu add 1 2' 'cpu add 18446744073709551616' 'cpu add 0x1' 'dimm add' 'dimm add 100M' \
		'dimm add big' 'dimm add 0M' 'dimm add -1G' 'dimm add 1T' 'dimm add 1G --node' \
		'dimm add 1G --node x' 'dimm add 1G --node -1' 'dimm list x' 'cpu del a b'; do
		# shellcheck disable=SC2086 # a list of words
		program_fails 2 hotplug $words
	done
	program_fails 2 hotplug "$(printf 'cpu\nadd')"
	program_fails 2 hotplug cpu add "$(printf '\377')"
	program_fails 2 hotplug cpu add "$(printf '%04000d' 0)x"
	for words in 'cpu add 100000' 'cpu del nonsense' 'cpu del' 'dimm add 1000G' \
		'dimm add 128M --node 99' 'dimm del nonsense' 'dimm del'; do
		# shellcheck disable=SC2086 # a list of words
		program_fails 1 hotplug $words
	done
	equal 'CPUs and memory' "$before" "$(present_cpus) / $(memory_blocks)"
	unchanged
	summary 'words to hotplug'
}
test_case hotplug_words 'bad: words to hotplug'

to_host_words() {
	command -v to-host >/dev/null || skip "no 'to-host' command"
	program_fails 2 to-host
	program_fails 2 to-host a b
	program_fails 2 to-host ''
	for word in ../x /etc/x a/b .x -x 'a b' "$(printf 'x\nend 0')" "$(printf '\377')" \
		"$(printf '%0101d' 0)"; do
		program_fails 2 to-host "$word"
	done
	summary 'words to to-host'
}
test_case to_host_words 'bad: names of files for the host'

# ---------------------------------------------------------------- insmod

# not_loaded WHAT: nothing of dhp is there after it
not_loaded() {
	module_loaded dhp && fail "dhp is loaded after $1"
	[ ! -e "$dhp" ] || fail "$dhp is there after $1"
	[ ! -e "$debugfs" ] || fail "$debugfs is there after $1"
}

# insmod_fails PARAMETER VALUE [GOOD-PARAMETER...]: it must fail, with a message that names both.
# Sets a new $mark, for log_since_mark.
insmod_fails() {
	local key="$1" bad="$2" shown
	shift 2
	tried 'parameters of insmod'
	shown=$(printf %.20s "$bad")
	# The log may have this value already, from another parameter.
	mark="bad input: another value for $key"
	echo "$mark" >/dev/kmsg
	if try_load dhp "$@" "$key=$bad" 2>"$tmp/said"; then
		fail "dhp $key=$shown $* could be loaded"
	fi
	grep -qi 'invalid\|range' "$tmp/said" || fail "$key=$shown: $(cat "$tmp/said")"
	case $bad in
	*[![:print:]]*) logged "dhp: .*$key" || fail "the log does not name $key" ;;
	*)
		log_since_mark | grep 'dhp: ' | grep -F -- "$shown" >"$tmp/named" ||
			fail "the log does not name $shown, for $key"
		# The kernel cuts its own line after a thousand characters.
		[ ${#bad} -gt 500 ] || grep -qF "$key" "$tmp/named" ||
			fail "the log does not name $key with $shown"
		;;
	esac
	not_loaded "$key=$shown"
	refused_one
}

insmod_parameters() {
	echo "DHP_SEED=$DHP_SEED"
	unload dhp_test
	# A new parameter needs bad values below.
	equal "parameters" 'auto_online buffer_permille debug pool' "$(cd "$parameters" && echo *)"
	unload dhp
	remember
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	control_bytes=$(printf '\033[2J')
	no_utf8=$(printf '\377\376')
	for parameter in pool auto_online debug; do
		for value in '' 2 -1 10 01 0x1 1x 1.0 1,1 +1 2147483648 4294967296 4294967297 \
			9223372036854775808 18446744073709551616 18446744073709551617 nonsense maybe yess \
			Nope onoff %s%n "$long" "$control_bytes" "$no_utf8"; do
			! chosen || insmod_fails "$parameter" "$value"
		done
	done
	for value in '' 0 501 1000 -1 -4 many 4x 4.0 4,4 1e2 08 0x 2147483648 4294967295 4294967296 \
		4294967300 9223372036854775808 18446744073709551615 18446744073709551616 \
		18446744073709551620 99999999999999999999999 %s%n "$long" "$control_bytes" "$no_utf8"; do
		! chosen || insmod_fails buffer_permille "$value"
	done
	# A bad one among good ones, and the last of two
	insmod_fails buffer_permille 501 auto_online=0 pool=1
	insmod_fails pool 2 pool=1
	unchanged
	summary 'parameters of insmod'
}
test_case insmod_parameters 'bad: parameters are refused and named, and leave nothing behind'

# A sample that gets parameters needs bad values for them here.
sample_parameters() {
	for loaded in dhp_test dhp; do
		! module_loaded "$loaded" || unload "$loaded"
	done
	load dhp pool=1
	for sample in dhp_sample_native dhp_sample_wdm dhp_sample_memory dhp_sample_shared_pool; do
		load "$sample"
		[ ! -e "/sys/module/$sample/parameters" ] ||
			fail "$sample has parameters that are not tested: $(ls "/sys/module/$sample/parameters")"
		unload "$sample"
	done
	unload dhp
}
test_case sample_parameters 'bad: parameters of the samples, which have none'

# Several at once: all bad ones fail, and the good ones load one dhp. Since 6.5, the kernel gives
# the same answer to all that load one file at the same time, so that several may succeed.
concurrent_insmods() {
	module_loaded dhp && unload dhp
	for _ in $(seq 5); do
		tried 'concurrent insmods' 4
		for bad in pool=nonsense buffer_permille=0 buffer_permille=501 auto_online=2; do
			try_load dhp "$bad" 2>/dev/null && echo "$bad could be loaded" >>"$tmp/loaded" &
		done
		wait
		[ ! -e "$tmp/loaded" ] || fail "$(cat "$tmp/loaded")"
		not_loaded "several bad ones"
		refused_one 4
		for i in 1 2 3 4; do
			try_load dhp pool=0 2>"$tmp/insmod.$i" && echo "$i" >>"$tmp/winners" &
		done
		wait
		[ -s "$tmp/winners" ] || fail "none of four insmods succeeded: $(cat "$tmp"/insmod.*)"
		for i in 1 2 3 4; do
			grep -qx "$i" "$tmp/winners" || grep -q 'File exists' "$tmp/insmod.$i" ||
				fail "one of four insmods: $(cat "$tmp/insmod.$i")"
		done
		equal "modules that are dhp" 1 "$(grep -c '^dhp ' /proc/modules)"
		rm "$tmp/winners"
		unload dhp
	done
	summary 'concurrent insmods'
}
test_case concurrent_insmods 'bad: insmods at once, among good ones'

# ---------------------------------------------------------------- all of it

table() {
	printf '%-42s%7s%9s\n' 'bad input' tried refused
	counts "$kinds" >"$tmp/table"
	cat "$tmp/table"
	awk '{ tried += $(NF - 1); refused += $NF }
		END { printf "%-42s%7d%9d\n", "in all", tried, refused }' "$tmp/table"
	awk '!$(NF - 1) || $(NF - 1) != $NF { exit 1 }' "$tmp/table" ||
		fail "each kind must have been tried, and refused each time"
	cut -d'|' -f1 "$tmp/counts" | sort -u | while read -r kind; do
		case "|$kinds|" in
		*"|$kind|"*) ;;
		*) fail "the table has no '$kind'" ;;
		esac
	done
}
test_case table 'bad: every kind of input was tried and refused'

run_tests
