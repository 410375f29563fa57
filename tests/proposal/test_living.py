"""`runbook new` on hosts that are lived in: what is there comes out so that nothing is planned, or each difference is named."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from runbook import proposal
from runbook.facts import configurations, grub, guest_files, os_prober, xl
from runbook.facts.configurations import identities
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams, load, loads
from runbook.params.host import Local
from runbook.proposal import adopted, guests
from runbook.steps import name_of, notebooks
from runbook.steps.guests import set_autostart
from runbook.steps.guests.write_guest_configs import disks
from runbook.steps.shared import boot_menu
from runbook.testbed import machines
from runbook.testbed.zoo import adoption
from tests.recorded import AGAIN, ROOT, last, recorded
from tests.survey.machines import Pci, bare, devices

OTHER_QUESTIONS = {
    "fetch_package_lists",
    "remove_packages",
    "install_packages",
    "set_clock",
    "lead_guests_out",
}
"""Steps that ask about what the parameters name: the recording's name other packages, another zone."""


def may_be_unanswered() -> set[str]:
    """Return the steps that ask what the recording was not asked: other names, or questions newer than it."""
    every = {name_of(step) for steps in notebooks().values() for step in steps}
    return OTHER_QUESTIONS | (every - {name for notebook in notebooks() for name in recorded(notebook)})


@cache
def finished() -> dict[str, list[Any]]:
    """Return the last answer to each question that the finished host was asked, by any notebook."""
    return {key: said for notebook in notebooks() for key, said in last(AGAIN, notebook).items()}


def answered(asks: tuple[Ask, ...], changes: dict[Ask, Answer] | None = None) -> Facts:
    """Return the finished host's answers to those of some questions that it was asked."""
    known, changes = finished(), changes or {}
    said = {ask: Answer(known[ask.key][0], known[ask.key][1]) for ask in asks if ask.key in known}
    return Facts(said | {ask: answer for ask, answer in changes.items() if ask in asks})


def written(changes: dict[Ask, Answer] | None = None) -> tuple[str, HostParams]:
    """Return the file that `new` writes for the finished host, and its parameters."""
    text = proposal.write("testbed", Local(), proposal.read(answered(proposal.asks(), changes)))
    return text, loads(text, Path("testbed.yml"))


def whose_disks(params: HostParams) -> dict[Ask, Answer]:
    """Return what the recorded host said of its guests' disks, where these are the same ones in another order."""
    recorded_params = load(ROOT / "params/testbed.yml")
    if set(disks(params)) != set(disks(recorded_params)):
        return {}
    ours, asked = (identities(tuple(dict.fromkeys(disks(p)))) for p in (params, recorded_params))
    return {ours: Answer(*finished()[asked.key][:2])}


def planned(params: HostParams, changes: dict[Ask, Answer] | None = None) -> tuple[dict[str, Any], set[str]]:
    """Return the plan of each step, and the steps that cannot be planned because something was never asked."""
    plans, unknown = {}, set()
    changes = {**(changes or {}), **whose_disks(params)}
    for steps in notebooks().values():
        for step in steps:
            asks = step.asks(params)
            facts = answered(asks, changes)
            if len(facts) == len(set(asks)):
                plans[name_of(step)] = step.plan(params, facts)
            else:
                unknown.add(name_of(step))
    return plans, unknown


def test_the_finished_host_is_adopted_as_it_is():
    """From the host alone come parameters of which nothing is planned but to unmount what a person mounted to look inside."""
    text, params = written()
    plans, unknown = planned(params)
    assert unknown <= may_be_unanswered()
    assert len(plans) > 40
    assert {name: [a.title for a in plan.actions] for name, plan in plans.items() if plan.actions} == {
        "unmount_partitions": ["run umount /mnt/comm", "run rm -f -- /run/xen-runbook/mounts/comm:1"],
    }
    assert [name for name, plan in plans.items() if plan.stops] == []
    assert [g.name for g in params.guests] == ["comm", "ipfire", "nginx", "windows"]
    assert [g.autostart for g in params.guests] == [3, 1, 2, None]
    assert "No parameter" not in text


BY_HAND = {
    guest_files.FILES: "".join(
        f"/etc/xen/{name}.cfg:{line}\n"
        for name in ("web", "mail")
        for line in (f'name = "{name}"', f'type = "{"hvm" if name == "web" else "pv"}"', "memory = 512", f'disk = [ "phy:/dev/guests/{name},xvda,w" ]', 'vif = [ "bridge=xenbr1" ]')
    ),
    guest_files.AUTOSTART: "01-web.cfg\tf\t../web.cfg\n",
    adopted._SUDO: "ana ALL=(root) NOPASSWD: /usr/sbin/xl list\n",
    adopted._WATCHDOG: None,
    Ask.read(boot_menu.OPTIONS_FILE): None,
    Ask.read(boot_menu.KEEP_DEFAULT_FILE): None,
    Ask.read("/etc/modprobe.d/xen-pciback.conf"): None,
    Ask.read("/etc/xen/ipfire.cfg"): None,
}  # fmt: skip


