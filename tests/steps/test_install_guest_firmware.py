"""The UEFI firmware that knows Xen: built and installed only where a guest starts by it."""

from pathlib import Path

from runbook.actions import Deliver, Run
from runbook.builds import ovmf
from runbook.facts import delivered, packages, space
from runbook.model.ask import MISSING, Answer
from runbook.params import HostParams, load
from runbook.steps.guests import install_guest_firmware as step
from tests.guests.machine import configured
from tests.steps.test_guests import actions, problems, stops

PARAMS = load(Path(__file__).parents[2] / "params/testbed.yml")
KEY = ovmf.recipe(PARAMS).key
DIGEST = ovmf.recipe(PARAMS).digest()


def host(*, installed="", brought=False, audit=""):
    """Return a host whose guest `windows` starts by the firmware; `installed` is the version of the package there."""
    raw = PARAMS.model_dump()
    values = [
        {**g, "firmware": "uefi", "firmware_image": ovmf.IMAGE} if g["name"] == "windows" else g
        for g in raw["guests"]
    ]
    params = HostParams.model_validate({**raw, "guests": values})
    made = configured(params)
    manifest, listing = delivered.commands(ovmf.PACKAGE)
    file = f"{ovmf.PACKAGE}_2025.02-8+{DIGEST}_all.deb"
    told = f'{{"recipe": "{KEY}", "files": [{{"name": "{file}", "size": 7, "sha256": "ab"}}]}}'
    made.answers |= {
        step._STATUS: Answer(1 if not installed else 0, f"ii |ovmf-xen|{installed}\n" if installed else ""),
        packages.AUDIT: Answer(0, audit),
        manifest: Answer(0, told) if brought else Answer(MISSING),
        listing: Answer(0, f"7 {file}\n" if brought else ""),
        space.commands("/var/cache")[0]: Answer(127),
    }
    return made


def test_without_such_a_guest_nothing_is_asked_and_nothing_planned():
    """A host whose guests have a BIOS is not even asked."""
    assert step.asks(PARAMS) == ()
    plan = step.plan(PARAMS, configured(PARAMS).facts(step))
    assert (plan.actions, plan.unasked) == ((), "no guest has firmware_image: /usr/share/ovmf-xen/OVMF.fd")


def test_it_is_built_brought_and_installed_once():
    """First the build, then the package; what lies there is installed; what is installed is left."""
    assert [type(a) for a in actions(step, host())] == [Deliver, Run]
    assert [type(a) for a in actions(step, host(brought=True))] == [Run]
    assert actions(step, host(installed=f"2025.02-8+{DIGEST}")) == ()
    assert problems(step, host(installed=f"2025.02-8+{DIGEST}")) == []


def test_another_build_is_replaced_and_missed():
    """A package of another recipe is not the one that was asked for."""
    other = host(installed="2025.02-8+0123456789ab")
    assert [type(a) for a in actions(step, other)] == [Deliver, Run]
    assert problems(step, other) == [
        ("fail", "The firmware /usr/share/ovmf-xen/OVMF.fd is not installed, so no guest starts by it")
    ]


def test_a_host_whose_packages_are_not_whole_is_refused():
    """dpkg would refuse half way."""
    said = "The following packages are only half configured:\n x  a package\n"
    assert [what for _, what in stops(step, host(audit=said))] == ["An installation was interrupted"]
