# SPDX-License-Identifier: GPL-2.0
"""Runs what scripts/try-* try, counts it, and prints TAP. The last line is `N passed, N failed[, N skipped]`.

Not here: reading such results, which ktap_results.py does.
"""

import collections
import time
import traceback

from ktap_results import FAILED, PASSED, SKIPPED, summary


class Skipped(Exception):
    """A test cannot be tried here; the message says why. It has not passed."""


def need(condition, text):
    if not condition:
        raise AssertionError(text)


def comment(text):
    for line in text.splitlines():
        print(f"# {line}")


class Tap:
    def __init__(self):
        self._number = collections.Counter()
        print("TAP version 13", flush=True)

    def result(self, status, title, said="", reason=""):
        """One result. SAID explains a failure, REASON why it was skipped."""
        self._number[status] += 1
        # The explanation is first, as ktap_results.py expects it.
        comment(said)
        print(f"{'not ok' if status == FAILED else 'ok'} {self._number.total()} - {title}"
              f"{f' # SKIP {reason}' if status == SKIPPED else ''}", flush=True)

    def test(self, title, function, *arguments):
        """Calls the function, which fails by an exception. Returns whether it has not failed."""
        status, said, reason = PASSED, "", ""
        start = time.monotonic()
        try:
            function(*arguments)
        except Skipped as why:
            status, reason = SKIPPED, str(why)
        except AssertionError as wrong:
            status, said = FAILED, str(wrong) or traceback.format_exc()
        except Exception:  # pylint: disable=broad-except # whatever it is, the other tests can go on
            status, said = FAILED, traceback.format_exc()
        self.result(status, title, said, reason)
        print(f"# took {int(time.monotonic() - start)} s", flush=True)
        return status != FAILED

    def sequence(self, steps, prefix=""):
        """Runs tests that build on each other, whose comments are their titles. Ends with the first failure,
        and returns whether there was none."""
        for step in steps:
            if not self.test(f"{prefix}{step.__doc__}", step):
                print(f"# {prefix}what follows has not been tried", flush=True)
                return False
        return True

    def end(self):
        """Prints the plan and the counts. Returns the exit status, which is 1 if nothing has passed."""
        passed, failed, skipped = (self._number[status] for status in (PASSED, FAILED, SKIPPED))
        print(f"1..{self._number.total()}\n{summary(passed, failed, skipped)}", flush=True)
        return 0 if passed and not failed else 1
