"""What pyproject.toml cannot say: the files beside the package that the wheel holds too, and a README that stands alone.

They have one source, in the clone; no copy of them is kept. pyproject.toml names them under `tool.runbook`.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
HOME = Path("runbook", "shipped")
"""Where they lie in the wheel: `runbook.controller.shipped` finds them there."""


def shipped() -> list[str]:
    """Return the paths of the files beside the package, in their order."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["runbook"][
        "shipped"
    ]
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def alone(text: str) -> str:
    """Return a README as it can be read where none of its files are: without pictures, and links as their words.

    >>> alone("See [faults](docs/faults.md), [pip](https://pip.pypa.io) and ![a page](a.png).")
    'See faults, [pip](https://pip.pypa.io) and .'
    """
    text = re.sub(r"(?m)^\|.*\n\|[-| ]+\n\|[^\n]*!\[.*\n", "", text)  # a table of pictures, with its heads
    text = re.sub(r"!\[[^\]]*\]\((?!https?:)[^)]*\)", "", text)
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


class WithShipped(build_py):
    """Builds the package, with what is shipped beside it in `HOME`; an editable one finds that in the clone."""

    def run(self) -> None:
        super().run()
        for name in [] if self.editable_mode else shipped():
            target = Path(self.build_lib, HOME, name)
            self.mkpath(str(target.parent))
            self.copy_file(name, str(target), preserve_mode=False)

    def get_source_files(self) -> list[str]:
        """Name them for the sdist, too."""
        return [*super().get_source_files(), *shipped()]


setup(
    cmdclass={"build_py": WithShipped},
    long_description=alone((ROOT / "README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
)
