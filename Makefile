# SPDX-License-Identifier: GPL-2.0
#
# What a person types. Everything that a target needs is set up on the way, below build/.

# Folders in which the kernel's build cannot work are refused.
REFUSED := $(shell scripts/setup path 2>&1)
ifneq ($(REFUSED),)
$(error $(REFUSED))
endif

KERNEL ?= 6.1
TIMEOUT ?= 4800
# For the torture; without a seed it takes one and says which. Several seeds, several guests.
MINUTES ?= 5
SEED ?=
# Long-term releases, the newest one, and a kernel with sleeping spinlocks.
KERNELS ?= 6.1 6.12 7.3 6.12-rt

# Guests at a time. One keeps a core busy.
JOBS ?= $(if $(filter 1,$(shell nproc)),1,2)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export KERNEL

# gcc does not know NO_COLOR.
ifneq ($(NO_COLOR),)
export GCC_COLORS :=
endif

# KERNEL's build tree, found (and fetched) only by the targets that want it.
guest_kdir = $(realpath $(shell scripts/setup kernel $(KERNEL))/kdir)

# The kernel that `make modules`, `install` and `uninstall` are for: the running one, unless named.
KDIR ?= /lib/modules/$(shell uname -r)/build

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
DKMS_SOURCE = /usr/src/dhp-$(VERSION)

.PHONY: help
help:
	@echo 'make demo      boots a guest, plugs a processor and a DIMM, unplugs both, shows what changed'
	@echo 'make check     runs every selftest in a guest; the last line has the result'
	@echo 'make check-kernels  the same on KERNELS ($(KERNELS)), JOBS=$(JOBS) at a time'
	@echo 'make check-debug  the same on kernels with every checker; coverage in build/coverage'
	@echo 'make torture   everything at random for MINUTES ($(MINUTES)), an oracle looks on; SEED= repeats a run,'
	@echo '               SEED='"'"'1 2 3'"'"' makes several, with a sum'
	@echo 'make bench     measures against the kernel'"'"'s own facilities: a table, and build/bench.json'
	@echo 'make bench-check  a minute of it: does everything there still work?'
	@echo 'make shell     a guest to play in, with `hotplug` at hand'
	@echo 'make kdir      prints the build tree of the guest kernel, for a driver of your own, and builds'
	@echo '               what such a driver needs'
	@echo 'make modules   builds dhp.ko for the running kernel, or for the build tree that KDIR= names'
	@echo 'make install   puts it on this machine, with what a driver of your own is built with'
	@echo 'make uninstall takes away what `make install` has put there'
	@echo 'make dkms      installs it by DKMS, which builds it again for every new kernel'
	@echo 'make style     checkpatch, sparse, shellcheck, kernel-doc; silent when all is well'
	@echo 'make clean     removes what was built; `rm -r build` also what was fetched'
	@echo
	@echo 'KERNEL=$(KERNEL) is the guest kernel: 6.1, 6.12, 7.3, 6.12-rt or what else the archive has,'
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

# Only the path goes to standard output.
kdir: tools
	@kdir=$(guest_kdir); [ -n "$$kdir" ] && scripts/build-modules "$$kdir" >&2 && echo "$$kdir"

# ------------------------------------------------------------------ guests

.PHONY: demo check check-kernels bench bench-check shell
demo: guest-modules
	@scripts/demo

bench: guest-modules
	@scripts/bench

bench-check: guest-modules
	@scripts/bench --quick

shell: guest-modules
	@qemu/vm shell

# It builds by itself, so that a build that fails is counted as a failure.
check:
	@scripts/check --timeout $(TIMEOUT)

# Written in Python, which tools bring.
check-kernels: tools
	@scripts/check-kernels --jobs $(JOBS) --kernels '$(KERNELS)' --timeout $(TIMEOUT)

# The same on kernels that we build: KASAN, lockdep and so on, and gcov; then KCSAN and kmemleak.
.PHONY: check-debug
check-debug: tools
	@rm -rf build/coverage
	@scripts/check-kernels --jobs $(JOBS) --kernels 'debug kcsan' --timeout $(TIMEOUT)

.PHONY: torture
torture: tools
	@scripts/torture '$(MINUTES)' '$(SEED)'

# ------------------------------------------------------------------ a real machine

.PHONY: install uninstall dkms
install: build-tools
	@scripts/install '$(KDIR)'

uninstall:
	@scripts/install --remove '$(KDIR)'

# DKMS copies the folder that it is shown; build/ is not for it.
dkms:
	@scripts/install --check-dkms
	@scripts/setup dkms
	rm -rf $(DKMS_SOURCE)
	mkdir -p $(DKMS_SOURCE)/scripts
	cp -r Kbuild dkms.conf module $(DKMS_SOURCE)
	cp scripts/publish $(DKMS_SOURCE)/scripts
	dkms build --force -m dhp -v $(VERSION) $(DKMS_ARGS)
	dkms install --force -m dhp -v $(VERSION) $(DKMS_ARGS)

# ------------------------------------------------------------------ care

.PHONY: style clean
style: tools
	@scripts/style $(guest_kdir)

clean:
	rm -rf build/modules build/install build/check.* build/check-kernels build/coverage build/vm
	rm -rf build/guest/init build/guest/keep-tlb build/bench build/bench.json
	find . -name __pycache__ -prune -exec rm -rf {} +
