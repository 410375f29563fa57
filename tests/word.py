"""The operator's word for programs, in a configuration folder of the test's own."""

from runbook.controller.allowed import Program, allow


def give(monkeypatch, folder, *programs):
    """Allow programs, each a place and a text; nothing that the person at this machine allowed counts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    for place, text in programs:
        allow(Program(place, text))
