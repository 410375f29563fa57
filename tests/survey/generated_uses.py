"""What hosts do with their disks and cards: each layout and wiring says what it shows, and writes down what it needs."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.storage_answers import Node, lv, node
from tests.survey.generated import XHCI, Box, Disk


def machine(seed: int) -> Box:
    """Return a machine made by chance."""
    box = Box(random.Random(seed))
    chance = box.chance
    if chance.random() < 0.3:
        box.add_vmd()
    if chance.random() < 0.35:
        box.add_thunderbolt()
    for _ in range(chance.randint(2, 6)):
        box.add_disk()
    free = list(box.disks)
    chance.shuffle(free)
    places = ["/", *chance.sample(["/srv", "/home", "[SWAP]"], chance.randint(0, 2))]
    for place in places:
        taken = [free.pop() for _ in range(min(len(free), chance.randint(1, 2)))]
        if taken:
            chance.choice(LAYOUTS if place != "[SWAP]" else SWAPS)(box, place, taken)
    for disk in free:
        box.nodes.append(
            node(disk.name, "disk", *chance.choice([[], [node(f"{disk.name}p1", "part", fstype="ntfs")]]))
        )
    chance.choice(WIRINGS)(box)
    for _ in range(chance.randint(0, 2)):
        box.add_card(flags=[])
    if chance.random() < 0.6:
        _keyboard(box)
    for finish in box.last:
        finish()
    return box


def _keyboard(box: Box) -> None:
    there = [d.bdf for d in box.built if d.code == XHCI]
    bdf = box.chance.choice(there) if there else box.plug(XHCI)
    box.line("usb", "3-2:1.0/bInterfaceClass:03\n3-2:1.0/bInterfaceProtocol:01")
    box.line("usb_links", f"3-2:1.0 ../../../{box.path(bdf)}/usb3/3-2/3-2:1.0")
    box.use([bdf], "a keyboard")


# Layouts: the disks of a mount. What nobody can know is said at the end, when the whole machine is there.


def _used(box: Box, disks: list[Disk], why: str) -> None:
    for disk in disks:
        box.use(disk.controllers, why)


def _parts(box: Box, disks: list[Disk], *children: Node, **columns: object) -> None:
    box.nodes += [node(d.name, "disk", node(f"{d.name}p1", "part", *children, **columns)) for d in disks]


def plain(box: Box, place: str, disks: list[Disk]) -> None:
    first, *others = disks
    _parts(box, [first], at=[place], fstype="ext4")
    box.nodes += [node(d.name) for d in others]
    box.mounts.append((place, f"/dev/{first.name}p1", "ext4", "rw"))
    _used(box, [first], place)


def encrypted(box: Box, place: str, disks: list[Disk]) -> None:
    name = f"{disks[0].name}_crypt"
    _parts(box, disks[:1], node(name, "crypt", at=[place], fstype="ext4"), fstype="crypto_LUKS")
    box.nodes += [node(d.name) for d in disks[1:]]
    box.mounts.append((place, f"/dev/mapper/{name}", "ext4", "rw"))
    _used(box, disks[:1], place)


def logical(box: Box, place: str, disks: list[Disk]) -> None:
    """A volume lies on one disk, and its group on all of them."""
    group = f"vg{len(box.groups)}"
    volume = node(f"{group}-data", "lvm", at=[place], fstype="ext4", minor=len(box.volumes))
    box.nodes.append(
        node(disks[0].name, "disk", node(f"{disks[0].name}p1", "part", volume, fstype="LVM2_member"))
    )
    _parts(box, disks[1:], fstype="LVM2_member")
    box.groups[group] = (2**34, 0)
    box.parts += [(f"/dev/{d.name}p1", group, 2**33) for d in disks]
    box.volumes.append(lv(f"{group}/data", 2**33, len(box.volumes)))
    box.mounts.append((place, f"/dev/mapper/{group}-data", "ext4", "rw"))
    _used(box, disks, place)


def mirrored(box: Box, place: str, disks: list[Disk]) -> None:
    name = f"md{len(box.mounts)}"
    _parts(box, disks, node(name, "raid1", at=[place], fstype="ext4"), fstype="linux_raid_member")
    box.virtual(name)
    box.mounts.append((place, f"/dev/{name}", "ext4", "rw"))
    _used(box, disks, place)


def zfs(box: Box, place: str, disks: list[Disk]) -> None:
    """lsblk shows the members of a pool without a mount, and perhaps without the pool's name."""
    pool = f"pool{len(box.mounts)}"
    label = box.chance.choice([pool, pool, None])
    box.has_nameless_member |= label is None
    _parts(box, disks, fstype="zfs_member", label=label)
    box.mounts.append((place, box.chance.choice([pool, f"{pool}/ROOT/debian", f"{pool}[/x]"]), "zfs", "rw"))
    _used(box, disks, place)


