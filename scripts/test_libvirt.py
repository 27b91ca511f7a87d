#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/hotplug --libvirt, with a fake libvirt between it and a fake QEMU."""

import os
import subprocess
import sys
import time
from unittest import mock

import testing
import fake_libvirt
from fakes import (ASIDE, DIMM, DONE, FakeQmp, GREETING, HOLD, PLACES, QmpTest, READ, UP, dimms, ost)
from testing import PATIENCE, SHORT, TOP
import hotplug_words
import plug_device
import qmp
import qmp_libvirt


class Libvirt(QmpTest):
    """The same words, and the same QEMU as in the tests of a socket."""

    def setUp(self):
        super().setUp()
        patcher = mock.patch.dict(sys.modules, libvirt=fake_libvirt, libvirt_qemu=fake_libvirt)
        patcher.start()
        self.addCleanup(patcher.stop)

    def ask(self, words, steps, silent=None, aside=(), name="guest"):
        path = self.path(f"qmp{next(self.number)}")
        server = FakeQmp(path, steps, {**ASIDE, **dict(aside)})
        self.addCleanup(server.end)
        seconds = SHORT if silent else PATIENCE
        connected = []

        def connect(_):
            connected.append(qmp_libvirt.connect(name))
            return connected[0]
        with mock.patch.dict(os.environ, QMP_SOCKET=path), \
                mock.patch.multiple(plug_device, ADD_DEADLINE=seconds, DEL_DEADLINE=seconds,
                                    UNDO_DEADLINE=seconds):
            begun = time.monotonic()
            result = hotplug_words.run(words.split(), connect)
        for client in connected:
            client.close()
        self.assertLess(time.monotonic() - begun, PATIENCE, steps)
        return (*result, server.requests)

    def test_lists(self):
        for name in "guest", fake_libvirt.Connection.UUID:
            status, out, err, _ = self.ask("cpu list", (*UP, {"return": PLACES}, HOLD), name=name)
            self.assertEqual((status, err), (hotplug_words.OK, ""))
            self.assertEqual([line.split()[:2] for line in out.splitlines()],
                             [["ID", "STATE"], ["cpu0", "boot"], ["cpu1", "free"], ["cpu2", "plugged"]])

    def test_add(self):
        said, asked = self.good("cpu add", *UP, {"return": PLACES}, READ, DONE, ost("cpu1", 0), HOLD,
                                out="cpu1\n")
        self.assertRegex(said, "^hotplug: cpu1: plugged; .* not seen from here\n$")
        self.assertEqual(asked["device_add"], {"driver": "cpu", "id": "cpu1", "socket-id": 1})
        self.good("dimm add 128M", *self.PLUG, DONE, READ, DONE, ost("dimm0", 0), HOLD, out="dimm0\n")

    def test_events_that_come_before_the_answer(self):
        self.good("cpu add", *UP, {"return": PLACES}, READ, ost("cpu1", 0), DONE, HOLD, out="cpu1\n")

    def test_refused_by_the_guest(self):
        self.bad("cpu add", *UP, {"return": PLACES}, READ, DONE, ost("cpu1", 1), READ, DONE,
                 {"event": "DEVICE_DELETED", "data": {"device": "cpu1", "path": "/x"}}, HOLD,
                 status=hotplug_words.REFUSED, named=["kernel refused cpu1: it failed", "taken out again"])
        self.removal(ost("dimm0", 0x82, 3), HOLD, status=hotplug_words.REFUSED, named=["is busy"])

    def test_refused_by_qemu(self):
        self.bad("cpu add", *UP, {"return": PLACES}, READ, {"error": {"desc": "no such slot"}}, HOLD,
                 status=hotplug_words.REFUSED, named=["QEMU refused: no such slot"])

    def test_removed(self):
        self.good("dimm del", *UP, dimms(DIMM), READ, DONE,
                  {"event": "DEVICE_DELETED", "data": {"device": "dimm0", "path": "/x"}}, READ, DONE, HOLD,
                  out="dimm0\n")

    def test_no_answer_of_the_guest(self):
        self.bad("cpu add", *UP, {"return": PLACES}, READ, DONE, HOLD, status=hotplug_words.PENDING,
                 silent="guest", out="cpu1\n", named=["has not answered yet"])

    def test_qemu_that_ends(self):
        self.bad("cpu list", *UP, named=["domain is not running"])
        self.bad("cpu add", *UP, {"return": PLACES}, READ, DONE, out="", named=["QEMU has ended"])
        self.removal({"event": "SHUTDOWN", "data": {"guest": True}}, HOLD, named=["the guest has ended"])

    def test_answers_that_make_no_sense(self):
        for answer in (b"garbage\n", b"[]\n", b"null\n", b'{"return": {"a":}}\n', b'{"result": 1}\n',
                       b'{"error": {"desc": 5}}\n', b'{"return": 5}\n'):
            self.bad("cpu list", *UP, answer, HOLD,
                     named=["the monitor of guest is not a QMP socket: it said"])
        for event in ({"event": "X", "data": []}, {"event": "ACPI_DEVICE_OST"},
                      {"event": "ACPI_DEVICE_OST", "data": {"info": {"source": 3}}}):
            self.removal(event, named=["is not a QMP socket: it said"])

    def test_domains(self):
        self.domain("nobody", "Domain not found.*'nobody'; qemu:///fake has: asleep guest$")
        self.domain("asleep", "the domain asleep does not run; `virsh start asleep` starts it$")

    def domain(self, name, named):
        testing.count(testing.tried, "QMP socket")
        status, out, said, _ = self.ask("cpu list", (GREETING, READ, DONE, HOLD), name=name)
        self.assertEqual(out, "")
        self.check("QMP socket", name, status, said, hotplug_words.GONE, f"^hotplug: {named}")

    def test_no_libvirt(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("QMP_SOCKET", None)
            with self.assertRaisesRegex(qmp.Gone, "^no libvirt answers; LIBVIRT_DEFAULT_URI names another "
                                                  "than the default: Failed to connect socket"):
                qmp_libvirt.connect("guest")

    def test_in_a_process_of_its_own(self):
        command = [os.path.join(TOP, "qemu/hotplug"), "--libvirt", "guest", "cpu", "list"]
        os.mkdir(self.path("modules"))
        path = self.path("qmp")
        environment = {**os.environ, "PYTHONPATH": self.path("modules"), "QMP_SOCKET": path}
        # A module that is not there, whatever this Python has.
        self.file("modules/libvirt.py", "raise ImportError(\"No module named 'libvirt'\")\n")
        self.program("QMP socket", hotplug_words.GONE, *command, env=environment,
                     named=["--libvirt needs libvirt's module for .*python.*No module named 'libvirt'. "
                            "It is in the package python3-libvirt"])
        os.unlink(self.path("modules/libvirt.py"))
        for name in "libvirt", "libvirt_qemu":
            self.file(f"modules/{name}.py", f"import sys\nsys.path.append({TOP!r} + '/scripts')\n"
                                            "from fake_libvirt import *\n")
        server = FakeQmp(path, [*UP, {"return": PLACES}, HOLD], ASIDE)
        self.addCleanup(server.end)
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"cpu2", done.stdout)


if __name__ == "__main__":
    testing.main("QMP socket")
