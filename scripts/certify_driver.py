# SPDX-License-Identifier: GPL-2.0
"""What DRIVER= and WITH= of `make certify` name, and the modules that these are on each kernel.

A driver is a folder that kbuild understands, a DKMS source tree, a module's file, or the name of a
module that the guest kernel brings. The first two are built for each kernel, in a copy below
build/certify, never in the user's folder. Not here: running make (certify_build.py), what a module
says about itself (certify_module.py), and what happens in the guest.
"""

import os
import re

from certify_build import build_dkms, build_folder, build_ours
from certify_module import ENDS, Refused, base, info, underscored, unpacked

WHAT = ("DRIVER is a folder with a Kbuild or a Makefile, a DKMS source tree, a module's file "
        "(.ko), or the name of a module that the guest kernel brings")


class Module:
    """A module for one kernel."""

    def __init__(self, path, file=None):
        self.path = path
        self.name = base(path)
        self.file = file or f"/certify/modules/{self.name}.ko"  # in the guest
        self.image = unpacked(path)
        self.info = info(self.image, path)


class Source:
    """Something that the user has named. Subclasses: what it is."""

    kind = ""
    # Whether a kernel without it can be left out, when the user has not chosen the kernels.
    optional = False
    # Whether its build may need what the project's own modules leave for drivers.
    client = False

    def __init__(self, text):
        self.text = text

    def modules(self, kernel, folder):
        """Its modules on this kernel: the driver first. FOLDER: where to build. Raises Refused."""
        raise NotImplementedError


class Folder(Source):
    kind = "folder"

    def __init__(self, text, path, wanted):
        super().__init__(text)
        self.path = os.path.realpath(path)
        # The kernel's build cannot work in every folder, see scripts/setup.
        self.name = re.sub(r"[^A-Za-z0-9_.+-]", "_", os.path.basename(self.path)) or "driver"
        self._wanted = wanted
        for name in ("Kbuild", "Makefile"):
            if os.path.isfile(os.path.join(self.path, name)):
                with open(os.path.join(self.path, name), encoding="utf-8",
                          errors="replace") as file:
                    self.client = self.client or "dhp" in file.read().lower()

    def modules(self, kernel, folder):
        return choose(self.text, self._wanted, build_folder(self.path, kernel, folder))


class Dkms(Folder):
    kind = "dkms"

    def modules(self, kernel, folder):
        return choose(self.text, self._wanted, build_dkms(self.path, kernel, folder))


class File(Source):
    kind = "module"
    optional = True

    def __init__(self, text, path):
        super().__init__(text)
        self._module = Module(os.path.abspath(path))
        self.name = self._module.name

    def modules(self, kernel, folder):
        release = self._module.info.release
        if release != kernel.release:
            raise Refused(f"{self.text} was built for the kernel {release}, and kernel "
                          f"{kernel.name} is {kernel.release}; build it for that one, or name its "
                          "folder, which is then built for each kernel")
        return [self._module]


class KernelModule(Source):
    kind = "kernel"
    optional = True

    def __init__(self, text):
        super().__init__(text)
        self.name = underscored(text)

    def modules(self, kernel, folder):
        path = kernel.file(self.name)
        if path:
            return [Module(path)]
        if kernel.built_in(self.name):
            raise Refused(f"{self.text} is a part of kernel {kernel.name} ({kernel.release}) "
                          "itself, which cannot be loaded and unloaded")
        raise Refused(f"there is no folder and no file '{self.text}', and kernel {kernel.name} "
                      f"({kernel.release}) has no module of that name. {WHAT}")


class Ours(Source):
    """A module of the project."""

    kind = "module"

    def __init__(self, text):
        super().__init__(text)
        self.name = text

    def modules(self, kernel, folder):
        return [found(self.name, kernel, lambda: build_ours(kernel))]


def find(text):
    """The Source that TEXT names. Raises Refused."""
    path, colon, wanted = text.rpartition(":")
    if not colon or os.path.exists(text) or not os.path.isdir(path):
        path, wanted = text, ""
    if os.path.isdir(path):
        if os.path.exists(os.path.join(path, "dkms.conf")):
            return Dkms(text, path, wanted)
        if any(os.path.exists(os.path.join(path, name)) for name in ("Kbuild", "Makefile")):
            return Folder(text, path, wanted)
        raise Refused(f"'{path}' has neither a Kbuild nor a Makefile nor a dkms.conf. {WHAT}")
    if os.path.isfile(path):
        if path.endswith(ENDS):
            return File(text, path)
        raise Refused(f"'{path}' is not a module: its name does not end in .ko. {WHAT}")
    if os.path.exists(path):
        raise Refused(f"'{path}' is neither a file nor a folder. {WHAT}")
    if text in OURS:
        return Ours(text)
    if re.fullmatch(r"[A-Za-z0-9_-]+", text):
        return KernelModule(text)
    raise Refused(f"there is no folder and no file '{path}'. {WHAT}")


