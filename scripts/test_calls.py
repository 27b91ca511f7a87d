#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/calls with small trees of C files that gcc compiles."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

loader = importlib.machinery.SourceFileLoader("calls", os.path.join(TOP, "scripts/calls"))
calls = importlib.util.module_from_spec(importlib.util.spec_from_loader("calls", loader))
loader.exec_module(calls)

LAYERS = (
    ("top", "main.c"),
    ("middle", "pool/* middle.c"),
    ("bottom", "leaf.c notify/* public.h pool/types.h"),
)
RULES = (("E6", "pool/*", "pool/follow.c", "public.h notify/*"),)

# main.c calls middle.c and pool/a.c; these call leaf.c. leaf.c calls main.c back by an address only.
GOOD = {
    "main.c": '#include "middle.h"\n#include "pool/a.h"\n'
              "static void back(void) {}\nvoid start(void) { middle(back); a(); }\n",
    "middle.h": "void middle(void (*fn)(void));\n",
    "middle.c": '#include "leaf.h"\n#include "middle.h"\n'
                "void middle(void (*fn)(void)) { leaf(fn); }\n",
    "leaf.h": "extern int leaf_count;\nvoid leaf(void (*fn)(void));\n",
    "leaf.c": '#include "leaf.h"\nint leaf_count;\nvoid leaf(void (*fn)(void)) { fn(); }\n',
    "public.h": "",
    "notify/notify.h": '#include "../public.h"\n',
    "pool/types.h": "#pragma once\nstruct a { int x; };\n",
    "pool/a.h": '#pragma once\n#include "types.h"\nvoid a(void);\n',
    "pool/a.c": '#include "a.h"\n#include "follow.h"\n#include "leaf.h"\n'
                "void a(void) { leaf(follow); leaf_count++; }\n",
    "pool/follow.h": "#pragma once\nvoid follow(void);\n",
    "pool/follow.c": '#include "follow.h"\n#include "notify/notify.h"\nvoid follow(void) {}\n',
}


