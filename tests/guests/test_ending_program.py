"""The program that ends guests, run for real with a make-believe Xen: whom it asks how, in which order, and what it says."""

import os
import subprocess

import pytest

from runbook.guests import ending

XL = r"""#!/bin/sh
# Each guest is a folder: its number, its state, and what it does when it is asked.
by() { for d in "$ROOT"/g/*/; do [ -e "$d/id" ] || continue; n=$(basename "$d")
    if [ "$n" = "$1" ] || [ "$(cat "$d/id")" = "$1" ]; then echo "$d"; return; fi; done; }
row() { printf '%-40s %5d %5d %5d     %s %6.1f\n' "$1" "$2" 512 1 "$3" 3.4; }
# A guest that restarts is away for some looks: xl removes the old one, pauses, and makes the new one.
for w in "$ROOT"/g/*/away; do [ -e "$w" ] || continue; n=$(($(cat "$w") - 1)); echo $n >"$w"
    [ $n -gt 0 ] || { rm "$w"; echo 99 >"${w%away}id"; echo acpi >"${w%away}does"; }; done
case $1 in
    list)
        [ ! -e "$ROOT/no-xen" ] || { echo "xl: no hypervisor" >&2; exit 1; }
        printf '%-40s %5s %5s %5s %9s %s\n' Name ID Mem VCPUs State 'Time(s)'
        [ $# -gt 1 ] || row Domain-0 0 r-----
        for d in "$ROOT"/g/*/; do
            [ -e "$d/id" ] || continue
            [ $# = 1 ] || [ "$2" = "$(cat "$d/id")" ] || continue
            row "$(basename "$d")" "$(cat "$d/id")" "$(cat "$d/state")"
        done ;;
    domid) d=$(by "$2"); [ -n "$d" ] && cat "$d/id" ;;
    *)
        d=$(by "$(for last; do :; done; echo "$last")") ; [ "$1" != trigger ] || d=$(by "$2")
        echo "$1${3:+ $2} $(basename "$d")" | sed 's/^trigger [0-9]*/trigger/' >>"$ROOT/log"
        does=$(cat "$d/does")
        case $1:$does in
            shutdown:drivers | shutdown:acpi)
                [ $does = drivers ] || [ "$2" = -F ] || exit 1
                rm "$d/id"; echo "ended $(basename "$d")" >>"$ROOT/log" ;;
            shutdown:alone) echo ---s-- >"$d/state" ;;
            shutdown:restarts) echo 99 >"$d/id"; echo acpi >"$d/does" ;;
            shutdown:away) rm "$d/id"; echo 7 >"$d/away" ;;
            shutdown:dying) n=$(basename "$d"); mkdir -p "$ROOT/g/(null)"; cp "$d/id" "$ROOT/g/(null)/id"
                echo --ps-d >"$ROOT/g/(null)/state"; echo held >"$ROOT/g/(null)/does"; echo 99 >"$d/id"; echo acpi >"$d/does" ;;
            shutdown:* ) exit 1 ;;
            trigger:second) rm "$d/id" ;;
            unpause:*) echo -b---- >"$d/state" ;;
            destroy:held) ;;
            destroy:*) rm "$d/id" ;;
        esac ;;
esac
"""
COMMANDS = {
    "xl": XL,
    # The clock goes on by one second with each sleep, whoever sleeps.
    "sleep": '#!/bin/sh\necho >>"$ROOT/clock"\n/bin/sleep 0.01\n',
    "date": '#!/bin/sh\n[ "$1" = +%s ] || exec /bin/date "$@"\nwc -l <"$ROOT/clock"\n',
    "systemctl": '#!/bin/sh\ncat "$ROOT/system"\n',
}