def zfs_unseen(box: Box, place: str, disks: list[Disk]) -> None:
    """A pool of whose members nobody tells: it may be on any disk, unless there is a member without a name."""
    box.nodes += [node(d.name) for d in disks]
    box.mounts.append((place, "tank/x", "zfs", "rw"))
    box.last.append(
        lambda: None if box.has_nameless_member else box.doubt_disks(f"{place} on a pool that nobody sees")
    )


def btrfs(box: Box, place: str, disks: list[Disk]) -> None:
    uuid = f"uuid-{len(box.mounts)}"
    first, *others = disks
    _parts(box, [first], at=[place], fstype="btrfs", uuid=uuid)
    _parts(box, others, fstype="btrfs", uuid=uuid)
    box.mounts.append((place, f"/dev/{first.name}p1[/@]", "btrfs", "rw"))
    _used(box, disks, place)


def bcachefs(box: Box, place: str, disks: list[Disk]) -> None:
    """findmnt names all members; blkid may not know the file system."""
    kind = box.chance.choice(["bcachefs", None])
    first, *others = disks
    _parts(box, [first], at=[place], fstype=kind)
    _parts(box, others, fstype=kind)
    box.mounts.append((place, ":".join(f"/dev/{d.name}p1" for d in disks), "bcachefs", "rw"))
    _used(box, disks, place)


def multipath(box: Box, place: str, disks: list[Disk]) -> None:
    name = f"mpath{len(box.mounts)}"
    box.nodes += [
        node(d.name, "disk", node(name, "mpath", at=[place], fstype="xfs"), fstype="mpath_member")
        for d in disks
    ]
    box.mounts.append((place, f"/dev/mapper/{name}", "xfs", "rw"))
    _used(box, disks, place)


def cached(box: Box, place: str, disks: list[Disk]) -> None:
    name = f"bcache{len(box.mounts)}"
    box.virtual(name)
    box.nodes += [
        node(d.name, "disk", node(name, "disk", at=[place], fstype="ext4"), fstype="bcache") for d in disks
    ]
    box.mounts.append((place, f"/dev/{name}", "ext4", "rw"))
    _used(box, disks, place)


def on_a_file(box: Box, place: str, disks: list[Disk]) -> None:
    """A file system in a file, as snap has them; the file lies on a disk."""
    plain(box, f"{place.rstrip('/')}/host", disks)
    name = f"loop{len(box.mounts)}"
    box.virtual(name)
    at = place if place != "/" else "/snap/core"
    box.nodes.append(node(name, "loop", at=[at], fstype="squashfs"))
    box.mounts.append((at, f"/dev/{name}", "squashfs", "ro"))
    if place == "/":
        box.mounts.append(("/", f"/dev/{disks[0].name}p1", "ext4", "rw"))


def overlay(box: Box, place: str, disks: list[Disk]) -> None:
    """A root in layers, whose lower one is seen or not; elsewhere layers are a container's."""
    if place != "/":
        plain(box, place, disks)
        box.mounts.append((f"{place}/merged", "overlay", "overlay", "rw,lowerdir=/a,upperdir=/b"))
        return
    is_seen = box.chance.random() < 0.5
    if is_seen:
        plain(box, "/media/root-ro", disks)
    else:
        box.nodes += [node(d.name) for d in disks]
        box.last.append(lambda: box.doubt_disks("layers that nobody sees"))
    layers = "lowerdir=/media/root-ro,upperdir=/media/root-rw/up"
    box.mounts += [("/media/root-rw", "tmpfs", "tmpfs", "rw"), ("/", "overlay", "overlay", f"rw,{layers}")]


def drbd(box: Box, place: str, disks: list[Disk]) -> None:
    """A device that does not say on what it stands."""
    box.virtual("drbd0")
    box.nodes += [*(node(d.name) for d in disks), node("drbd0", "disk", at=[place], fstype="ext4")]
    box.mounts.append((place, "/dev/drbd0", "ext4", "rw"))
    box.last.append(lambda: box.doubt_disks(f"{place} on drbd0"))


def swap(box: Box, place: str, disks: list[Disk]) -> None:
    _parts(box, disks[:1], at=["[SWAP]"], fstype="swap")
    box.nodes += [node(d.name) for d in disks[1:]]
    _used(box, disks[:1], "swap")


def swap_on_zfs(box: Box, place: str, disks: list[Disk]) -> None:
    _parts(box, disks, fstype="zfs_member", label="swappool")
    box.virtual("zd0")
    box.nodes.append(node("zd0", "disk", at=["[SWAP]"], fstype="swap"))
    _used(box, disks, "swap on a volume of ZFS")


