"""The proof of the ways back: what is compared, what is broken, and that no claim of it holds by itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.errors import CheckFailed, HostError
from runbook.facts import grub
from runbook.hosts.recorded import RecordedHost
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import HostParams, load
from runbook.steps.shared import boot_menu
from runbook.steps.xen_configuration import configure_bridges, set_boot_menu
from runbook.testbed import acceptance, boot_once, cuts, ram_disk, returns, state
from runbook.testbed.machine import Machine
from runbook.testbed.state import State

ROOT = Path(__file__).parents[1]
_HOST = RecordedHost(ROOT / "recordings/testbed-again", cuts.NOTEBOOK)
MENU = _HOST.gather((Ask.read(grub.CONFIG),)).text(grub.CONFIG) or ""
DISK = "0000:00:08.0"

SAID = {
    "links": "d 755 root:root\t\t/etc\nl 777 root:root\t/usr/share/zoneinfo/Etc/UTC\t/etc/localtime",
    "modes": "f 644 root:root\t\t/etc/hosts\nf 644 root:root\t\t/etc/passwd",
    "sums": "aaaaaaaaaaaaaaaaaaaa  /etc/hosts",
    "accounts": "/etc/passwd\troot:x:0:0:root:/root:/bin/bash\n/etc/shadow\troot:*:20000:::::",
    "packages": "sudo:amd64\t1.9 ii ",
    "marks": "sudo",
    "menu": MENU.rstrip("\n"),
    "environment": "",
    "firmware": "entry debian\nfolder EFI/debian",
    "units": "cron.service\tenabled\nboot.mount\tgenerated",
    "mounts": "/ /dev/vda3 ext4",
    "fstab": "/ UUID=1 ext4 rw",
    "volumes": "  guests comm 1073741824B abc",
    "cards": "enp0s3 mtu 1500 address 52:54:00:13:00:03 state up",
    "addresses": "enp0s3 10.0.2.15/24 for a time",
    "routes": "default via 10.0.2.2 dev enp0s3\nrule 0: from all lookup local",
    "resolver": "nameserver  10.0.2.3",
    "firewall": "table inet mine {\n\tchain input {\n\t\ttcp dport 22 accept\n\t}\n}",
}


def read(**changes: str) -> State:
    """Return the state in such answers, some of them exchanged."""
    return state.parse("".join(f"@@ {name}\n{text}\n" for name, text in (SAID | changes).items()))


@pytest.mark.parametrize(
    ("section", "text", "line"),
    [
        ("sums", "b" * 20 + "  /etc/hosts", "files: /etc/hosts was: f 644 root:root aaaaaaaaaaaaaaaa; it is: f 644 root:root bbbbbbbbbbbbbbbb"),
        ("modes", "f 600 root:root\t\t/etc/hosts\nf 644 root:root\t\t/etc/passwd", "files: /etc/hosts was: f 644"),
        ("modes", SAID["modes"] + "\nf 644 root:root\t\t/etc/xen/comm.cfg", "files: /etc/xen/comm.cfg is new: f 644"),
        ("accounts", SAID["accounts"] + "\n/etc/passwd\tana:x:1000:", "accounts: /etc/passwd:ana is new"),
        ("accounts", SAID["accounts"].replace("*", "$"), "accounts: /etc/shadow:root was: root:*:"),
        ("packages", "sudo:amd64\t1.10 ii ", "packages: sudo:amd64 was: 1.9 ii"),
        ("packages", SAID["packages"] + "\nxen:all\t4 rc ", "packages: xen:all is new: 4 rc"),
        ("marks", "sudo\nxen", "marks: xen is new"),
        ("menu", MENU.replace("panic=30", "panic=0"), "menu: "),
        ("environment", "saved_entry=xen\nnext_entry=", "menu: saved_entry is new: xen"),
        ("firmware", SAID["firmware"] + "\nentry Xen, once", "firmware: entry Xen, once is new"),
        ("firmware", SAID["firmware"] + "\nfolder EFI/xen-once", "firmware: folder EFI/xen-once is new"),
        ("units", "cron.service\tmasked", "units: cron.service was: enabled; it is: masked"),
        ("mounts", SAID["mounts"] + "\n/mnt/comm /dev/loop0 ext4", "mounts: /mnt/comm is new"),
        ("fstab", "/ UUID=2 ext4 rw", "fstab: / was: UUID=1"),
        ("volumes", SAID["volumes"] + "\n  guests nginx 1B def", "volumes: guests/nginx is new"),
        ("cards", SAID["cards"].replace("1500", "1400"), "cards: enp0s3 was: mtu 1500 address"),
        ("addresses", SAID["addresses"] + "\nenp0s3 10.0.2.77/24 for good", "addresses: enp0s3 10.0.2.77/24 is new: for good"),
        ("routes", "default via 10.0.2.2 dev enp0s3", "routes: rule 0: from all lookup local is gone"),
        ("resolver", "", "resolver: nameserver 10.0.2.3 is gone"),
        ("firewall", SAID["firewall"].replace("22", "23"), "firewall: table inet mine chain input 0 was: tcp dport 22 accept; it is: tcp dport 23 accept"),
    ],
)  # fmt: skip
def test_every_kind_of_remains_is_found(section: str, text: str, line: str) -> None:
    """One thing that did not return, of any kind, fails the proof, and is named as it was and as it is."""
    found = state.difference(read(), read(**{section: text}))
    assert found[0].startswith(line)
    with pytest.raises(CheckFailed, match="Undo did not return"):
        returns.compare(read(), read(**{section: text}))


def test_what_returned_is_equal(capsys: pytest.CaptureFixture[str]) -> None:
    """A link that leads to the same place, a unit made at boot and a cleared choice are no difference; named ones are said."""
    after = read(
        links=SAID["links"].replace("/usr/share", "../usr/share"),
        units="cron.service\tenabled",
        environment="next_entry=",
        accounts=SAID["accounts"] + "\n/etc/passwd\tuuidd:x:101:",
    )
    returns.compare(read(), after)
    assert "not returned, as named: accounts: /etc/passwd:uuidd is new" in capsys.readouterr().err


def test_a_metric_that_only_counts_cards_is_no_change() -> None:
    """dhcpcd adds the card's index; another address, or a metric that somebody set, is a change."""
    route = "default via 10.0.2.2 dev enp0s3 proto dhcp src 10.0.2.15 metric {}"
    first = read(routes=route.format(1003))
    assert not state.difference(first, read(routes=route.format(1002)))
    assert len(state.difference(first, read(routes=route.format(20)))) == 2


