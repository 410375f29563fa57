"""A machine of the zoo, described from its capture alone, is what the zoo's own description says; and what cannot be like it is named."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.errors import ParamsError
from runbook.facts import likeness, storage
from runbook.facts.likeness import File
from runbook.facts.storage.asks import FINDMNT, LSBLK, LVM
from runbook.hosts import capture
from runbook.model.ask import Answer, Facts
from runbook.rehearsal import building, described, disks, files, looked, tables
from runbook.rehearsal.file_systems import make_file_system
from runbook.testbed import hardware, machines, qemu, recipe
from runbook.testbed.image import default_recipe
from runbook.testbed.zoo import building as zoo

CAPTURES = Path(__file__).parents[1] / "captures"
KVM = CAPTURES / "kvm"


def twin(folder: Path = KVM) -> described.Twin:
    seen = looked.at_capture(None, folder)
    return described.describe(
        seen.facts, seen.params, [File("/etc/apt/sources.list", "0644", "root:root", "")]
    )


def of_the_zoo(name: str) -> dict[str, object]:
    """Return what a description of the zoo says in the things that matter, as the testbed builds it."""
    said = machines.named(name)
    spec, made = zoo.spec_of(said), default_recipe(said.release)
    return {
        "release": said.release,
        "firmware": bool(spec.firmware),
        "memory": spec.memory_mib,
        "cards": [nic.addr for nic in spec.nics],
        "networks": [nic.net for nic in spec.nics][:1],
        "disks": [recipe.disk_mib(made) << 20, hardware.DATA_DISK_GIB << 30],
        "places": [disk[1] for disk in spec.disks],
        "partitions": [p.size_mib << 20 for p in recipe.partitions(made)],
        "way": (said.way.user, said.way.port),
        "interfaces": next(f.text for f in said.files if f.path == "/etc/network/interfaces"),
        "bridge-utils": "bridge-utils" in said.packages,
    }


def of_a_capture(folder: Path) -> dict[str, object]:
    """Return the same of what was described from a capture."""
    found = twin(folder)
    said, spec = found.description, building.spec_of(found.description)
    assert said.pc
    assert said.layout
    table = tables.read(capture.load(folder).answers[storage.TABLES].out)["/dev/vda"]
    return {
        "release": said.release,
        "firmware": bool(spec.firmware),
        "memory": spec.memory_mib,
        "cards": [nic.addr for nic in spec.nics],
        "networks": [nic.net for nic in spec.nics][:1],
        "disks": list(said.layout.sizes),
        "places": [disk[1] for disk in spec.disks],
        "partitions": [row["size"] * 512 for row in table["partitions"]],
        "way": (said.way.user, said.way.port),
        # A capture of before called the bridge otherwise: it took its name for a label.
        "interfaces": next(f.text for f in found.files.carried if f.path == "/etc/network/interfaces").replace("label1", "br0"),
        "bridge-utils": "bridge-utils" in said.packages,
    }  # fmt: skip


def test_the_former_kvm_host_is_described_as_the_zoo_describes_it() -> None:
    """Release, firmware, memory, cards and their places, network, disks, partitions, way in, and the network's file are the same."""
    assert of_a_capture(KVM) == of_the_zoo("kvm")


def test_what_is_not_like_the_host_is_computed() -> None:
    """An older capture's missing files and the firmware are named; a card of the same kind as its stand-in is not."""
    said = twin().unlike
    assert any("OVMF" in clause for clause in said)
    assert any("made before rehearsals" in clause for clause in said)
    assert not [clause for clause in said if "8086:10d3" in clause]
    assert not [clause for clause in said if "is called so by a file" in clause]


def test_the_volume_group_and_its_volume_are_made_on_the_second_disk() -> None:
    """As the zoo's machine has them from its installer."""
    made = "\n".join(twin().description.layout.make)  # type: ignore[union-attr]
    assert "vgcreate --quiet --physicalextentsize 4194304b guests ${disk}2" in made
    assert "--size 1073741824b --name comm guests" in made


