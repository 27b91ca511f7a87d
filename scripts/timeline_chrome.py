# SPDX-License-Identifier: GPL-2.0
"""A time line as the Chrome trace format, which Perfetto opens: a thread for each lane, a counter for each
pool. Not here: the page, see timeline_page.py."""

import json

import timeline_lanes
import timeline_log

LANES, POOLS = 1, 2   # processes


def _named(what, name, **of):
    return {"ph": "M", "name": what, "args": {"name": name}, **of}


def _calls(lane, number, begin):
    for call in lane.calls:
        yield {"ph": "X", "pid": LANES, "tid": number, "ts": (call.begin - begin) * 1e6,
               "dur": call.seconds * 1e6, "name": f"{call.state} {call.client}", "cat": call.about[0],
               "args": {"client": call.client, "result": call.result, "logged": call.line}}
        if timeline_log.refuses(call) or timeline_log.failed(call):
            yield {"ph": "i", "s": "t", "pid": LANES, "tid": number,
                   "ts": (call.begin + call.seconds - begin) * 1e6,
                   "name": "veto" if timeline_log.refuses(call) else "failure",
                   "args": {"client": call.client, "result": call.result}}


def trace(log):
    """The file's text."""
    begin, _ = log.times()
    events = [_named("process_name", "dhp", pid=LANES), _named("process_name", "pools", pid=POOLS)]
    for number, lane in enumerate(timeline_lanes.lanes(log), 1):
        events.append(_named("thread_name", lane.name, pid=LANES, tid=number))
        events.append({"ph": "M", "name": "thread_sort_index", "pid": LANES, "tid": number,
                       "args": {"sort_index": number}})
        events += _calls(lane, number, begin)
        events += ({"ph": "i", "s": "t", "pid": LANES, "tid": number, "ts": (mark.time - begin) * 1e6,
                    "name": mark.kind, "args": {"text": mark.text}} for mark in lane.marks)
    events += ({"ph": "C", "pid": POOLS, "ts": (size.time - begin) * 1e6, "name": f"{size.pool}: {name}",
                "args": {name: getattr(size, name)}} for size in log.sizes for name in
               ("workers", "buffers"))
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events}, separators=(",", ":"))