def choose(text, wanted, paths):
    """The modules of a build, the driver first: WANTED, or the only one that no other one needs."""
    modules = {module.name: module for module in map(Module, paths)}
    names = ", ".join(sorted(modules))
    if wanted:
        if underscored(wanted) not in modules:
            raise Refused(f"'{text}': the build makes no module {wanted}; it makes {names}")
        driver = modules.pop(underscored(wanted))
    else:
        needed = {one for module in modules.values() for one in module.info.depends}
        tops = [name for name in modules if name not in needed]
        if len(tops) != 1:
            raise Refused(f"'{text}' builds several modules: {names}. Which one? Write "
                          f"{text}:{sorted(tops or modules)[0]}")
        driver = modules.pop(tops[0])
    return [driver, *modules.values()]


# ---------------------------------------------------------------- what it needs

# A module of the project is in every guest.
OURS = {"dhp": "/dhp/dhp.ko"}


def load_order(modules, others, kernel, ours):
    """The modules to load for MODULES[0], in order and with that one as the last; and those to load
    after it, which use it. They are OTHERS, as the user has listed them, and what they need. That
    is among what is built with them, the kernel's modules, or the project's.

    OTHERS: lists like MODULES; OURS(): paths of the project's modules for this kernel, by name.
    """
    driver = modules[0]
    users = {driver.name}
    known = {module.name: module for group in [*others, modules] for module in group}
    order = []  # one of each name

    def add(module, path):
        if module.name in path:
            raise Refused(f"the modules {', '.join([*path, module.name])} need each other")
        for name in [*module.info.before, *module.info.depends]:
            other = known.get(name) or found(name, kernel, ours)
            if not other and name in module.info.before:
                # An alias, which modprobe would know: mostly an algorithm.
                other = found(f"{name}_generic", kernel, ours)
            if other:
                known[name] = other
                add(other, [*path, module.name])
                if name in users:
                    users.add(module.name)
            elif name in module.info.depends:
                raise Refused(f"{module.path} needs the module {name}, which kernel {kernel.name} "
                              f"({kernel.release}) does not have; WITH= can name it")
        if module not in order:
            order.append(module)

    for group in [*others, modules]:
        add(known[group[0].name], [])
    return ([*(module for module in order if module.name not in users), driver],
            [module for module in order if module.name in users and module is not driver])


def found(name, kernel, ours):
    if name in OURS:
        return Module(ours()[name], OURS[name])
    path = kernel.file(name)
    return Module(path) if path else None


# ---------------------------------------------------------------- parameters

NUMBERS = {"byte", "hexint", "short", "ushort", "int", "uint", "long", "ulong", "ullong"}
NUMBER = re.compile(r"-?(0[xX][0-9a-fA-F]+|[0-9]+)")
WORD = re.compile(r"([A-Za-z0-9_.-]+)(?:=(.*))?$")


def check_params(params, module):
    """Refuses what the kernel would refuse or ignore: it only logs an unknown parameter."""
    known = {underscored(name): kind for name, kind in module.info.parameters.items()}
    has = ", ".join(sorted(known)) or "none"
    for word in params.split():
        found_word = WORD.match(word)
        if not found_word:
            raise Refused(f"PARAMS: '{word}' is not a parameter; write it like NAME=VALUE")
        name, value = found_word.groups()
        if underscored(name) not in known:
            raise Refused(f"PARAMS: the module {module.name} has no parameter '{name}'; it has "
                          f"{has}")
        kind = known[underscored(name)]
        if value is None and kind not in ("bool", "invbool", ""):
            raise Refused(f"PARAMS: '{name}' needs a value ({kind}); write {name}=VALUE")
        if kind in NUMBERS and not NUMBER.fullmatch(value):
            raise Refused(f"PARAMS: '{word}': the module {module.name} takes a number ({kind})")
        if kind in ("bool", "invbool") and value is not None and \
                not re.fullmatch(r"[yYtT1nNfF0]|[oO][nNfF].*", value):
            raise Refused(f"PARAMS: '{word}': the module {module.name} takes Y or N")