def test_an_answer_that_is_missing_is_no_equality() -> None:
    """A section that was cut off, or is empty where no machine's is, is an error."""
    with pytest.raises(ValueError, match="packages"):
        read(packages="")
    with pytest.raises(ValueError, match="volumes"):
        state.parse("".join(f"@@ {name}\n{text}\n" for name, text in SAID.items() if name != "volumes"))


def test_the_script_is_shell_and_stops_at_a_failure() -> None:
    """The shell takes the script, and a question that fails ends it, so that no part is silently empty."""
    subprocess.run(["sh", "-n"], input=state.SCRIPT, text=True, check=True)
    broken = state.SCRIPT.replace(state._QUESTIONS["links"], "false")
    done = subprocess.run(["sh", "-s"], input=broken, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, "@@ links\n")
    assert all(state.EXCEPTIONS.values())


def xen(text: str) -> grub.Entry:
    """Return the entry that starts Xen."""
    found = grub.parse(
        Facts({ask: Answer(0, text if ask == Ask.read(grub.CONFIG) else "") for ask in grub.COMMANDS})
    )
    assert found.xen
    return found.xen


@pytest.mark.parametrize("number", range(3))
def test_a_broken_entry_differs_in_its_fault_only(number: int) -> None:
    """Each case is the menu's own Xen entry, top entry of the custom file, with just the words of its fault changed."""
    case, good = boot_once.cases(DISK)[number], xen(MENU)
    (entry,) = grub.entries(boot_once.broken(MENU, good.id, case.change))
    old, new = {w for c in good.commands for w in c}, {w for c in entry.commands for w in c}
    lost, came = sorted(old - new), sorted(new - old)
    assert (entry.id, [c[0] for c in entry.commands]) == (boot_once.ENTRY, [c[0] for c in good.commands])
    assert "panic=30" in entry.kernel_options
    assert (
        came
        == [
            ["root=UUID=00000000-0000-4000-8000-000000000000"],
            ["dom0_mem=64M,max:64M"],
            [f"/{boot_once.RAM_DISK}", f"xen-pciback.hide=({DISK})"],
        ][number]
    )
    assert [w.split("=")[0] for w in lost] == [
        ["root"], ["dom0_mem"], [lost[0], "xen-pciback.hide"]
    ][number]  # fmt: skip


