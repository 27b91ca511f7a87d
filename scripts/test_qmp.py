#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/qmp.py, with `hotplug` as the caller.

Servers that are not a QEMU, answers and events that make no sense, and several clients.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from unittest import mock

import testing
from fakes import (ASIDE, DIMM, DONE, FLOOD, FakeQmp, GREETING, HOLD, PLACES, QmpTest, READ, UP,
                   dimms, ost)
from testing import PATIENCE, SHORT, TOP
import hotplug_words
import qmp


class Protocol(QmpTest):
    def test_it_works_at_all(self):
        status, out, err, _ = self.ask("cpu list", (*UP, {"return": PLACES}, HOLD))
        self.assertEqual((status, err), (hotplug_words.OK, ""))
        self.assertEqual([line.split()[:2] for line in out.splitlines()],
                         [["ID", "STATE"], ["cpu0", "boot"], ["cpu1", "free"], ["cpu2", "plugged"]])
        status, out, err, _ = self.ask("cpu add", (*UP, {"return": PLACES}, READ, DONE,
                                                   ost("cpu1", 0), HOLD))
        self.assertEqual((status, out), (hotplug_words.OK, "cpu1\n"))
        self.assertRegex(err, "^hotplug: cpu1: plugged; .* not seen from here\n$")

    def test_greeting(self):
        none = "is not a QMP socket: it said "
        self.bad("cpu list", named=["QEMU has ended"])
        self.bad("cpu list", HOLD, silent="greeting", named=["no greeting"])
        self.bad("cpu list", FLOOD, named=[none])
        for text in ("HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-x\r\n", "{\n", "[]\n", "null\n",
                     "42\n", '"QMP"\n', "{}\n", '{"return": {}}\n', "\n", " \n", "NaN\n",
                     '{"QMP": }\n', '{"QMP": {}} x\n', "'QMP'\n"):
            self.bad("cpu list", text.encode(), named=[none + ".*" + re.escape(text.strip("\r\n"))])
        self.bad("cpu list", b"\0\xff\xfe\x80\n", named=[none])
        self.bad("cpu list", b'{"QMP": "\xff"}\n', named=[none])
        self.bad("cpu list", b"[" * 200000 + b"\n", named=[none])
        self.bad("cpu list", b'{"QMP":' + b"9" * 5000 + b"}\n", named=[none])
        self.bad("cpu list", b'{"QMP": {"vers', named=["QEMU has ended"])
        self.bad("cpu list", b'{"QMP": {"vers', HOLD, silent="greeting", named=["no greeting"])

    def test_endless_line(self):
        self.patch(qmp, LINE_MAX=1 << 17)
        self.bad("cpu list", b"x" * (1 << 19), named=["not a QMP socket: it said 'xxx"])

    def test_answers(self):
        begin = (GREETING, READ)
        for steps in ((HOLD,), (FLOOD,), (b'{"return": {', HOLD), ({"return": {}, "id": 77}, HOLD)):
            self.bad("cpu list", *begin, *steps, silent="greeting",
                     named=["does not answer|no greeting"])
        self.bad("cpu list", *begin, named=["QEMU has ended"])
        self.bad("cpu list", *begin, b'{"return": {', named=["QEMU has ended"])
        self.bad("cpu list", *begin, b"garbage\n", named=["not a QMP socket: it said 'garbage'"])
        self.bad("cpu list", *begin, {"error": {"desc": "not you"}}, status=hotplug_words.REFUSED,
                 named=["not you"])
        for answer in ({}, {"error": None}, {"error": "no"}, {"error": {}}, {"error": {"desc": 5}},
                       {"result": {}}, {"greeting": "again"}):
            self.bad("cpu list", *begin, answer, named=["not a QMP socket: it said"])
        self.bad("cpu list", *begin, DONE, named=["QEMU has ended"])
        self.bad("cpu list", *UP, named=["QEMU has ended"])
        self.bad("cpu list", *UP, HOLD, silent="command", named=["does not answer"])
        self.bad("cpu list", *UP, FLOOD, silent="command", named=["does not answer"])
        self.bad("cpu list", *UP, {"error": {"desc": "no such command"}}, HOLD, status=hotplug_words.REFUSED,
                 named=["QEMU refused: no such command"])

    def test_events(self):
        for event in ({"event": 5}, {"event": None}, {"event": []}, {"event": "X", "data": None},
                      {"event": "X", "data": []}, {"event": "ACPI_DEVICE_OST"},
                      {"event": "ACPI_DEVICE_OST", "data": {}},
                      {"event": "ACPI_DEVICE_OST", "data": {"info": None}},
                      {"event": "ACPI_DEVICE_OST", "data": {"info": {"source": 3}}},
                      {"event": "ACPI_DEVICE_OST", "data": {"info": {"source": 3, "status": "0"}}},
                      {"event": "MEM_UNPLUG_ERROR", "data": {"device": "dimm0"}},
                      {"event": "MEM_UNPLUG_ERROR", "data": {"device": "dimm0", "msg": 5}}):
            self.removal(event, named=["is not a QMP socket: it said"])

    def test_answers_to_questions_aside(self):
        for answer in (None, 5, "x", [], {}, {"status": 5}):
            self.bad("cpu add", *UP, HOLD, aside={"query-status": {"return": answer}},
                     named=["is not a QMP socket: it said"])
        for answer in (None, 5, "x", {}, [5], [{}], [{"name": 5}]):
            self.bad("cpu add", *UP, {"return": PLACES}, HOLD, aside={"qom-list": {"return": answer}},
                     named=["is not a QMP socket: it said"])
        # These answers are not necessary.
        for answer in (None, 5, [], {}, "x", "x" * 100000, "device-memory", "ram-above-4g"):
            self.good("dimm add 128M", *self.PLUG, DONE, READ, DONE, ost("dimm0", 0), HOLD,
                      out="dimm0\n", aside={"human-monitor-command": {"return": answer},
                                            "append": {"return": answer}})

    def test_ids_that_are_not_utf_8(self):
        path = self.path("qmp")
        server = FakeQmp(path, [*UP, dimms({**DIMM, "id": "\ud800"})], ASIDE)
        self.addCleanup(server.end)
        done = subprocess.run([os.path.join(TOP, "qemu/hotplug"), "--qmp", path, "dimm", "list"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"\\ud800", done.stdout)

    def test_in_a_process_of_its_own(self):
        self.program_with(3, [b"garbage\n"], "cpu", "list", named=["said 'garbage'"])
        self.program_with(1, [*UP, {"return": PLACES}, HOLD], "cpu", "del", b"\xff", named=["not known"])

    def test_interrupted(self):
        testing.count(testing.tried, "QMP socket")
        path = self.path("qmp")
        server = FakeQmp(path, [GREETING, READ, HOLD], ASIDE)
        self.addCleanup(server.end)
        # A shell starts a job in the background with SIGINT ignored, which programs inherit.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with subprocess.Popen([os.path.join(TOP, "qemu/hotplug"), "--qmp", path, "cpu", "list"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + PATIENCE
            while not server.requests and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=PATIENCE)[1].decode()
        self.check("QMP socket", "Ctrl-C", process.returncode, said, 130)

    def program_with(self, status, steps, *words, **expected):
        path = self.path(f"qmp{next(self.number)}")
        server = FakeQmp(path, steps, ASIDE)
        self.addCleanup(server.end)
        self.program("QMP socket", status, os.path.join(TOP, "qemu/hotplug"), "--qmp", path, *words,
                     **expected)


