"""The table of results: what was measured, what was not, and what each number comes to."""

import json
import subprocess
import sys

import pytest

from benchmarks import results
from benchmarks.aims import AIMS, BY_ROW, Aim
from benchmarks.result import Row, save


def found(folder, *rows, name="one"):
    """Return what one benchmark wrote."""
    save(name, rows, packages=("nbclient",), versions={"zstd": "1.5"}, folder=folder)
    return results.load(folder)


def line_of(text, row):
    """Return the cells of a row of the table."""
    number = AIMS.index(BY_ROW[row])
    return [cell.strip() for cell in text.splitlines()[number + 2].strip("|").split("|")]


def test_each_aim_has_a_name_of_its_own():
    """No two aims share a row, and each has a side on which its number must be."""
    assert len(BY_ROW) == len(AIMS)
    assert {aim.sense for aim in AIMS} == {"<=", ">="}


@pytest.mark.parametrize(("sense", "value", "holds"), [
    ("<=", 1.3, True), ("<=", 1.31, False), (">=", 1.3, True), (">=", 1.29, False),
])  # fmt: skip
def test_a_limit_has_a_side(sense, value, holds):
    """A number at the limit holds, one beyond it does not; for `>=` the other way round."""
    assert Aim("row", "work", "peer", sense, 1.3).holds(value) is holds


def test_what_was_not_measured_is_called_that(tmp_path):
    """Without any result every row says `not measured`, and none has a verdict."""
    text = results.table(results.load(tmp_path))
    assert text.count("| not measured |") == len(AIMS)
    assert set(results.verdicts([]).values()) == {None}
    assert not {"yes", "**no**"} & set(text.split())


def test_a_number_gets_its_verdict(tmp_path):
    """Measured rows show number, unit, note and verdict; the others stay as they were."""
    seen = found(tmp_path, Row("run-ratio", 0.31, "median of 3 rounds"), Row("run-memory", 251.04))
    text = results.table(seen)
    assert line_of(text, "run-ratio")[2:] == ["≤ 0.4 ×", "0.31 ×; median of 3 rounds", "yes"]
    assert line_of(text, "run-memory")[2:] == ["≤ 250 MiB", "251 MiB", "**no**"]
    assert text.count("| not measured |") == len(AIMS) - 2
    assert "2 measured, 1 of these hold" in results.page(seen)


def test_the_verdict_is_of_the_aim_as_it_is_now(tmp_path):
    """A verdict kept in a file counts for nothing: the number is held against the aim again."""
    found(tmp_path, Row("run-ratio", 9.0))
    path = tmp_path / "one.json"
    path.write_text(path.read_text().replace("false", "true"))
    assert results.verdicts(results.load(tmp_path))["run-ratio"] is False


def test_a_file_says_what_measured_and_where(tmp_path):
    """A result names its machine, its day and the versions, and holds no name of a machine."""
    (seen,) = found(tmp_path, Row("run-ratio", 0.31))
    assert set(seen) == {"benchmark", "date", "machine", "load", "versions", "rows"}
    assert seen["rows"] == [{"row": "run-ratio", "value": 0.31, "aim": "≤ 0.4 ×", "holds": True, "note": ""}]
    assert {"python", "nbclient", "zstd"} == set(seen["versions"])
    assert "processors" in seen["machine"]
    assert seen["machine"] in results.page([seen])


def test_an_unknown_row_is_no_result(tmp_path):
    """A row that no aim knows is neither written nor read."""
    with pytest.raises(KeyError):
        save("one", [Row("no-such-row", 1)], folder=tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="no-such-row"):
        results.measured([{"benchmark": "one", "rows": [{"row": "no-such-row", "value": 1}]}])


def test_two_benchmarks_cannot_report_one_row(tmp_path):
    """Which of two numbers counts, nobody could tell."""
    found(tmp_path, Row("run-ratio", 1.2))
    with pytest.raises(ValueError, match="two: 'run-ratio'"):
        results.table(found(tmp_path, Row("run-ratio", 1.1), name="two"))


def test_strict_fails_for_what_is_missing(tmp_path, monkeypatch, capsys):
    """With --strict the exit code is 1 as long as a row misses its aim or was not measured, and 0 when all hold."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(results, "HERE", tmp_path)
    monkeypatch.setattr("sys.argv", ["results", "--strict"])
    all_rows = [Row(aim.row, aim.limit) for aim in AIMS]
    for rows in (all_rows[:-1], [*all_rows[:-1], Row(AIMS[-1].row, 1e9)]):
        found(tmp_path / "results", *rows)
        with pytest.raises(SystemExit) as end:
            results.main()
        assert end.value.code == 1
    found(tmp_path / "results", *all_rows)
    results.main()
    assert "**no**" not in (tmp_path / "RESULTS.md").read_text()
    assert capsys.readouterr().out


def test_committed_results_are_rows_of_the_aims():
    """What is committed can be read: each of its rows is an aim's, and RESULTS.md is made of them."""
    seen = results.load(results.FOLDER)
    assert seen
    assert (results.HERE / "RESULTS.md").read_text(encoding="utf-8") == results.page(seen)
    for path in results.FOLDER.glob("*.json"):
        assert json.loads(path.read_text())["benchmark"] == path.stem


def test_a_processes_peak_is_its_own():
    """What the parent had does not count, and what the process itself had does, even when it has given it back."""
    ours = b"x" * 150 * 2**20
    code = "from benchmarks.result import peak_mib\nfor size in (1, 100):\n    b'x' * size * 2**20\n    print(peak_mib())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    small, large = map(float, run.stdout.split())
    assert len(ours) == 150 * 2**20
    assert small < 60
    assert 90 < large - small < 130
