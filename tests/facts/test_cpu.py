"""The processor, on plain Debian and under Xen."""

from runbook.facts import cpu
from tests.survey.machines import bare, dom0

INTEL = """\
model name\t: Intel(R) Core(TM) i7-3770 CPU @ 3.40GHz
flags\t\t: fpu vme de vmx smx est
vmx flags\t: vnmi preemption_timer invvpid ept_x_only ept flexpriority
threads : 8
"""


def test_the_testbeds_processor():
    """An AMD processor that can do both shows svm and npt, and no Xen answers."""
    assert cpu.parse(bare()) == cpu.Cpu("AMD EPYC Processor", 2, "svm", "npt", ())


def test_intel_names_nested_paging_on_its_own_line():
    """On Intel, ept is found on the line `vmx flags`, which recent kernels print."""
    found = cpu.parse(bare(cpuinfo=INTEL))
    assert (found.threads, found.virtualisation, found.nested_paging) == (8, "vmx", "ept")


def test_a_flag_is_a_whole_word():
    """`ept_x_only` alone is not `ept`."""
    found = cpu.parse(bare(cpuinfo=INTEL.replace(" ept ", " ")))
    assert found.nested_paging == ""


def test_under_xen_the_flags_are_hidden_and_xen_is_heard():
    """Under Xen dom0 sees no flag, but `xl info` tells what the machine can do and its threads."""
    found = cpu.parse(dom0(xl_info="nr_cpus : 8\nvirt_caps : pv hvm hvm_directio\n"))
    assert (found.virtualisation, found.threads) == ("", 8)
    assert found.xen_caps == ("pv", "hvm", "hvm_directio")
