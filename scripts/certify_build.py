# SPDX-License-Identifier: GPL-2.0
"""Builds a driver's modules for a guest kernel, in a copy of its folder, and the project's own.

Not here: which of the modules is the driver, see certify_driver.py.
"""

import glob
import os
import re
import shlex
import shutil
import subprocess

from certify_module import Refused

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

# What a build in the user's own folder, for another kernel, may have left there.
PRODUCTS = ("*.o", "*.ko", "*.ko.xz", "*.mod", "*.mod.c", ".*.cmd", "modules.order",
            "Module.symvers", ".tmp_versions", ".git", ".*.d")
SAID = 40  # lines of a build that has failed

# What makefiles call the kernel's build tree, which they look for below /lib/modules.
KDIRS = ("KDIR", "KERNELDIR", "KERNEL_DIR", "KERN_DIR", "KERNEL_SRC", "KSRC")

# DKMS runs shell code that the tree brings; so does this, with DKMS' own variables.
READ_DKMS = r"""
kernelver=$1 kernel_source_dir=$2 dkms_tree=$3 source_tree=$3/source arch=x86_64
. ./dkms.conf >&2
echo "name=$PACKAGE_NAME"
echo "version=$PACKAGE_VERSION"
[[ $kernelver =~ ${BUILD_EXCLUSIVE_KERNEL-} ]] || echo "only=$BUILD_EXCLUSIVE_KERNEL"
"""
READ_BUILD = READ_DKMS + r"""
echo "make=${MAKE[0]-}"
echo "pre=${PRE_BUILD-}"
for ((i = 0; i < ${#BUILT_MODULE_NAME[@]}; i++)); do
	echo "module=${BUILT_MODULE_LOCATION[i]:-.}/${BUILT_MODULE_NAME[i]}"
done
for ((i = 0; i < ${#PATCH[@]}; i++)); do
	[[ ! ${PATCH_MATCH[i]-} || $kernelver =~ ${PATCH_MATCH[i]} ]] || continue
	echo "patch=${PATCH[i]}"
done
"""


def build_folder(source, kernel, folder):
    """Paths of the modules that kbuild makes of a folder."""
    where = os.path.join(folder, "source")
    copy(source, where)
    run(kernel, source, folder, where, ["make", "-s", *kbuild(kernel), f"M={where}", "modules"])
    made = glob.glob(os.path.join(where, "**/*.ko"), recursive=True)
    if not made:
        raise Refused(f"the build of '{source}' makes no module: its Kbuild or Makefile should "
                      "say, for example, obj-m := driver.o")
    return sorted(made)


def build_dkms(source, kernel, folder):
    """Paths of the modules that dkms.conf lists, built in the way that DKMS builds them."""
    tree = os.path.join(folder, "dkms")
    conf = read_dkms(READ_DKMS, source, source, kernel, tree)
    package = os.path.join(tree, conf["name"][0], conf["version"][0])
    where = os.path.join(package, "build")
    copy(source, where)
    conf = read_dkms(READ_BUILD, source, where, kernel, tree)
    for patch in conf.get("patch", []):
        run(kernel, source, folder, where, ["patch", "-p1", "-i", f"patches/{patch}"])
    if conf["pre"][0]:
        run(kernel, source, folder, where, ["bash", "-c", f"./{conf['pre'][0]}"])
    command = conf["make"][0] or f"make -C {kernel.kdir} M={where}"
    # DKMS builds for kernels of this machine.
    command = command.replace(f"/lib/modules/{kernel.release}/build", kernel.kdir)
    command = command.replace("/var/lib/dkms", tree)
    command = re.sub(r"^make\b", f"make KERNELRELEASE={kernel.release}", command)
    run(kernel, source, folder, where, ["bash", "-c", command],
        MAKEFLAGS=" -- " + " ".join(f"{name}={kernel.kdir}" for name in KDIRS))
    modules = [os.path.normpath(os.path.join(where, f"{one}.ko"))
               for one in conf.get("module", [conf["name"][0]])]
    for module in modules:
        if not os.path.exists(module):
            raise Refused(f"'{source}': dkms.conf lists {os.path.relpath(module, where)}, and the "
                          f"build has not made it; {os.path.join(folder, 'build.log')} says more")
    return modules


def read_dkms(script, source, where, kernel, tree):
    """What dkms.conf sets: key -> values."""
    done = subprocess.run(["bash", "-c", script, "dkms", kernel.release, kernel.kdir, tree],
                          cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    conf = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        conf.setdefault(key, []).append(value)
    for key, name in ("name", "PACKAGE_NAME"), ("version", "PACKAGE_VERSION"):
        if not re.fullmatch(r"[\w.+~-]+", conf.get(key, [""])[0]):
            said = done.stderr.strip().splitlines()
            raise Refused(f"'{source}/dkms.conf' sets no {name}" +
                          (f": {said[-1]}" if said else ""))
    if "only" in conf:
        raise Refused(f"'{source}/dkms.conf' is not for kernel {kernel.name} ({kernel.release}): "
                      f"BUILD_EXCLUSIVE_KERNEL is {conf['only'][0]}")
    return conf


def build_ours(kernel):
    """Builds the project's modules, as scripts/check does for each guest; paths by name."""
    done = subprocess.run([os.path.join(TOP, "scripts/build-modules"), kernel.kdir],
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise Refused(f"the project's own modules do not build for kernel {kernel.name}")
    return {"dhp": os.path.join(TOP, "build/modules", kernel.release, "module/dhp.ko")}


def kbuild(kernel):
    """Arguments of make. DHP is for clients of dhp, see README.md."""
    return ["-C", kernel.kdir, f"-j{os.cpu_count()}", "CONFIG_DEBUG_INFO_BTF_MODULES=",
            f"DHP={TOP}"]


def copy(source, target):
    """Makes TARGET a copy of SOURCE. What was built there stays, so that make need not do it again,
    unless it was built from another folder."""
    stamp = f"{target}.from"
    try:
        with open(stamp, encoding="utf-8") as file:
            same = file.read() == source
    except FileNotFoundError:
        same = False
    if not same:
        shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target, exist_ok=True)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(source)
    excluded = [f"--exclude={name}" for name in PRODUCTS]
    if source == TOP:
        excluded.append("--exclude=/build")
    done = subprocess.run(["rsync", "-a", "--copy-unsafe-links", "--delete", *excluded,
                           f"{source}/", target], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"'{source}' cannot be copied: {done.stderr.strip().splitlines()[0]}")


def run(kernel, source, folder, where, command, **variables):
    """Runs a part of a build. Its output is in build.log, and shown if it fails."""
    # What a user of dhp's makefile has set is not for another one.
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KERNEL", "ARCH")}
    environment.update(variables)
    done = subprocess.run(command, cwd=where, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    with open(os.path.join(folder, "build.log"), "a", encoding="utf-8") as log:
        log.write(f"$ {shlex.join(command)}\n{done.stdout}")
    if done.returncode:
        said = done.stdout.replace(where, source).splitlines()
        # The first error is the one to mend.
        first = next((number for number, line in enumerate(said)
                      if re.search(r"error:|\*\*\*|ERROR:", line)), len(said) - SAID)
        first = max(0, first - SAID // 4)
        raise Refused("\n".join([f"'{source}' does not build for kernel {kernel.name} "
                                 f"({kernel.release}):",
                                 *(f"  | {line}" for line in said[first:first + SAID])]))
