"""No reader takes the square of an answer's length: each of those that did, with the text that it did so for."""

import subprocess
import sys

import pytest

N = 200_000
READERS = {
    "kept.hidden": "from runbook.model.ask import Answer; from runbook.drift import kept; read = lambda t: kept.hidden(Answer(0, t), 'k')",
    "has_rules": "from runbook.facts.firewall import has_rules as read",
    "covered": "from runbook.facts.trim import covered as read",
    "number_of": "from runbook.facts.storage.tables import number_of; read = lambda t: number_of(t, '/dev')",
    "target_of": "from runbook.guests import disk_spec; read = lambda t: disk_spec.parse('phy:/dev/mapper/' + t)",
    "os_release": "from runbook.facts.system import os_release as read",
    "lspci_names": "from runbook.facts.pci import lspci_names as read",
    "assignable": "from runbook.facts.xen import _BDFS; read = _BDFS.findall",
    "devices of a guest": "from runbook.guests import device_words, syntax; read = lambda t: device_words.wrong(syntax.parse(t), 'trixie')",
}
CASES = [
    ("kept.hidden", "0" * N),
    ("kept.hidden", "passwd-" * (N // 7)),
    ("kept.hidden", "-----BEGIN PRIVATE KEY-----\n" * (N // 28)),
    ("has_rules", " " * N + "x"),
    ("has_rules", "type" + " hook" * (N // 5)),
    ("covered", "/" + ": " * (N // 2)),
    ("number_of", "1" * N + "x"),
    ("target_of", "-" * N),
    ("os_release", "ID='" + "a" * (8 * N) + "'"),
    ("lspci_names", "(" * (8 * N)),
    ("assignable", "0" * N),
    ("devices of a guest", 'usbctrl = ["' + "backend=" * 40 + ',!"]'),
    ("devices of a guest", 'p9 = ["' + "path=" * 40 + ',!"]'),
]


@pytest.mark.parametrize(
    ("reader", "text"), CASES, ids=[f"{name}-{text[:8].strip()!r}" for name, text in CASES]
)
def test_a_long_answer_is_read_in_time(reader, text):
    """In a process of its own, because a pattern at work cannot be interrupted: it is there, or refused, in 10 s, its start included."""
    code = f"import sys\n{READERS[reader]}\ntry: read(sys.stdin.read())\nexcept ValueError: pass"
    subprocess.run([sys.executable, "-c", code], input=text, text=True, check=True, timeout=10)
