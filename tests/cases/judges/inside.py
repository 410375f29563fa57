"""What is said of a volume that answered so: `look.out` and `look.err`, and `look.deep` where it was asked deeper."""

from runbook.facts.storage import headers, inside
from runbook.model.ask import Answer, Facts
from runbook.params.management import Mount
from runbook.steps.management.look_inside_volumes import of_volume
from runbook.steps.shared import mount_refusals

PATH = "/dev/guests/disk"


def _inside(case, claim):
    """Whole: that file system fills it, and is mounted. Else what is said has these words and has not those."""
    answers = {
        inside.look(PATH): Answer(0, case.text("look.out"), case.text("look.err")),
        inside.holding((PATH,)): Answer(0),
    }
    if (case.folder / "look.deep").exists():
        answers[headers.look(PATH)] = Answer(0, case.text("look.deep"))
    facts = Facts(answers)
    table = inside.parse(facts, PATH)
    if claim.get("whole") and (table.label or table.content.fstype != claim["fstype"] or _refusals(table)):
        yield f"it is not said that {claim['fstype']} fills the volume and can be mounted"
    found = [*of_volume("disk", table), *_refusals(table)]
    said = "\n".join(f"{f.what}: {f.why}; {f.do}" for f in found)
    yield from (f"nothing says {word}" for word in claim.get("says", []) if word not in said)
    yield from (f"it is said: {word}" for word in claim.get("silent", []) if word in said)
    if claim.get("written") and (table.is_empty or PATH not in inside.written(facts, (PATH,))):
        yield "it counts as empty"


def _refusals(table):
    """Return why nothing is mounted from the volume, or from its partitions."""
    found = []
    for number in [p.number for p in table.partitions] or [0]:
        part = table.partition(number)
        mount = Mount.model_validate({"guest": "disk", "partition": number, "at": "/mnt/disk"})
        content = part.content if part else None if table.label else table.content
        found += mount_refusals.contents(mount, table, content)
    return found


JUDGES = {"inside": _inside}
