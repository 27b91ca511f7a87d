# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Packages of the distribution's archive: finds them, installs them, and unpacks them below build/. What
# they are for is in scripts/setup, which reads this file. This file uses scripts/setup's say(), die() and
#
#   build   the folder that everything is fetched to
#   new     the folder that is being filled, or nothing

# scripts/setup's arguments, to start it again.
word=${1-}
second=${2-}

# Suites of Debian that may have kernels which this machine's own suite lacks.
OTHER_SUITES="bookworm trixie trixie-backports"

on_terminal() { [ -t 2 ] && [ "${TERM-dumb}" != dumb ]; }

free_kib() { df -Pk "$1" | awk 'NR == 2 { print $4 }'; }

mib() { echo "$((($1 + 1023) / 1024)) MiB"; }

# room_for FOLDER KIB WHAT
needed=0
room_for() {
	needed=$2
	free=$(free_kib "$1")
	[ "$free" -ge "$2" ] ||
		die "$3 needs $(mib "$2") in ${1%%.new*}, and $(mib "$free") are free there"
}

# run COMMAND...: shows its standard output, and stores its standard error in $errors.
run() {
	code=0
	errors=$({ "$@" 2>&1 >&3; } 3>&2) || code=$?
	return "$code"
}

# failed WHAT: ends the program with the reason why the last `run` failed.
failed() {
	why=$(printf '%s\n' "$errors" | sed -n '/No space left on device/{p; q;}; /: Wrote only /{p; q;}')
	if [ -n "$why" ]; then
		# When a package is installed, the full disk may be another one than that of build/.
		place=${new:-$build}
		free=$(free_kib "$place")
		[ "$free" -ge 1024 ] || why="no space is left in ${place%.new} ($(mib "$free") free, about $(mib "$needed") needed)"
		die "could not $1: $why"
	fi
	[ -z "$errors" ] || printf '%s\n' "$errors" >&2
	die "could not $1"
}

# Only the package manager needs root.
sudo=
need_root() {
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null || die "needs root, and there is no sudo. Please run as root: $*"
	sudo=sudo
}

# run_apt COMMAND...: runs one of apt's programs, and shows its progress on a terminal without colours or
# a bar. While another process holds a lock of the package manager, waits: for ten minutes, or as long as
# DPkg::Lock::Timeout says.
run_apt() {
	set -- "$@" -o APT::Color=0 -o Dpkg::Progress-Fancy=0 -o DPkg::Lock::Timeout=0 -o Acquire::Retries=3
	on_terminal || set -- "$@" -q
	seconds=600
	eval "$(apt-config shell seconds DPkg::Lock::Timeout/i)"
	[ "$seconds" -ge 0 ] || seconds=600
	deadline=$(($(date +%s) + seconds))
	last=
	until run "$@"; do
		holder=$(printf '%s\n' "$errors" | sed -n '/^E: Could not get lock /{
			s/.* lock \(.*\)\. It is held by process \([0-9]*\) (\(.*\))$/\3 (process \2) holds \1/
			s/.* lock \(.*\)\. It is held by process \([-0-9]*\)$/process \2 holds \1/
			s/.* lock \(.*\) - open .*/another process holds \1/
			p; q;}')
		[ -n "$holder" ] || return 1
		[ "$(date +%s)" -lt "$deadline" ] ||
			die "gave up after $seconds seconds: $holder; try again when it has ended"
		[ "$holder" = "$last" ] || say "waiting: $holder"
		last=$holder
		sleep 1
	done
	[ -z "$errors" ] || printf '%s\n' "$errors" >&2
}

update() {
	need_root apt-get update
	say "fetching the package lists"
	# Once only, although scripts/setup starts again; see get_failed().
	export DHP_SETUP_UPDATED=1
	run_apt ${sudo:+"$sudo"} apt-get update
}

# A fresh machine may have no package lists (containers ship none).
have_lists=
need_lists() {
	[ -z "$have_lists" ] || return 0
	have_lists=1
	[ -z "$(from_archive apt-cache pkgnames linux-headers-)" ] || return 0
	update || failed "fetch the package lists"
	[ -z "$(from_archive apt-cache pkgnames linux-headers-)" ] || return 0
	# apt only warns when it cannot fetch lists, and its warnings have been shown.
	errors=$(printf '%s\n' "$errors" | grep -m 1 'No space left on device') ||
		die "there are no package lists, and none could be fetched; is there a network?"
	failed "fetch the package lists"
}

