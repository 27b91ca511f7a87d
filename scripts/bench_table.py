# SPDX-License-Identifier: GPL-2.0
"""The table that scripts/bench prints: the kinds of targets, the ratios, the layout. Which rows it
has is in bench_rows.py.
"""

import statistics


# ---------------------------------------------------------------- targets

def at_least(limit):
    """A rate: ratio is theirs by ours, how many times as fast as theirs ours is."""
    return (f">= {limit:g}", lambda ratio: ratio >= limit, True)


def at_most(limit):
    """A cost: ratio is ours by theirs."""
    return (f"<= {limit:g}", lambda ratio: ratio <= limit, False)


def below(limit):
    return (f"< {limit:g}", lambda ratio: ratio < limit, False)


def within(fraction):
    """Equal costs: ratio is ours by theirs."""
    return (f"{1 - fraction:g} to {1 + fraction:g}",
            lambda ratio: 1 - fraction <= ratio <= 1 + fraction, False)


# For information.
RATE = ("", None, True)
COST = ("", None, False)


# ---------------------------------------------------------------- the table

def quartiles(series):
    if len(series) < 2:
        return series[0], series[0]
    low, _, high = statistics.quantiles(series, n=4)
    return low, high


def spread(ours, theirs, as_rate):
    """The middle half of the rounds' ratios; None where rounds have no partners."""
    if len(ours) != len(theirs) or len(ours) < 4 or min(ours) <= 0 or min(theirs) <= 0:
        return None
    ratios = [b / a if as_rate else a / b for a, b in zip(ours, theirs)]
    return quartiles(ratios)


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, mode, ours, theirs, unit, against, target=RATE, note=""):
        """@ours and @theirs are series of rounds; @theirs may be None."""
        text, holds, as_rate = target
        a = statistics.median(ours)
        b = statistics.median(theirs) if theirs else None
        ratio = None
        if b is not None and (b if as_rate else a) and (a if as_rate else b):
            ratio = b / a if as_rate else a / b
        notes = [note] if note else []
        low, high = quartiles(ours)
        if low <= 0:  # the difference of two figures is smaller than their noise
            ratio = None
            notes.insert(0, f"cannot be decided: the middle half of the rounds is {low:.0f} to "
                            f"{high:.0f} {unit}")
        met = holds(ratio) if holds and ratio is not None else None
        if met is False:
            middle = spread(ours, theirs, as_rate)
            if middle and f"{middle[0]:.2f}" != f"{middle[1]:.2f}":
                notes.insert(0, f"middle half of the rounds: {middle[0]:.2f} to {middle[1]:.2f}")
        self.rows.append({"name": name, "mode": mode, "ours": round_off(a),
                          "theirs": round_off(b), "unit": unit, "against": against,
                          "ratio": round_off(ratio), "target": text or None, "met": met,
                          "note": "; ".join(notes)})

    def limit(self, name, mode, ours, unit, limit, note=""):
        """A figure that must be at most @limit; there is nothing to compare it with."""
        a = statistics.median(ours)
        self.rows.append({"name": name, "mode": mode, "ours": round_off(a), "theirs": None,
                          "unit": unit, "against": "", "ratio": round_off(a / limit),
                          "target": f"<= {limit:g} {unit}", "met": a <= limit,
                          "note": note})

    def show(self):
        columns = ["name", "mode", "ours", "theirs", "unit", "against", "ratio", "target", "met"]
        lines = [columns] + [[cell(row[column], column) for column in columns]
                             for row in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
        right = {"ours", "theirs", "ratio"}
        for number, line in enumerate(lines):
            print("  ".join(text.rjust(width) if column in right else text.ljust(width)
                            for text, width, column in zip(line, widths, columns)).rstrip())
            note = self.rows[number - 1]["note"] if number else ""
            if note and self.rows[number - 1]["met"] is not True:
                print(f"    {note}")


def round_off(value):
    if value is None:
        return None
    return round(value, 4 if abs(value) < 100 else 1)


def cell(value, column):
    if value is None:
        return "-"
    if column == "ratio":
        return f"{value:,.3f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
