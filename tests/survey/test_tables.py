"""The tables of the survey."""

from runbook import survey
from tests.survey.machines import bare, dom0, params

COLUMNS = ["address", "device", "class", "id", "driver", "group", "reset", "verdict", "why"]


def test_a_row_a_device():
    """The table has a row for each device, with what it is, who has it, and the verdict."""
    table = survey.survey_table(bare())
    assert list(table.columns) == COLUMNS
    assert len(table) == 12
    assert list(table.iloc[4]) == [
        "0000:00:05.0", "Intel Corporation 82574L Gigabit Network Connection", "Ethernet controller",
        "8086:10d3", "e1000e", "3", "pm", "may be passed", "",
    ]  # fmt: skip


def test_parameters_protect_the_guests_disks():
    """With parameters the controller of the guests' volume group must stay."""
    row = 8
    assert survey.survey_table(bare())["verdict"][row] == "needs care"
    assert survey.survey_table(bare(), params())["verdict"][row] == "must stay"


def test_the_same_facts_give_the_same_table():
    """Nothing in the tables depends on anything but the facts."""
    assert survey.survey_table(bare()).to_csv() == survey.survey_table(bare()).to_csv()


def test_what_the_machine_is():
    """The machine's table names what decides whether it can be a host."""
    table = survey.machine_table(bare())
    assert dict(zip(table["what"], table["value"], strict=True)) == {
        "processor": "AMD EPYC Processor, 2 threads",
        "virtualisation": "svm with npt",
        "memory": "5925 MiB",
        "board": "QEMU Standard PC (Q35 + ICH9, 2009), EFI Development Kit II / OVMF 0.0.0",
        "started by": "UEFI",
        "Secure Boot": "off",
        "IOMMU": "AMD-Vi (IVRS)",
        "hypervisor": "none",
        "disks": "vda 11.5 GiB, vdb 8.0 GiB",
        "cards": "enp0s3, enp0s4, enp0s5",
        "this session came in by": "enp0s3",
    }


def test_when_nothing_is_known_nothing_is_claimed():
    """Under Xen, without its tools and without a kept survey, virtualisation is said to be unseen."""
    table = survey.machine_table(dom0(xl_info=None, kept=None))
    assert table["value"][1] == "not seen"


def test_under_xen_xen_is_quoted():
    """Under Xen the table says what Xen says, and counts the whole machine's memory."""
    table = survey.machine_table(dom0())
    value = dict(zip(table["what"], table["value"], strict=True))
    assert value["virtualisation"].startswith("Xen says: pv hvm hvm_directio")
    assert (value["memory"], value["hypervisor"], value["cards"]) == ("6137 MiB", "Xen", "enp0s3, enp0s4")
