# SPDX-License-Identifier: GPL-2.0
"""A time line as an HTML page: one file, which needs no network. What it draws is in timeline_page.js.

Not here: reading a log, see timeline_log.py, and what belongs to which lane, see timeline_lanes.py.
"""

import html
import json
import os

import timeline_lanes
import timeline_log

SHOWN = 200      # rows of the table of what was refused

HERE = os.path.dirname(os.path.realpath(__file__))


def _kind(call):
    if timeline_log.refuses(call):
        return "veto"
    if timeline_log.failed(call):
        return "failure"
    return "event" if call.state in ("ARRIVAL", "REMOVAL") else "call"


def data(log):
    """What the page's script draws, in seconds from the first moment on."""
    begin, end = log.times()

    def since(time):
        # Equal moments must stay equal.
        return round(max(time - begin, 0), 9)

    # The busiest client first, so that it has the first colour.
    numbers = {}
    for call in log.calls:
        numbers[call.client] = numbers.get(call.client, 0) + 1
    clients = sorted(numbers, key=lambda client: (-numbers[client], client))
    place = {client: number for number, client in enumerate(clients)}
    pools = {}
    for one in log.sizes:
        pools.setdefault(one.pool, []).append((since(one.time), one.workers, one.buffers))
    return {
        "end": since(end), "clients": clients,
        "lanes": [{
            "name": lane.name,
            "use": [(since(begin if first is None else first), since(last))
                    for first, last in lane.in_use],
            "calls": [(since(call.begin), since(call.begin + call.seconds), place[call.client],
                       _kind(call), call.state, call.line) for call in lane.calls],
            "marks": [(since(mark.time), mark.text) for mark in lane.marks],
        } for lane in timeline_lanes.lanes(log)],
        "pools": [{"name": pool, "sizes": sizes} for pool, sizes in sorted(pools.items())],
    }


def summary(log):
    """How much there is, in a line."""
    lanes = timeline_lanes.lanes(log)
    vetoes = sum(map(timeline_log.refuses, log.calls))
    failures = sum(map(timeline_log.failed, log.calls))
    begin, end = log.times()
    clients = len({call.client for call in log.calls})

    def many(number, one, more):
        return f"{number} {one if number == 1 else more}"
    return ", ".join((
        many(sum(lane.name.startswith("CPU ") for lane in lanes), "CPU", "CPUs"),
        many(sum(" at " in lane.name for lane in lanes), "range of memory", "ranges of memory"),
        many(clients, "client", "clients"), many(len(log.calls), "call", "calls"),
        many(vetoes, "veto", "vetoes"), many(failures, "failure", "failures"))) + \
        f", in {end - begin:.3f} s"


def _refused(log):
    """A table of vetoes, failures and refusals."""
    begin, _ = log.times()
    found = [(call.begin, _kind(call), call.line) for call in log.calls if
             _kind(call) in ("veto", "failure")]
    found += [(mark.time, mark.kind, mark.text) for mark in log.marks]
    found.sort()
    if not found:
        return "<p>No client has said no, and nothing has failed.</p>"
    rows = "".join(f"<tr><td>{time - begin:.6f}<td>{kind}<td><code>{html.escape(line)}</code>"
                   for time, kind, line in found[:SHOWN])
    more = f"<p>And {len(found) - SHOWN} more.</p>" if len(found) > SHOWN else ""
    return f"<table><tr><th>seconds<th>what<th>as it is logged{rows}</table>{more}"


def page(log, title):
    """The whole page."""
    with open(os.path.join(HERE, "timeline_page.js"), encoding="utf-8") as file:
        script = file.read()
    with open(os.path.join(HERE, "timeline_page.css"), encoding="utf-8") as file:
        style = file.read()
    # No name in it can end the script.
    drawn = json.dumps(data(log), separators=(",", ":")).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title>
<style>{style}</style></head>
<body>
<h1>{html.escape(title)}</h1>
<p>{html.escape(summary(log))}</p>
<p class="keys"><button id="scale">by time</button> <button id="all">all of it</button>
Wheel, + and -: nearer and farther. Drag, and the arrows: to the sides. Click: what it was.</p>
<div id="legend"><span class="marks"><b>◆</b> veto <b>▲</b> failure <b>■</b> refusal</span></div>
<div id="place"></div>
<pre id="chosen">&nbsp;</pre>
<h2>Refused, and failed</h2>
{_refused(log)}
<script>const log = {drawn};
{script}</script>
</body></html>
"""