# get_failed WHAT: ends the program. If the reason may be that old lists name packages which the archive no
# longer has, fetches new lists and starts scripts/setup again, once. The other suites' lists are always new.
get_failed() {
	case $errors in
	*' 404 '* | *'File not found'* | *'Unable to locate package'* | *'no installation candidate'* | \
		*'has no candidate'* | *'Hash Sum mismatch'* | *'unexpected size'*)
		[ -z "${DHP_SETUP_UPDATED-}$others" ] || failed "$1"
		say "could not $1; the package lists may be old"
		update || failed "fetch the package lists"
		[ -z "$new" ] || rm -rf "$new"
		exec "$0" "$word" ${second:+"$second"}
		;;
	esac
	failed "$1"
}

# from_archive COMMAND...: runs one of apt's programs with the package lists of this machine's own suites,
# or, after use_others, with those of the other suites, which are below build/. Installed packages are
# hidden from it, because the archive may no longer have them.
others=
from_archive() {
	command=$1
	shift
	if [ -z "$others" ]; then
		set -- -o Dir::Cache::pkgcache= "$@"
	else
		set -- -o Dir::Etc::SourceList="$others/sources.list" -o Dir::Etc::SourceParts=/dev/null \
			-o Dir::State="$others/state" -o Dir::Cache="$others/cache" "$@"
	fi
	# As root, apt would otherwise switch to a user that may not write here.
	"$command" -o Dir::State::Status=/dev/null -o APT::Sandbox::User=root "$@"
}

use_others() {
	[ -z "$others" ] || return 0
	need_lists
	# shellcheck disable=SC1091 # every system has it
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	# shellcheck disable=SC2016 # apt-get's own placeholders
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' \
		'Created-By: Packages' |
		sed -n "s/^\([^ ]*\) $codename Debian\$/\1/p" | head -n 1)
	[ -n "$mirror" ] ||
		die "apt's sources name no Debian archive for '$codename', where other kernels could come from"
	others=$build/archive
	mkdir -p "$others/state/lists/partial" "$others/cache/archives/partial"
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	for suite in $OTHER_SUITES; do
		echo "deb $([ ! -e $keys ] || echo "[signed-by=$keys] ")$mirror $suite main"
	done >"$others/sources.list"
	say "fetching the package lists of: $OTHER_SUITES"
	# Without this, apt reports success after errors that it considers transient.
	run_apt from_archive apt-get -o APT::Update::Error-Mode=any update || {
		[ -n "$(from_archive apt-cache pkgnames linux-headers-)" ] ||
			failed "fetch the package lists of: $OTHER_SUITES"
		printf '%s\n' "$errors" >&2
		say "could not fetch all of these lists; using those that are there"
	}
}

# install_missing COMMAND-OR-FILE=PACKAGE...
install_missing() {
	packages=
	for pair in "$@"; do
		what=${pair%%=*}
		case $what in
		/*) [ -e "$what" ] && continue ;;
		*) command -v "$what" >/dev/null && continue ;;
		esac
		packages="$packages ${pair#*=}"
	done
	[ -n "$packages" ] || return 0

	command -v apt-get >/dev/null ||
		die "missing, and there is no apt-get to install it with:$packages"
	be_alone
	need_root "apt-get install$packages"
	need_lists
	say "installing:$packages"
	# shellcheck disable=SC2086 # a list of package names
	run_apt ${sudo:+"$sudo"} env DEBIAN_FRONTEND=noninteractive DPKG_COLORS=never \
		apt-get install -y --no-install-recommends $packages ||
		get_failed "install:$packages"
}

# lacking PACKAGE...: prints the first one that the archive does not have.
lacking() {
	had=" $(from_archive apt-cache policy "$@" 2>/dev/null |
		awk '/^[^ ]/ { sub(/:$/, ""); name = $0 } /^  Candidate: [^(]/ { print name }' | tr '\n' ' ')"
	for package in "$@"; do
		case $had in
		*" $package "*) ;;
		*)
			echo "$package"
			return
			;;
		esac
	done
}

# need_packages PACKAGE...: finds them in this machine's own suites, or else in the others, or ends.
need_packages() {
	need_lists
	lacked=$(lacking "$@")
	[ -n "$lacked" ] || return 0
	say "there is no $lacked in the package archive for this machine"
	use_others
	lacked=$(lacking "$@")
	[ -z "$lacked" ] || die "there is no $lacked in the package archive"
}

# depends PACKAGE...: prints what they depend on. apt puts the names that the archive lacks in brackets.
depends() {
	from_archive apt-cache depends "$@" | sed -n 's/^ *Depends: <\{0,1\}\([^>]*\).*/\1/p' | sort -u
}

