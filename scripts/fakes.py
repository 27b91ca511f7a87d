# SPDX-License-Identifier: GPL-2.0
"""Fakes for the tools' tests: a guest without a QEMU, and a QMP server that follows a script.

Besides them, the answers of an ordinary QEMU, and the base class of tests that talk to the server.
There are no tests here.
"""

import itertools
import json
import os
import select
import socket
import threading
import time
from unittest import mock

import testing
from testing import PATIENCE, SHORT
import hotplug_words
import plug_device
import qmp

# ---------------------------------------------------------------- a guest

# The registers of a guest that QEMU 10.0 has lost, and of one under 7.2 that has reset itself,
# without the lines that vcpus.py does not read.
LOST_REGISTERS = """
CPU#0
RAX=0000000000000000 RBX=ffbc8cfa45d90000 RCX=000000000000003f RDX=ffbc8cfa45d90000
RIP=ffffffff9f5f69d0 RFL=00000216 [----AP-] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
IDT=     fffffe0000000000 00000fff
CR0=80050033 CR2=00007fc0bceb4c10 CR3=0000000100848000 CR4=00751ef0
EFER=0000000000000d01

CPU#1
RIP=ffffffff9f6592eb RFL=00000202 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1
CS =0010 0000000000000000 ffffffff 00a09b00 DPL=0 CS64 [-RA]
IDT=     fffffe0000000000 00000fff
CR0=80050033 CR2=000055c73a5c1600 CR3=000000010084a000 CR4=00751ee0
EFER=0000000000000d01

CPU#3
EAX=00000006 EBX=000f3652 ECX=00000000 EDX=00000cf9
ESI=00000000 EDI=00100000 EBP=00000000 ESP=00000fc8
EIP=000ef2a8 EFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
ES =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
CS =0008 00000000 ffffffff 00cf9b00 DPL=0 CS32 [-RA]
IDT=     000f621e 00000000
CR0=00000011 CR2=00000000 CR3=00000000 CR4=00000000
EFER=0000000000000000
"""
RESET_REGISTERS = """\r
CPU#0\r
RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000cf9\r
RIP=ffffffff87bf25bf RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\r
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r
IDT=     fffffe0000000000 00000fff\r
CR0=80050033 CR2=000000000042ee70 CR3=00000000235a2000 CR4=00751ef0\r
EFER=0000000000000d01\r
\r
CPU#1\r
RIP=ffffffff8763fc9b RFL=00000093 [--S-A-C] CPL=0 II=0 A20=1 SMM=0 HLT=1\r
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r
IDT=     fffffe0000000000 00000fff\r
CR0=80050033 CR2=00007ffc719ef084 CR3=0000000001a62000 CR4=00751ee0\r
EFER=0000000000000d01\r
\r
CPU#2\r
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00060fb1\r
EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1\r
CS =f000 ffff0000 0000ffff 00009b00\r
IDT=     00000000 0000ffff\r
CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\r
EFER=0000000000000000\r
"""


class FakeGuest:
    """The guest's side of a run; the test has the other ends of its lines."""

    def __init__(self, folder):
        self.log = os.path.join(folder, "console.log")
        self.console("vm: begin\n")
        self.terminal, self.terminal_end = socket.socketpair()
        self.control, self.control_end = socket.socketpair()
        self.process = mock.Mock(**{"poll.return_value": None})
        self.watcher = mock.Mock(stopped=None, registers=None)
        self.monitor_error = qmp.Gone("QEMU has ended")

    def console(self, text):
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(text)

    @property
    def monitor(self):
        raise self.monitor_error

    def qemu_said(self):
        return ""

    def close(self):
        for line in (self.terminal, self.terminal_end, self.control, self.control_end):
            line.close()


# ---------------------------------------------------------------- a QMP server

READ, HOLD, FLOOD = "read", "hold", "flood"
GREETING = {"QMP": {"version": {}, "capabilities": []}}
DONE = {"return": {}}
# The steps before the first command.
UP = (GREETING, READ, DONE, READ)
PLACES = [{"type": "cpu", "props": {"socket-id": 0}, "qom-path": "/machine/unattached/device[0]"},
          {"type": "cpu", "props": {"socket-id": 1}},
          {"type": "cpu", "props": {"socket-id": 2}, "qom-path": "/machine/peripheral/cpu2"}]
DIMM = {"id": "dimm0", "slot": 0, "size": 128 << 20, "node": 0, "addr": 1 << 32,
        "hotplugged": True, "memdev": "/objects/mem-dimm0"}
VMEM = {"id": "vmem0", "size": 0, "requested-size": 0, "max-size": 1 << 30, "block-size": 2 << 20,
        "node": 0, "memaddr": 1 << 33}


def dimms(*those):
    return {"return": [{"type": "dimm", "data": one} for one in those]}


def vmems(*those):
    return {"return": [{"type": "virtio-mem", "data": one} for one in those]}


def without(dictionary, key):
    return {name: value for name, value in dictionary.items() if name != key}


def ost(device, status, source=1):
    return {"event": "ACPI_DEVICE_OST", "data": {"info": {"device": device, "slot": "0",
                                                          "source": source, "status": status}}}