def by_hand() -> dict[Ask, Answer]:
    """Return how a host differs on which a person set up Xen: the same in force, and no file of the runbook's."""
    return {ask: Answer(MISSING) if said is None else Answer(0, said) for ask, said in BY_HAND.items()}


def test_a_xen_that_was_set_up_by_hand_keeps_its_guests():
    """Those that can be said are adopted as they are, others stay outside by name; planned are the runbook's own files alone."""
    text, params = written(by_hand())
    assert [(g.name, g.autostart) for g in params.guests] == [("web", 1)]
    for line in (
        "/etc/xen/mail.cfg is not among the guests here, and stays as it is: a guest of type pv starts a kernel",
    ):
        assert line in " ".join(text.replace("#", " ").split())
    assert (params.dom0.memory_mib, params.dom0.max_vcpus, params.dom0.kernel_options) == (
        2048,
        1,
        ("console=hvc0",),
    )
    assert params.xen.options == ("com1=115200,8n1", "console=com1", "spec-ctrl=eager-fpu")
    assert [d.bdf for d in params.passthrough.devices] == ["0000:00:05.0", "0000:00:06.0", "0000:00:07.0"]
    assert (params.services.watchdog, params.services.sudo_xl) == (False, "none")
    plans, unknown = planned(params, by_hand())
    assert unknown <= may_be_unanswered() | {
        "write_guest_configs",
        "start_guests",
    }  # its guests' disks are others
    done = {name: [a.title for a in plan.actions] for name, plan in plans.items() if plan.actions}
    plain = next(t for t in done["set_boot_menu"] if t.startswith("run grub-set-default gnulinux-"))
    expected = {
        "install_xen": [f"write {boot_menu.KEEP_DEFAULT_FILE}"],
        "hide_devices": ["write /etc/modprobe.d/xen-pciback.conf", "run update-initramfs -u -k all"],
        "set_boot_menu": [
            plain, f"write {boot_menu.KEEP_DEFAULT_FILE}", f"write {boot_menu.OPTIONS_FILE}", "run update-grub",
        ],
        "boot_xen_once": [ENDED, plain.replace("set-default ", "reboot xen-"), "reboot into Xen, once", WAITED],
        "unmount_partitions": ["run umount /mnt/comm", "run rm -f -- /run/xen-runbook/mounts/comm:1"],
    }  # fmt: skip
    assert done == {name: titles for name, titles in expected.items() if name not in unknown}
    assert "The runbook writes its own files where they are not there yet" in text
    assert "with the same words, and starts" in " ".join(text.replace("#", " ").split())
    waits = {name: {f.level for f in plan.stops} for name, plan in plans.items() if plan.stops}
    assert waits == ({} if "boot_xen_once" in unknown else {"boot_xen_once": {"wait"}})


def test_the_zoos_machine_with_xen_reads_the_words_that_new_writes():
    """Each step that acts there is explained by words that stand in the file for such a host, and a word given twice stands once."""
    twice = "dom0_mem=2G,max:2G com1=115200,8n1 loglvl=all dom0_mem=2G,max:2G com1=115200,8n1 loglvl=all"
    text, params = written(by_hand() | {xl.INFO: Answer(0, XEN_INFO.format(twice))})
    assert params.xen.options == ("com1=115200,8n1", "loglvl=all")
    explained = machines.named("xen").explained
    assert explained
    assert [step for step, words in explained.items() if words not in adoption.read(text)] == []


def test_a_xen_that_no_package_brought_is_told_of():
    """Who compiled it says so where no package of it is installed; one of Debian's is told by either."""
    said = "The Xen that runs came from no package of Debian's"
    none = {adopted._INSTALLED: Answer(1, "")}
    hand = XEN_INFO.format("dom0_mem=2G,max:2G") + "\ncc_compile_by          : root\n"
    assert said in adoption.read(written(by_hand() | none | {xl.INFO: Answer(0, hand)})[0])
    assert said not in adoption.read(written(by_hand() | {xl.INFO: Answer(0, hand)})[0])
    debians = hand.replace("root", adopted._DEBIANS)
    assert said not in adoption.read(written(by_hand() | none | {xl.INFO: Answer(0, debians)})[0])


