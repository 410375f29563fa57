"""The form in JupyterLab: typed into as a person does, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.form.test_form import TWO, comments

pytestmark = pytest.mark.browser
CARD = "0000:00:05.0 "


@pytest.fixture
def example(server):
    """Return a copy of the example's parameters, under a name of its own."""
    path = server.folder / "params/mine.yml"
    path.write_text((server.folder / "params/example.yml").read_text())
    return path


@pytest.fixture
def form(lab, server, example):
    """Return the notebook with the form of that copy."""
    notebook = lab(server.write("12_form", "from runbook import form", 'form("params/mine.yml")'))
    notebook.step("c1")
    return notebook, notebook.step("c2")


def pressed(cell, name):
    cell.get_by_role("button", name=name).click()


def row(cell, device):
    """Return the row of the picker that has a device."""
    return cell.locator(".widget-hbox", has=cell.page.locator("select")).filter(has_text=device)


def test_what_is_typed_is_judged_shown_and_saved(form, example):
    """A wrong value is said at once where it is; a right one is saved after its diff, with every comment kept."""
    _, cell = form
    before = example.read_text()
    cell.locator(".jupyter-widget-Collapse-header", has_text="dom0").click()
    field = cell.get_by_label("memory_mib").first
    field.fill("")
    field.press_sequentially("much")
    expect(cell.get_by_text("wrong: Input should be a valid integer")).to_be_visible()
    expect(cell.get_by_text("The parameter 'dom0.memory_mib' is wrong")).to_be_visible()
    field.fill("3072")
    expect(cell.get_by_text("The parameters are right.")).to_be_visible()
    expect(cell.get_by_text("wrong: ")).to_have_count(0)
    expect(cell.get_by_role("button", name="Save")).to_be_disabled()
    pressed(cell, "Show the changes")
    expect(cell.get_by_text("-  memory_mib: 2048")).to_be_visible()
    expect(cell.get_by_text("+  memory_mib: 3072")).to_be_visible()
    assert example.read_text() == before
    pressed(cell, "Save")
    expect(cell.get_by_text("Saved to")).to_be_visible()
    assert example.read_text() == before.replace("memory_mib: 2048", "memory_mib: 3072", 1)


def test_what_must_stay_is_greyed_out_with_the_reason(form):
    """On the recorded machine the disk of / and the card of the session cannot be chosen; a spare card is its guest's."""
    _, cell = form
    for device, why in (("0000:00:08.0", "dom0 uses /"), ("0000:00:03.0", "it carries this ssh session")):
        held = row(cell, device)
        expect(held.locator("select")).to_be_disabled()
        expect(held.get_by_text(why)).to_be_visible()
        assert held.locator("[style*=opacity]").count() == 1
    expect(row(cell, CARD).locator("select")).to_have_value("ipfire")
    assert row(cell, CARD).locator("[style*=opacity]").count() == 0
    assert row(cell, CARD).get_by_text("IOMMU group").is_visible()


def test_a_guest_gets_a_device_and_the_sums_follow(form, example):
    """A card that is given to another guest is written there; memory and virtual CPUs are summed, and too much is said."""
    _, cell = form
    expect(cell.get_by_text("3602 of 5925 MiB")).to_be_visible()
    expect(cell.get_by_text("6 on 2 threads")).to_be_visible()
    row(cell, CARD).locator("select").select_option("nginx")
    pressed(cell, "Show the changes")
    expect(cell.locator("pre", has_text="to be saved")).to_contain_text("+    pci: [0000:00:05.0]")
    cell.locator(".jupyter-widget-Collapse-header", has_text="dom0").click()
    cell.get_by_label("memory_mib").first.fill("5000")
    expect(cell.get_by_text("MiB too much").last).to_be_visible()
    expect(cell.get_by_text("The parameters are too much for this machine")).to_be_visible()
    assert "nginx" in example.read_text()


def test_a_group_is_chosen_whole(lab, server):
    """One choice gives a guest both functions of a card; a device stands under the bridge that leads to it."""
    path = server.folder / "params/two.yml"
    path.write_text(TWO)
    notebook = lab(server.write("13_two", "from tests.browser.toys import form", f'form("{path}")'))
    notebook.step("c1")
    cell = notebook.step("c2")
    assert "0000:00:1c.0 bridge└ 0000:03:00.0 Ethernet" in row(cell, "0000:03:00.0").text_content().replace(
        "\xa0", " "
    )
    row(cell, "0000:05:00.1").locator("select").select_option("two")
    pressed(cell, "Show the changes")
    expect(cell.locator("pre", has_text="to be saved")).to_contain_text(
        "+    pci: [0000:05:00.0, 0000:05:00.1]"
    )
    pressed(cell, "Save")
    expect(cell.get_by_text("Saved to")).to_be_visible()
    assert comments(path.read_text()) == comments(TWO)
    assert path.read_text().count("0000:05:00.") == 4
