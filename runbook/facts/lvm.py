"""LVM's reports as JSON: how they are asked for, and their rows (lvmreport(7))."""

from __future__ import annotations

import json

from runbook.model.ask import Ask

_FORMAT = ("--reportformat", "json", "--units", "b", "--nosuffix")


def report(tool: str, columns: str) -> Ask:
    """Return the question for a report of `vgs`, `lvs` or `pvs`; sizes are in bytes.

    >>> report("vgs", "vg_name").key
    'vgs --reportformat json --units b --nosuffix -o vg_name'
    """
    return Ask.run(tool, *_FORMAT, "-o", columns)


def rows(text: str, kind: str) -> list[dict[str, str]]:
    """Return the rows of one kind (`vg`, `lv` or `pv`) of a report, [] when it is empty.

    >>> rows('{"report":[{"vg":[{"vg_name":"guests","vg_free":"17175674880"}]}]}', "vg")
    [{'vg_name': 'guests', 'vg_free': '17175674880'}]
    """
    reports = json.loads(text).get("report", []) if text.strip() else []
    return [row for part in reports for row in part.get(kind, [])]