WEB = """name = "web"
type = "hvm"
memory = 512
disk = [ "phy:/dev/guests/web,xvda,w" ]
vif = [ "bridge=xenbr1" ]
"""
ELSEWHERE = {
    "another name": ("/etc/xen/w.hvm", "w.hvm\tf\t../w.hvm\n", "w.hvm"),
    "a folder of its own": ("/etc/xen/vm/web.cfg", "01-web.cfg\tf\t../vm/web.cfg\n", "01-web.cfg"),
    "the place of ours in a link": ("/etc/xen/w.cfg", "01-w.cfg\tf\t../w.cfg\n", "01-w.cfg"),
    "a copy that starts with the host": ("/etc/xen/auto/web.cfg", "web.cfg\tf\t\n", "web.cfg"),
}  # fmt: skip


@pytest.mark.parametrize("case", ELSEWHERE)
def test_a_guest_whose_file_has_another_name(case):
    """It is adopted, the file says that notebook 08 writes one of its own for it, and no second link would start it."""
    path, auto, starts_by = ELSEWHERE[case]
    there = f"= {path}\n" + "".join(f" {line}\n" for line in WEB.splitlines())
    in_place = path if Path(path).match("/etc/xen/*.cfg") else ""
    changes = {
        guest_files.FILES: Answer(
            0, "".join(f"{in_place}:{line}\n" for line in WEB.splitlines() if in_place)
        ),
        guest_files.AUTOSTART: Answer(0, auto),
        configurations.ELSEWHERE: Answer(0, there),
    }
    text, params = written(by_hand() | changes)
    assert [(g.name, g.autostart) for g in params.guests] == [("web", None)]
    assert f"{path} stays where it is, for you to remove; notebook 08 writes /etc/xen/web.cfg for it" in text
    assert f"{starts_by} in /etc/xen/auto starts it with the host" in text
    facts = answered(set_autostart.asks(params), by_hand() | changes)
    assert set_autostart.plan(params, facts).actions == ()


def test_of_two_files_that_are_one_guest_the_one_of_its_name_is_adopted():
    """A copy in /etc/xen/auto that fell behind stays outside, and nothing of the guest's own file would be replaced."""
    lines = "".join(f"/etc/xen/web.cfg:{line}\n" for line in WEB.splitlines())
    old = "= /etc/xen/auto/01-web.cfg\n" + "".join(
        f" {line}\n" for line in WEB.replace("512", "256").splitlines()
    )
    changes = {
        guest_files.FILES: Answer(0, lines),
        guest_files.AUTOSTART: Answer(0, "01-web.cfg\tf\t\n"),
        configurations.ELSEWHERE: Answer(0, old),
    }
    text, params = written(by_hand() | changes)
    assert [(g.name, g.memory_mib) for g in params.guests] == [("web", 512)]
    assert (
        "/etc/xen/auto/01-web.cfg is not among the guests here, and stays as it is; 01-web.cfg in /etc/xen/auto starts it with "
        "the host: /etc/xen/web.cfg is that guest already" in " ".join(text.replace("#", " ").split())
    )


def test_a_card_that_xls_own_settings_put_on_a_bridge_keeps_its_guest_outside():
    """Without a word on it `vif` means another bridge than the parameters would say: what to write there is said."""
    web = WEB.replace("bridge=xenbr1", "mac=00:16:3e:30:00:01")
    own = "".join(
        f"/etc/xen/{name}.cfg:{line}\n"
        for name, text in (("web", web), ("mail", WEB.replace("web", "mail")))
        for line in text.splitlines()
    )
    changes = {
        guest_files.FILES: Answer(0, own),
        guests.XL_CONF: Answer(0, 'autoballoon="off"\nvif.default.bridge = "xenbr1"\n'),
    }
    text, params = written(by_hand() | changes)
    assert [g.name for g in params.guests] == ["mail"]
    said = " ".join(text.replace("#", " ").split())
    assert "/etc/xen/web.cfg is not among the guests here, and stays as it is" in said
    assert "write `bridge=xenbr1` into its `vif`, which changes nothing" in said


def test_a_link_with_a_number_that_no_autostart_has_leaves_its_guest_in_the_file():
    """00-web.cfg starts before all that the runbook numbers: it stays, and the guest is adopted without it."""
    changes = {guest_files.AUTOSTART: Answer(0, "00-web.cfg\tf\t../web.cfg\n")}
    text, params = written(by_hand() | changes)
    assert [(g.name, g.autostart) for g in params.guests] == [("web", None)]
    assert "00-web.cfg in /etc/xen/auto starts it with the host, and stays your own" in text