def node(name: str, kind: str, size: int, **more: object) -> dict[str, object]:
    path = f"/dev/mapper/{name}" if kind in ("crypt", "lvm") else f"/dev/{name}"
    return {"name": name, "path": path, "kname": name, "type": kind, "size": size, "mountpoints": [], "children": [],
            "maj:min": "8:0", "log-sec": 512, **more}  # fmt: skip


def stacked() -> Facts:
    """Return a machine with a mirror below LUKS below LVM, and btrfs with a subvolume on a disk of its own."""
    root = node("vault-root", "lvm", 11 << 30, fstype="ext4", uuid="00000000-0000-4000-8000-000000000001")
    opened = node("md1_crypt", "crypt", 16 << 30, fstype="LVM2_member", children=[root])
    mirror = node(
        "md1",
        "raid1",
        16 << 30,
        fstype="crypto_LUKS",
        uuid="00000000-0000-4000-8000-000000000002",
        children=[opened],
    )
    member = {
        "fstype": "linux_raid_member",
        "uuid": "00000000-0000-4000-8000-000000000003",
        "parttype": "0x83",
    }
    parts = [node(f"{disk}1", "part", 16 << 30, children=[mirror], **member) for disk in ("sda", "sdb")]
    found = [
        node(disk, "disk", 18 << 30, pttype="dos", children=[part])
        for disk, part in zip(("sda", "sdb"), parts, strict=True)
    ]
    found.append(
        node(
            "sdc", "disk", 4 << 30, fstype="btrfs", label="home", uuid="00000000-0000-4000-8000-000000000004"
        )
    )
    mounts = [
        {"target": "/", "source": "/dev/mapper/vault-root", "fstype": "ext4", "options": "rw"},
        {"target": "/home", "source": "/dev/sdc[/@home]", "fstype": "btrfs", "options": "rw,subvol=/@home"},
    ]
    report = {"vg": [{"vg_name": "vault", "vg_size": str(16 << 30), "vg_free": "0", "vg_extent_size": "4194304"}],
              "pv": [{"pv_name": "/dev/mapper/md1_crypt", "vg_name": "vault", "pv_size": str(16 << 30), "pv_missing": ""}],
              "lv": [{"vg_name": "vault", "lv_name": "root", "lv_size": str(11 << 30), "lv_attr": "-wi-ao----", "lv_layout": "linear",
                      "lv_tags": "", "lv_uuid": "", "lv_dm_path": "/dev/mapper/vault-root", "lv_kernel_major": "253",
                      "lv_kernel_minor": "1", "lv_health_status": "", "origin": "", "pool_lv": "", "data_percent": "",
                      "metadata_percent": ""}]}  # fmt: skip
    said = {
        LSBLK: json.dumps({"blockdevices": found}),
        FINDMNT: json.dumps({"filesystems": mounts}),
        LVM: json.dumps({"report": [report]}),
    }
    return Facts(
        {
            ask: Answer(0, said.get(ask, ""))
            for ask in (*storage.COMMANDS, *storage.WITH_GUESTS, storage.TABLES)
        }
    )


def test_what_stands_on_something_is_made_behind_it() -> None:
    """Partitions, mirror, LUKS, volume group, volume, file system, mounts: each once, in this order."""
    made = disks.read(stacked())
    text = "\n".join(made.make)
    order = ["sfdisk --quiet ${disk}1", "sfdisk --quiet ${disk}2", "mdadm --create /dev/md1", "cryptsetup luksFormat",
             "vgcreate", "lvcreate", "mkfs.ext4", "mount /dev/vault/root /target"]  # fmt: skip
    assert [text.count(words) for words in order] == [1] * len(order)
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
    assert (
        "--raid-devices=2 --uuid=00000000-0000-4000-8000-000000000003 --assume-clean ${disk}1-part1 ${disk}2-part1"
        in text
    )
    assert "mount -o subvol=/@home ${disk}3 /target/home" in text
    assert made.crypts == ["md1_crypt"]
    assert {"mdadm", "cryptsetup-initramfs", "btrfs-progs"} <= made.packages
    assert made.unlike == []