def test_an_entry_that_would_not_be_broken_is_refused() -> None:
    """A menu without the entry, or without the word that the fault changes, proves nothing."""
    memory = boot_once.cases(DISK)[1]
    for text, entry in ((MENU, "nothing"), (MENU.replace("dom0_mem=", "x="), xen(MENU).id)):
        with pytest.raises(CheckFailed, match="would not be broken"):
            boot_once.broken(text, entry, memory.change)


def test_the_controller_is_taken_before_the_disks_module_is_loaded() -> None:
    """In the order of the shell: pciback is there, the driver lets go, pciback binds, and only then the disk's module."""
    line = boot_once.taken_away(DISK, "virtio-pci", "virtio_blk")
    words = (
        "install virtio_blk",
        "xen-pciback",
        "virtio-pci/unbind",
        "new_slot",
        "pciback/bind",
        "--ignore-install virtio_blk",
    )
    places = [line.index(word) for word in words]
    assert places == sorted(places)
    assert line.count(DISK) == 3
    assert line.count("\n") == 1


def test_the_archive_is_what_the_kernel_unpacks() -> None:
    """Header, name, data and trailer stand at multiples of four, with the sizes that the header says."""
    data, files = ram_disk.newc({"etc/modprobe.d/a.conf": b"options\n", "b": b""}), {}
    at = 0
    while at < len(data):
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110 : at + 110 + fields[11] - 1].decode()
        start = (at + 110 + fields[11] + 3) // 4 * 4
        files[name] = (oct(fields[1]), data[start : start + fields[6]])
        at = (start + fields[6] + 3) // 4 * 4
    assert files == {
        "etc/modprobe.d/a.conf": ("0o100644", b"options\n"),
        "b": ("0o100644", b""),
        "TRAILER!!!": ("0o0", b""),
    }


CAME_BACK = (
    "[  OK  ] reboot\n(XEN) Xen version 4.20\nALERT! root does not exist\n{}\nDebian GNU/Linux testbed\n"
)
REPORT = (
    "07, cell x: CheckFailed\nprove_xen: The host runs plain Debian, not Xen\n  why: the safe default brought plain "
    "Debian back\n  do: read its last words"
)


