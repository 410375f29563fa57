"""A configuration of a person's own that would be replaced, and what a running guest has."""

import json
import re
from pathlib import Path

from runbook.facts import guests
from runbook.facts.storage import asks
from runbook.facts.xl import LIST
from runbook.guests.syntax import parse
from runbook.model.ask import Answer
from runbook.params import load
from runbook.steps.guests import start_guests, write_guest_configs
from tests.guests.machine import GIB, configured

PARAMS = load(Path(__file__).parents[3] / "params/victory.yml")


def _replaced(case, files):
    """Of a file of a guest that the parameters have too, each thing that would go is named in a loss, and nothing is done unasked."""
    for name, pieces in files.items():
        text = case.text(name)
        host = configured(PARAMS)
        host.files[f"/etc/xen/{parse(text).text('name')}.cfg"] = text
        plan = write_guest_configs.plan(PARAMS, host.facts(write_guest_configs))
        if not plan.losses:
            yield f"{name} is replaced, and nobody is asked"
        said = " ".join(f.what for f in plan.losses)
        yield from (f"nothing says that {piece} goes" for piece in pieces if not re.search(piece, said))


def _held(case, claim):
    """The guest that wants the same disk or device is not started, and the one that has it is named."""
    long = Answer(0, case.text("xl_list_l.json"))
    rows = [(one["domid"], one["config"]["c_info"]["name"]) for one in json.loads(long.out)]
    listed = "".join(f"{name:<40} {domid:5d}   512     1     -b----       1.0\n" for domid, name in rows)
    if (case.folder / "xl_list.out").exists():
        listed = case.text("xl_list.out")
    known = {LIST: Answer(0, listed), guests.RUNNING[1]: long, asks.LONG: long}
    raw = PARAMS.model_dump()
    raw["guests"] = [{**g, "start": True} for g in raw["guests"] if g["name"] == "windows"]
    raw["management"] = {}
    params = type(PARAMS).model_validate(raw)
    host = configured(params, answers=known, volumes={claim["disk"]: 400 * GIB})
    said = [f.what for f in start_guests.plan(params, host.facts(start_guests)).stops]
    wanted = [f"the device {claim['device']}"] if "device" in claim else []
    for what in (*wanted, f"the disk /dev/{claim['disk']}"):
        if not any(f"the running guest '{claim['by']}' has {what}" in one for one in said):
            yield f"it is not refused that {claim['by']} has {what}: {said}"


JUDGES = {"replaced": _replaced, "held": _held}
