# SPDX-License-Identifier: GPL-2.0
"""Writes test results to files for other programs: as JUnit's XML, and as JSON.

JUnit: a testsuite for each collection or program that has results, and in it a testcase for each result; its
classname is the program. JSON:

  {"passed": N, "failed": N, "skipped": N,
   "tests": [{"path": ["dhp", "load.sh", "up_and_down"], "status": "pass" | "fail" | "skip",
              "title": "...", "reason": "...", "seconds": N, "said": ["..."]}, ...]}

where `seconds` is null if it is not known. Not here: what a result is, see ktap_results.py.
"""

import dataclasses
import json
import re
import xml.etree.ElementTree as xml

import ktap_results
from ktap_results import FAILED, SKIPPED

# The kernel's log and a test may print anything; XML cannot have these characters at all.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text):
    return NOT_XML.sub("\ufffd", text)


def write(cases, junit=None, as_json=None):
    """Writes the files whose paths are given."""
    if junit:
        write_junit(junit, cases)
    if as_json:
        write_json(as_json, cases)


def write_json(path, cases):
    passed, failed, skipped = ktap_results.count(cases)
    report = {"passed": passed, "failed": failed, "skipped": skipped,
              "tests": [dataclasses.asdict(case) for case in cases]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
        file.write("\n")


def write_junit(path, cases):
    suites = {}
    for case in cases:
        suites.setdefault(".".join(case.path[:-1]), []).append(case)
    root = xml.Element("testsuites", numbers(cases))
    for name, members in suites.items():
        suite = xml.SubElement(root, "testsuite", name=clean(name or "ktap"), **numbers(members))
        for case in members:
            add_case(suite, name or "ktap", case)
    xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def numbers(cases):
    _, failed, skipped = ktap_results.count(cases)
    return {"tests": str(len(cases)), "failures": str(failed), "skipped": str(skipped), "errors": "0",
            "time": str(sum(case.seconds or 0 for case in cases))}


def add_case(suite, name, case):
    element = xml.SubElement(suite, "testcase", classname=clean(name), name=clean(case.path[-1]),
                             time=str(case.seconds or 0))
    said = clean("\n".join([*filter(None, [case.title]), *case.said]))
    if case.status == FAILED:
        last = next((line for line in reversed(case.said) if line.strip()), "it has failed")
        xml.SubElement(element, "failure", message=clean(last)).text = said
    elif case.status == SKIPPED:
        xml.SubElement(element, "skipped", message=clean(case.reason or "no reason was given"))
    if said and case.status != FAILED:
        xml.SubElement(element, "system-out").text = said
