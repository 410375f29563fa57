"""The testbed's recorded answers as kept facts, and one change to them at a time."""

import re
from functools import cache
from pathlib import Path

from runbook.drift.kept import ask_of
from runbook.hosts.recording import names
from runbook.model.ask import Answer, Facts
from tests.recorded import last

ROOT = Path(__file__).parents[2]
CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


@cache
def looks(recording="testbed-again"):
    """Return, for each notebook in order, the last answer to each of its questions."""
    folder = ROOT / "recordings" / recording
    return {notebook: last(folder, notebook) for notebook in names(folder)}


def plain(key):
    """Return a question without the shell's quotes around its words."""
    return key if key.startswith("< ") else " ".join(ask_of(key).argv)


def facts(*books, edits=()):
    """Return the facts of the notebooks, the later ones' answers counting, with edits made to them.

    What an edit looks for is a text, or a pattern after `re:` where each recording has another value. It looks in the
    questions that hold a fragment, or in the one that is the whole of what stands after `=`.
    """
    merged = {}
    for answers in books or looks().values():
        merged.update({key: list(said) for key, said in answers.items()})
    for fragment, old, new in edits:
        hit = False
        for key, said in merged.items():
            pattern = old[3:] if old.startswith("re:") else re.escape(old)
            is_meant = plain(key) == fragment[1:] if fragment.startswith("=") else fragment in plain(key)
            if is_meant and re.search(pattern, said[1]):
                said[1] = re.sub(pattern, lambda _, new=new: new, said[1]) if old else new + said[1]
                hit = True
        assert hit, f"no answer to {fragment} has {old!r}: the case is not about this recording"
    return Facts({ask_of(key): Answer(*said) for key, said in merged.items()})


def xen_and_kernel():
    """Return the versions of Xen and of the kernel that the recorded host runs at the end."""
    (said,) = [answer.out for ask, answer in facts().items() if ask.argv[-2:] == ("xl", "info")]
    found = dict(re.findall(r"(?m)^(\w+) +: (\S+)", said))
    return found["xen_version"], found["release"]
