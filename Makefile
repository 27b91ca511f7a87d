# SPDX-License-Identifier: GPL-2.0
#
# The commands for users. Each target sets up what it needs, below build/. How things are built and run
# is in scripts/, qemu/ and Kbuild.

# Folders in which the kernel's build cannot work are refused.
REFUSED := $(shell scripts/setup path 2>&1)
ifneq ($(REFUSED),)
$(error $(REFUSED))
endif

KERNEL ?= 6.1
TIMEOUT ?= 4800
# For the torture: without a seed it chooses one and prints it; each of several seeds gets a guest.
MINUTES ?= 5
SEED ?=
# Long-term releases, the newest one, and a kernel with sleeping spinlocks.
KERNELS ?= 6.1 6.12 7.3 6.12-rt

# Guests at a time. Each keeps one core busy.
JOBS ?= $(if $(filter 1,$(shell nproc)),1,2)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export KERNEL

# gcc does not know NO_COLOR.
ifneq ($(NO_COLOR),)
export GCC_COLORS :=
endif

# KERNEL's build tree. Only the targets that use it find and fetch it.
guest_kdir = $(realpath $(shell scripts/setup kernel $(KERNEL))/kdir)

# The kernel that `make modules`, `install` and `uninstall` are for: the running one, unless named.
KDIR ?= /lib/modules/$(shell uname -r)/build

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
DKMS_SOURCE = /usr/src/dhp-$(VERSION)

.PHONY: help
help:
	@echo 'make demo      boots a guest, plugs a CPU and a DIMM, unplugs both, shows what changed'
	@echo 'make check     runs every selftest in a guest; the last line is the result. One test, other'
	@echo '               guests: scripts/check --help'
	@echo 'make check-kernels  does the same on KERNELS ($(KERNELS)), JOBS=$(JOBS) at a time'
	@echo 'make check-debug  does the same on kernels with every checker; coverage is in build/coverage'
	@echo 'make check-all  runs all that there is, on all kernels, for hours; CI runs a part of it'
	@echo 'make check-ecosystem  tries dhp with programs of its users: a browser, packages, and others'
	@echo 'make torture   does everything at random for MINUTES ($(MINUTES)) and checks each notification;'
	@echo '               SEED= repeats a run, SEED='"'"'1 2 3'"'"' makes several runs, with a sum'
	@echo 'make certify DRIVER=PATH  puts any driver through hotplug of every kind, on KERNELS'
	@echo '               ($(CERTIFY_KERNELS)), and says what is wrong with it; also EXERCISE=, PARAMS=,'
	@echo '               WITH=, QEMU_ARGS=, DRILLS=, JOBS=, SEED=: `make certify-help`'
	@echo 'make check-certify  checks that it finds the faults of selftests/certify/faulty, each by the drill'
	@echo '               for it, and nothing in selftests/certify/clean; DRIVERS=, DRILLS=, SEEDS=;'
	@echo '               DRIVERS=real takes other people'"'"'s drivers'
	@echo 'make bench     compares dhp with the kernel'"'"'s own facilities: a table, and build/bench.json'
	@echo 'make bench-check  checks in a minute that `make bench` works'
	@echo 'make kselftest-tar  the selftests with their modules, for other machines, as a tar of kselftest;'
	@echo '               KDIR= names the build tree of a kernel that is not KERNEL'
	@echo 'make shell     a guest to play in, with `hotplug` at hand'
	@echo 'make domain    prints that guest as a domain of libvirt, for `virsh define`'
	@echo 'make kdir      builds what a driver of your own needs, and prints the build tree for it'
	@echo 'make modules   builds dhp.ko for the running kernel, or for the build tree that KDIR= names'
	@echo 'make install   installs it on this machine, with what a driver of your own needs'
	@echo 'make uninstall removes what `make install` has installed'
	@echo 'make dkms      installs it by DKMS, which builds it again for every new kernel'
	@echo 'make deb       builds Debian packages of the module (by DKMS) and of the tools'
	@echo 'make style     checkpatch, sparse, shellcheck, kernel-doc, scripts/calls; silent when all is well'
	@echo 'make clean     removes what was built; `rm -r build` also removes what was fetched'
	@echo
	@echo 'KERNEL=$(KERNEL) is the guest kernel: 6.1, 6.12, 7.3, 6.12-rt or another series of the archive,'
	@echo 'one release of it like 6.1.0-56, debug or kcsan, or a build tree'

.PHONY: tools
tools:
	@scripts/setup tools

# ------------------------------------------------------------------ modules

.PHONY: build-tools modules guest-modules kdir
build-tools:
	@scripts/setup build-tools

modules: build-tools
	@folder=$$(scripts/build-modules --real '$(KDIR)') && echo "$$folder/module/dhp.ko is built"

