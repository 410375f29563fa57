"""The zoo's pure parts: what a description may say, what is built from it, and when a machine has kept its network."""

from __future__ import annotations

import subprocess
import tarfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.errors import CheckFailed, ParamsError
from runbook.hosts.recorded import RecordedHost
from runbook.params import load as load_params
from runbook.proposal import read, write
from runbook.proposal.machine import asks
from runbook.steps import name_of, notebooks
from runbook.steps.xen_configuration import configure_bridges
from runbook.testbed import disk, machine, machines, qemu, recipe
from runbook.testbed.checkpoints import Checkpoint, find_all
from runbook.testbed.errors import GaveUp
from runbook.testbed.image import Image, default_recipe, image_key
from runbook.testbed.machine import Machine
from runbook.testbed.machines import Claim, Description
from runbook.testbed.state import State
from runbook.testbed.zoo import (
    adoption,
    asked,
    building,
    cut,
    in_force,
    layout,
    limit,
    page,
    proof,
    result,
    visit,
)
from runbook.testbed.zoo import checkpoints as zoo_checkpoints
from runbook.testbed.zoo.result import Result
from tests.steps.machine import PROGRAMS, like_testbed
from tests.steps.machine import Machine as Host

ROOT = Path(__file__).parents[1]
STEPS = {name_of(step) for book in notebooks().values() for step in book}
ZOO = {name: machines.named(name) for name in machines.names()}


def description(**given: Any) -> Description:
    """Return a description of a machine called `toy`."""
    return Description.model_validate({"name": "toy", "summary": "a toy", **given})


def test_all_machines_are_described() -> None:
    """Nine ways in which people set up their hosts, and the plain machine, which comes first."""
    assert list(ZOO) == [
        "plain",
        "bond",
        "btrfs",
        "cloud",
        "crypt",
        "desktop",
        "kvm",
        "laptop",
        "server",
        "xen",
    ]
    assert all(described.expect for name, described in ZOO.items() if name != "plain")


