"""`python -m runbook.builds FOLDER JOBS`: the building process itself; `runbook.builds.watch` starts it."""

import sys
from pathlib import Path

from runbook.builds.job import main

sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
