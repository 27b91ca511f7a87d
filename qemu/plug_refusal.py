# SPDX-License-Identifier: GPL-2.0
"""Who in a guest of qemu/vm has refused a CPU or memory, from the lines that dhp logs about it.

A line has the fields of /sys/kernel/dhp/refusals, see module/sysfs-kernel-dhp. qemu/guest-hotplug
reads that file, and puts it into the same words.
"""

import os
import time

CONSOLE_FILE = "console.log"  # next to the QMP socket of a guest of qemu/vm
PATIENCE = 3                  # seconds for the line, which the guest logs after it has refused
READ_MAX = 1 << 20            # bytes of the console; a guest may log anything
KEPT = 16                     # of the lines, as in the guest's file

BY = {"client": "client {name} vetoes it", "step": "step {step} ({name}) fails",
      "notifier": "a memory notifier {name} that of dhp refuses it", "kernel": "the kernel refuses it"}


def in_words(text):
    """What the fields of a line say, or None if they are not as expected."""
    fields, _, pages = text.partition(" pages: ")
    field = dict(word.split("=", 1) for word in fields.split() if "=" in word)
    what = f"CPU{field['cpu']}" if "cpu" in field else f"memory {field.get('mem')}"
    try:
        way = {"add": "online", "remove": "offline"}[field["action"]]
        who = BY[field["by"]].format_map(field)
        said = f"{what} does not go {way}: {who} with {field['errno']}"
    except KeyError:
        return None
    return said + (f"; pages in the way: {pages}" if pages else "")


class Console:
    """The console of a guest, from now on."""

    def __init__(self, folder):
        self._path = os.path.join(folder, CONSOLE_FILE)
        self._begin = os.path.getsize(self._path)  # OSError: this is not a guest of qemu/vm

    def _said(self, action):
        try:
            with open(self._path, "rb") as file:
                file.seek(self._begin)
                text = file.read(READ_MAX).decode("ascii", errors="replace")
        except OSError:
            return []
        whole_lines = text.split("\n")[:-1]
        fields = [line.partition("dhp: refusal: ")[2].rstrip("\r") for line in whole_lines]
        said = [in_words(line) for line in fields
                if f" action={action} " in line and line.isascii() and line.isprintable()]
        return list(dict.fromkeys(filter(None, said)))[-KEPT:]  # the kernel may try twice

    def refusals(self, verb, seconds):
        """What dhp says, after the guest has refused; waits for it. Empty if it says nothing."""
        action = {"add": "add", "del": "remove"}[verb]
        deadline = time.monotonic() + seconds
        while True:
            said = self._said(action)
            if said or time.monotonic() > deadline:
                return said
            time.sleep(0.05)
