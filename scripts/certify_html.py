# SPDX-License-Identifier: GPL-2.0
"""Writes the report of `make certify` as one HTML file, which needs neither network nor script.

The report is a dictionary:

  driver modules date     as the user named them, and when it began
  exercise                whether something used the driver
  kernels                 each {name, release}
  drills                  their names
  results                 a test case of a drill on a kernel each: {drill, kernel, case, title,
                          status ("ok", "not ok", "skip"), seconds, reason, command, kind, module,
                          function, what, trace, log}; trace and log are text of the kernel's log (a
                          trace may also be a list of lines)
  passed failed skipped   numbers of test cases

or what certify_result.py writes to report.json. Not here: the picture of a time line, see
certify_timeline.py, and the words for a class of fault, see certify_words.py.
"""

import html
import os
import re

import certify_timeline
import certify_words

LOG_LINES = 300   # of a case's log that are shown, from its end
SHOWN = 3         # traces that are open at first, if there are not more failures

STATUS = {"passed": "ok", "failed": "not ok", "skipped": "skip", "lost": "skip"}


def write(path, report):
    """Writes the page; the file is there when it is complete."""
    text = page(report if "results" in report else _flat(report))
    with open(f"{path}.new", "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    os.rename(f"{path}.new", path)


def _flat(report):
    """The report of report.json as a list of results."""
    results = []
    drills = []
    for kernel in report["kernels"]:
        for drill in kernel["drills"]:
            if drill["name"] not in drills:
                drills.append(drill["name"])
            for case in drill["cases"] or [drill]:
                status = STATUS.get(case["result"], case["result"])
                result = {
                    "drill": drill["name"], "kernel": kernel["name"], "status": status,
                    "case": case.get("name"), "title": case.get("title", ""),
                    "seconds": case["seconds"], "reason": case["reason"],
                    "command": case.get("repeat", ""), "log": case.get("console", "")}
                if status != "not ok":
                    result["reason"] = result["reason"] or drill["reason"]
                    results.append(result)
                    continue
                said = "\n".join(case.get("output", ()))
                for finding in case.get("findings") or [{}]:
                    results.append({
                        **result, "kind": finding.get("kind", ""), "module": finding.get("module"),
                        "function": finding.get("function"), "object": finding.get("object"),
                        "what": finding.get("text"), "trace": "\n".join(finding.get("trace", ())),
                        "said": said})
    modules = [kernel["module"] for kernel in report["kernels"] if kernel.get("module")]
    return {**report, "driver": report.get("name") or report["driver"], "results": results,
            "drills": drills, "exercise": bool(report.get("exercise")),
            "module": modules[0] if modules else ""}


# ---------------------------------------------------------------- HTML

def esc(text):
    """Text for a page: nothing in it is markup, and nothing in it is a control character."""
    text = "" if text is None else str(text)
    return html.escape(re.sub("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
                              "\ufffd", text))


def tag(name, content, **attributes):
    """An element with this content, which is HTML already."""
    said = "".join(f' {key.rstrip("_")}="{esc(value)}"' for key, value in attributes.items()
                   if value is not None)
    return f"<{name}{said}>{content}</{name}>"


def rows(lines, cell="td"):
    return "".join(tag("tr", "".join(tag(cell, one) for one in line)) for line in lines)


def wide(content):
    """What scrolls sideways by itself where a page is narrow."""
    return tag("div", content, class_="wide")


STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1f24; --dim: #57606a; --line: #d5d9de;
  --soft: #f5f6f8; --good: #1a7f37; --bad: #c62828; --badsoft: #fdeceb; --skip: #8a6100;
  --link: #0b5cad; --online: #4c8fd6; --loaded: #8864c4; --mark: #c06c00 }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --text: #e3e6ea; --dim: #9aa4af;
  --line: #363c44; --soft: #1d2127; --good: #57c373; --bad: #ff7b72; --badsoft: #3a1d1e;
  --skip: #dcaa3c; --link: #6cb2ff; --online: #3f7cbf; --loaded: #8a6ac0; --mark: #e0983a } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; background: var(--back);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0 0 .3rem; font-size: 1.6rem; overflow-wrap: anywhere }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem }
h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere }
a { color: var(--link) }
code, pre { font: 13px/1.45 ui-monospace, monospace }
code { overflow-wrap: anywhere }
pre { margin: .5rem 0 0; padding: .6rem .8rem; overflow-x: auto; background: var(--soft);
  border: 1px solid var(--line); border-radius: 6px; max-height: 32rem }
pre b { color: var(--bad); font-weight: 600 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .94rem }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top }
.matrix td, .matrix th { padding: .35rem .8rem }
.dim, .matrix small { color: var(--dim) }
.good { color: var(--good) } .skip { color: var(--skip) }
.bad { color: var(--bad); font-weight: 600 }
.matrix td.bad { background: var(--badsoft) }
.verdict { margin: 0 0 .6rem; font-size: 1.15rem; font-weight: 600 }
.note { padding: .5rem .8rem; background: var(--soft); border-left: 4px solid var(--skip) }
article { margin: 1rem 0; padding: .9rem 1rem; border: 1px solid var(--line);
  border-left: 4px solid var(--bad); border-radius: 6px }