guest-modules: tools
	@kdir=$(guest_kdir); [ -n "$$kdir" ] && scripts/build-modules "$$kdir"

# Prints nothing but the path to standard output.
kdir: tools
	@kdir=$(guest_kdir); [ -n "$$kdir" ] && scripts/build-modules "$$kdir" >&2 && echo "$$kdir"

# ------------------------------------------------------------------ guests

.PHONY: demo check check-kernels bench bench-check shell domain
demo: guest-modules
	@scripts/demo

bench: guest-modules
	@scripts/bench

bench-check: guest-modules
	@scripts/bench --quick

shell: guest-modules
	@qemu/vm shell

# Prints nothing but the domain to standard output.
domain: tools
	@kdir=$(guest_kdir); [ -n "$$kdir" ] && scripts/build-modules "$$kdir" >&2 && qemu/domain

# scripts/check builds the modules itself, so that a failed build counts as a failure.
check:
	@scripts/check --timeout $(TIMEOUT)

# `tools` installs Python.
check-kernels: tools
	@scripts/check-kernels --jobs $(JOBS) --kernels '$(KERNELS)' --timeout $(TIMEOUT)

# The same on kernels that scripts/build-kernel builds: debug has KASAN, lockdep, gcov and others, kcsan has
# KCSAN and kmemleak.
.PHONY: check-debug
check-debug: tools
	@rm -rf build/coverage
	@scripts/check-kernels --jobs $(JOBS) --kernels 'debug kcsan' --timeout $(TIMEOUT)

.PHONY: torture
torture: tools
	@scripts/torture '$(MINUTES)' '$(SEED)'

# ------------------------------------------------------------------ many machines

.PHONY: kselftest-tar
kselftest-tar: tools
	@kdir=$(if $(filter file,$(origin KDIR)),$(guest_kdir),'$(KDIR)'); [ -n "$$kdir" ] && \
		scripts/build-modules "$$kdir" >&2 && scripts/kselftest-tar "$$kdir"

# ------------------------------------------------------------------ anybody's driver

# KERNELS has a default for check-kernels.
CERTIFY_KERNELS := $(if $(filter file,$(origin KERNELS)),6.1 debug kcsan,$(KERNELS))
quoted = '$(subst ','\'',$(1))'

.PHONY: certify certify-help check-certify
certify: tools
	@scripts/certify --driver $(call quoted,$(DRIVER)) --exercise $(call quoted,$(EXERCISE)) \
		--params $(call quoted,$(PARAMS)) --with $(call quoted,$(WITH)) \
		--qemu-args=$(call quoted,$(QEMU_ARGS)) \
		--drills $(call quoted,$(DRILLS)) --jobs $(call quoted,$(JOBS)) \
		--seed $(call quoted,$(SEED)) \
		--kernels $(call quoted,$(if $(filter file,$(origin KERNELS)),,$(KERNELS)))

certify-help:
	@scripts/certify --help

check-certify: tools
	@scripts/check-certify --drivers $(call quoted,$(DRIVERS)) --drills $(call quoted,$(DRILLS)) \
		--without $(call quoted,$(WITHOUT)) --jobs $(call quoted,$(JOBS)) \
		--seeds $(call quoted,$(if $(SEEDS),$(SEEDS),1)) \
		--kernels $(call quoted,$(if $(filter file,$(origin KERNELS)),6.1,$(KERNELS)))

# ------------------------------------------------------------------ everything

.PHONY: check-all check-ecosystem
check-all:
	@bash .ci/run all

# With programs that are not needed otherwise; each scripts/try-* says what it tries.
check-ecosystem:
	@bash .ci/run ecosystem

# ------------------------------------------------------------------ a real machine

.PHONY: install uninstall dkms deb
install: build-tools
	@scripts/install '$(KDIR)'

uninstall:
	@scripts/install --remove '$(KDIR)'

# DKMS copies its whole source folder, so it gets one without build/.
dkms:
	@scripts/install --check-dkms
	@scripts/setup dkms
	scripts/dkms-source $(DKMS_SOURCE)
	dkms build --force -m dhp -v $(VERSION) $(DKMS_ARGS)
	dkms install --force -m dhp -v $(VERSION) $(DKMS_ARGS)

deb:
	@scripts/deb

# ------------------------------------------------------------------ care

.PHONY: style clean
style: tools
	@scripts/style $(guest_kdir)

clean:
	rm -rf build/modules build/install build/check.* build/check-kernels build/check-certify build/coverage
	rm -rf build/deb build/results build/timelines build/timeline build/demo build/kselftest-*.tar.gz
	rm -rf build/vm build/domain build/guest/init build/guest/keep-tlb build/bench build/bench.json build/certify
	rm -rf build/try-deb build/try-lava build/try-libvirt
	find . -name __pycache__ -prune -exec rm -rf {} +