@pytest.mark.parametrize("name", ZOO)
def test_a_description_names_what_there_is(name: str) -> None:
    """Consent and refusals are of steps that there are, and every machine has a card that ssh comes in by."""
    described = ZOO[name]
    assert {line.partition(":")[0] for line in described.consent} <= STEPS
    assert {refusal.step for refusal in described.refused} <= STEPS
    words = qemu.command(building.spec_of(described))
    forwards = [word for word in words if "hostfwd=" in word]
    if described.switch:
        assert [word for word in words if word.startswith("stream,id=uplink,")]
        assert not forwards
    else:
        assert len(forwards) == 1
        assert forwards[0].endswith(f"-{described.way.at}:{described.way.port}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("summary: x\nfile: []\n", ("line 2", "'file' is not a parameter", "did you mean 'files'?")),
        ("summary: x\nnics:\n  - {name: a, slot: 8}\n", ("slot 8 is taken",)),
        ("summary: x\nway: {user: ana}\n", ("'ana' logs in",)),
        ("summary: x\nexpect:\n  - {what: a, ask: b, prints: '('}\n", ("no regular expression", "line 3")),
        ("summary: x\nfiles:\n  - {path: etc/x}\n", ("line 3", "files.0.path")),
        ("packages: [a]\n", ("required and missing", "machines/plain.yml")),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    """A description is closed, as parameters are: file, line, key, reason and next move."""
    (tmp_path / "toy.yml").write_text(text)
    with pytest.raises(ParamsError) as raised:
        machines.load(tmp_path / "toy.yml")
    assert all(words in str(raised.value) for words in (*said, "toy.yml")), raised.value


def test_a_misspelt_machine_is_answered_with_the_nearest() -> None:
    """Who names no machine learns which there are."""
    with pytest.raises(ParamsError, match="did you mean 'server'"):
        machines.named("sever")
    with pytest.raises(ParamsError, match="there are: plain, bond"):
        machines.named("zzzzzz")


def test_the_plain_machine_has_the_base_disk_of_the_acceptance() -> None:
    """Nothing is built twice: a description without anything special is the recipe of its release."""
    assert building.recipe_of(ZOO["plain"]) == default_recipe()
    others = [image_key(building.recipe_of(described)) for described in ZOO.values()]
    assert len(set(others)) == len(others)


def test_files_and_links_go_before_an_installers(tmp_path: Path) -> None:
    """What a description says of a path is what the disk gets, a link in place of a file too."""
    files = [
        {"path": "/etc/network/interfaces", "text": "mine\n", "mode": "0600"},
        {"path": "/etc/resolv.conf", "link": "/run/x"},
    ]
    made = building.recipe_of(description(files=files))
    ident = recipe.Identity("ABCD1234", "b", "r", "0" * 32, "ssh-ed25519 AAAA\n")
    disk._write_overlay(tmp_path / "o.tar", recipe.files(made, ident, "6.12"), made.links)
    with tarfile.open(tmp_path / "o.tar") as tar:
        interfaces = tar.extractfile("etc/network/interfaces")
        assert interfaces is not None
        assert interfaces.read() == b"mine\n"
        assert tar.getmember("etc/network/interfaces").mode == 0o600
        assert tar.getmember("etc/resolv.conf").linkname == "/run/x"
        assert tar.getnames().count("etc/resolv.conf") == 1


def test_a_user_with_sudo_takes_the_place_of_root() -> None:
    """The testbed's key opens that account and no other, what needs root goes through sudo, and so does the runbook."""
    described = description(
        users=[{"name": "ana", "sudo": "without-password"}], way={"user": "ana", "port": "2222"}
    )
    made = building.recipe_of(described)
    ident = recipe.Identity("ABCD1234", "b", "r", "0" * 32, "ssh-ed25519 AAAA\n")
    paths = recipe.files(made, ident, "6.12")
    assert "home/ana/.ssh/authorized_keys" in paths
    assert "root/.ssh/authorized_keys" not in paths
    machine = building.machine_of(described)
    assert machine.root == (*machine.ssh, "sudo")
    assert asked.way(machine, described)["become"] == "sudo"
    assert "become" not in asked.way(machine, ZOO["plain"])


def test_packages_are_taken_away_that_come_by_themselves() -> None:
    """What a machine is without is neither asked for nor left from the bootstrapper's own choice."""
    made = building.recipe_of(description(without=["ifupdown"], packages=["netplan.io"]))
    assert "ifupdown" not in made.packages
    assert "netplan.io" in made.packages
    assert "for p in ifupdown;" in made.hooks[0]
    assert "dpkg --purge" in made.hooks[0]


def test_a_layout_makes_another_disk_of_the_same_system() -> None:
    """Its words decide the cache's name; the plain disk that it begins with, and all other machines', stay what they were."""
    crypt = ZOO["crypt"]
    assert crypt.layout is not None
    other = crypt.model_copy(update={"layout": crypt.layout.model_copy(update={"disks_gib": (18, 20)})})
    assert building.base_name(other) != building.base_name(crypt)
    assert building.recipe_of(other) == building.recipe_of(crypt)
    assert building.base_name(ZOO["kvm"]) == f"base-{image_key(building.recipe_of(ZOO['kvm']))}"


def test_a_bios_has_no_firmware_of_uefi() -> None:
    """The same PC without its flash starts the BIOS way."""
    words = {name: " ".join(qemu.command(building.spec_of(ZOO[name]))) for name in ("btrfs", "crypt")}
    assert "pflash" not in words["btrfs"]
    assert words["crypt"].count("if=pflash") == 2


def test_the_system_moves_in_behind_its_disks(tmp_path: Path) -> None:
    """The script, run by a shell whose programs only say their names: disks, copy, /etc/fstab, then what is done inside."""
    asked_for = machines.Layout(
        make=("sfdisk ${disk}1", "mkdir /target"), inside=("update-grub ${disk}0 'x'",), at_first=()
    )
    tools = tmp_path / "bin"
    tools.mkdir()
    mounts = (
        "/target /dev/mapper/vault-root 1-2 ext4 /\n/target/boot /dev/md0 3-4 ext4 /\n"
        "/target/boot/efi /dev/vdb1 AB-CD vfat /\n/target/home /dev/vdb1[/@home] 5-6 btrfs /@home\n"
    )
    for name in (
        "sfdisk",
        "mkdir",
        "rmdir",
        "rm",
        "cp",
        "udevadm",
        "mount",
        "umount",
        "sync",
        "chroot",
        "findmnt",
    ):
        told = f"printf '{mounts}'" if name == "findmnt" else f'echo "{name} $*" >>{tmp_path}/calls'
        (tools / name).write_text(f"#!/bin/sh\n{told}\n")
        (tools / name).chmod(0o755)
    text = layout.script(asked_for).replace("/root/fstab", f"{tmp_path}/fstab")
    subprocess.run(["/bin/sh", "-c", text], env={"PATH": str(tools)}, check=True)
    assert (tmp_path / "fstab").read_text() == (
        "/dev/mapper/vault-root / ext4 defaults 0 0\nUUID=3-4 /boot ext4 defaults 0 0\n"
        "UUID=AB-CD /boot/efi vfat umask=0077 0 0\nUUID=5-6 /home btrfs subvol=/@home 0 0\n"
    )
    calls = (tmp_path / "calls").read_text()
    order = [f"sfdisk {layout.BY_ID}1", "cp -ax / /target", "cp -ax /boot/. /target/boot/", "chroot /target sh -c", "update-grub ${disk}0 'x'", "umount -R /target"]  # fmt: skip
    assert [calls.index(words) for words in order] == sorted(calls.index(words) for words in order)


def test_a_layout_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both disks, the keys, and nothing else stay; the second time nothing is booted; a failure leaves no half disk."""
    plain = tmp_path / "base-plain"
    plain.mkdir()
    for name in (*layout._KEYS, "disk.qcow2"):
        (plain / name).write_text(name)
    asked_for = machines.Layout(disks_gib=(1, 1), make=("false",), inside=(), at_first=())
    events: list[str] = []

    def assemble(folder: Path, _image: Image) -> None:
        folder.mkdir()

    def fails(_machine: Machine, _script: str, _stdin: bytes) -> None:
        raise CheckFailed("A script on the machine failed")

    monkeypatch.setattr(layout.hardware, "assemble", assemble)
    monkeypatch.setattr(layout.hardware, "switch_on", lambda _folder, spec: events.append(str(spec.disks)))
    monkeypatch.setattr(Machine, "wait_ready", lambda _self: 1.0)
    monkeypatch.setattr(layout, "shell", fails)
    words = (tmp_path, default_recipe(), asked_for, Image(plain), qemu.Spec(0), events.append)
    with pytest.raises(CheckFailed):
        layout.moved_in(*words)
    assert not (tmp_path / f"base-{layout.key(*words[1:3])}").exists()
    monkeypatch.setattr(layout, "shell", lambda *_words: "")
    made = [layout.moved_in(*words) for _ in range(2)]
    assert made[0] == made[1]
    assert sorted(p.name for p in made[0].folder.iterdir()) == sorted(
        ["disk.qcow2", "second.qcow2", *layout._KEYS]
    )
    assert sum("new2.qcow2" in event for event in events) == 2


def test_parameters_are_the_proposal_and_what_a_person_adds(tmp_path: Path) -> None:
    """Comments of the proposal stay, a person's values go before it, and a guest on the first bridge is added."""
    host = RecordedHost(ROOT / "recordings/testbed", "00_introduction")
    seen = read(host.gather(asks(is_real=False)))
    like = load_params(ROOT / "params/example.yml").connection
    proposed = tmp_path / "toy-proposed.yml"
    proposed.write_text(write("toy", like, seen))
    described = description(parameters={"dom0": {"memory_mib": "1536"}, "services": {"sudo_xl": "read-only"}})
    found = load_params(asked.complete(Machine(tmp_path), described, proposed))
    assert (found.dom0.memory_mib, found.dom0.kernel_options) == (1536, ("console=hvc0",))
    assert (found.services.sudo_xl, found.passthrough.devices) == ("read-only", ())
    assert [(guest.name, guest.nics[0].bridge) for guest in found.guests] == [
        ("lodger", found.network.bridges[0].name)
    ]
    assert found.consent == described.consent
    assert "# the outside" in (tmp_path / "toy.yml").read_text()


HAS_XEN = """\
host: toy
dom0: {memory_mib: 1536, max_vcpus: 2}
xen: {options: [com1=115200]}
connection: {kind: ssh, to: toy}
network:
  bridges:
    - {name: xenbr, ports: [enp0s3], ipv4: keep}
guests:
  - {name: web, memory_mib: 256, volume: {name: web, size_gib: 1}, vnc_display: 12}
"""


def test_a_host_that_runs_xen_keeps_its_words_and_its_guests(tmp_path: Path) -> None:
    """What emulation needs stands in its own words already; the guest that is added stands beside those that are there."""
    proposed = tmp_path / "toy-proposed.yml"
    proposed.write_text(HAS_XEN)
    found = load_params(asked.complete(Machine(tmp_path), description(), proposed))
    assert (found.dom0.memory_mib, found.dom0.max_vcpus, found.dom0.kernel_options) == (1536, 2, ())
    assert (found.xen.options, found.network.revert_s) == (("com1=115200",), 300)
    assert [guest.name for guest in found.guests] == ["web", "lodger"]


@pytest.mark.parametrize(
    ("explained", "said"),
    [
        ({"set_boot_menu": "own files for GRUB"}, ""),
        ({}, "not explained: set_boot_menu"),
        ({"set_boot_menu": "its own menu"}, "not explained: set_boot_menu"),
        ({"set_boot_menu": "own files for GRUB", "hide_devices": "own"}, "nothing to do: hide_devices"),
    ],
)
def test_what_would_change_stands_in_the_file(tmp_path: Path, explained: dict[str, str], said: str) -> None:
    """Of the plan of what `new` wrote every step that acts is explained there, over the lines' ends, and no other is."""
    file = tmp_path / "toy.yml"
    file.write_text("host: toy\n  # It writes its\n  # own files for GRUB.\n")
    ends = [SimpleNamespace(step="set_boot_menu", actions=2), SimpleNamespace(step="hide_devices", actions=0)]
    record = SimpleNamespace(notebooks=[SimpleNamespace(steps=ends)])
    done: Any = SimpleNamespace(exit_code=0, record=record, folder=Path("r"), message="")
    if not said:
        adoption.prove(done, file, explained)
        done.exit_code = 3
    with pytest.raises(CheckFailed, match=said or "is refused"):
        adoption.prove(done, file, explained)


OLD = State(
    {
        "addresses": {"enp0s3 10.0.2.20/24": "for good", "enp0s4.30 10.30.0.2/24": "for good"},
        "routes": {
            "default via 10.0.2.2 dev enp0s3": "there",
            "10.8.0.0/24 via 10.0.2.3 dev enp0s3": "there",
        },
        "resolver": {"nameserver 10.0.2.3": "there"},
        "firewall": {"0": "table inet mine {", "table inet mine 0": "tcp dport 22 accept"},
    }
)
BRIDGES = {"enp0s3": "xenbr0", "enp0s4": "xenbr1"}


def behind(**changes: dict[str, str]) -> State:
    """Return the same network behind its bridges, with some sections changed."""
    kept = {
        name: {in_force.moved(key, BRIDGES): value for key, value in part.items()}
        for name, part in OLD.sections.items()
    }
    return State(kept | changes)


def test_a_network_behind_its_bridges_is_kept() -> None:
    """A port's addresses and routes are its bridge's, a VLAN's stay its own, and more may come."""
    more = {
        "0": "table inet other {",
        "1": "table inet mine {",
        "table inet mine 0": "drop",
        "table inet mine 1": "tcp dport 22 accept",
    }
    assert in_force.lost(OLD, behind(), BRIDGES) == []
    assert in_force.lost(OLD, behind(firewall=more), BRIDGES) == []


@pytest.mark.parametrize(
    ("section", "now", "line"),
    [
        ("addresses", {"xenbr0 10.0.2.20/24": "for good"}, "addresses: enp0s4.30 10.30.0.2/24 is gone"),
        ("addresses", {"enp0s3 10.0.2.20/24": "", "enp0s4.30 10.30.0.2/24": ""}, "addresses: enp0s3 10.0.2.20/24 is gone"),
        ("routes", {"default via 10.0.2.2 dev xenbr0": "there"}, "routes: 10.8.0.0/24 via 10.0.2.3 dev enp0s3 is gone"),
        ("resolver", {}, "resolver: nameserver 10.0.2.3 is gone"),
        ("firewall", {"0": "table inet mine {"}, "firewall: table inet mine tcp dport 22 accept is gone"),
    ],
)  # fmt: skip
def test_each_loss_is_found(section: str, now: dict[str, str], line: str) -> None:
    """An address, a route, a name server or a rule that is gone is named, unless the description agrees to it."""
    assert in_force.lost(OLD, behind(**{section: now}), BRIDGES) == [line]
    assert in_force.lost(OLD, behind(**{section: now}), BRIDGES, [f"{section}:*"]) == []


def test_a_way_out_keeps_its_place() -> None:
    """NetworkManager numbers what is left anew, which is no loss; another way out that goes first is one."""
    first, second = "default via 10.0.2.2 dev {} metric {}", "default via 10.0.3.2 dev enp0s5 metric {}"
    old = State({"routes": {first.format("enp0s3", 100): "there", second.format(102): "there"}})
    for mine, other, lines in ((99, 101, 0), (425, 100, 1)):
        new = State({"routes": {first.format("xenbr0", mine): "there", second.format(other): "there"}})
        said = in_force.lost(old, new, BRIDGES)
        assert len(said) == lines
        assert not said or "the first way out by IPv4 was default via 10.0.2.2 dev xenbr0; it is" in said[0]


def test_a_claim_that_does_not_hold_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed must be what was expected, and the command must succeed."""
    said = {"good": "qlen 2000", "other": "qlen 1000"}

    def shell(_machine: Machine, script: str) -> str:
        if script not in said:
            raise CheckFailed("A script on the machine failed", why="exit 1")
        return said[script]

    monkeypatch.setattr(proof, "shell", shell)
    machine = Machine(Path("x"))
    proof._hold(machine, Claim(what="a hook ran", ask="good", prints="qlen 2000"))
    for ask in ("other", "fails"):
        with pytest.raises(CheckFailed, match="It does not hold that a hook ran"):
            proof._hold(machine, Claim(what="a hook ran", ask=ask, prints="qlen 2000"))


def planned(monkeypatch: pytest.MonkeyPatch, code: int, how: str, message: str) -> proof.Proof:
    """Return a proof whose next plan ends so."""
    done = SimpleNamespace(
        exit_code=code, steps={"configure_bridges": how}, message=message, folder=Path("r")
    )
    monkeypatch.setattr(proof, "run", lambda *_args, **_more: done)
    return proof.Proof(description())


@pytest.mark.parametrize(
    ("code", "how", "message"),
    [(0, "unchanged", ""), (3, "unchanged", "Wi-Fi"), (3, "refused", "something else")],
)
def test_a_machine_that_must_be_refused_is(
    monkeypatch: pytest.MonkeyPatch, code: int, how: str, message: str
) -> None:
    """It counts only at its step and in its words; a plan that goes through is a failure."""
    refusal = machines.Refusal(step="configure_bridges", words=("Wi-Fi",))
    planned(monkeypatch, 3, "refused", "Wi-Fi cannot be bridged")._refuses(Path("p"), refusal)
    with pytest.raises(CheckFailed, match="does not refuse this machine as it must"):
        planned(monkeypatch, code, how, message)._refuses(Path("p"), refusal)


def test_a_plan_that_refuses_changes_nothing() -> None:
    """A file that is another one behind a refusal is named, apart from what a description lets differ."""
    now = State(OLD.sections | {"files": {"/etc/x": "f 0644"}})
    proof.unchanged(OLD, OLD)
    proof.unchanged(OLD, now, ["files:/etc/x"])
    with pytest.raises(CheckFailed, match="changed 1 things on it") as raised:
        proof.unchanged(OLD, now)
    assert "files: /etc/x is new" in str(raised.value)


def test_the_power_is_cut_when_the_switch_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at another step, not before the machine notes that it has begun, and once; then it is on again."""
    happened: list[str] = []
    pulled: list[bool] = []
    monkeypatch.setattr(cut, "switching", lambda _machine: happened.append("begun"))
    toy = SimpleNamespace(kill_power=lambda: happened.append("cut"))
    listen = cut.pulls_the_plug(toy, pulled, lambda: happened.append("on"))  # type: ignore[arg-type]
    listen({"event": "action-begin", "step": "set_boot_menu"})
    assert not pulled
    for _ in range(2):
        listen({"event": "action-begin", "step": cut.STEP})
    assert (happened, pulled) == (["begun", "cut", "on"], [True])


def test_after_the_power_cut_the_network_is_what_it_was():
    """An address that came or went is seen, and a rule that went; a rule more, in front of the others, is none."""
    was = {name: {} for name in ("cards", *in_force.SECTIONS)} | {
        "addresses": {"br0 10.0.2.15/24": "for a time"},
        "firewall": {"ip filter FORWARD 0": "jump DOCKER-USER"},
    }
    rules = {"ip filter FORWARD 0": "physdev accept", "ip filter FORWARD 1": "jump DOCKER-USER"}
    assert cut.other(State(was), State(was | {"firewall": rules})) == []
    gone = cut.other(State(was), State(was | {"firewall": {}}))
    assert gone == ["firewall: ip filter FORWARD jump DOCKER-USER is gone"]
    for addresses in ({}, was["addresses"] | {"xenbr1 10.0.4.2/24": "for good"}):
        assert len(cut.other(State(was), State(was | {"addresses": addresses}))) == 1


def test_another_machine_each_day() -> None:
    """On as many days as there are machines, each has its turn."""
    chosen = [description(name=name) for name in ("a", "b", "c")]
    assert sorted(visit.of_the_day(chosen, day * 86400.0).name for day in range(100, 103)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kept", "start"),
    [("00_fresh", "00_introduction"), ("07_first_boot", "08_guests"), ("08_guests", "08_guests")],
)
def test_it_goes_on_where_the_guests_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str, start: str
) -> None:
    """A checkpoint keeps no memory, so behind the one of the guests they are off: they are started again. Later ones go."""
    good = Checkpoint(tmp_path / f"checkpoint-{kept}", {})
    monkeypatch.setattr(zoo_checkpoints, "_fitting", lambda _described, _machine: good)
    monkeypatch.setattr(zoo_checkpoints, "restore", lambda _machine, _checkpoint: None)
    for name in ("machine", f"checkpoint-{kept}", "checkpoint-09_management"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "made_of.json").write_text("{}")
    assert zoo_checkpoints.begin_again(description(), Machine(tmp_path)) == start
    assert [one.name for one in find_all(tmp_path)] == [kept]