@pytest.mark.parametrize(
    ("console", "code", "message", "saved", "what"),
    [
        (CAME_BACK.format("Rebooting automatically due to panic= boot argument"), 1, REPORT, "linux", ""),
        (CAME_BACK.format("(XEN) Reboot in five seconds..."), 1, REPORT, "linux", ""),
        (CAME_BACK.format("somebody pressed reset"), 1, REPORT, "linux", "did not give up by itself"),
        ("reboot: machine restart\n", 1, REPORT, "linux", "Xen was not tried"),
        (CAME_BACK.format("rebooting machine"), 0, "", "linux", "does not say what happened"),
        (CAME_BACK.format("rebooting machine"), 1, "ssh failed", "linux", "does not say what happened"),
        (CAME_BACK.format("rebooting machine"), 1, REPORT, "xen", "not the safe default"),
        (None, 1, REPORT, "linux", "did not come back by itself"),
    ],
)
def test_a_broken_boot_counts_only_when_all_of_it_is_seen(
    console: str | None, code: int, message: str, saved: str, what: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Xen was tried, gave up by itself, the runbook says so, and GRUB's choice is gone: else the proof fails."""
    log = tmp_path / "console.log"
    log.write_text("(XEN) an earlier boot: rebooting machine\n")
    machine = SimpleNamespace(console_log=log, console_tail=lambda n: "stuck")

    def reboot(params: str) -> None:
        if console is None:
            raise HostError("it did not come back")
        log.write_text(log.read_text() + console)

    good = xen(MENU)
    linux = SimpleNamespace(path="linux")
    steps = {"prove_xen": "failed" if code else "unchanged"}
    done = SimpleNamespace(exit_code=code, steps=steps, message=message, folder=tmp_path)
    monkeypatch.setattr(boot_once, "_reboot", reboot)
    monkeypatch.setattr(boot_once, "shell", lambda m, script, stdin=b"": MENU)
    monkeypatch.setattr(boot_once, "run", lambda *_, **__: done)
    monkeypatch.setattr(boot_once, "_look", lambda p: SimpleNamespace(next_entry="", saved_entry=saved))
    case: Any = boot_once.cases(DISK)[0]
    if not what:
        boot_once._prove(machine, "p", case, linux, good)  # type: ignore[arg-type]
        return
    with pytest.raises(CheckFailed, match=what):
        boot_once._prove(machine, "p", case, linux, good)  # type: ignore[arg-type]


def finished(step: Any, params: HostParams, **files: Answer) -> Facts:
    """Return what the finished machine said to a step of chapter 06, with some files exchanged."""
    host = RecordedHost(ROOT / "recordings/testbed-again", cuts.NOTEBOOK)
    facts = dict(host.gather(step.asks(params)).items())
    return Facts(facts | {Ask.read(path): answer for path, answer in files.items()})


@pytest.mark.parametrize("file", acceptance.PARAMS.values())
def test_the_cutting_bridge_is_one_that_the_runbook_takes(file: str, tmp_path: Path) -> None:
    """Only the first bridge's address differs, and on the finished machine nothing refuses it beforehand."""
    cut = tmp_path / "cut.yml"
    cut.write_text(cuts.cut_off((ROOT / file).read_text()))
    asked, good = load(cut), load(ROOT / file)
    assert asked.network.bridges[1:] == good.network.bridges[1:]
    assert asked.model_copy(update={"network": good.network}) == good
    planned = configure_bridges.plan(asked, finished(configure_bridges, asked))
    assert (len(planned.actions), planned.stops) == (1, ())
    assert "address 10.0.9.9/24" in planned.actions[0].files[0].content
    with pytest.raises(CheckFailed, match="2 bridges"):
        cuts.cut_off("ipv4: dhcp\nipv4: dhcp\n")


def test_the_power_goes_in_the_middle_of_the_step() -> None:
    """With its file gone the step makes plain Debian the default, writes the file, and is cut where it writes the menu."""
    params = load(ROOT / "params/testbed.yml")
    facts = finished(set_boot_menu, params, **{boot_menu.OPTIONS_FILE: Answer(44)})
    titles = [action.title for action in set_boot_menu.plan(params, facts).actions]
    assert titles[0].startswith("run grub-set-default gnulinux-simple-")
    assert titles[1:] == [f"write {boot_menu.OPTIONS_FILE}", "run update-grub"]
    pulled: list[str] = []
    listen = cuts.pulls_the_plug(lambda: pulled.append("off"), "run update-grub", lambda: None)
    for event, title in (("action-begin", titles[1]), ("action-end", titles[2]), ("action-begin", titles[2])):
        assert not pulled
        listen({"event": event, "title": title})
    listen({"event": "action-begin", "title": titles[2]})
    assert pulled == ["off"]


def test_a_switch_is_awaited_by_whoever_gets_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that the machine did not hear is asked again; one that is never answered ends in the time given."""
    ssh = tmp_path / "ssh"
    ssh.write_text(
        f"#!/bin/sh\necho asked >>{tmp_path}/log\n[ $(wc -l <{tmp_path}/log) -gt 2 ] || exit 255\n"
    )
    ssh.chmod(0o755)
    monkeypatch.setattr(cuts.time, "sleep", lambda _: None)
    machine = Machine(tmp_path)
    monkeypatch.setattr(Machine, "root", (str(ssh),))
    cuts.switching(machine)
    assert (tmp_path / "log").read_text() == "asked\n" * 3
    ssh.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(cuts, "_BEGINS_S", 0.2)
    with pytest.raises(CheckFailed, match="never began"):
        cuts.switching(machine)


def journal(folder: Path, *lines: tuple[str, str, str]) -> SimpleNamespace:
    """Return a run with a journal of such lines: event, title, status."""
    folder.mkdir()
    text = "".join(json.dumps({"event": e, "title": t, "status": s}) + "\n" for e, t, s in lines)
    (folder / "journal.jsonl").write_text(text)
    steps = {"set_boot_menu": "failed"}
    return SimpleNamespace(folder=folder, exit_code=5, steps=steps, message="gone\n")


@pytest.mark.parametrize(
    ("left", "half", "twice", "code", "what"),
    [
        ("", False, False, 5, ""),
        ("/etc/.runbook.abc.tmp", False, False, 5, "left half way"),
        ("", True, False, 5, "half written"),
        ("", False, True, 5, "done again"),
        ("", False, False, 0, "does not say that the machine went away"),
    ],
)
def test_a_power_cut_is_judged_by_what_it_left(
    left: str, half: bool, twice: bool, code: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A left-over file, a torn one, an action done twice or a run that claims success fails the proof."""
    params = str(ROOT / "params/testbed.yml")
    whole = boot_menu.options_file(load(params))
    cut = journal(tmp_path / "1", ("action-end", "write x", "done"), ("action-end", "menu", "failed"))
    cut.exit_code = code
    begun = ("action-begin", "write x" if twice else "menu", "")
    again = journal(tmp_path / "2", begun)
    machine = SimpleNamespace(running=None, folder=tmp_path, kill_power=None, wait_ready=lambda: 1.0)

    def shell(_: object, script: str) -> str:
        return left if script == cuts._LEFT else (whole[:9] if half else whole)

    monkeypatch.setattr(cuts, "shell", shell)
    monkeypatch.setattr(cuts, "run", lambda *_, **__: cut)
    monkeypatch.setattr(cuts, "carry_out", lambda *_, **__: again)
    monkeypatch.setattr(cuts.hardware, "switch_on", lambda folder: None)
    monkeypatch.setattr(cuts, "stop_guests", lambda m: None)
    if not what:
        cuts.prove_power_cut(machine, params)  # type: ignore[arg-type]
        return
    with pytest.raises(CheckFailed, match=what):
        cuts.prove_power_cut(machine, params)  # type: ignore[arg-type]


BACK = "the old configuration is back in force"
ASK = "'configure_bridges' is no consent to what would be lost: x; add 'configure_bridges:0123456789ab' to `consent`"
LOST, ANEW = f"no IPv4 gateway answers; {BACK}", f"the machine started anew in the middle; {BACK}"


@pytest.mark.parametrize(
    ("codes", "messages", "after", "what"),
    [
        ((4, 1, 1), (LOST, ANEW), "xenbr0", ""),
        ((0, 1, 1), (LOST, ANEW), "xenbr0", "without a consent of its own"),
        ((4, 0, 1), ("", ANEW), "xenbr0", "does not say that the network was cut"),
        ((4, 5, 1), ("no new connection", ANEW), "xenbr0", "does not say that the network was cut"),
        ((4, 1, 1), (LOST, ANEW), "none", "not what it was"),
        ((4, 1, 1), (LOST, LOST), "xenbr0", "does not say that the network was cut"),
        ((4, 1, 5), (LOST, "gone"), "xenbr0", "does not say that the network was cut"),
    ],
)
def test_a_cut_network_is_judged_by_report_and_addresses(
    codes: tuple[int, ...],
    messages: tuple[str, ...],
    after: str,
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both runs failed with their reason, and file and addresses are those of before: else the proof fails."""
    answers = iter(["xenbr0", after, after])
    runs = [
        SimpleNamespace(
            exit_code=code,
            steps={"configure_bridges": "failed" if code else "changed"},
            message=message,
            folder=tmp_path,
        )
        for code, message in zip(codes, (ASK if codes[0] else "", *messages), strict=True)
    ]
    asked = []

    def run(file: str, **_: object) -> SimpleNamespace:
        asked.append(load(Path(file)).consent)
        return runs[len(asked) - 1]

    monkeypatch.setattr(cuts, "shell", lambda m, s: "" if s == cuts._LEFT else next(answers))
    monkeypatch.setattr(cuts, "run", run)
    monkeypatch.setattr(cuts, "carry_out", lambda *_, **__: SimpleNamespace(steps={"x": "unchanged"}))
    machine = SimpleNamespace(state=tmp_path, wait_ready=lambda: 1.0)
    params = str(ROOT / "params/testbed.yml")
    if not what:
        cuts.prove_network(machine, params)  # type: ignore[arg-type]
        assert ["configure_bridges:0123456789ab" in consent for consent in asked] == [False, True, True]
        return
    with pytest.raises(CheckFailed, match=what):
        cuts.prove_network(machine, params)  # type: ignore[arg-type]


@pytest.mark.parametrize("file", acceptance.PARAMS.values())
def test_consent_is_for_the_plan_of_the_way_back(file: str, tmp_path: Path) -> None:
    """The proof agrees to the digest that it was shown, and changes nothing else in the parameters."""
    copy = tmp_path / "agreed.yml"
    copy.write_text(returns.agreed((ROOT / file).read_text(), "0123456789ab"))
    asked, agreed = load(ROOT / file), load(copy)
    assert agreed.consent == ("undo", "undo:0123456789ab", *asked.consent)
    assert agreed.model_copy(update={"consent": asked.consent}) == asked
    with pytest.raises(CheckFailed, match="no list of consent"):
        returns.agreed("host: x\n# consent: [undo]\n", "0")
    assert (
        returns.agreed("# consent: [a]\nconsent: [b]\n", "0")
        == "# consent: [a]\nconsent: [undo, undo:0, b]\n"
    )


def test_returns_come_last_and_see_the_machine_before_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is kept before anything ran, also for a later call that begins at a checkpoint; the proofs come last."""
    done: list[str] = []
    machine = SimpleNamespace(answers=lambda: True, down=lambda: done.append("down"))
    monkeypatch.setattr(acceptance, "stop_guests", lambda m: done.append("guests"))
    monkeypatch.setattr(acceptance, "_boot", lambda release: machine)
    monkeypatch.setattr(acceptance, "keep_state", lambda m: done.append("state"))
    monkeypatch.setattr(acceptance, "kept_state", lambda m: done.append("kept") or State({}))
    monkeypatch.setattr(acceptance, "_prove", lambda *_: done.append("runs"))
    monkeypatch.setattr(
        acceptance, "prove_returns", lambda m, p, before: done.append(f"returns {before == State({})}")
    )
    assert acceptance.main(returns=True) == 0
    assert acceptance.main() == 0
    assert done == [
        *("state", "kept", "runs", "returns True", "guests", "down"),
        *("state", "runs", "guests", "down"),
    ]
    done.clear()
    monkeypatch.setattr(acceptance, "begin_again", lambda *_: "06_xen_configuration")
    monkeypatch.setattr(acceptance, "up", lambda **_: machine)
    assert acceptance.main(returns=True, resume=True) == 0
    assert acceptance.main(resume=True) == 0
    assert done == ["kept", "runs", "returns True", "guests", "down", "runs", "guests", "down"]