article p { margin: .4rem 0 }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem;
  margin: .6rem 0 }
dt { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere }
details { margin: .5rem 0 } summary { cursor: pointer }
svg { display: block; min-width: 640px; width: 100%; height: auto;
  font: 11px system-ui, sans-serif }
svg text { fill: var(--text) } svg text.lane { text-anchor: end; fill: var(--dim) }
svg text.axis { text-anchor: middle; fill: var(--dim) }
svg text.splat { fill: var(--bad); font-weight: 600 }
svg line { stroke: var(--line) } svg line.axis { stroke: var(--dim) }
svg line.tick { stroke: var(--dim); stroke-width: 1.5 }
svg line.splat { stroke: var(--bad); stroke-width: 2 }
svg rect.online { fill: var(--online) } svg rect.loaded { fill: var(--loaded) }
svg path.mark { fill: var(--mark) }
@media print { pre { max-height: none } article { break-inside: avoid-page } }
"""


def page(report):
    """The whole page."""
    failures = [result for result in report["results"] if result["status"] == "not ok"]
    for number, failure in enumerate(failures, 1):
        failure["id"] = f"f{number}"
    body = [_header(report), _matrix(report)]
    if failures:
        body += [_causes(failures), "<h2>Failures</h2>"]
        body += [_failure(report, failure, len(failures)) for failure in failures]
    body += [_skips(report), _all(report)]
    name = esc(report["driver"])
    return ("<!DOCTYPE html>\n" + tag("html", tag(
        "head", '<meta charset="utf-8"><meta name="viewport" content="width=device-width, '
        f'initial-scale=1">{tag("title", f"{name} and hotplug")}{tag("style", STYLE)}') +
        tag("body", "\n".join(body)), lang="en") + "\n")


def counted(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"


def _header(report):
    failed, passed = report["failed"], report["passed"]
    if failed:
        verdict, look = "fails", "bad"
    elif passed:
        verdict, look = "passes", "good"
    else:
        verdict, look = "was not tested", "skip"
    numbers = f"{passed} passed, {failed} failed"
    if report.get("skipped"):
        numbers += f", {report['skipped']} skipped"
    modules = report.get("modules") or []
    modules = modules if isinstance(modules, str) else ", ".join(modules)
    facts = [esc(report["date"]), *([f"with {esc(modules)}"] if modules else []),
             *([f"QEMU {esc(report['qemu_args'])}"] if report.get("qemu_args") else [])]
    lines = [tag("h1", f"{esc(report['driver'])}, put through hotplug"),
             tag("p", f"{verdict}: {numbers}", class_=f"verdict {look}"),
             tag("p", " · ".join(facts), class_="dim")]
    if not report["exercise"]:
        lines.append(tag("p", "Nothing used the driver: without an exercise, only loading and "
                         "unloading it was tested.", class_="note"))
    return tag("header", "\n".join(lines))


def _matrix(report):
    """Drills by kernels."""
    head = "<th>drill</th>" + "".join(
        tag("th", f"{esc(kernel['name'])}<br>{tag('small', esc(kernel['release']))}", scope="col")
        for kernel in report["kernels"])
    lines = [tag("tr", head)]
    for drill in report["drills"]:
        cells = [tag("th", esc(drill), scope="row")]
        for kernel in report["kernels"]:
            cells.append(_cell([result for result in report["results"] if
                                (result["drill"], result["kernel"]) == (drill, kernel["name"])]))
        lines.append(tag("tr", "".join(cells)))
    return tag("h2", "Drills") + wide(tag("table", "\n".join(lines), class_="matrix"))


def _cell(results):
    failed = [result for result in results if result["status"] == "not ok"]
    passed = sum(result["status"] == "ok" for result in results)
    if failed:
        cases = len({(result["case"], result["title"]) for result in failed})
        kinds = ", ".join(dict.fromkeys(result.get("kind") or "" for result in failed)).strip(", ")
        link = tag("a", f"{cases} failed", href=f"#{failed[0]['id']}", class_="bad")
        return tag("td", link + (f"<br><small>{esc(kinds)}</small>" if kinds else ""), class_="bad")
    if passed:
        return tag("td", f"passed <small>({passed})</small>", class_="good")
    if results and all(result["status"] == "skip" for result in results):
        return tag("td", "skipped", class_="skip", title=results[0].get("reason"))
    return tag("td", esc(results[0]["status"]) if results else "not run", class_="dim",
               title=results[0].get("reason") if results else None)


def _title(failure):
    if failure.get("kind") in certify_words.WORDS:
        return certify_words.title(failure["kind"])
    return "a step of the drill failed"


def _place(failure):
    """The function and module to blame, as HTML."""
    function, module = failure.get("function"), failure.get("module")
    if function:
        function = tag("code", f"{esc(function)}()")
    if module:
        module = tag("code", esc(module))
    return f"{function} of {module}" if function and module else function or module or ""


def _causes(failures):
    """The failures by what is to blame: many of them may have one cause."""
    causes = {}
    for failure in failures:
        key = tuple(failure.get(name) or "" for name in ("kind", "module", "function", "object"))
        causes.setdefault(key, []).append(failure)
    lines = []
    for group in causes.values():
        seen = {}
        for one in group:
            seen.setdefault(f"{one['drill']} on {one['kernel']}", one["id"])
        links = [tag("a", esc(text), href=f"#{number}") for text, number in seen.items()]
        more = f" and {len(links) - 6} more" if len(links) > 6 else ""
        lines.append((esc(_title(group[0])), _place(group[0]) or esc(group[0].get("object")),
                      str(len(group)), ", ".join(links[:6]) + more))
    said = tag("tr", "<th>fault</th><th>where</th><th>times</th><th>seen in</th>")
    title = f"{counted(len(failures), 'failure')} with {counted(len(causes), 'cause')}"
    return tag("h2", title) + wide(tag("table", said + rows(lines)))


def _failure(report, failure, count):
    """What was done, what happened, whose fault it is, and what is usually done about it."""
    name = report.get("module") or failure.get("module") or os.path.basename(report["driver"])
    trace = failure.get("trace") or ""
    if not isinstance(trace, str):
        trace = "\n".join(trace)
    log = failure.get("log") or ""
    done = esc(failure["title"])
    if failure.get("seconds"):
        done += tag("span", f" ({failure['seconds']:.1f} s)", class_="dim")
    facts = [("what was done", done)]
    if failure.get("command"):
        facts.append(("repeat it", tag("code", esc(failure["command"]))))
    happened = failure.get("what") or failure.get("reason")
    if happened:
        facts.append(("what happened", tag("code", esc(happened))))
    if failure.get("reason") and failure["reason"] != happened:
        facts.append(("reason", esc(failure["reason"])))
    if _place(failure):
        facts.append(("where", _place(failure)))
    if failure.get("object"):
        facts.append(("object", tag("code", esc(failure["object"]))))
    advice = certify_words.advice(failure.get("kind"))
    if advice:
        facts.append(("drivers usually", esc(advice)))
    title = f"{_title(failure)}: {failure['drill']} on {failure['kernel']}"
    lines = [tag("h3", esc(title)),
             tag("dl", "".join(tag("dt", key) + tag("dd", value) for key, value in facts))]
    when = certify_timeline.time_of(trace.split("\n"))
    picture = certify_timeline.svg(log or trace, name, when, _title(failure))
    if picture:
        lines.append(wide(picture))
    shown = "" if count <= SHOWN else None
    for what, text in (("trace", _marked(trace, name)),
                       ("what the drill said", esc(failure.get("said")))):
        if text.strip():
            lines.append(tag("details", tag("summary", what) + tag("pre", text), open=shown))
    if log.strip():
        kept = log.strip("\n").split("\n")
        cut = f", its last {LOG_LINES} lines of {len(kept)}" if len(kept) > LOG_LINES else ""
        lines.append(tag("details", tag("summary", f"kernel log of the test case{cut}") +
                         tag("pre", esc("\n".join(kept[-LOG_LINES:])))))
    return tag("article", "\n".join(lines), id=failure["id"])


def _marked(trace, module):
    """The trace, with the driver's own lines in bold."""
    return "\n".join(tag("b", esc(line)) if f"[{module}" in line and "+0x" in line else esc(line)
                     for line in trace.strip("\n").split("\n"))


def _skips(report):
    skipped = [result for result in report["results"] if result["status"] not in ("ok", "not ok")]
    if not skipped:
        return ""
    reasons = {}
    for one in skipped:
        reasons.setdefault((one["drill"], one.get("reason") or one["status"]), []).append(one)
    lines = []
    for (drill, reason), group in reasons.items():
        kernels = dict.fromkeys(one["kernel"] for one in group)
        lines.append((esc(drill), esc(", ".join(kernels)), esc(reason),
                      counted(len(group), "test case")))
    return tag("h2", "Not tested") + wide(tag("table", rows(lines)))


def _all(report):
    """Each test case."""
    lines = []
    for one in report["results"]:
        look = {"ok": "good", "not ok": "bad"}.get(one["status"], "skip")
        status = tag("span", esc(one["status"]), class_=look)
        if one["status"] == "not ok":
            status = tag("a", status, href=f"#{one['id']}")
        lines.append((status, esc(one["drill"]), esc(one["kernel"]), esc(one["title"]),
                      f"{one.get('seconds') or 0:.1f} s"))
    return tag("h2", "Test cases") + tag("details", tag("summary", counted(len(lines), "result")) +
                                         wide(tag("table", rows(lines))))