def test_only_a_machine_that_was_held_before_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a whole run: what fails then was broken since. Where there is none, that is an error, and not a run of nothing."""
    chosen = [description(name=name) for name in ("plain", "held", "failed", "resumed", "refused", "new")]
    monkeypatch.setattr(result, "project", lambda: tmp_path)
    seen = Result("plain", "held", "2026-11-30", "abc1234")
    for more in (
        {},
        {"machine": "failed", "seen": "failed"},
        {"machine": "resumed", "resumed": True},
        {"machine": "refused", "seen": "refused"},
    ):
        result.save(replace(seen, **more))
    with pytest.raises(ParamsError, match="No machine of the zoo was held by a whole run yet"):
        visit.proven(chosen)
    assert [d.name for d in visit.proven(chosen, plan=True)] == ["resumed", "refused"], "to plan one"
    result.save(replace(seen, machine="held"))
    assert [d.name for d in visit.proven(chosen)] == ["held"]


def test_a_failure_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that failed and what it said are in the result, and the exit code is not 0."""
    kept: list[Result] = []

    class Failing(proof.Proof):
        def carry_out(self) -> str:
            self.at = "plan"
            raise CheckFailed("The plan is refused", why=f"because of {machine.state_dir()}/x")

    monkeypatch.setattr(visit, "Proof", Failing)
    monkeypatch.setattr(building, "machine_of", lambda _described: Machine(tmp_path))
    monkeypatch.setattr(visit.result, "save", lambda seen: kept.append(seen) or tmp_path)
    monkeypatch.setattr(visit.page, "write", lambda: None)
    assert visit.main(("server",)) == 1
    assert (kept[0].machine, kept[0].seen, kept[0].at) == ("server", "failed", "plan")
    assert "because of .testbed/x" in kept[0].why


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt, CheckFailed("The plan is refused", why="stopped")],
    ids=["at once", "by a run"],
)
def test_what_is_not_reached_in_time_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Nothing is written down, the exit code is neither that of success nor of failure, and the machine is switched off."""
    off, said = list[str](), list[str]()
    monkeypatch.setattr(visit, "say", said.append)

    class Slow(proof.Proof):
        def carry_out(self) -> str:
            self.at = "plan"
            try:
                time.sleep(30)
            except KeyboardInterrupt:
                raise error from None
            return "planned"

    class Quick(proof.Proof):
        def carry_out(self) -> str:
            return "planned"

    monkeypatch.setattr(visit, "Proof", Slow)
    monkeypatch.setattr(building, "machine_of", lambda _described: Machine(tmp_path))
    monkeypatch.setattr(Machine, "down", lambda _: (time.sleep(0.2), off.append("off")))
    monkeypatch.setattr(result, "project", lambda: tmp_path)
    monkeypatch.setattr(visit.page, "write", lambda: None)
    began = time.monotonic()
    assert visit.main(("server",), plan=True, within=0.01) == limit.NOT_REACHED == 75
    assert time.monotonic() - began < 10
    assert (off, result.read("server")) == (["off"], None)
    assert said[-2:] == [
        "server: the time was over at plan",
        "not reached in 0.01 minutes, so nothing is said of it: server",
    ]
    monkeypatch.setattr(visit, "Proof", Quick)
    assert visit.main(("server",), plan=True, within=0.5) == 0


def test_somebody_who_stops_a_limited_visit_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no end of the time."""

    class Stopped(proof.Proof):
        def carry_out(self) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(visit, "Proof", Stopped)
    monkeypatch.setattr(building, "machine_of", lambda _described: Machine(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        visit.main(("server",), plan=True, within=1)


def test_a_plan_alone_does_not_hide_what_was_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written down where nothing better is; a failure always is."""

    class Planning(proof.Proof):
        def carry_out(self) -> str:
            assert self._only_plan
            return "planned"

    class Failing(proof.Proof):
        def carry_out(self) -> str:
            raise CheckFailed("The plan is refused", why="x")

    monkeypatch.setattr(visit, "Proof", Planning)
    monkeypatch.setattr(building, "machine_of", lambda _described: Machine(tmp_path))
    monkeypatch.setattr(result, "project", lambda: tmp_path)
    monkeypatch.setattr(visit.page, "write", lambda: None)

    def seen() -> str:
        kept = result.read("server")
        assert kept is not None
        return kept.seen

    assert visit.main(("server",), plan=True) == 0
    assert seen() == "planned"
    result.save(Result("server", "held", "2026-11-30", "abc1234"))
    assert visit.main(("server",), plan=True) == 0
    assert seen() == "held"
    monkeypatch.setattr(visit, "Proof", Failing)
    assert visit.main(("server",), plan=True) == 1
    assert seen() == "failed"


def test_the_page_says_what_was_seen_and_what_was_not(tmp_path: Path) -> None:
    """A machine without a result was never booted; a failure is told at length."""
    seen = Result("server", "held", "2026-11-30", "abc1234", {"build": 4.0, "apply": 20.5})
    result.save(seen, tmp_path)
    result.save(replace(seen, machine="kvm", seen="failed", at="plan", why="refused\n  why: x"), tmp_path)
    text = page.page(tmp_path)
    assert "held, 2026-11-30, abc1234 | 24.5 (build 4, apply 20.5) |" in text
    assert "failed at plan, 2026-11-30" in text
    result.save(replace(seen, machine="btrfs"), tmp_path)
    assert "started by BIOS | refused, then held, 2026-11-30" in page.page(tmp_path)
    result.save(replace(seen, machine="btrfs", seen="refused"), tmp_path)
    assert "started by BIOS | refused, then planned, 2026-11-30" in page.page(tmp_path)
    assert "    refused\n      why: x" in text
    assert "| xen | Xen is there already, set up by hand, with two guests | never booted yet | |" in text
    assert result.read("server", tmp_path) == seen
    assert result.read("xen", tmp_path) is None


def test_the_page_is_the_present_one() -> None:
    """`docs/zoo.md` is what the descriptions and results make: `python -m runbook.testbed.zoo.page` writes it."""
    assert (ROOT / page.PAGE).read_text(encoding="utf-8") == page.page()


def test_the_laptops_move_leads_on(tmp_path: Path) -> None:
    """Its refusal is met, its move is carried out by a shell, and the plan then makes a bridge and changes no secret."""
    described, folder = ZOO["laptop"], "/etc/network"
    bridge = {"name": "xenbr0", "ports": [], "ipv4": "192.168.150.1/24", "nat": True}
    params = like_testbed(network={"bridges": [bridge]}, guests=[], management={})
    text = next(file.text for file in described.files if file.path == f"{folder}/interfaces")
    here = Host(modes=PROGRAMS | {"/usr/sbin/brctl": "0755"})
    here.files[f"{folder}/interfaces"] = text
    refused = configure_bridges.plan(params, here.facts(configure_bridges.asks(params))).stops
    (refusal,) = described.refused
    said = " ".join(f"{finding.what}; {finding.do}" for finding in refused)
    assert len(refused) == 1
    assert all(words in said for words in refusal.words)

    own = tmp_path / "interfaces"
    own.write_text(text)
    (tmp_path / "interfaces.d").mkdir()
    for command in refusal.move:
        subprocess.run(["/bin/sh", "-euc", command.replace(folder, str(tmp_path))], check=True)
    here.files |= {
        f"{folder}/{path.relative_to(tmp_path)}": path.read_text()
        for path in (own, tmp_path / "interfaces.d/home")
    }
    planned = configure_bridges.plan(params, here.facts(configure_bridges.asks(params)))
    (switch,) = planned.actions
    assert not planned.stops
    assert [file.path for file in switch.files] == [f"{folder}/interfaces"]
    assert "iface xenbr0 inet static" in switch.files[0].content
    assert "wpa-" not in switch.files[0].content
    assert here.files[f"{folder}/interfaces"] + here.files[f"{folder}/interfaces.d/home"] == text


@pytest.mark.parametrize(
    ("panics", "said", "resets"),
    [
        (0, "Oops: int3", 0),
        (1, "Oops: int3", 1),
        (2, "Oops: int3", None),
        (1, "Oops: general protection", None),
    ],
)
def test_a_kernel_that_the_emulator_lost_is_reset_once(tmp_path, monkeypatch, panics, said, resets):
    """At a restart of its own the machine is reset where the emulator failed it; another panic, or a second, is an error."""
    left, told, waited = iter([True] * panics), [], []

    @contextmanager
    def monitor(path):
        yield SimpleNamespace(tell=told.append)

    def wait_until(self, what, holds):
        waited.append(what)
        if next(left, False):
            raise GaveUp("a", where="b", why="c", next_move="d")
        return 1.0

    monkeypatch.setattr(building, "monitor", monitor)
    monkeypatch.setattr(building, "shell", lambda machine, script: "an id")
    monkeypatch.setattr(Machine, "wait_until", wait_until)
    (tmp_path / "machine").mkdir()
    Machine(tmp_path).console_log.write_text(f"{said}: 0000 [#1]\n---[ end Kernel panic ]---\n")
    if resets is None:
        with pytest.raises(GaveUp):
            building.restart(Machine(tmp_path))
    else:
        assert building.restart(Machine(tmp_path)) == 1.0
        assert told == ["system_reset"] * resets
    assert len(waited) <= 2


@pytest.mark.parametrize(
    ("start", "proves"), [("", True), ("00_introduction", True), ("06_xen_configuration", False)]
)
def test_what_new_wrote_is_proven_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, proves: bool
) -> None:
    """Also where it goes on at the checkpoint from before the first notebook; later the file is the one of then."""
    happened: list[str] = []
    file = tmp_path / "xen-proposed.yml"
    file.touch()
    monkeypatch.setattr(proof.checkpoints, "proposed", lambda *_: file)
    monkeypatch.setattr(proof.asked, "propose", lambda *_: happened.append("new") or file)
    monkeypatch.setattr(proof.adoption, "prove", lambda *_: happened.append("proven"))
    monkeypatch.setattr(proof.asked, "complete", lambda *_: file)
    monkeypatch.setattr(
        proof.Proof, "_plan", lambda *_: SimpleNamespace(exit_code=0, folder=tmp_path, message="")
    )
    proof.Proof(ZOO["xen"])._planned(start, State({}))
    assert happened == (["new", "proven"] if proves else [])
