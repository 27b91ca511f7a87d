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

# bound_to DRIVER: how many devices this folder in sysfs links to; fails if the folder is not there
bound_to() {
	local link number=0
	[ -d "$1" ] || return
	for link in "$1"/*; do
		[ ! -h "$link" ] || [ "$link" = "$1/module" ] || number=$((number + 1))
	done
	echo "$number"
}

# note_devices: those that the driver has, as it should have them after try_nomem, too
note_devices() {
	local link
	for link in /sys/bus/*/drivers/*/module; do
		case $(readlink "$link") in
		*"/$driver") echo "$(bound_to "${link%/module}") ${link%/module}" ;;
		esac
	done >"$tmp/bound"
}

# lacks_device: the driver is there for its devices, but one of them is not bound to it, since its
# probe has said no.
lacks_device() {
	local number folder has
	while read -r number folder; do
		has=$(bound_to "$folder") || continue
		[ "$has" -ge "$number" ] || return 0
	done <"$tmp/bound"
	return 1
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