class Calls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        patcher = mock.patch.multiple(calls, LAYERS=LAYERS, RULES=RULES)
        patcher.start()
        self.addCleanup(patcher.stop)

    def build(self, **changes):
        """Writes and compiles GOOD with changes: name -> text that is put behind the file's own."""
        module = os.path.join(self.folder, "module")
        for name in GOOD.keys() | changes.keys():
            path = os.path.join(module, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(GOOD.get(name, "") + changes.get(name, ""))
        compilers = [subprocess.Popen(["gcc", "-c", f"-I{module}", "-o", f"{name[:-2]}.o", name],
                                      cwd=module)
                     for name in GOOD.keys() | changes.keys() if name.endswith(".c")]
        self.assertEqual({compiler.wait() for compiler in compilers}, {0})

    def run_it(self, *words):
        """Returns the exit status, standard output, and the lines of standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), \
                mock.patch.object(sys, "argv", ["calls", *words, self.folder]):
            status = calls.main()
        return status, out.getvalue(), err.getvalue().splitlines()

    def findings(self, **changes):
        self.build(**changes)
        status, _, lines = self.run_it()
        self.assertEqual(status, 1 if lines else 0)
        return lines

    def test_good(self):
        self.build()
        self.assertEqual(self.run_it(), (
            0, "main.c -> middle.c pool/a.c\n"
               "middle.c -> leaf.c\n"
               "pool/a.c -> pool/follow.c leaf.c pool/types.h\n"
               "pool/follow.c -> notify/notify.h\n"
               "leaf.c\n"
               "notify/notify.h -> public.h\n"
               "pool/types.h\n"
               "public.h\n", []))

    def test_dot(self):
        self.build()
        status, out, err = self.run_it("--dot")
        self.assertEqual((status, err), (0, []))
        self.assertRegex(out, r"\Adigraph \w+ \{\n(\t.*\n)+\}\n\Z")
        self.assertIn('\t"main.c" -> "pool/a.c";\n', out)
        self.assertIn('{ rank=same; "middle.c"; "pool/a.c"; "pool/follow.c"; }', out)

    def test_what_is_left_out(self):
        """Samples, and what the kernel's build adds."""
        self.build(**{"samples/sample.c": "void sample(void) {}\n"})
        with open(os.path.join(self.folder, "module/dhp.mod.c"), "w", encoding="utf-8") as file:
            file.write('#include "main.h"\n')
        self.assertEqual(self.run_it()[2], [])

    def test_circle_in_a_row(self):
        lines = self.findings(**{"pool/follow.c": "void a(void);\nvoid f(void) { a(); }\n"})
        self.assertEqual(lines, ["pool/a.c -> pool/follow.c -> pool/a.c, by symbol a"])

    def test_circle_of_three(self):
        lines = self.findings(**{
            "pool/follow.c": "void b(void);\nvoid f(void) { b(); }\n",
            "pool/b.c": "void a(void);\nvoid x(void);\nvoid b(void) { a(); x(); }\n",
            "pool/a.c": "void x(void) {}\n"})
        self.assertEqual(lines, ["pool/b.c -> pool/a.c -> pool/follow.c -> pool/b.c, by symbol b"])

    def test_circle_of_includes(self):
        lines = self.findings(**{"pool/follow.h": '#include "a.h"\n'})
        self.assertEqual(lines, ["pool/a.c -> pool/follow.c -> pool/a.c, by #include of pool/a.h"])
        lines = self.findings(**{"pool/b.h": '#include "c.h"\n', "pool/c.h": '#include "b.h"\n'})
        self.assertEqual(lines, ["pool/b.h -> pool/c.h -> pool/b.h, by #include of pool/b.h"])

    def test_several_circles(self):
        """Each line names another call."""
        lines = self.findings(**{"pool/follow.c": "void a(void);\nvoid b(void);\n"
                                                  "void f(void) { a(); b(); }\n",
                                 "pool/b.c": "void f(void);\nvoid b(void) { f(); }\n"})
        self.assertEqual(lines, ["pool/a.c -> pool/follow.c -> pool/a.c, by symbol a",
                                 "pool/b.c -> pool/follow.c -> pool/b.c, by symbol b"])

    def test_upward_call(self):
        lines = self.findings(**{"leaf.c": "void other(void);\nvoid up(void) { other(); }\n",
                                 "pool/b.c": "void other(void) {}\n"})
        self.assertEqual(lines, ["leaf.c calls other of pool/b.c, which is above it"])

    def test_upward_use(self):
        lines = self.findings(**{"leaf.c": "extern int x;\nint up(void) { return x; }\n",
                                 "pool/b.c": "int x;\n"})
        self.assertEqual(lines, ["leaf.c uses x of pool/b.c, which is above it"])

    def test_upward_include(self):
        lines = self.findings(**{"leaf.h": '#include "pool/b.h"\n', "pool/b.h": ""})
        self.assertEqual(lines, ["leaf.c includes pool/b.h, which is above it"])
        lines = self.findings(**{"leaf.h": '#include "pool/c.h"\n', "pool/c.h": "", "pool/c.c": ""})
        self.assertEqual(lines, ["leaf.c includes pool/c.h of pool/c.c, which is above it"])

    def test_upward_call_in_a_circle(self):
        """The circle is cut at the upward call."""
        lines = self.findings(**{"leaf.c": "void start(void);\nvoid up(void) { start(); }\n"})
        self.assertEqual(lines, ["main.c -> middle.c -> leaf.c -> main.c, by symbol start",
                                 "leaf.c calls start of main.c, which is above it"])

    def test_many_symbols(self):
        names = "abcde"
        lines = self.findings(**{
            "pool/b.c": "".join(f"void b{name}(void) {{}}\n" for name in names),
            "leaf.c": "".join(f"void b{name}(void);\nvoid up{name}(void) {{ b{name}(); }}\n"
                              for name in names)})
        self.assertEqual(lines, ["leaf.c calls ba, bb, bc and 2 more of pool/b.c, which is above it"])

    def test_file_in_no_row(self):
        lines = self.findings(**{"new.c": "", "new.h": "", "other/alone.h": ""})
        self.assertEqual(lines, [f"{name} is in no row of the table of layers: add it to the table in "
                                 "scripts/calls" for name in ("new.c", "other/alone.h")])

    def test_bad_include(self):
        rule = "clause E6 allows only pool/follow.c that"
        for name in "pool/a.c", "pool/a.h":
            for header in '"public.h"', '"notify/notify.h"', '"../public.h"', "<public.h>":
                with self.subTest(f"{name} {header}"):
                    lines = self.findings(**{name: f"#include {header}\n"})
                    found = header.strip('"<>').removeprefix("../")
                    self.assertEqual(lines, [f"{name} includes {found}; {rule}"])
            self.build(**{name: ""})
        lines = self.findings(**{"pool/a.c": '#include "leaf.h"\n', "leaf.h": '#include "public.h"\n'})
        self.assertEqual(lines, [f"pool/a.c includes public.h by leaf.h; {rule}"])

    def test_not_built(self):
        status, out, err = self.run_it()
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err[0], r"^calls: there are no sources in .*/module; scripts/build-modules")
        self.build()
        os.unlink(os.path.join(self.folder, "module/pool/a.o"))
        status, out, err = self.run_it()
        self.assertEqual((status, out), (2, ""))
        self.assertRegex(err[0], r"^calls: .*/module has no object of pool/a\.c; does it build")
        with open(os.path.join(self.folder, "module/pool/a.o"), "w", encoding="utf-8") as file:
            file.write("text")
        self.assertRegex(self.run_it()[2][0], "^calls: nm: .*format")


class Words(unittest.TestCase):
    def test_bad_words(self):
        for words in (), ("a", "b"), ("--nonsense", "a"):
            done = subprocess.run([os.path.join(TOP, "scripts/calls"), *words], check=False, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn("usage: calls", done.stderr)


if __name__ == "__main__":
    unittest.main()
