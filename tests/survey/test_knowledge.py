"""What is known of devices, as data: every file is as it should be, and a wrong line is named."""

import subprocess
import sys
import zipfile
from datetime import date

import pytest

from runbook.errors import RunbookError
from runbook.survey import knowledge
from runbook.survey.reasons import RULES
from tests.house.test_layers import ROOT

FOLDER = ROOT / "survey" / "knowledge"
HEAD = ",".join(knowledge.HEAD)
GOOD = "amd-reset,1002:67c0-67df,03,,,Polaris 10,QEMU hw/vfio,2026-11-30"


def read(*lines, subject="resets"):
    """Return the entries of a file of these lines."""
    return list(knowledge.read("resets.csv", "\n".join(lines) + "\n", knowledge.SUBJECTS[subject]))


@pytest.mark.parametrize("subject", knowledge.SUBJECTS)
def test_every_file_is_read(subject):
    """Each subject has entries of each of its kinds, and no date that a slip of the pen made."""
    found = knowledge.entries(subject)
    assert found
    assert {entry.kind for entry in found} == knowledge.SUBJECTS[subject]
    assert all(date(2026, 11, 1) <= entry.date < date(2100, 1, 1) for entry in found)


def test_every_file_is_a_subject():
    """No file lies there that nobody reads."""
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(knowledge.SUBJECTS)


@pytest.mark.parametrize("subject", knowledge.SUBJECTS)
def test_no_device_is_named_twice(subject):
    """Of two lines of a kind none means a device that the other means too, so a correction is made in one place."""
    seen = {}
    for entry in knowledge.entries(subject):
        for vendor, low, high in entry.ids:
            for number in range(low, high + 1) if high - low < 0xFFFF else ():
                key = (entry.kind, vendor, number, entry.classes)
                assert key not in seen, f"{vendor}:{number:04x} stands under {seen[key]} and {entry.what}"
                seen[key] = entry.what


def test_kinds_are_reasons():
    """What a line says leads to a reason that has a verdict; `compute` alone only takes one back."""
    kinds = {kind for of in knowledge.SUBJECTS.values() for kind in of}
    assert kinds - {"compute"} <= set(RULES)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (GOOD.replace("1002:67c0", "1002:67C0"), "ids: Value error, '1002:67C0-67df' is no id"),
        (GOOD.replace("67c0-67df", "67df-67c0"), "ids: Value error, '1002:67df-67c0' ends before it begins"),
        (GOOD.replace("1002:67c0-67df", "1002"), "ids: Value error, '1002' is no id"),
        (GOOD.replace("1002:67c0-67df,03", "1002:*,"), "it means every device of a vendor"),
        (GOOD.replace("1002:67c0-67df,03", ","), "it means every device of a vendor"),
        (GOOD.replace(",03,", ",3,"), "classes: Value error, '3' is not the beginning of a class code"),
        (GOOD.replace(",03,,", ",03,slot,"), "place: String should match"),
        (GOOD.replace(",03,,,", ",03,,22-00,"), "revisions: Value error, '22-00' is no range of revisions"),
        (GOOD.replace("Polaris 10", "Polaris 10."), "what: String should match"),
        (GOOD.replace("QEMU hw/vfio", ""), "source: String should have at least 8 characters"),
        (GOOD.replace("2026-11-30", "2026-13-30"), "date: Input should be a valid date"),
        (GOOD.replace("amd-reset", "integrated"), "kind: 'integrated' is none of amd-reset, reset-reported"),
        (GOOD + ",more", "9 columns, not 8"),
        (GOOD.replace("Polaris 10", "Polaris, 10"), "9 columns, not 8"),
    ],
)
def test_a_wrong_line_is_named(line, why):
    """The error names file and line, and what is wrong with the value."""
    with pytest.raises(RunbookError) as error:
        read("# for people", HEAD, GOOD, line)
    assert error.value.where == "runbook/survey/knowledge/resets.csv, line 4"
    assert why in error.value.why


def test_the_columns_are_named():
    """A file that begins otherwise is no such file."""
    with pytest.raises(RunbookError, match="the columns are not kind,ids"):
        read(GOOD)


def test_adding_an_entry_is_adding_a_line():
    """A line more is an entry more, which means the devices that it names and no others."""
    assert len(read(HEAD, GOOD)) == 1
    (entry,) = read(HEAD, "", GOOD)
    assert entry.means("1002:67df", "030000", None, in_root=False)
    assert not entry.means("1002:67e0", "030000", None, in_root=False)
    assert not entry.means("1002:67df", "040300", None, in_root=False)


def test_a_revision_that_nobody_named():
    """Where an entry asks for a revision, one that is not known may be the one, and that is said."""
    old, new, unknown = (
        knowledge.find("xen", "8086:3406", "060000", r, in_root=True) for r in (0x13, 0x22, None)
    )
    assert [e.is_sure(0x13) for e in old] == [True]
    assert new == ()
    assert [e.is_sure(None) for e in unknown] == [False]


def test_the_files_are_in_a_wheel(tmp_path):
    """What is built to be installed has every file; an editable install reads them where they are."""
    command = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", command, str(tmp_path)],
        cwd=_copy(tmp_path),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"runbook/survey/knowledge/{subject}.csv" for subject in knowledge.SUBJECTS} <= names


def _copy(tmp_path):
    """Return a folder with what a wheel is built from, so that no build leaves anything in the project."""
    folder = tmp_path / "source"
    target = folder / "runbook" / "survey" / "knowledge"
    target.mkdir(parents=True)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        (folder / name).write_bytes((ROOT.parent / name).read_bytes())
    for path in [*FOLDER.iterdir(), ROOT / "__init__.py", ROOT / "survey" / "__init__.py"]:
        if path.is_file():
            (folder / path.relative_to(ROOT.parent)).write_bytes(path.read_bytes())
    return folder
