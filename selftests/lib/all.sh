# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034	# the other files and the scripts use the variables
#
# All that a test script needs. A script names its tests, in its own folder:
#
#   . ./lib/all.sh
#   test_case FUNCTION 'P1 what it shows'
#   run_tests
#
# Without arguments it runs all of them. `./SCRIPT.sh -l` lists them, and `./SCRIPT.sh -t FUNCTION`
# runs one. lib/ktap.sh says how a test runs; template.sh is the beginning of a new script.
#
# Each file uses only those before it in the list below, and only ktap.sh runs anything. Not here:
# lib/steps.sh, lib/nap.sh, lib/pool.sh and lib/faults.sh, which the scripts that need them read
# after this file.

set -u
LC_ALL=C
export LC_ALL

system=/sys/devices/system
dhp=/sys/kernel/dhp
test_dir=/sys/kernel/debug/dhp_test

# What a tar has for all of its tests, see scripts/kselftest-tar.
# shellcheck source=/dev/null
[ ! -e ./environment ] || . ./environment

# The folder with the modules; without dhp.ko there, modprobe finds them.
DHP_DIR=${DHP_DIR-/dhp}
# How much of a long test to run: see portion().
DHP_PERCENT=${DHP_PERCENT-100}
# What a test chooses at random depends on the seed. The test prints it; the same seed repeats it.
DHP_SEED=${DHP_SEED-$(date +%s)}
# What a result names: titles, for people; or names, see print_result().
DHP_KTAP=${DHP_KTAP-titles}

. ./lib/assert.sh
. ./lib/log.sh
. ./lib/client.sh
. ./lib/machine.sh
. ./lib/leaks.sh
. ./lib/ktap.sh