def test_a_table_is_made_again_as_it_was(tmp_path: Path) -> None:
    """sfdisk(8) itself, on a file of the disk's size, makes of the script the table that the host has."""
    sfdisk = shutil.which("sfdisk", path="/usr/sbin:/sbin:/usr/bin")
    assert sfdisk, "install the package fdisk"
    told = tables.read(capture.load(KVM).answers[storage.TABLES].out)["/dev/vda"]
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(12350128128)
    script, known = tables.script(told, "/dev/vda")
    subprocess.run([sfdisk, "--quiet", str(disk)], input=script, text=True, check=True)
    made = json.loads(
        subprocess.run([sfdisk, "--json", str(disk)], capture_output=True, text=True, check=True).stdout
    )["partitiontable"]

    def bare(table: dict[str, object]) -> str:
        return json.dumps(table).lower().replace(str(table["device"]).lower(), "disk")

    assert bare(made) == bare(told)
    assert "PARTUUID=00000000-0000-4000-8000-000000000009" in known


@pytest.mark.parametrize(
    ("kind", "uuid"),
    [
        ("ext4", "00000000-0000-4000-8000-00000000abcd"),
        ("vfat", "0000-0003"),
        ("swap", "00000000-0000-4000-8000-00000000abcd"),
    ],
)
def test_a_file_system_has_the_label_and_the_uuid_of_the_hosts(tmp_path: Path, kind: str, uuid: str) -> None:
    """mkfs(8) itself makes it in a file, and blkid(8) finds both: so a line of fstab(5) finds it too."""
    file = tmp_path / "image"
    with file.open("wb") as image:
        image.truncate(64 << 20)
    command = make_file_system(kind, [str(file)], "LABEL", uuid)
    path = "/usr/sbin:/sbin:/usr/bin:/bin"
    subprocess.run(["sh", "-ec", str(command)], env={"PATH": path}, check=True, capture_output=True)
    said = subprocess.run(
        ["blkid", "-p", "-o", "export", str(file)],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {f"UUID={uuid}", "LABEL=LABEL", f"TYPE={kind}"} <= set(said.stdout.split())


def test_a_card_on_a_bus_keeps_its_name() -> None:
    """enp3s0 hangs on the third port; one that its board names otherwise is called so by a file."""
    assert described.path_name("0000:03:00.0") == "enp3s0"
    answers = dict(capture.load(KVM).answers)
    for ask, answer in answers.items():
        text = answer.out.replace("0000:00:03.0", "0000:03:00.0").replace("enp0s4", "eno1")
        answers[ask] = Answer(answer.status, text.replace("enp0s3", "enp3s0"), answer.err)
    seen = looked.at_capture(None, KVM)
    every = {ask: seen.facts[ask] for ask in seen.facts} | answers
    found = described.describe(Facts(every), seen.params, ())
    words = qemu.command(building.spec_of(found.description))
    ports = [word for word in words if word.startswith("pcie-root-port")]
    # The firmware numbers their buses in this order, from 1 on.
    assert [re.sub(r",bus=.*", "", port) for port in ports] == [
        f"pcie-root-port,id=port{n}" for n in (1, 2, 3)
    ]
    assert any(word.startswith("virtio-net-pci,netdev=uplink,bus=port3,addr=0x0") for word in words)
    assert [f.path for f in found.files.carried if f.path.endswith(".link")] == [
        "/etc/systemd/network/95-rehearsal-eno1.link"
    ]
    assert "eno1 is called so by a file of the rehearsal's" in found.unlike


def test_files_secrets_and_mounts_that_others_have() -> None:
    """Of a whole capture: secrets are counted, another's disk is not waited for, and a file that is kept back is named."""
    said = {
        likeness.COMMANDS[
            0
        ]: "= 0600 root:root /etc/network/interfaces\n iface wlan0 inet dhcp\n  wpa-psk hidden-123456789abc\n"
        "= 0644 root:root /etc/fstab\n UUID=1 / ext4 defaults 0 1\n nas:/x /srv nfs defaults 0 0\n"
        "= 0440 root:root /etc/sudoers.d/x\n! permission denied\n- /etc/grub.d/30_os-prober\n",
        likeness.COMMANDS[1]: "/etc/resolv.conf\t../run/systemd/resolve/stub-resolv.conf\n",
    }
    seen = likeness.parse(Facts({ask: Answer(0, said.get(ask, "")) for ask in likeness.COMMANDS}))
    found = files.read(seen, (), disks.Disks(known={"UUID=1"}))
    texts = {file.path: file.text for file in found.carried}
    assert texts["/etc/fstab"] == "UUID=1 / ext4 defaults 0 1\n#rehearsal: nas:/x /srv nfs defaults 0 0\n"
    assert found.gone == ["/etc/grub.d/30_os-prober"]
    assert found.links == [("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")]
    assert "in 1 files other secrets stand than the machine's" in found.unlike
    assert "nothing is mounted at nas:/x" not in found.unlike
    assert "nothing is mounted at /srv" in found.unlike
    assert any("/etc/sudoers.d/x (permission denied)" in clause for clause in found.unlike)


def with_answers(**names: tuple[str, str]) -> Facts:
    """Return the captured machine with a text replaced in the answers to some questions, by the names of their files."""
    held = {one.ask: one.name.replace("-", "_") for one in capture.load(KVM).said}
    seen = looked.at_capture(None, KVM).facts
    found = {ask: seen[ask] for ask in seen}
    for ask, name in held.items():
        if name in names:
            found[ask] = Answer(found[ask].status, found[ask].out.replace(*names[name]), found[ask].err)
    return Facts(found)


def test_the_group_of_a_card_is_named_where_it_is_another() -> None:
    """A card that shares its group with another slot's gets one of its own in the virtual PC, and that is said."""
    groups = capture.load(KVM).answers
    links = next(
        a.out for ask, a in groups.items() if "iommu_group" in ask.key and "0000:00:05.0/iommu_group" in a.out
    )
    own = re.search(r"0000:00:05.0/iommu_group \S*/(\d+)", links)
    other = re.search(r"0000:00:06.0/iommu_group (\S*/)(\d+)", links) or re.search(
        r"0000:00:04.0/iommu_group (\S*/)(\d+)", links
    )
    assert own
    assert other
    facts = with_answers(pci_links=(other[0], other[0].replace(f"/{other[2]}", f"/{own[1]}")))
    said = described.describe(facts, looked.at_capture(None, KVM).params).unlike
    assert [clause for clause in said if clause.startswith("the IOMMU group of 0000:00:05.0 is another")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"network_links": ("enp0s3", "wlp0s3"), "network_addr": ("enp0s3", "wlp0s3")},
            "the wireless card wlp0s3",
        ),
        ({"network_addr": ('"local":"10.0.2.15"', '"local":"fd00::15"')}, "has an IPv4 address"),
    ],
)
def test_a_host_without_a_cable_and_ipv4_is_refused(change: dict[str, tuple[str, str]], words: str) -> None:
    """Nothing is built that nobody could reach."""
    with pytest.raises(ParamsError, match=words):
        described.describe(with_answers(**change), looked.at_capture(None, KVM).params)


