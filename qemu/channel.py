# SPDX-License-Identifier: GPL-2.0
"""The guest's control line: the verdict, requests for hotplug, and files."""

import base64
import os
import queue
import re
import threading

import hotplug_words
from host import Failed

LINE_MAX = 1 << 20   # bytes; no line from a guest is nearly as long


class Plugger(threading.Thread):
    """Serves the guest's requests for hotplug, one after the other."""

    def __init__(self, guest):
        super().__init__(daemon=True)
        self._guest = guest
        self._requests = queue.Queue()

    def request(self, line):
        self._requests.put(line)

    def run(self):
        while True:
            ident, *words = self._requests.get().split()
            try:
                status, out, err = hotplug_words.run(words, lambda _: self._guest.monitor)
            except Exception as error:  # the guest waits for an answer in any case
                status, out, err = hotplug_words.GONE, "", f"hotplug: {error!r}\n"
            answer = "".join(f"{ident} out |{line}\n" for line in out.splitlines())
            answer += "".join(f"{ident} err |{line}\n" for line in err.splitlines())
            try:
                answer += f"{ident} status {status}\n"
                # It may quote QEMU, whose text may be anything.
                self._guest.control.sendall(answer.encode(errors="backslashreplace"))
            except OSError:
                return



class Channel:
    """Reads the control line's messages, and acts on them."""

    def __init__(self, guest, files, on_begin):
        self._plugger = Plugger(guest)
        self._files = files  # the folder for files that the guest sends, or None
        self._on_begin = on_begin
        self._rest = b""
        self.status = None   # of the command: the verdict
        self.stext = None    # the address of the kernel's text, which KASLR has chosen

    def start(self):
        self._plugger.start()

    def take(self, data):
        """Another piece of what came on the line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_MAX:
            raise Failed("the guest writes to its control line without ending a line: "
                         f"{self._rest[:40]!r}")
        for line in lines:
            self._message(line.decode(errors="replace").strip("\r\0 "))

    def _message(self, line):
        if line == "begin":
            self._on_begin()
        elif re.fullmatch(r"stext [0-9a-f]{1,16}", line):
            self.stext = int(line.split()[1], 16)
        elif re.fullmatch(r"end [0-9]{1,3}", line) and int(line[4:]) < 256:
            self.status = int(line[4:])
        elif re.match(r"hotplug +\S", line):
            self._plugger.request(line[len("hotplug "):])
        elif line.startswith("file "):
            self._take_file(*line.split()[1:])

    def _take_file(self, name="", *data):
        """Another piece of a file, as guest-to-host sends it; without data, its beginning."""
        if self._files is None or not re.fullmatch(r"\w[\w.-]{,99}", name, re.ASCII):
            return
        try:
            content = base64.b64decode("".join(data), validate=True)
        except ValueError:
            raise Failed(f"the guest has sent invalid base64 for the file {name}: "
                         f"{' '.join(data)[:40]!r}") from None
        with open(os.path.join(self._files, name), "ab" if data else "wb") as file:
            file.write(content)