# Questions that do not belong to the operation itself, by command or property, and an ordinary
# QEMU's answers. A test of such an answer replaces it.
ASIDE = {"query-status": {"return": {"status": "running"}}, "qom-list": {"return": []},
         "query-kvm": {"return": {"enabled": False, "present": True}},
         "query-version": {"return": {"qemu": {"major": 10, "minor": 0, "micro": 0}}},
         "human-monitor-command": {"return": ""},
         "append": {"error": {"desc": "no such property"}}}


def name_of(request):
    return request.get("arguments", {}).get("property", request.get("execute"))


class FakeQmp(threading.Thread):
    """Accepts one client and follows STEPS: bytes are sent as they are, a dictionary as a line of
    JSON, an answer with the request's id. READ waits for a request that ASIDE does not answer, HOLD
    until the client disconnects. After the last step the server closes the connection.
    """

    def __init__(self, path, steps, aside=None):
        super().__init__(daemon=True)
        self.requests = []
        self.asked_aside = []
        self._steps = steps
        self._aside = aside or {}
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.settimeout(PATIENCE)
        self._listening.bind(path)
        self._listening.listen(1)
        self.start()

    def run(self):
        try:
            caller, _ = self._listening.accept()
            with caller, caller.makefile("rb") as lines:
                caller.settimeout(PATIENCE)
                for step in self._steps:
                    self._step(caller, lines, step)
        except (OSError, ValueError):
            pass  # the client has disconnected, maybe in the middle of a line

    def _answered_aside(self, caller, request):
        answer = self._aside.get(name_of(request))
        if answer is None:
            return False
        self.asked_aside.append(name_of(request))
        caller.sendall(json.dumps({**answer, "id": request["id"]}).encode() + b"\n")
        return True

    def _step(self, caller, lines, step):
        if step == READ:
            while True:
                request = json.loads(lines.readline() or b"{}")
                if not self._answered_aside(caller, request):
                    break
            self.requests.append(request)
        elif step == HOLD:
            for line in lines:
                self._answered_aside(caller, json.loads(line))
        elif step == FLOOD:
            while True:
                caller.sendall(b'{"event": "RTC_CHANGE", "data": {"offset": 0}}\n' * 1000)
                if select.select([caller], [], [], 0)[0]:
                    self._answered_aside(caller, json.loads(lines.readline()))
        elif isinstance(step, bytes):
            caller.sendall(step)
        else:
            if "event" not in step and "id" not in step and self.requests:
                step = {**step, "id": self.requests[-1].get("id")}
            caller.sendall(json.dumps(step).encode() + b"\n")

    def end(self):
        self.join(PATIENCE)
        self._listening.close()


class QmpTest(testing.Refusals):
    """Tests with `hotplug` on one side and a FakeQmp on the other."""

    number = itertools.count()
    # A resize up to the question for the device's size.
    RESIZE = (*UP, vmems(VMEM), READ, DONE, READ)
    # The steps until QEMU is asked to plug a DIMM; this QEMU does not know how much room it has.
    PLUG = (*UP, dimms(), READ, {"error": {"desc": "no such property"}}, READ)

    def ask(self, words, steps, silent=None, aside=(), **client):
        """Returns exit status, stdout, stderr, and the requests that came.

        SILENT: what never comes: "greeting", "command" or "guest". Only its deadline is short; the
        others leave a busy machine its time. ASIDE: answers that differ from ASIDE; one that is
        None is among the steps. CLIENT: attributes of the client.
        """
        path = self.path(f"qmp{next(self.number)}")
        server = FakeQmp(path, steps, {**ASIDE, **dict(aside)})
        deadline = {"greeting": PATIENCE, "command": PATIENCE, "guest": PATIENCE, silent: SHORT}
        with mock.patch.object(qmp, "COMMAND_DEADLINE", deadline["command"]), \
                mock.patch.multiple(plug_device, ADD_DEADLINE=deadline["guest"],
                                    DEL_DEADLINE=deadline["guest"],
                                    UNDO_DEADLINE=deadline["guest"]):
            begun = time.monotonic()
            connected = []

            def connect(_):
                connected.append(qmp.connect(path, deadline["greeting"]))
                vars(connected[0]).update(client)
                return connected[0]
            try:
                result = hotplug_words.run(words.split(), connect)
            finally:
                for client in connected:
                    client.close()
                server.end()
        self.assertLess(time.monotonic() - begun, PATIENCE, steps)
        return (*result, server.requests)

    def bad(self, words, *steps, status=hotplug_words.GONE, named=(), out="", silent=None, aside=()):
        testing.count(testing.tried, "QMP socket")
        code, printed, said, requests = self.ask(words, steps, silent, aside)
        self.assertEqual(printed, out, steps)
        self.check("QMP socket", steps, code, said, status, "^hotplug: .", *named)
        return [request.get("execute") for request in requests]

    def good(self, words, *steps, out=None, status=hotplug_words.OK, **how):
        """Returns stderr, and the last request of each kind by its name."""
        code, printed, said, requests = self.ask(words, steps, **how)
        self.assertEqual(code, status, said)
        if out is not None:
            self.assertEqual(printed, out)
        return said, {name_of(request): request.get("arguments", {}) for request in requests}

    def removal(self, *steps, **expected):
        return self.bad("dimm del", *UP, dimms(DIMM), READ, DONE, *steps, **expected)

    @staticmethod
    def status(word):
        return {"query-status": {"return": {"status": word}}}
