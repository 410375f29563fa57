"""The form in JupyterLab: typed into as a person does, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.form.test_form import TWO, comments

pytestmark = pytest.mark.browser
CARD = "0000:00:05.0 "
# Whether the numbers of all pieces of the bars can be read: large enough, and inside their piece and the window.
_NUMBERED = """([cell, wanted]) => [...cell.querySelectorAll("[aria-hidden] > span[title]")].filter((piece) => {
    const range = document.createRange();
    range.selectNodeContents(piece.firstChild);
    const [text, box] = [range, piece].map((one) => one.getBoundingClientRect());
    return parseFloat(getComputedStyle(piece).fontSize) >= 12 && box.right <= window.innerWidth
        && box.left <= text.left && text.right <= box.right && box.top <= text.top && text.bottom <= box.bottom;
}).map((piece) => piece.firstChild.data.trim()).filter((number) => /\\d/.test(number)).join("") === wanted"""


@pytest.fixture
def example(server):
    """Return a copy of the example's parameters, under a name of its own."""
    path = server.folder / "params/mine.yml"
    path.write_text((server.folder / "params/example.yml").read_text())
    return path


@pytest.fixture
def form(lab, server, example):
    """Return the notebook with the form of that copy."""
    return opened(lab, server)


def opened(lab, server):
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


def test_every_wrong_field_is_marked(form):
    """Two wrong values are both said where they are, the top counts them, and each section's head has its number."""
    _, cell = form
    heads = cell.locator(".jupyter-widget-Collapse-header")
    heads.filter(has_text="dom0").click()
    cell.get_by_label("memory_mib").first.fill("much")
    cell.get_by_label("max_vcpus").fill("0")
    expect(cell.get_by_text("wrong: Input should be a valid integer")).to_be_visible()
    expect(cell.get_by_text("wrong: Input should be greater than or equal to 1")).to_be_visible()
    expect(cell.get_by_text("2 things are wrong.")).to_be_visible()
    expect(heads.filter(has_text="dom0 · 2 wrong")).to_be_visible()
    cell.get_by_label("max_vcpus").fill("2")
    expect(heads.filter(has_text="dom0 · 1 wrong")).to_be_visible()
    expect(cell.get_by_label("max_vcpus")).to_be_focused()
    cell.get_by_label("memory_mib").first.fill("3072")
    expect(heads.filter(has_text="wrong")).to_have_count(0)
    expect(cell.get_by_text("The parameters are right.")).to_be_visible()


def test_the_sums_follow_what_does_not_fit(lab, server, example):
    """Too much for the file's `ram_mib` is an error, and the bar shows by how much, each piece with its number, on a phone too."""
    example.write_text(example.read_text().replace("release: trixie", "release: trixie\nram_mib: 5925"))
    notebook, cell = opened(lab, server)
    notebook.page.keyboard.press("Control+B")  # on a phone nobody has the list of files beside a notebook
    expect(cell.get_by_text("memory: 5925 MiB, 3602 MiB given out")).to_be_visible()
    cell.locator(".jupyter-widget-Collapse-header", has_text="dom0").click()
    cell.get_by_label("memory_mib").first.fill("50000")
    expect(cell.get_by_text("the machine has ram_mib: 5925")).to_be_visible()
    expect(cell.get_by_text("51554 MiB given out, 45629 MiB more than there is")).to_be_visible()
    expect(cell.get_by_text("too much", exact=True)).to_have_count(1)
    body = notebook.page.locator("body")
    for width, scheme in ((1280, "light"), (400, "dark")):
        notebook.page.set_viewport_size({"width": width, "height": 850})
        notebook.page.emulate_media(color_scheme=scheme)
        expect(body).to_have_attribute("data-jp-theme-light", "false" if scheme == "dark" else "true")
        notebook.page.wait_for_function(_NUMBERED, arg=[cell.element_handle(), "12345612345"])


def test_what_must_stay_is_folded_with_the_reason(form):
    """On the recorded machine the disk of / and the card of the session have no picker but a line; a spare card is its guest's."""
    _, cell = form
    cell.locator("summary", has_text="must stay with dom0").click()
    for device, why in (("0000:00:08.0", "dom0 uses /"), ("0000:00:03.0", "it carries this ssh session")):
        expect(row(cell, device)).to_have_count(0)
        expect(cell.locator("li", has_text=device).get_by_text(why)).to_be_visible()
    expect(row(cell, CARD).locator("select")).to_have_value("ipfire")
    assert row(cell, CARD).get_by_text("IOMMU group").is_visible()


def test_a_guest_gets_a_device_and_the_sums_follow(form, example):
    """A card that is given to another guest is written there; memory and virtual CPUs are summed, and too much is said."""
    _, cell = form
    before = example.read_text()
    expect(cell.get_by_text("memory: 5925 MiB, 3602 MiB given out")).to_be_visible()
    expect(cell.get_by_text("virtual processors: 6, on 2 threads")).to_be_visible()
    row(cell, CARD).locator("select").focus()
    row(cell, CARD).locator("select").select_option("nginx")
    expect(cell.get_by_role("button", name="Show the changes")).to_be_visible()
    expect(row(cell, CARD).locator("select")).to_be_focused()
    pressed(cell, "Show the changes")
    expect(cell.locator("pre", has_text="to be saved")).to_contain_text("+    pci: [0000:00:05.0]")
    cell.locator(".jupyter-widget-Collapse-header", has_text="dom0").click()
    cell.get_by_label("memory_mib").first.fill("5000")
    expect(cell.get_by_text("MiB too much").last).to_be_visible()
    expect(cell.get_by_text("The parameters are too much for this machine")).to_be_visible()
    assert example.read_text() == before


def test_a_guest_comes_and_goes_while_its_section_is_open(form):
    """After "Add one" and "Remove" the section is still unfolded, with the guests that there are; so after a pick."""
    _, cell = form
    cell.locator(".jupyter-widget-Collapse-header", has_text="guests").click()
    expect(cell.locator("b:text-is('windows')")).to_be_visible()
    cell.locator("button[title='Add one: guests']").click()
    expect(cell.locator("b:text-is('guests 5')")).to_be_visible()
    cell.locator("button[title='Remove guests 5: guests.4']").click()
    expect(cell.locator("b:text-is('guests 5')")).to_have_count(0)
    expect(cell.locator("b:text-is('windows')")).to_be_visible()
    row(cell, CARD).locator("select").select_option("nginx")
    expect(cell.locator("b:text-is('windows')")).to_be_visible()
    expect(cell.get_by_text("The parameters are right.")).to_be_visible()


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
