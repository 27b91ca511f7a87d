# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034	# variables of other files, see ../../lib/all.sh
#
# Allocations of the driver that fail, by the module certify_nomem: one of those that a function of
# the driver makes, by itself or through the kernel. Not here: any allocation of a task, see
# lib/faults.sh of the suite.

nomem=/sys/module/certify_nomem/parameters

# begin_nomem: before the driver is loaded
begin_nomem() {
	local said
	module_loaded certify_nomem && return
	said=$(try_load certify_nomem driver="$driver" 2>&1) ||
		skip "this kernel does not let allocations fail: $said"
}

end_nomem() {
	! module_loaded certify_nomem || try_unload certify_nomem
}

# arm N: the driver's Nth allocation from now on fails, and none if N is 0.
arm() {
	local n="$1"
	# They are counted also if none fails.
	[ "$n" != 0 ] || n=1000000000
	put "$nomem/nth" "$n" || fail "cannot let an allocation fail: $why"
}

# unarm: sets $allocations to how many there were, and $failed_in to the function whose allocation
# has failed, if any has.
unarm() {
	read -r allocations <"$nomem/count"
	failed_in=
	read -r failed_in <"$nomem/failed" || true
	failed_in=${failed_in%% *}
	failed_in=${failed_in%%+*}
	put "$nomem/nth" 0 || fail "certify_nomem: $why"
}

# try_nomem N: loads the driver; its Nth allocation fails. Sets $load_error if it does not load.
try_nomem() {
	load_others
	load_error=
	[ "$1" = 0 ] || echo "certify: allocation $1 fails" >/dev/kmsg
	arm "$1"
	# shellcheck disable=SC2086 # a list
	load_error=$(insmod "$driver_file" $driver_params 2>&1) && load_error=
	unarm
	[ -n "$load_error" ] || say_symbols
}

# said_no: the driver has loaded, and its device has not come because of the allocation that try_nomem
# has let fail. The driver is there for other devices, so only the log says it.
said_no() {
	log_since_mark | awk '
	/certify: allocation [0-9]+ fails$/ { said = 0 }
	/ probe (of|with driver) .* failed with error -|error:? -12([^0-9]|$)|: -12$/ { said = 1 }
	END { exit !said }'
}

# begin_allocations SECONDS, next_allocation: count $nth, until there is no more time.
begin_allocations() {
	now
	deadline=$((now + $1))
	nth=0
}

next_allocation() {
	now
	nth=$((nth + 1))
	[ "$now" -lt "$deadline" ] || {
		echo "no time for allocation $nth and later ones"
		return 1
	}
}