class Dom0:
    """A folder that looks like dom0 to the program."""

    def __init__(self, root):
        self.root = root
        for folder in ("bin", "g", "tmp", "etc/xen/auto", "etc/default"):
            (root / folder).mkdir(parents=True)
        for name, text in COMMANDS.items():
            (root / "bin" / name).write_text(text)
            (root / "bin" / name).chmod(0o755)
        (root / "program").write_text(ending.program())
        (root / "log").touch()
        (root / "clock").write_text("\n" * 1000)
        (root / "system").write_text("stopping\n")
        self.number = 0

    def guest(self, name, does="acpi", state="-b----"):
        self.number += 1
        folder = self.root / "g" / name
        folder.mkdir()
        for file, text in (("id", str(self.number)), ("state", state), ("does", does)):
            (folder / file).write_text(f"{text}\n")

    def starts(self, *names):
        for place, name in enumerate(names, 1):
            (self.root / f"etc/xen/auto/{place:02d}-x.cfg").write_text(f"memory = 1\nname = '{name}'\n")

    def defaults(self, text):
        (self.root / "etc/default/xendomains").write_text(text)

    def run(self, *args, hold=20, again=10):
        times = {"END_HOLD": str(hold), "END_AGAIN": str(again), "END_ALONE": "10"}
        env = os.environ | times | {
            "ROOT": str(self.root), "END_ROOT": str(self.root), "TMPDIR": str(self.root / "tmp"),
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
        }  # fmt: skip
        done = subprocess.run(
            ["sh", str(self.root / "program"), *args],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not list((self.root / "tmp").iterdir()), "it leaves nothing behind"
        return done

    @property
    def log(self):
        return (self.root / "log").read_text().splitlines()

    @property
    def there(self):
        return sorted(path.parent.name for path in self.root.glob("g/*/id"))


@pytest.fixture
def dom0(tmp_path):
    return Dom0(tmp_path)


def test_a_guest_without_drivers_is_asked_by_acpi(dom0):
    """What Debian's own script passes over: `xl shutdown` without -F does not reach it."""
    dom0.guest("windows", "acpi")
    done = dom0.run("-l", "100", "windows")
    assert (done.returncode, dom0.log) == (0, ["shutdown -F windows", "ended windows"])
    assert done.stdout.startswith("windows: it ended by itself after ")


def test_guests_end_in_the_reverse_of_their_order(dom0):
    """First together those that do not start with the host, then one by one, the first started last."""
    for name in ("router", "Windows 10", "web", "mail"):
        dom0.guest(name, "drivers")
    dom0.starts("router", "web")
    assert dom0.run("--all").returncode == 0
    ended = [line.removeprefix("ended ") for line in dom0.log if line.startswith("ended")]
    assert (sorted(ended[:2]), ended[2:]) == (["Windows 10", "mail"], ["web", "router"])


def test_the_next_do_not_wait_for_ever(dom0):
    """One that does not end holds the others for a while only, and keeps its own limit."""
    dom0.guest("router")
    dom0.guest("deaf", "deaf")
    dom0.starts("router", "deaf")
    done = dom0.run("-l", "60", "--all", hold=10)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("router: it ended by itself")
    assert lines[1].startswith("deaf: it did not end within ")
    assert lines[1].endswith(" and runs on")
    assert lines[2].startswith("still running: deaf; ")
    assert (done.returncode, dom0.there) == (1, ["deaf"])


def test_the_button_is_pressed_again(dom0):
    """A sleeping system takes the first press for a wish to wake up."""
    dom0.guest("windows", "second")
    assert dom0.run("-l", "200", "windows").returncode == 0
    assert dom0.log[:2] == ["shutdown -F windows", "trigger windows"]


def test_no_plug_is_pulled_without_being_told(dom0):
    """With -k it is, and said."""
    dom0.guest("deaf", "deaf")
    assert dom0.run("-l", "5", "deaf").returncode == 1
    assert dom0.there == ["deaf"]
    done = dom0.run("-l", "5", "-k", "deaf")
    assert (done.returncode, dom0.there) == (1, [])
    assert "and its plug was pulled" in done.stdout


def test_a_guest_that_restarts_is_asked_again(dom0):
    """The new one has another number and the same name."""
    dom0.guest("linux", "restarts")
    done = dom0.run("-l", "100", "linux")
    assert (done.returncode, dom0.there) == (0, [])
    assert "linux: it restarted instead of ending, and is asked again" in done.stdout


def test_a_guest_that_is_away_between_its_end_and_its_new_beginning_has_not_ended(dom0):
    """xl pauses for two seconds there (xl_vmcontrol.c), and nobody has the name; what is said afterwards is true."""
    dom0.guest("linux", "away")
    done = dom0.run("-l", "100", "linux")
    assert (done.returncode, dom0.there) == (0, [])
    assert "linux: it restarted instead of ending, and is asked again" in done.stdout
    assert dom0.log.count("shutdown -F linux") == 2


def test_a_call_between_a_guest_s_end_and_its_new_beginning_waits_for_it(dom0):
    """A guest that is not listed now may be in a moment."""
    dom0.guest("linux")
    (dom0.root / "g/linux/id").unlink()
    (dom0.root / "g/linux/away").write_text("2\n")
    assert dom0.run("linux").returncode == 0
    assert (dom0.log, dom0.there) == (["shutdown -F linux", "ended linux"], [])


def test_what_is_left_of_the_old_one_does_not_hide_the_new_one(dom0):
    """Somebody holds the old one's memory, so Xen still lists its number, as dying; the new one has the name already."""
    dom0.guest("linux", "dying")
    done = dom0.run("-l", "100", "linux")
    assert (done.returncode, dom0.there) == (0, ["(null)"])
    assert "linux: it restarted instead of ending, and is asked again" in done.stdout


def test_a_guest_whose_keeper_is_gone_is_removed(dom0):
    """It has switched itself off, and the xl that would have removed it was ended before."""
    dom0.guest("linux", "alone")
    assert dom0.run("-l", "100", "linux").returncode == 0
    assert dom0.log[-1] == "destroy linux"


def test_a_paused_guest_goes_on_to_end(dom0):
    """It could not hear anything else."""
    dom0.guest("linux", "acpi", "--p---")
    assert dom0.run("-l", "100", "linux").returncode == 0
    assert dom0.log[0] == "unpause linux"


def test_a_crashed_guest_is_nothing_to_wait_for(dom0):
    """It is kept for whoever looks into it, unless plugs are pulled."""
    dom0.guest("linux", "deaf", "----c-")
    assert "it had crashed" in dom0.run("-l", "100", "linux").stdout
    assert dom0.there == ["linux"]
    assert dom0.run("-l", "100", "-k", "linux").returncode == 0
    assert dom0.there == []


def test_a_guest_that_does_not_run_has_ended(dom0):
    """So a second call is right, too."""
    assert dom0.run("web").returncode == 0


def test_the_owners_limit_counts(dom0):
    """XENDOMAINS_STOP_MAXWAIT is what Debian's own script goes by."""
    dom0.guest("deaf", "deaf")
    dom0.defaults("XENDOMAINS_STOP_MAXWAIT=7\n")
    assert "deaf: it did not end within 7 s" in dom0.run("deaf").stdout


class TestAsTheHostGoesDown:
    def test_what_became_of_each_is_kept(self, dom0):
        """A plug is pulled at the limit, and the next look at the host can say whose."""
        dom0.guest("web")
        dom0.guest("deaf", "deaf")
        dom0.defaults("XENDOMAINS_STOP_MAXWAIT=10\n")
        done = dom0.run("--host")
        kept = (dom0.root / ending.KEPT[1:]).read_text().splitlines()
        assert (done.returncode, dom0.there) == (1, [])
        assert sorted(line.split(" ", 2)[1:][0] for line in kept) == ["cut", "ended"]
        assert "cut deaf: it did not end within 1" in "\n".join(kept)

    def test_a_unit_that_is_only_stopped_ends_nobody(self, dom0):
        """Taking the step back stops the unit, and the host stays up."""
        dom0.guest("web")
        (dom0.root / "system").write_text("running\n")
        assert dom0.run("--host").stdout == "the host is not going down: guests run on\n"
        assert dom0.there == ["web"]

    @pytest.mark.parametrize("word", ["XENDOMAINS_SAVE=/var/lib/xen/save", "XENDOMAINS_MIGRATE=10.0.0.9"])
    def test_what_the_owner_wants_done_with_guests_is_left_to_xendomains(self, dom0, word):
        """It saves or migrates them, which it cannot do with guests that have ended."""
        dom0.guest("web")
        dom0.defaults(f"{word}\n")
        assert dom0.run("--host").returncode == 0
        assert dom0.there == ["web"]


def test_without_xen_it_says_so(dom0):
    """Nobody was asked, so nothing is claimed."""
    (dom0.root / "no-xen").touch()
    done = dom0.run("--all")
    assert (done.returncode, done.stderr) == (2, "end-guests: xl does not answer: xl: no hypervisor\n")