LAYOUTS: tuple[Callable[[Box, str, list[Disk]], None], ...] = (
    plain, plain, encrypted, logical, mirrored, zfs, zfs, zfs_unseen, btrfs, bcachefs, multipath, cached, on_a_file, overlay, drbd,
)  # fmt: skip
SWAPS = (swap, swap, swap_on_zfs)

# Wirings: the way out.

_HERE, _HERE6 = {"local": "192.0.2.10", "prefixlen": 24}, {"local": "2001:db8::10", "prefixlen": 64}


def _way(box: Box, name: str) -> None:
    """Let the session and the default route go over an interface."""
    is_six = box.chance.random() < 0.3
    box.change(name, addr_info=[_HERE6 if is_six else _HERE])
    if is_six:
        box.routes6 = [{"dst": "default", "gateway": "fe80::1", "dev": name}]
    else:
        box.routes = [{"dst": "default", "gateway": "192.0.2.1", "dev": name}]
    here = "2001:db8::10" if is_six else "192.0.2.10"
    box.session = box.chance.choice(["", f"{'2001:db8::9' if is_six else '192.0.2.9'} 5000 {here} 22\n"])


def direct(box: Box) -> None:
    name = box.add_card()
    _way(box, name)
    box.use([box.card(name)], "the uplink")


def bridged(box: Box) -> None:
    """A bridge on one or two cards, on a bond, on a VLAN of it."""
    cards = [box.add_card() for _ in range(box.chance.randint(1, 2))]
    top, below = box.add_virtual("br0"), cards
    box.line("net_links", "/sys/class/net/br0/bridge ")
    if len(cards) > 1:
        below = [box.add_virtual("bond0", flags=["UP", "MASTER"])]
        for card in cards:
            box.change(card, master="bond0")
    if box.chance.random() < 0.5:
        below = [box.add_virtual("vlan7", link=below[0])]
    box.change(below[0], master="br0")
    _way(box, top)
    box.use(map(box.card, cards), "below br0")


def open_vswitch(box: Box) -> None:
    cards = [box.add_card(master="ovs-system") for _ in range(box.chance.randint(1, 2))]
    box.add_virtual("ovs-system", flags=[])
    _way(box, box.add_virtual("br-ex"))
    box.use(map(box.card, cards), "a port of Open vSwitch")


def tunnel(box: Box) -> None:
    """WireGuard over a card that has an address; or over who knows what."""
    _way(box, box.add_virtual("wg0", link_type="none"))
    if box.chance.random() < 0.5:
        card = box.add_card(addr_info=[{"local": "198.51.100.7", "prefixlen": 24}])
        box.use([box.card(card)], "it has an address")
    else:
        box.add_card()
    box.last.append(lambda: box.doubt_cards("a tunnel over nobody knows what"))


def dial_up(box: Box) -> None:
    card = box.add_card()
    _way(box, box.add_virtual("ppp0", link_type="ppp"))
    if box.chance.random() < 0.6:
        box.line("pppoe", f"00000002 02:00:5e:10:00:01 {card}")
        box.use([box.card(card)], "PPPoE")
    else:
        box.last.append(lambda: box.doubt_cards("PPPoE over nobody knows what"))


def two_networks(box: Box) -> None:
    """A second card with an address, a route, a macvlan, or a network's disks and mounts."""
    direct(box)
    second = box.add_card()
    kind = box.chance.choice(["address", "route", "macvlan", "nfs", "iscsi"])
    if kind == "route":
        box.routes.append({"dst": "203.0.113.0/24", "dev": second, "protocol": "static"})
    elif kind == "macvlan":
        box.add_virtual("mv0", link=second)
    else:
        box.change(second, addr_info=[{"local": "198.51.100.2", "prefixlen": 24}])
    if kind == "nfs":
        box.mounts.append(("/srv/backup", "198.51.100.9:/backup", "nfs4", "rw,addr=198.51.100.9"))
    if kind == "iscsi":
        box.line("block_links", "sdz ../../devices/platform/host3/session1/target3:0:0/3:0:0:0/block/sdz")
        box.line("sessions", "/sys/class/iscsi_connection/connection1:0/persistent_address:198.51.100.9")
        box.nodes.append(node("sdz", "disk", at=["/mnt/lun"], fstype="ext4"))
        box.mounts.append(("/mnt/lun", "/dev/sdz", "ext4", "rw"))
    box.use([box.card(second)], kind)


WIRINGS = (direct, bridged, open_vswitch, tunnel, dial_up, two_networks)
