"""Soft dependencies of modules: the question put to real files, and which of several lines counts."""

import re
import subprocess

from runbook.facts import soft_dependencies
from runbook.model.ask import Answer, Facts

BUILT_IN = "# Soft dependencies extracted from modules themselves.\nsoftdep r8169 pre: realtek\n"


def read(folder, **files):
    """Return what the question finds in files below a folder, named by their paths with `__` for `/`."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_conf", ".conf").replace("_softdep", ".softdep")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = re.sub(r" /(?=[a-z])", f" {folder}/", soft_dependencies._LINES.argv[2]).replace(
        "$(uname -r)", "6.12"
    )
    done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True)
    said = done.stdout.replace(f"{folder}/", "/")
    return soft_dependencies.parse(Facts({soft_dependencies._LINES: Answer(0, said)}))


def test_a_host_without_any(tmp_path):
    """Nothing is found where there is no file, nor where nobody asked."""
    assert read(tmp_path) == soft_dependencies.parse(Facts({})) == soft_dependencies.SoftDependencies()


def test_the_first_line_counts_in_the_order_of_names(tmp_path):
    """modprobe sorts files by name whatever their folder; what a module brings along comes behind all of them."""
    found = read(
        tmp_path,
        **{
            "etc__modprobe.d__vfio_conf": "options vfio-pci ids=8086:10d3\nsoftdep e1000e pre: vfio-pci\n",
            "lib__modprobe.d__a_conf": "softdep nouveau post: snd-hda-intel\n# softdep e1000e pre: nothing\n",
            "lib__modules__6.12__modules_softdep": BUILT_IN,
        },
    )
    assert [d.module for d in found.lines] == ["nouveau", "e1000e", "r8169"]
    assert (found.of("e1000e").pre, found.of("r8169").pre) == (("vfio-pci",), ("realtek",))
    assert (found.of("nouveau").pre, found.of("nouveau").post) == ((), ("snd-hda-intel",))
    assert found.vfio == found.bringing("vfio-pci") == {"/etc/modprobe.d/vfio.conf"}
    assert found.of("e1000e", ["/etc/modprobe.d/vfio.conf"]) is None


def test_a_file_hides_its_namesake_of_a_later_folder(tmp_path):
    """An empty file in /etc takes the distribution's of the same name out of force (modprobe.d(5))."""
    line = "softdep e1000e pre: vfio_pci\n"
    assert read(tmp_path, **{"lib__modprobe.d__kvm_conf": line}).bringing("vfio-pci")
    hidden = read(tmp_path, **{"etc__modprobe.d__kvm_conf": "", "lib__modprobe.d__kvm_conf": line})
    assert hidden == soft_dependencies.SoftDependencies()


def test_a_line_goes_on_behind_a_backslash(tmp_path):
    """The line is put together before it is read, at the end of a file too."""
    found = read(tmp_path, **{"etc__modprobe.d__a_conf": "softdep e1000e \\\n  pre: a \\\n b post: c"})
    assert [d.line() for d in found.lines] == ["softdep e1000e pre: a b post: c"]
