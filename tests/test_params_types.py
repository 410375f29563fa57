"""The type of every text in the parameters: what each takes, and that no field is a text of no type."""

import random
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from runbook.errors import ParamsError
from runbook.params import (
    HostParams,
    addresses,
    approvers,
    backups,
    commit,
    firmware,
    guest_system,
    installation,
    kernel,
    load,
    loads,
    management,
    names,
    notices,
    paths,
    secrets,
    types,
    xl_words,
)
from runbook.params.types import Closed

CASES = Path(__file__).parent / "params_cases"
APPROVER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA7qxJ1c0H4b2m5vTn8yKkU3kQy7W1p9d0s6f5g4h3j2"
TYPES = {
    "HostParams.host": names.HostName,
    "HostParams.consent": names.Consent,
    "HostParams.approvers": approvers.ApproversKey,
    "Ssh.to": addresses.SshName,
    "Ssh.config": paths.ControllerPath,
    "Ssh.become_password": secrets.PasswordReference,
    "Local.become_password": secrets.PasswordReference,
    "Recorded.recording": paths.ControllerPath,
    "Recorded.finished": paths.ControllerPath,
    "Captured.folder": paths.ControllerPath,
    "Confirmed.value": types.Sentence,
    "Confirmed.on": firmware.Day,
    "Installation.disk": installation.WholeDisk,
    "Installation.system_volume_group": names.GroupName,
    "Installation.domain": names.DomainName,
    "Installation.locale": names.InstallerLocale,
    "Installation.keyboard": names.Keyboard,
    "Installation.time_zone": names.ZoneName,
    "Installation.root_password_hash": secrets.SecretReference,
    "Installation.authorized_keys": installation.PublicKey,
    "Installation.mirror": addresses.MirrorAddress,
    "Installation.kernel_options": names.BootWord,
    "Configuration.more_packages": names.PackageName,
    "Configuration.domain": names.DomainName,
    "Clock.zone": names.ZoneOrNone,
    "Locales.generate": names.LocaleName,
    "Locales.default": names.LocaleName,
    "User.name": names.PersonName,
    "User.groups": names.AccountName,
    "User.keys": installation.PublicKey,
    "Kernel.more": kernel.Line,
    "Kernel.suffix": kernel.Suffix,
    "Tarball.path": paths.TarballPath,
    "Tarball.sha256": kernel.Sha256,
    "Dom0.kernel_options": names.BootWord,
    "Xen.version": names.SourceVersion,
    "Xen.branch": names.BranchName,
    "Xen.commit": commit.Commit,
    "Xen.repository": addresses.HttpsAddress,
    "Xen.options": names.BootWord,
    "Device.bdf": types.Bdf,
    "Device.id": types.PciId,
    "Device.what": types.Sentence,
    "Bridge.name": names.InterfaceName,
    "Bridge.ports": names.InterfaceName,
    "Bridge.ipv4": addresses.InterfaceAddress,
    "Bridge.gateway": addresses.MachineAddress,
    "Bridge.ipv6": addresses.Ipv6InterfaceAddress,
    "Bridge.gateway6": addresses.Ipv6MachineAddress,
    "Bridge.more_addresses": addresses.FixedAddress,
    "Storage.guest_volume_group": names.GroupName,
    "Notice.mail": notices.MailAddress,
    "Notice.sender": notices.SenderAddress,
    "Notice.server": notices.MailServer,
    "Notice.user": notices.MailUser,
    "Notice.password": secrets.SecretReference,
    "Notice.webhook": notices.WebAddress,
    "Notice.webhook_at": secrets.SecretReference,
    "Guest.name": names.GuestName,
    "Guest.firmware": xl_words.GuestFirmware,
    "Guest.firmware_image": xl_words.HostPath,
    "Guest.uuid": xl_words.Uuid,
    "Guest.serial": xl_words.XlText,
    "Guest.sound": xl_words.XlText,
    "Guest.viridian": xl_words.XlText,
    "Guest.extra": xl_words.XlKey,
    "Processors.cpus": xl_words.CpuSet,
    "Processors.cpus_soft": xl_words.CpuSet,
    "Processors.pool": xl_words.SpecWord,
    "Boot.order": xl_words.BootOrder,
    "Boot.kernel": xl_words.HostPath,
    "Boot.ramdisk": xl_words.HostPath,
    "Boot.cmdline": xl_words.XlText,
    "Boot.bootloader": xl_words.XlText,
    "Boot.bootloader_args": xl_words.XlText,
    "Screen.password": secrets.SecretReference,
    "Usb.devices": xl_words.XlText,
    "Guest.what": types.Sentence,
    "Guest.pci": types.Bdf,
    "Guest.install_media": paths.IsoPath,
    "Guest.vnc_listen": addresses.ListenAddress,
    "System.cloud": guest_system.CloudImage,
    "System.sha256": kernel.Sha256,
    "System.packages": names.PackageName,
    "System.host_name": names.HostName,
    "System.keys": installation.PublicKey,
    "System.ipv4": addresses.InterfaceAddress,
    "System.gateway": addresses.MachineAddress,
    "System.name_servers": addresses.MachineAddress,
    "System.mirror": addresses.MirrorAddress,
    "Web.names": names.DomainName,
    "Router.inside": addresses.InterfaceAddress,
    "Router.domain": names.DomainName,
    "Volume.name": names.VolumeName,
    "Volume.thin_pool": names.VolumeName,
    "Disk.volume": names.VolumeName,
    "Disk.group": names.GroupName,
    "Disk.thin_pool": names.VolumeName,
    "Disk.zvol": xl_words.ZfsName,
    "Disk.file": xl_words.HostPath,
    "Disk.device": xl_words.XlText,
    "Disk.cd": paths.IsoPath,
    "Disk.vdev": xl_words.Drive,
    "Disk.backend": xl_words.SpecWord,
    "Disk.script": xl_words.SpecWord,
    "Nic.bridge": names.InterfaceName,
    "Nic.mac": addresses.Mac,
    "Nic.model": xl_words.SpecWord,
    "Nic.ip": xl_words.SpecWord,
    "Nic.script": xl_words.SpecWord,
    "Nic.gatewaydev": xl_words.SpecWord,
    "Nic.backend": xl_words.SpecWord,
    "Nic.vifname": names.InterfaceName,
    "Nic.rate": xl_words.Rate,
    "Nic.vlan": xl_words.SpecWord,
    "Mount.guest": names.GuestName,
    "Mount.at": management.MountPoint,
    "Mount.snapshot": names.VolumeName,
    "Snapshot.guest": names.GuestName,
    "Snapshot.name": names.VolumeName,
    "Backups.folder": management.BackupFolder,
    "Backups.guests": names.GuestName,
    "Backups.schedule": backups.Calendar,
    "Backups.boot_test": backups.Calendar,
    "Quiesce.guest": names.GuestName,
    "Quiesce.to": addresses.SshName,
    "Quiesce.folders": backups.GuestFolder,
    "SecondPlace.repository": backups.Repository,
    "SecondPlace.key": backups.KeyFile,
    "Watch.heartbeat": notices.WebAddress,
    "Watch.heartbeat_at": secrets.SecretReference,
    "Restore.guest": names.GuestName,
    "Restore.backup": management.BackupName,
}
LONG = "a" * 200
#: Of each type: what it takes, and what it refuses.
TRIED = {
    "approver": (approvers.ApproversKey, [APPROVER, f"{APPROVER} ana@example.org"],
        ["", "ssh-ed25519 AAAA", "ssh-rsa AAAA", APPROVER[:-4], f"cert {APPROVER}", "SHA256:x"]),
    "mail": (notices.MailAddress, ["ops@example.org", "a.b+c@x"],
        ["", "ops", "@x", "-x@y", "a@b c", "a@b\nBcc: x@y", "Ana <a@b>", "a@-b", "a,b@c", "a@b,c@d"]),
    "sender": (notices.SenderAddress, ["", "xen@example.org"], ["x", "a@b\nBcc: x@y", "-x@y"]),
    "mail server": (notices.MailServer, ["", "smtp.example.org", "127.0.0.1:2525", "[::1]:25"], ["a b", "-x", "smtp://a", "a:b", "a/b"]),
    "mail user": (notices.MailUser, ["", "xen", "xen@example.org"], ["a b", "-x", "a\nb"]),
    "webhook": (notices.WebAddress, ["", "https://example.org/hook?x=1", "http://127.0.0.1:8080/x", "http://localhost/"],
        ["http://example.org/x", "ftp://a/b", "https://", "https://a b", "https://a/\nx", "https://u:p@a/", "file:///etc/passwd", "http://127.0.0.1.evil.org/"]),
    "host": (names.HostName, ["victory", "a", "x-1", "9a", "a" * 63],
        ["", "fleet", "sample", "localhost", "A", "-a", "a-", "a.b", "a_b", "10", "a" * 64, ".", "..", "a/b", "ä"]),
    "consent": (names.Consent, ["undo", "set_boot_menu", "partition_disk:0123456789ab"],
        ["", "a b", "x:1", "x:0123456789abc", "x:0123456789AB", "../x", "x:y"]),
    "ssh": (addresses.SshName, ["victory", "root@victory", "root@192.168.0.10", "ssh://root@a.b:22", "root@fe80::1%eth0", "a_b", "ssh://[fe80::1]:22"],
        ["", "-oProxyCommand=id", "root@-o", "a b", "$(id)", "`id`", "a;id", "a|b", "a&b", "a'b", 'a"b', "a\\b", "a>b", "root@", "@a", "a(b)"]),
    "bridge": (names.InterfaceName, ["xenbr0", "br-lan", "enp0s3", "eth0.10", "a" * 15],
        ["", "lo", "all", "default", "none", "regex", "a..b", ".", "..", "a/b", "a b", "a" * 16, "-a", "bonding_masters", "LO", "é", "a:b"]),
    "ipv4": (addresses.InterfaceAddress, ["keep", "dhcp", "none", "10.0.0.2/24", "192.168.1.1/16", "10.0.0.0/31", "10.0.0.2/255.255.255.0"],
        ["", "0.0.0.0/0", "10.0.0.0/24", "10.0.0.255/24", "127.0.0.1/8", "224.0.0.1/4", "255.255.255.255/8", "0.1.2.3/8", "240.0.0.1/8",
         "10.0.0.2", "10.0.0.2/33", "10.0.0.2/32", "10.0.0.2/0", "fe80::1/64", "10.0.0.02/24", "DHCP", "10.0.0.2/24 ", "auto", "Keep"]),
    "ipv6": (addresses.Ipv6InterfaceAddress, ["keep", "auto", "none", "2001:db8::5/64", "fd00::1/48", "2001:DB8::5/128", "2001:db8::/127"],
        ["", "2001:db8::5", "2001:db8::/64", "2001:db8::5/129", "2001:db8::5/0", "fe80::1/64", "fe80::1%eth0/64", "::1/128", "::/64", "ff02::1/64",
         "4000::1/64", "dhcp", "AUTO", "10.0.0.2/24", "2001:db8::5/64 "]),
    "gateway6": (addresses.Ipv6MachineAddress, ["fe80::1", "2001:db8::1"],
        ["", "::", "::1", "ff02::2", "fe80::1%eth0", "2001:db8::1/64", "10.0.0.1", "router", "fe80::1\n    post-up touch /root/x"]),
    "more": (addresses.FixedAddress, ["10.0.0.3/24", "2001:db8::3/64"],
        ["", "keep", "dhcp", "auto", "none", "10.0.0.0/24", "10.0.0.3", "2001:db8::/64", "fe80::3/64", "2001:db8::3", "10.0.0.3/24,10.0.0.4/24"]),
    "gateway": (addresses.MachineAddress, ["10.0.0.1"],
        ["", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.0.1/24", "fe80::1", "router", "10.0.2.2\n    post-up touch /root/x"]),
    "mac": (addresses.Mac, ["00:16:3e:14:01:00", "12:34:56:10:20:30"],
        ["", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01", "fe:ff:ff:ff:ff:ff", "00:16:3e", "00-16-3e-14-01-00"]),
    "volume": (names.VolumeName, ["comm", "a-b", "a+b_c.d", "my_tdat", "xsnapshot", "a" * 127],
        ["", ".", "..", "-a", "snapshot", "snapshot1", "pvmove", "pvmove0", "a b", "a/b", "a" * 128,
         *(f"x{part}" for part in names._LV_PARTS), *(f"x{part}_0" for part in names._LV_PARTS), "é", "a@b"]),
    "group": (names.GroupName, ["guests", "xen", "vg0", "pvmove", "snap"],
        ["", ".", "..", "-a", "mapper", "disk", "null", "sda", "vda1", "nvme0n1", "dm-0", "md0", "a/b", "a" * 128, "tty1"]),
    "guest": (names.GuestName, ["ipfire", "web-1", "a_b", "9front", "Windows 10", "vm0.pvh", "xcp-ng (old)", "a" * 128, "user@host", "a+b"],
        ["", "5", "0", "007", "dom0", "domain-0", "Domain-0", "Dom0", " a", "a ", "a.", ".a", "../x", "-a", "a" * 129, "a/b", "ä", "a;b", "$(id)",
         "a'b", 'a"b', "a\\b", "a|b", "a&b", "a`b", "a*", "a>b", "a!", "a#b", "a=b"]),
    "xl text": (xl_words.XlText, ["pty", "root=/dev/xvda1 ro", 'say "x"', "/dev/disk/by-id/x", "a" * 2000], ["", " a", "a ", "a" * 2001]),
    "xl word": (xl_words.SpecWord, ["vif-bridge", "e1000", "10.0.0.1 10.0.0.2", "a" * 500], ["", "a,b", " a", "a ", "a" * 501]),
    "host path": (xl_words.HostPath, ["/boot/vmlinuz", "/srv/a, b.img", "/media/me/ 200GB /x.img"],
        ["", "/", "a", "a/b", "/srv/../etc/shadow", "/srv/", "/srv/a ", "/" + "a" * 256]),
    "firmware": (xl_words.GuestFirmware, ["bios", "uefi", "pvgrub64", "pvgrub32", "/usr/local/lib/x.fd"], ["", "ovmf", "efi", "x.fd", "BIOS", "/a/../b"]),
    "cpus": (xl_words.CpuSet, ["2-7", "2-7,^3", "node:0", "nodes:0-1,^node:1", "all", "0"], ["", "7-2", "a", "2-", "^all", "2, 3", "1;2", "-1"]),
    "uuid": (xl_words.Uuid, ["3ba1e9a2-0000-4000-8000-000000000001"], ["", "3ba1e9a2", "3BA1E9A2-0000-4000-8000-000000000001", "3ba1e9a200004000800000000000000001"]),
    "drive": (xl_words.Drive, ["hda", "sda", "xvda", "xvda2", "sdaa", "vda", "d0", "768"], ["", "hdz9999", "hde", "cdrom", "hda,", "a", "XVDA"]),
    "zvol": (xl_words.ZfsName, ["tank/guests/web", "rpool/vm-1"], ["", "tank", "/tank/x", "tank//x/", "1a/b", "tank/a;b", "tank/"]),
    "rate": (xl_words.Rate, ["10Mb/s", "1MB/s@20ms", "100b/s", "1GB/s@50us"], ["", "10", "fast", "0Mb/s", "10Mb", "10Mb/s@", "010Mb/s"]),
    "order": (xl_words.BootOrder, ["c", "cd", "dc", "ndca"], ["", "x", "cdrom", "C", "cdnac"]),
    "xl key": (xl_words.XlKey, ["nomigrate"], ["a" * 61]),
    "domain": (names.DomainName, ["", "home.arpa", "lan", "a-b.example.org"],
        [".", "a..b", "-a.b", "a-.b", "a b", "a" * 64, "a.", ".a", "A.b", "a_b"]),
    "zone": (names.ZoneName, ["Europe/Berlin", "Etc/UTC", "America/New_York"],
        ["", "Europe/Berln", "../etc/passwd", "Europe", "Mars/Olympus", "/etc/localtime", "a b"]),
    "locale": (names.LocaleName, ["en_GB.UTF-8", "de_DE.UTF-8@euro", "eo.UTF-8"], ["", "English", "en_GB", "en-GB.UTF-8", "_.UTF-8", "en_GB.UTF-8; x"]),
    "keyboard": (names.Keyboard, ["us", "de", "fr-latin9"], ["", "US", "d", "a b", "de;x", "de'"]),
    "package": (names.PackageName, ["g++", "libc6", "xen-utils-4.20"], ["", "a", "vim-", "Vim", "vim=1", "-y", "--reinstall", "a b", "a;b", "vim/sid", "vim*"]),
    "person": (names.PersonName, ["ana", "_x", "a-b"], ["", "daemon", "nobody", "www-data", "Ana", "1a", "a b", "a:b", "-a", "a" * 33]),
    "account": (names.AccountName, ["sudo", "adm"], ["", "a,b", "a b", "Sudo", "-a"]),
    "word": (names.BootWord, ["console=hvc0", "com1=115200,8n1", "a.b=c/d", "rd.luks(1)[2]"],
        ["", "a b", "a;b", "$x", "$(id)", "`id`", "a'b", 'a"b', "a\\b", "{x}", "a|b", "a&b", "a>b", "a#b", "a!b", "a*b", "é", "a" * 256]),
    "commit": (commit.Commit, ["", "c" * 40, "0" * 64, "C" * 40],
        ["c" * 39, "c" * 41, "c" * 63, "HEAD", "stable-4.20", "g" * 40, "c" * 40 + " ", "-" + "c" * 39]),
    "branch": (names.BranchName, ["", "stable-4.20", "RELEASE-4.20.1", "a/b"], ["-x", "--upload-pack=id", "a..b", "a b", "a/", "a.lock", "a;b", "a~1", "a:b", "/a"]),
    "version": (names.SourceVersion, ["", "4.20.0-1", "4.17.5+23-ga4e5191dc0-1"], ["a", "4 ", "4;x", "4$(x)", "-4"]),
    "https": (addresses.HttpsAddress, ["https://xenbits.xen.org/git-http/xen.git"], ["", "http://a/b", "git://a/b", "https://a", "https://a/;id", "https://-a/b", "ext::sh -c id", "file:///x", "https://u@a/b"]),
    "mirror": (addresses.MirrorAddress, ["", "http://deb.example.org/debian", "https://a:8080/debian"], ["ftp://a/b", "http://a", "http://a/b c", "http://a/$(id)", "http://a;b/c", "http://a/`x`", "http://-a/b"]),
    "listen": (addresses.ListenAddress, ["127.0.0.1", "0.0.0.0", "10.0.0.2"], ["", "224.0.0.1", "255.255.255.255", "127.0.0.1:1", "::1", "localhost"]),
    "disk": (installation.WholeDisk, ["/dev/sda", "/dev/nvme0n1", "/dev/disk/by-id/ata-X1"], ["", "sda", "/dev/sda1", "/dev/nvme0n1p1", "/dev/disk/by-id/ata-X1-part1", "/dev/../etc", "/dev/mapper/x", "/dev/null", "/dev/sda;id", "/dev/nvme٣n1"]),
    "iso": (paths.IsoPath, ["/srv/iso/debian.iso", "/srv/a, b.iso"], ["", "x.iso", "/", "/srv/../etc/shadow", '/a"b', "/a\\b", "/srv/iso/", "/" + "a" * 256]),
    "tarball": (paths.TarballPath, ["/srv/linux-6.12.tar.xz"], ["", "linux.tar.xz", "/srv/../x.tar.xz", "/srv/linux.zip", "/x.tar.xz\n"]),
    "cloud image": (guest_system.CloudImage, ["/srv/images/debian-13.qcow2", "https://images.example/13/x.raw"],
        ["", "x.qcow2", "/srv/x.iso", "http://images.example/x.qcow2", "https://", "/srv/../x.img", "/srv/x.img\n", "https://a/x;id", "-O/etc/x.img"]),
    "path": (paths.ControllerPath, ["recordings/testbed", "/etc/x", "~/x", "a b"], ["", " ", "a" * 256]),
    "mount": (management.MountPoint, ["/mnt/x", "/media/a/b", "/srv/c"], ["", "/", "/mnt", "/etc", "/mnt/../etc", "/mnt/a b", "/mnt/.", "mnt/x", "/mnt/x/"]),
    "folder": (management.BackupFolder, ["/srv/backups"], ["", "/", "srv", "/srv/../etc", "/srv/a b", "/srv/", "/srv/$x"]),
    "calendar": (backups.Calendar, ["", "daily", "Sun 04:00", "*-*-* 02:30", "Mon..Fri *-*-* 02:30:00 UTC", "*:0/15", "Mon,Wed 10:00 Europe/Berlin", "*-*~3", "02:30"],
        ["tomorrow", "24h", "02:30 ", "daily; reboot", "*-*-* 2h", "%h", "Xon 1:1", "5", "Mon..", "*-*-* 02:30 $(x)", "daily\nOnBootSec=1"]),
    "guest folder": (backups.GuestFolder, ["/", "/srv", "/var/lib/x-1"], ["", "srv", "/a b", "/a;b", "/../x", "/a/", "/$x", "//"]),
    "repository": (backups.Repository, ["/mnt/nas/xen", "sftp:backup@nas.lan:/srv/xen", "sftp:b@10.0.0.9:/x"],
        ["", "/", "mnt", "sftp:nas:/srv", "s3:https://a/b", "sftp:-o@x:/a", "sftp:a@-x:/a", "/mnt/a b", "/mnt/../etc", "sftp:a@b:x", "rest:http://a/", "/x/;id"]),
    "key file": (backups.KeyFile, ["/etc/xen-runbook/second.key", "/root/k", "/var/lib/x/k"], ["", "/tmp/k", "/etc", "k", "/etc/../tmp/k", "/etc/a b", "/run/k"]),
    "backup": (management.BackupName, ["windows-20261122T204155Z"], ["", "windows", "../x-20261122T204155Z", "x-٢0261122T204155Z", "x-20261122T204155"]),
    "day": (firmware.Day, ["", "2026-11-22"], ["2026-13-01", "2026-02-30", "22.11.2026", "today", "2026-1-1", "20261122"]),
    "option": (kernel.Line, ["CONFIG_DRM=n", 'CONFIG_X="a b"', "# CONFIG_X is not set"], ["", "DRM=n", 'CONFIG_X="$(shell id)"', 'CONFIG_X="`id`"', 'CONFIG_X="a\\"', "CONFIG_X=y z", "include x"]),
    "suffix": (kernel.Suffix, ["-xenhost"], ["", "x", "-", "-A", "-a b", "-a/b", "-" + "a" * 40]),
    "sha256": (kernel.Sha256, ["a" * 64], ["", "a" * 63, "A" * 64, "g" * 64]),
    "key": (installation.PublicKey, ["ssh-ed25519 AAAA me@home"], ["", "AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----", 'command="id" ssh-ed25519 AAAA', "ssh-ed25519"]),
    "bdf": (types.Bdf, ["0000:01:00.0", "01:00.0"], ["", "1:0.0", "01:20.0", "01:00.8", "01:00.0 x", "gg:00.0"]),
    "id": (types.PciId, ["8086:10d3"], ["", "8086", "8086:10d", "8086:10d3 ; x"]),
    "sentence": (types.Sentence, ["", "network card for ipfire", "Ärger 🙂"], [LONG * 3]),
    "secret": (secrets.SecretReference, ["", "env:A", "file:/x", "command:pass x"], ["hunter2", "ask", "env:", "x:y"]),
    "password": (secrets.PasswordReference, ["", "ask", "env:A", "file:/x", "command:pass x"], ["hunter2", "asked", "ask:me", "env:"]),
}  # fmt: skip
ACTING = ("\n", "\r", "\t", "\0", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066",
          "\u200f", "\ufeff", "\ud800")  # fmt: skip


def text_fields(model=HostParams, seen=None):
    """Yield model, field and the annotation of every text in the parameters that is not one of a list of words."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    for name, annotation in typing.get_type_hints(model, include_extras=True).items():
        if name not in model.model_fields:
            continue
        for leaf in leaves(annotation):
            bare = typing.get_args(leaf)[0] if typing.get_origin(leaf) is typing.Annotated else leaf
            if isinstance(bare, type) and issubclass(bare, BaseModel):
                yield from text_fields(bare, seen)
            elif bare is str:
                yield f"{model.__name__}.{name}", leaf


def leaves(annotation):
    """Yield what an annotation is made of, an annotated text whole."""
    if typing.get_origin(annotation) is typing.Annotated:
        inner = typing.get_args(annotation)[0]
        if inner is str or isinstance(inner, type):
            yield annotation
            return
        annotation = inner
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal or not inner:
        yield annotation
    else:
        for one in inner:
            yield from leaves(one)


def takes(kind, text):
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def test_every_text_has_a_stated_type():
    """A new text in a model stands in the table above with its type; a plain `str` is none."""
    found = dict(text_fields())
    assert found == TYPES
    assert [name for name, kind in found.items() if kind is str] == []


def test_every_type_of_the_table_is_tried():
    """Each type that a field has is tried with what it takes and what it refuses."""
    tried = [kind for kind, *_ in TRIED.values()]
    assert [name for name, kind in TYPES.items() if kind not in tried and kind is not names.ZoneOrNone
            and kind is not names.InstallerLocale] == []  # fmt: skip


@pytest.mark.parametrize("name", TRIED)
def test_a_type_takes_what_it_means_and_nothing_else(name):
    """What the tool itself takes is taken; reserved, malformed and injected values are not."""
    kind, good, bad = TRIED[name]
    assert [text for text in good if not takes(kind, text)] == []
    assert [text for text in bad if takes(kind, text)] == []


@pytest.mark.parametrize("where", TYPES)
def test_no_text_holds_what_acts(where):
    """No field, whatever its type, keeps a control character, a line's end or a turn of direction."""
    model = next(m for m in all_models() if m.__name__ == where.split(".")[0])
    name, chance = where.split(".")[1], random.Random(where)
    _, good, _ = next((t for t in TRIED.values() if t[0] == TYPES[where]), (None, ["Europe/Berlin"], None))
    for sign in ACTING:
        for _ in range(3):
            text = chance.choice([g for g in good if g] or ["x"])
            at = chance.randrange(len(text) + 1)
            given = text[:at] + sign + text[at:]
            kept = kept_of(model, name, given)
            assert kept is None or sign not in kept, (where, given)


def all_models(model=Closed):
    for sub in model.__subclasses__():
        yield sub
        yield from all_models(sub)


def kept_of(model, name, text):
    """Return what a model keeps of a text in a field, None when it is refused; other fields are left out."""
    hint = typing.get_type_hints(model, include_extras=True)[name]
    is_list = "tuple" in str(model.model_fields[name].annotation)
    given = [text] if is_list else text
    try:
        model._texts_can_be_said({name: given})
        value = TypeAdapter(hint).validate_python(given)
        model.model_construct(**dict.fromkeys(model.model_fields) | {name: value})._texts_are_one_line()
    except ValidationError:
        return None
    return "".join(value) if is_list else value


@pytest.mark.parametrize("file", sorted(path.name for path in CASES.glob("*.yml")))
def test_unsafe_values_go_through(file, monkeypatch):
    """Each file is refused with a line and a next move."""
    monkeypatch.chdir(CASES.parents[1])
    with pytest.raises(ParamsError) as caught:
        load(CASES / file)
    assert f"{file}, line " in str(caught.value)
    assert "do:" in str(caught.value)


GATEWAYS = {
    "ipv4: 10.0.0.2/24, gateway: 10.0.0.1": "",
    "ipv4: 10.0.0.2/24, gateway: 10.0.1.1": "is not in the network",
    "ipv4: 10.0.0.2/24, gateway: 10.0.0.2": "own address",
    "ipv4: 10.0.0.2/24, gateway: 10.0.0.0": "no machine in",
    "ipv4: 10.0.0.2/24, gateway: 10.0.0.255": "no machine in",
    "ipv4: dhcp, gateway: 10.0.0.1": "dhcp brings one",
    "ipv4: none, gateway: 10.0.0.1": "no address there",
    "gateway: 10.0.0.1": "keep takes the gateway that is there",
    "ipv6: 2001:db8::2/64, gateway6: 2001:db8::1": "",
    "ipv6: 2001:db8::2/64, gateway6: fe80::1": "",
    "ipv6: 2001:db8::2/64, gateway6: 2001:db8:1::1": "is not in the network",
    "ipv6: 2001:db8::2/64, gateway6: 2001:db8::2": "own address",
    "ipv6: auto, gateway6: fe80::1": "the router that gives the address",
    "gateway6: fe80::1": "keep takes the gateway that is there",
}


@pytest.mark.parametrize("bridge", GATEWAYS)
def test_a_gateway_is_another_machine_in_the_network(bridge):
    """A gateway outside the bridge's network, or without an address to use it, is refused."""
    text = f"host: box\nconnection: {{kind: local}}\nnetwork: {{bridges: [{{name: br0, {bridge}}}]}}\n"
    if not GATEWAYS[bridge]:
        made = loads(text, Path("x")).network.bridges[0]
        assert (made.gateway or made.gateway6) in bridge
        return
    with pytest.raises(ParamsError, match=GATEWAYS[bridge]):
        loads(text, Path("x"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network: {bridges: [{name: a, ports: [b]}, {name: b}]}", "is a bridge itself"),
        ("network: {bridges: [{name: a, ipv4: 10.0.0.2/24}, {name: b, ipv4: 10.0.0.9/16}]}", "in one network"),
        ("network: {bridges: [{name: a, ipv4: 10.0.0.2/24}, {name: b, more_addresses: [10.0.0.9/16]}]}", "in one network"),
        ("network: {bridges: [{name: a, ipv6: 2001:db8::2/64}, {name: b, ipv6: 2001:db8::9/64}]}", "in one network"),
        ("network: {bridges: [{name: a, ipv4: none, more_addresses: [10.0.0.2/24]}]}", "write `ipv4: 10.0.0.2/24` instead"),
        ("network: {bridges: [{name: a, ipv6: 2001:db8::2/64, more_addresses: [2001:db8::2/64]}]}", "more than once"),
        ("network: {bridges: [{name: a, ipv6: 2001:db8::2/64, gateway6: fe80::1}, {name: b, ipv6: fd00::2/64, gateway6: fe80::1}]}",
         "keep one gateway6"),
        (f"storage: {{guest_volume_group: {'g' * 60}}}\nguests: [{{name: a, memory_mib: 64, vnc_display: 1, "
         f"volume: {{name: {'v' * 70}, size_gib: 1}}}}]", "device-mapper"),
        ("consent: [set_boot_meun]", "did you mean 'set_boot_menu'"),
        ("consent: [no_such_thing_at_all]", "there is no step"),
        ("installation: {root_password_hash: \"command:a\\nb\"}", "U+000A"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(text, said):
    """Bridges in each other or in one network, names too long together, and consent to nothing are refused."""
    with pytest.raises(ParamsError) as caught:
        loads(f"host: box\nconnection: {{kind: local}}\n{text}\n", Path("x"))
    assert said in str(caught.value)