ENDED = "run /usr/local/lib/xen-runbook/end-guests --all"
WAITED = "run sh -c 'systemctl is-system-running --wait || true'"
XEN_INFO = """\
nr_cpus                : 4
virt_caps              : pv hvm hvm_directio pv_directio hap
total_memory           : 16000
xen_commandline        : placeholder {}
"""
WORDS = {
    "dom0_mem=4G,max:4G dom0_max_vcpus=2 iommu=1 loglvl=all": ((4096, 2), "yes", ("loglvl=all",), ""),
    "dom0_mem=min:1G,max:3G iommu=required ucode=scan": ((3072, 4), "required", (), ""),
    "dom0_mem=1536M,max:1536M dom0_max_vcpus=1 dom0_mem=3G,max:3G dom0_max_vcpus=2 iommu=1": ((3072, 2), "yes", (), ""),
    "dom0_mem=2G iommu=verbose,no-intremap iommu=required ucode=-1": ((2048, 4), "required", ("iommu=verbose,no-intremap", "ucode=-1"), ""),
    "dom0_mem=2G iommu=off": ((2048, 4), "yes", ("iommu=off",), "Xen was started with iommu=off, so no guest can have a device"),
    "loglvl=all com1=115200,8n1": ((4096, 4), "yes", ("loglvl=all", "com1=115200,8n1"), "without dom0_mem, so dom0's memory is not fixed"),
}  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_xens_words_become_parameters(words):
    """dom0's memory and processors, the IOMMU and further words stand in the file as the running Xen has them."""
    (memory, cpus), iommu, options, said = WORDS[words]
    shown = "Domain-0                                     0  4096     4     r-----     123.4\n"
    changes = {
        xl.INFO: Answer(0, XEN_INFO.format(words)),
        xl.LIST: Answer(0, f"Name ID Mem VCPUs State Time\n{shown}"),
        Ask.read("/proc/cmdline"): Answer(0, "placeholder root=/dev/vda3 ro console=hvc0\n"),
    }
    text, params = written(by_hand() | changes)
    assert (params.dom0.memory_mib, params.dom0.max_vcpus) == (
        memory if "dom0_mem" in words else params.dom0.memory_mib,
        cpus,
    )
    assert (params.xen.iommu, params.xen.options) == (iommu, options)
    assert said in " ".join(text.replace("#", " ").split())
    assert "The runbook writes its own files" in text
    there = (*words.split(), f"xen-pciback.hide={boot_menu.hide_list(params)}")
    ours = (*boot_menu.xen_always(params), *boot_menu.xen_normal(params), *boot_menu.kernel_normal(params))
    new = ", ".join(word for word in ours if word not in there)
    assert f"with the same words and besides {new}, and starts" in " ".join(text.replace("#", " ").split())


def plain(**said: Any) -> tuple[str, HostParams]:
    """Return the file for a machine with plain Debian that said something more."""
    facts = devices(Pci("0000:01:00.0"), session="192.168.1.2 50000 192.168.1.10 2222\n")
    known = {ask: facts[ask] for ask in facts} | {Ask.run("id", "-u"): Answer(0, "0\n")}
    more = {
        ask: Answer(MISSING) if ask.kind == "read" else Answer(0)
        for ask in adopted.COMMANDS
        if ask not in known
    }
    text = proposal.write("box", Local(), proposal.read(Facts(known | more | said.get("more", {}))))
    return text, loads(text, Path("box.yml"))


def test_what_debian_has_is_said_where_the_runbook_would_change_it():
    """Another system in the menu, another port of ssh, a timer that is off and LVM's setting stand in the file as they are."""
    text, params = plain()
    assert params.configuration.firewall.ssh_port == 2222
    assert params.configuration.remove_os_prober
    menu = (
        "menuentry 'Windows Boot Manager' $menuentry_id_option 'osprober-efi-1' {\n chainloader /EFI/x\n}\n"
    )
    show = "Id=fstrim.timer\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nNeedDaemonReload=no\n"
    more = {
        grub._MENU: Answer(0, menu),
        adopted._TIMER[1]: Answer(0, show),
        adopted.trim.LVM: Answer(0, "issue_discards=1\nscan_lvs=0\n"),
    }
    text, params = plain(more=more)
    asked = params.configuration
    assert (asked.remove_os_prober, asked.trim.weekly, asked.trim.removed_volumes) == (False, False, True)
    assert "it puts Windows Boot Manager into the boot menu" in text
    by_owner = Answer(0, "/etc/default/grub.d/owner.cfg:GRUB_DISABLE_OS_PROBER=false\n")
    text, params = plain(more={grub._MENU: Answer(0, ""), os_prober.COMMANDS[0]: by_owner})
    assert not params.configuration.remove_os_prober
    assert "/etc/default/grub.d/owner.cfg switches it on" in text


def test_a_question_that_was_not_asked_adds_nothing():
    """From the survey alone, as of a recording, come no sections about Debian's settings."""
    facts = bare()
    known = {ask: facts[ask] for ask in facts} | {Ask.run("id", "-u"): Answer(0, "0\n")}
    text = proposal.write("box", Local(), proposal.read(Facts(known)))
    assert "configuration:" not in text
