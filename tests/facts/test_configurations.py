"""All configurations below /etc/xen, asked by the real shell, and what their paths lead to."""

import os
import subprocess

import pytest

from runbook.facts import configurations
from runbook.facts.guest_files import FILES
from runbook.model.ask import MISSING, Answer, Facts


def answered(ask):
    done = subprocess.run(ask.argv, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(tmp_path):
    """A folder as /etc/xen may be: links, folders, other names, scripts, a file with a blank."""
    for name in ("auto", "config.d", "domains", "scripts"):
        (tmp_path / "xen" / name).mkdir(parents=True)
    xen = tmp_path / "xen"
    (xen / "web.cfg").write_text("name = 'web'\n")
    (xen / "auto/01-web.cfg").symlink_to("../web.cfg")
    (xen / "win7").write_text("name = 'win7'\ndisk = [ 'target=/srv/a, b.img', 'phy:null,hda,w' ]")
    (tmp_path / "mail").write_text("name = 'mail'\ndisk = [ '" + str(tmp_path) + "/mail,raw,hda,w' ]\n")
    (xen / "auto/mail").symlink_to(tmp_path / "mail")
    (xen / "config.d/my guest.cfg").write_text("name = 'my guest'\n")
    (xen / "domains/old.cfg.bak").write_text("name = 'old'\n")
    (xen / "xl.conf").write_text('autoballoon="off"\n')
    (xen / "broken").write_text("name = 'broken\nmemory = 512\n")
    (xen / "README").write_text("Put your configurations here.\n")
    (xen / "scripts/block").write_text("name=$1\n")
    return xen


def facts(folder):
    texts = "".join(
        f"/etc/xen/{p.name}:{line}\n" for p in folder.glob("*.cfg") for line in p.read_text().splitlines()
    )
    return Facts(
        {FILES: Answer(0, texts), configurations.ELSEWHERE: answered(configurations.elsewhere(str(folder)))}
    )


def test_every_configuration_counts_once_whatever_its_name_and_place(folder):
    """Links are followed and each real file counts once; copies, examples, scripts and xl's own settings do not."""
    found = configurations.parse_all(facts(folder))
    names = {"/etc/xen/web.cfg", f"{folder}/win7", f"{folder.parent}/mail", f"{folder}/config.d/my guest.cfg"}
    assert set(found.texts) - set(found.unread) == names
    assert found.texts[f"{folder}/win7"].endswith("'phy:null,hda,w' ]\n")


def test_what_xl_cannot_read_is_said_and_not_skipped(folder):
    """A file that looks like a guest's and is none is named with the line; a plain text is not."""
    found = configurations.parse_all(facts(folder)).unread
    assert list(found) == [f"{folder}/broken"]
    assert "line 1" in found[f"{folder}/broken"]


def test_what_root_cannot_read_is_said(folder):
    """The answer's own mark of a file that could not be opened becomes its reason."""
    said = Answer(0, "= /etc/xen/win7\n! permission denied\n")
    known = Facts({FILES: Answer(0), configurations.ELSEWHERE: said})
    assert configurations.parse_all(known).unread == {"/etc/xen/win7": "permission denied"}


def test_a_host_that_has_no_answer_is_not_known_and_no_error(tmp_path):
    """Without the folder the question says nothing and ends well; without an answer only the *.cfg are known."""
    assert answered(configurations.elsewhere(str(tmp_path / "none"))) == Answer(0)
    assert answered(configurations.identities((), str(tmp_path / "none"))).out == ""
    known = Facts(
        {FILES: Answer(0, "/etc/xen/a.cfg:name = 'a'\n"), configurations.ELSEWHERE: Answer(MISSING)}
    )
    assert configurations.parse_all(known).texts == {"/etc/xen/a.cfg": "name = 'a'\n"}
    assert not configurations.parse_all(known).is_whole


def test_paths_of_configurations_and_those_asked_for_are_told_by_what_they_are(folder):
    """A link, a hard link and the file itself are one; a path with a comma is found behind target=."""
    real = folder.parent / "real.img"
    real.write_text("x")
    os.link(real, folder.parent / "hard.img")
    (folder.parent / "link.img").symlink_to(real)
    names = tuple(str(folder.parent / name) for name in ("hard.img", "link.img", "gone.img"))
    (folder / "a.cfg").write_text(f"disk = ['format=raw,vdev=hda,target={real}']\n")
    known = configurations.parse_identities(answered(configurations.identities(names, str(folder))).out)
    assert known.same(str(real)) == known.same(names[0]) == known.same(names[1]) != known.same(names[2])
    assert known.names(names[1]) >= {str(real), *names[:2]}
    assert known.same(names[2]) == names[2]


def test_what_a_block_device_stands_on_is_told(tmp_path):
    """A partition lies in its disk's folder, and a volume names what holds it; a host without block devices says nothing."""
    devices, names = tmp_path / "devices", tmp_path / "class"
    names.mkdir()
    for path, number in {"sda": "8:0", "sda/sda3": "8:3", "dm-1": "254:1"}.items():
        folder = devices / path
        folder.mkdir(parents=True)
        (folder / "dev").write_text(f"{number}\n")
        (names / folder.name).symlink_to(folder)
    (devices / "sda/sda3/partition").write_text("3\n")
    (devices / "dm-1/slaves").mkdir()
    (devices / "dm-1/slaves/sda3").symlink_to(devices / "sda/sda3")
    said = answered(configurations.stands_on(str(names))).out
    assert sorted(said.splitlines()) == ["254:1 8:3", "8:3 8:0"]
    known = configurations.parse_identities("", said)
    assert known.below == {"b:254:1": {"b:8:3", "b:8:0"}, "b:8:3": {"b:8:0"}}
    assert answered(configurations.stands_on(str(tmp_path / "none"))) == Answer(0)
    assert answered(configurations.STANDS_ON).ok


def test_a_block_device_has_its_number(monkeypatch):
    """Numbers of devices are decimal, as lsblk has them; a volume by its mapper's name is the same one."""
    said = "block special file|fe:1|5:312|/dev/guests/web\n"
    known = configurations.parse_identities(said)
    assert known.number("/dev/mapper/guests-web") == known.number("/dev/guests/web") == "254:1"
    assert known.number("/srv/a.img") == ""