def _without_macs(text: str) -> str:
    """Return a text without the MAC addresses, which a capture replaces by others."""
    return re.sub(r"00:16:3e(:[0-9a-f]{2}){3}", "MAC", text)


def test_the_host_with_xen_by_hand_is_described_as_the_zoo_describes_it() -> None:
    """From a capture of today: each file and link that the zoo's description puts there is carried, each package is there."""
    said, found = machines.named("xen"), twin(CAPTURES / "xen")
    carried = {file.path: (_without_macs(file.text), file.mode) for file in found.files.carried}
    wanted = {file.path: (_without_macs(file.text), file.mode) for file in said.files if not file.link}
    assert {path: carried.get(path) for path in wanted} == wanted
    links = dict(found.files.links)
    assert {file.path: links.get(file.path) for file in said.files if file.link} == {
        file.path: file.link for file in said.files if file.link
    }
    assert set(said.packages) <= set(found.description.packages)
    # Its owner has 20_linux_xen under another name: that one is carried, and the package's is taken away.
    assert "/etc/grub.d/08_linux_xen" in carried
    assert found.files.gone == ["/etc/grub.d/20_linux_xen"]
    assert found.description.layout
    made = "\n".join(found.description.layout.make)
    assert made.count("lvcreate ") == 3
    assert found.is_whole
    assert (found.description.way.user, found.description.way.port) == (said.way.user, said.way.port)