class SharedSocket(testing.Refusals):
    """QEMU talks to one client at a time."""

    def listening(self, path, backlog):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(path)
        server.listen(backlog)
        return server

    def test_full_listen_queue(self):
        path = self.path("qmp")
        server = self.listening(path, 0)
        before = socket.socket(socket.AF_UNIX)
        self.addCleanup(before.close)
        before.connect(path)
        testing.count(testing.tried, "QMP socket")
        waits = []
        with self.assertRaisesRegex(qmp.Gone, "qmp: no greeting.*second socket"), \
                mock.patch.object(qmp, "PATIENCE", 0.1):
            qmp.connect(path, SHORT, lambda: waits.append(1))
        self.assertEqual(waits, [1])
        testing.count(testing.refused, "QMP socket")

        # The queue has room again once a client has waited for it.
        def serve():
            for _ in range(2):
                caller, _ = server.accept()
                self.addCleanup(caller.close)
            caller.sendall(json.dumps(GREETING).encode() + b"\n")
            caller.recv(65536)
            caller.sendall(b'{"return": {}, "id": 1}\n')
        thread = threading.Thread(target=serve, daemon=True)
        with mock.patch.object(qmp, "PATIENCE", 0):
            client = qmp.connect(path, PATIENCE, lambda: thread.is_alive() or thread.start())
        client.close()
        thread.join(PATIENCE)

    def test_socket_that_another_client_holds(self):
        path = self.path("qmp")
        self.listening(path, 5)
        testing.count(testing.tried, "QMP socket")
        waits = []
        with self.assertRaises(qmp.Gone) as caught, mock.patch.object(qmp, "PATIENCE", 0.1):
            qmp.connect(path, SHORT, lambda: waits.append(1))
        self.assertRegex(str(caught.exception), rf"another client of .*process {os.getpid()}.*"
                                                "ss -xp.*second socket: -qmp unix:")
        self.assertEqual(waits, [1])
        testing.count(testing.refused, "QMP socket")


if __name__ == "__main__":
    testing.main("QMP socket")
