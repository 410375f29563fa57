"""What notebook 03 checks and edits, as a user of pyinfra would write it; its values are the playbook's."""

from io import StringIO
from pathlib import Path

from jinja2 import Template
from pyinfra import host
from pyinfra.operations import apt, files, server, systemd

wanted = host.data.wanted
HERE = Path(host.data.here)

apt.packages(name="No mail server, no os-prober", packages=wanted["absent_names"], present=False)
apt.packages(name="The chosen packages", packages=wanted["packages"], no_recommends=True)

files.block(
    name="LVM tells the disks what is free",
    path="/etc/lvm/lvmlocal.conf",
    content=wanted["lvm_section"].rstrip("\n"),
    marker="# xen-runbook {mark}",
    begin="begin",
    end="end",
    try_prevent_shell_expansion=True,
)
for timer_or_service in ("fstrim.timer", "systemd-timesyncd.service"):
    systemd.service(
        name=f"The service {timer_or_service}", service=timer_or_service, running=True, enabled=True
    )

server.hostname(name="The host's name", hostname=wanted["name_of_host"])
files.link(
    name="The time zone", path="/etc/localtime", target=f"../usr/share/zoneinfo/{wanted['zone']}", force=True
)
for one in wanted["lines"]:
    edited = files.line(
        name=f"A line of {one['path']}",
        path=one["path"],
        line=one["regexp"],
        replace=one["line"],
        extended_regex=True,
    )
    if one["path"] == "/etc/locale.gen":
        server.shell(name="Make the locales", commands=["locale-gen"], _if=edited.did_change)

files.put(
    name="Security updates",
    src=str(HERE / "templates/52xen-runbook"),
    dest="/etc/apt/apt.conf.d/52xen-runbook",
    mode="644",
)
ssh = files.put(
    name="ssh by key only",
    src=str(HERE / "templates/10-xen-runbook.conf"),
    dest="/etc/ssh/sshd_config.d/10-xen-runbook.conf",
    mode="644",
)
server.shell(name="Reload ssh", commands=["sshd -t", "systemctl reload ssh.service"], _if=ssh.did_change)

for person in wanted["users"]:
    server.user(
        name=f"The account {person['name']}",
        user=person["name"],
        shell="/bin/bash",
        groups=person["groups"],
        append=True,
        create_home=True,
        public_keys=person["keys"],
    )

rules = files.template(
    name="The packet filter",
    src=str(HERE / "templates/nftables.conf.j2"),
    dest="/etc/nftables.conf",
    mode="755",
    tcp_ports=wanted["tcp_ports"],
    udp_ports=wanted["udp_ports"],
)
server.shell(name="Load the packet filter", commands=["nft -f /etc/nftables.conf"], _if=rules.did_change)
systemd.service(
    name="The packet filter at each start", service="nftables.service", running=None, enabled=True
)

verify = Template((HERE / "templates/verify.sh.j2").read_text()).render(**wanted)
server.script(name="What is in force", src=StringIO(verify))
