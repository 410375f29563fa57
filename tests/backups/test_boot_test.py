"""A guest on trial: what its console says is the verdict, silence is told as silence, and all of it is thrown away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runbook.backups.boot_test import NAME, Trial, Unable
from tests.backups.host import Host

#: What LVM and Xen would do with a volume that is a file, and a guest that runs while a file says so.
FAKES = {
    "lvcreate": '[ ! -e "$BACKUP_ROOT/full" ] || { echo "insufficient free space" >&2; exit 5; }; : >"$BACKUP_ROOT/volume"',
    "lvs": '[ -e "$BACKUP_ROOT/volume" ] && echo "  xen-runbook-boot-test"',
    "lvremove": 'rm -f "$BACKUP_ROOT/volume"',
    "xl": 'case $1 in create) : >"$BACKUP_ROOT/runs";; destroy) rm -f "$BACKUP_ROOT/runs";; domid) [ -e "$BACKUP_ROOT/runs" ] && echo 7;; esac',
    "xenstore-read": 'cat "$BACKUP_ROOT/tty"',
    "backup": 'exit "$(cat "$BACKUP_ROOT/restores" 2>/dev/null || echo 0)"',
}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    for name, script in FAKES.items():
        host.fake(name, script)
    monkeypatch.setenv("BACKUP_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return host


def tried(host: Host, said: bytes, wait_s: int = 20) -> tuple[str, str]:
    """Return the verdict about a guest whose console said this; nothing of it is left afterwards."""
    ours, its = os.openpty()
    (host.root / "tty").write_text(os.ttyname(its))
    os.write(ours, said)
    # What is written to one end is read at the other, which is the guest's own device.
    try:
        os.write(ours, b"")
        return Trial("guests", "", "/etc/xen/x.cfg", str(host.root / "bin/backup"), wait_s).run(
            host.store, "comm-x", 1 << 20
        )
    finally:
        os.close(ours)
        os.close(its)
        assert not (host.root / "volume").exists()
        assert not (host.root / "runs").exists()


@pytest.mark.parametrize(
    ("said", "verdict", "words"),
    [
        (b"Debian GNU/Linux 13 comm hvc0\n\ncomm login: \n", "yes", "asked for a login"),
        (b"[    1.2] Kernel panic - not syncing: VFS\n", "no", "Kernel panic"),
        (b"You are in emergency mode.\n", "no", "emergency mode"),
    ],
)
def test_what_the_console_says_is_the_verdict(host: Host, said: bytes, verdict: str, words: str) -> None:
    """A prompt for a login is yes, a panic is no; the reason is what was seen."""
    found = tried(host, said)
    assert found[0] == verdict
    assert words in found[1]


def test_silence_is_no_verdict(host: Host) -> None:
    """A guest that says nothing on its serial port may have started or not: nobody knows."""
    assert tried(host, b"", wait_s=3) == ("unknown", "it ran 3 s and said nothing on its serial port")


def test_a_guest_that_stops_half_way_did_not_start(host: Host) -> None:
    """It said something and asked for no login in its time: the last line is told."""
    found = tried(host, b"Loading Linux ...\n", wait_s=3)
    assert found[0] == "no"
    assert "Loading Linux ..." in found[1]


def test_a_port_that_comes_late_is_heard(host: Host) -> None:
    """Xen notes the serial port a while after the guest was made: it is asked for until it is there and can be opened."""
    host.fake(
        "xenstore-read",
        'echo x >>"$BACKUP_ROOT/tries"; case $(wc -l <"$BACKUP_ROOT/tries") in 1 | 2) ;; 3) echo /dev/pts/none ;; *) cat "$BACKUP_ROOT/tty" ;; esac',
    )
    assert tried(host, b"comm login: \n")[0] == "yes"


@pytest.mark.parametrize("what", ["full", "restores"])
def test_what_could_not_be_tried_is_no_verdict_either(host: Host, what: str) -> None:
    """No room for the scratch volume, or a restoring that fails: nothing is known of the backup, and nothing is left."""
    (host.root / what).write_text("1")
    with pytest.raises(
        Unable, match="no room for a scratch volume" if what == "full" else "restoring it beside"
    ):
        tried(host, b"comm login: \n")
    assert not [c for c in host.calls() if c.startswith("xl create")]


def test_what_is_not_ours_is_not_thrown_away(host: Host) -> None:
    """A volume of that name without the tag is somebody's: it is never removed."""
    (host.root / "volume").write_text("x")
    host.fake("lvs", "echo other")
    Trial("guests", "", "/etc/xen/x.cfg", "backup", 1).throw_away()
    assert (host.root / "volume").exists()
    assert f"lvs --noheadings -o lv_tags guests/{NAME}" in host.calls()
