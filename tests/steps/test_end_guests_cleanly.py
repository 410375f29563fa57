"""The unit that ends guests before the host goes down, and the restarts that the runbook makes itself."""

from runbook.actions import Run, WriteFile
from runbook.guests import ending
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.steps.shared import clean_ends
from runbook.steps.xen_configuration import end_guests_cleanly
from tests.steps.machine import like_testbed, sample

PARAMS = like_testbed()
UNIT, FILE, SESSIONS = end_guests_cleanly.UNIT, end_guests_cleanly.UNIT_FILE, end_guests_cleanly.SESSIONS_FILE
DONE = {
    ending.PROGRAM: ending.program(),
    FILE: end_guests_cleanly.unit(),
    SESSIONS: end_guests_cleanly.sessions(),
}


def host(files, *, active="inactive", enabled="", load="loaded", capabilities="", kept=""):
    """Return the answers of a host with these files, where the unit is so."""
    shown = f"Id={UNIT}\nLoadState={load}\nActiveState={active}\nUnitFileState={enabled}\n"
    files = files | ({ending.KEPT: kept} if kept else {})
    xen = {"/proc/xen/capabilities": capabilities, "/sys/hypervisor/type": "xen\n"}
    files = files | (xen if capabilities else {})
    known = {}
    for ask in end_guests_cleanly.asks(PARAMS):
        if ask.kind == "read":
            text = files.get(ask.argv[0])
            known[ask] = Answer(MISSING) if text is None else Answer(0, text)
        else:
            known[ask] = Answer(0, shown if "show" in ask.argv else "")
    return Facts(known)


def titles(facts):
    return [action.title for action in end_guests_cleanly.plan(PARAMS, facts).actions]


def test_on_plain_debian_it_is_enabled_and_not_started():
    """Three files, read by systemd; without Xen there is no guest to end."""
    facts = host({}, load="not-found")
    assert titles(facts) == [
        f"write {ending.PROGRAM}", f"run install -d -m 0755 {SESSIONS.rpartition('/')[0]}", f"write {FILE}", f"write {SESSIONS}",
        "run systemctl daemon-reload", f"run systemctl enable {UNIT}",
    ]  # fmt: skip
    assert [finding.what for finding in end_guests_cleanly.check(PARAMS, facts)] == [
        f"{UNIT} does not start at boot"
    ]


def test_under_xen_it_runs_from_now_on():
    """What does not run is not stopped, and its stop is what ends the guests."""
    facts = host(DONE, enabled="enabled", capabilities="control_d\n")
    assert titles(facts) == [f"run systemctl start {UNIT}"]
    assert [finding.what for finding in end_guests_cleanly.check(PARAMS, facts)] == [f"{UNIT} does not run"]


def test_done_is_done():
    """Nothing is planned and nothing found, under Xen and without it."""
    for facts in (
        host(DONE, enabled="enabled"),
        host(DONE, enabled="enabled", active="active", capabilities="control_d\n"),
    ):
        assert titles(facts) == []
        assert end_guests_cleanly.check(PARAMS, facts) == []


def test_an_older_program_is_replaced_without_a_stop():
    """A restart of the unit would be a stop; systemd needs none to call another program."""
    facts = host(
        DONE | {ending.PROGRAM: "old\n"}, enabled="enabled", active="active", capabilities="control_d\n"
    )
    assert titles(facts) == [f"write {ending.PROGRAM}"]


def test_a_guest_that_was_cut_off_is_named():
    """The host noted it as it went down; those that ended by themselves are no news."""
    kept = (
        "2026-11-30T07:02:11Z ended web: it ended by itself after 4 s\n"
        "2026-11-30T07:07:15Z cut windows: it did not end within 300 s, and its plug was pulled\n"
    )
    found = end_guests_cleanly.check(PARAMS, host(DONE, enabled="enabled", kept=kept))
    assert [(f.level, f.what) for f in found] == [
        (
            "warn",
            "A guest was cut off when the host went down at 2026-11-30T07:07:15Z: windows: it did not end within "
            "300 s, and its plug was pulled",
        )
    ]


def test_a_restart_of_the_runbooks_own_ends_the_guests_first():
    """With the program, if the host has none yet; without guests nothing is done."""
    from runbook.facts import xen

    def facts(table):
        known = {ask: Answer(0, "") for ask in xen.COMMANDS}
        return Facts(
            known | {Ask.run("xl", "list"): Answer(0, table), Ask.read(ending.PROGRAM): Answer(MISSING)}
        )

    alone = sample("xl-list.txt").splitlines(keepends=True)[0]
    assert clean_ends.before_restart(facts(alone)) == ()
    assert clean_ends.told(facts(alone)) == ()
    guest = f"{alone}web                                          3   256     1     -b----       1.0\n"
    write, end = clean_ends.before_restart(facts(guest))
    assert (type(write), write.path) == (WriteFile, ending.PROGRAM)
    assert (type(end), end.argv) == (Run, (ending.PROGRAM, "--all"))
    assert [f.what for f in clean_ends.told(facts(guest))] == ["Running guests will be shut down: web"]
