"""The comparison with ansible-core and pyinfra: what is refused, what counts as ended, and which ratio is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from benchmarks import peers_report
from benchmarks.peers_ways import (
    HERE,
    Way,
    WayFailed,
    carried_out,
    of_ansible,
    of_core,
    of_pyinfra,
    of_report,
    unlike,
    values,
)
from runbook.facts import apt_settings
from runbook.params import load
from runbook.steps.debian_configuration import close_ports, require_ssh_keys, schedule_updates

HOST = HERE / "peers/host.yml"
FILES = HERE / "peers/templates"


def test_the_peers_write_the_files_that_the_runbook_writes() -> None:
    """The peers' copies of ssh's and apt's files and of the packet filter's rules are the runbook's to the byte."""
    params, given = load(HOST), values(load(HOST))
    place = Environment(loader=FileSystemLoader(FILES), keep_trailing_newline=True)
    rules = place.get_template("nftables.conf.j2")
    assert (FILES / "10-xen-runbook.conf").read_text() == require_ssh_keys.CONTENT
    assert (FILES / "52xen-runbook").read_text() == schedule_updates.content(apt_settings.Unattended({}))
    assert rules.render(given) == close_ports.rules(params)
    more = params.configuration.firewall.model_copy(update={"open_tcp": (80,), "open_udp": (53, 67)})
    params = params.model_copy(
        update={"configuration": params.configuration.model_copy(update={"firewall": more})}
    )
    assert rules.render(values(params)) == close_ports.rules(params)


def test_parameters_that_the_peers_have_no_task_for_are_refused() -> None:
    """A host whose parameters ask for something else is not compared, and the difference is named."""
    params = load(HOST)
    other = params.model_copy(
        update={"configuration": params.configuration.model_copy(update={"mail": "keep"})}
    )
    assert unlike(params) == []
    assert unlike(other) == ["mail: remove"]
    with pytest.raises(ValueError, match="mail: remove"):
        values(other)


RECAP = (
    "peers-target : ok=13   changed=0    unreachable={}    failed={}    skipped=0    rescued=0    ignored=0"
)
TABLE = "    What is in force   1   {}   {}   -\n    Grand total       20   3         {}       17\n"


def test_an_answer_without_failures_tells_its_changes() -> None:
    """The number of changes is read from each way's own words; pyinfra's verification is none."""
    assert of_ansible(RECAP.format(0, 0).replace("changed=0", "changed=7")) == 7
    assert of_pyinfra(TABLE.format(1, "-", "-")) == 2
    assert of_core('note\n{"ends": ["changed", "unchanged"]}\n') == 1
    steps = [{"status": "changed"}, {"status": "changed"}]
    assert of_report(json.dumps({"signed_by": "SHA256:x", "notebooks": [{"steps": steps}]})) == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda: of_ansible(RECAP.format(0, 1)),
        lambda: of_ansible(RECAP.format(1, 0)),
        lambda: of_ansible("PLAY [x]"),
        lambda: of_pyinfra(TABLE.format(1, "-", "1")),
        lambda: of_pyinfra(TABLE.format("-", "1", "-")),
        lambda: of_pyinfra(""),
        lambda: of_core('{"ends": ["unchanged", "failed"]}'),
        lambda: of_core('{"ends": []}'),
        lambda: of_report('{"signed_by": "", "notebooks": [{"steps": [{"status": "unchanged"}]}]}'),
    ],
)
def test_an_answer_with_a_failure_measures_nothing(answer: object) -> None:
    """A failed task, an unreachable host, a missing recap, a bad step or a report without signature is an error."""
    with pytest.raises(WayFailed):
        answer()  # type: ignore[operator]


def test_a_command_that_fails_measures_nothing(tmp_path: Path) -> None:
    """A way whose command ends with another status than 0 is an error that shows what it said."""
    with pytest.raises(WayFailed, match=r"status 3:\nsaid"):
        carried_out(Way("a way", ("sh", "-c", "echo said; exit 3"), of_ansible))


def test_the_whole_run_is_what_is_reported() -> None:
    """The row of an aim holds the ratio of medians of the whole run; the package's is only told in its note."""
    runs = {"notebook": (6, 60, 4), "package": (1, 1, 1), "ansible": (12, 12, 90), "pyinfra": (3, 3, 3)}
    seen = {name: [{"seconds": float(s)} for s in seconds] for name, seconds in runs.items()}
    rows = {row.row: row for row in peers_report.rows({"first": seen, "second": seen})}
    assert rows["second-run-ansible"].value == 2
    assert "12.0 ×" in rows["second-run-ansible"].note
    assert list(rows) == [
        "second-run-ansible",
        "second-run-pyinfra",
        "first-run-ansible",
        "first-run-pyinfra",
    ]