# installable WHAT PACKAGE...: whether the archive has all that they depend on; says what is missing.
installable() {
	what=$1
	shift
	said=$(from_archive apt-get -q -y --no-install-recommends --print-uris install "$@" 2>&1) && return
	why=$(printf '%s\n' "$said" |
		sed -n 's/^ \(.*[^ ]\) *: Depends: \([^ ]*\)/\1 needs \2,/p; s/^E: //p' | head -n 1)
	say "passing over $what: $why"
	return 1
}

# unpack FOLDER WHAT PACKAGE...: downloads the packages and unpacks them into FOLDER.
unpack() {
	get alone "$@"
}

# unpack_all FOLDER WHAT PACKAGE...: the same with all that they depend on.
unpack_all() {
	get with-all "$@"
}

get() {
	how=$1 folder=$2 what=$3
	shift 3
	debs=$folder/debs
	mkdir -p "$debs/partial"
	case $how in
	alone) set -- download "$@" ;;
	with-all)
		set -- -y -o Dir::Cache::Archives="$debs" -o Debug::NoLocking=true \
			--no-install-recommends --download-only install "$@"
		;;
	esac
	list=$(from_archive apt-get -qq --print-uris "$@" 2>&1) || {
		errors=$list
		get_failed "fetch $what"
	}
	# Lines like: 'http://...' NAME_VERSION_ARCH.deb BYTES HASH
	kib=$(printf '%s\n' "$list" | awk "/^'/ { sum += \$3 } END { print int(sum / 1024) + 1 }")
	names=$(printf '%s\n' "$list" | awk "/^'/ { sub(/_.*/, \"\", \$2); print \$2 }")
	# shellcheck disable=SC2086 # a list of package names
	unpacked=$(from_archive apt-cache show --no-all-versions $names |
		awk '/^Installed-Size:/ { sum += $2 } END { print sum + 0 }')
	room_for "$folder" $((kib + unpacked)) "$what"
	say "fetching $what ($(mib "$kib"))"
	run_apt in_folder "$debs" from_archive apt-get "$@" || get_failed "fetch $what"

	say "unpacking $what"
	set -- "$debs"/*.deb
	count=0
	for deb in "$@"; do
		count=$((count + 1))
		! on_terminal || printf '\rsetup: package %d of %d ' "$count" $# >&2
		run dpkg-deb -x "$deb" "$folder" || failed "unpack ${deb##*/}"
	done
	! on_terminal || echo >&2
	rm -rf "$debs"
}

in_folder() {
	cd "$1" || return
	shift
	"$@"
}

# use_own_libraries FOLDER: makes the programs of another release, unpacked there, use the libraries of
# that release: replaces each program by a script that starts it with them.
use_own_libraries() {
	find "$1/usr/bin" "$1/usr/lib" "$1/usr/libexec" -type f -perm -100 2>/dev/null |
		while read -r program; do
			grep -q -a -m 1 /lib64/ld-linux-x86-64.so.2 "$program" || continue
			[ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
			case $program in *.so | *.so.*) continue ;; esac
			up=$(dirname "${program#"$1"/}" | sed 's,[^/][^/]*,..,g')
			mv "$program" "$program.elf"
			cat >"$program" <<EOF
#!/bin/sh
lib=\${0%/*}/$up/usr/lib/x86_64-linux-gnu
exec "\$lib/ld-linux-x86-64.so.2" --argv0 "\$0" --library-path "\$lib" \\
	"\${0%/*}/${program##*/}.elf" "\$@"
EOF
			chmod 755 "$program"
		done
}
