"""The child of a fleet, with toy steps; what a host's notebook does stands in `wishes/<host>.py`.

`python -m tests.fleet.toy JOB`; all else is the real thing: kernels, journals, reports.
"""

import runbook.steps
from runbook.fleet import child
from tests.evidence.toys import beat, begin, end, parameterised, steps

WORK = 'exec(Path("wishes", Path(params).stem + ".py").read_text())'
BOOKS = {"n05_work": parameterised(beat("look", "unchanged"), f"{begin('work')}\n{WORK}\n{end('work')}")}
STEPS = {"n05_work": ["look", "work"]}


def main():
    runbook.steps.notebooks = lambda: steps(**STEPS)
    child.main()


if __name__ == "__main__":
    main()
