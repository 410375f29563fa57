"""What is seen of every page at three widths: nothing sticks out, nothing lies on text, tables and pictures can be read."""

from dataclasses import asdict

import pytest

from runbook.evidence.fleets.page import fleet_page
from runbook.evidence.pages import runs_page
from tests.browser.test_reading import every_page
from tests.evidence.attested import record

pytestmark = pytest.mark.browser
WIDTHS = (400, 900, 1400)
SMALLEST_PX = 9
"""Of a picture's words; the pictures are drawn with 12 px."""
LONGEST = 40
"""Rows of an output's table that may stand unfolded; the devices' is read whole."""
MEASURED = """([smallest, longest]) => {
    const wide = document.documentElement.clientWidth, found = [];
    const more = document.documentElement.scrollWidth - wide;
    if (more > 0) found.push(`the page is ${more} px too wide`);
    const meets = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const range = document.createRange();
    for (const button of document.querySelectorAll("main .copy")) {
        const place = button.getBoundingClientRect(), pre = button.parentElement.querySelector("pre");
        if (!place.width || !pre) continue;
        const box = pre.getBoundingClientRect();
        range.selectNodeContents(pre);
        for (const { left, right, top, bottom } of range.getClientRects()) {
            const seen = { left: Math.max(left, box.left), right: Math.min(right, box.right), top, bottom };
            if (seen.left < seen.right && meets(place, seen)) {
                found.push(`a button lies on ${pre.textContent.slice(0, 30)}`);
                break;
            }
        }
    }
    for (const table of document.querySelectorAll("main table[id^=T_]")) {
        const rows = table.querySelectorAll("tbody tr").length, last = [...table.querySelectorAll("tbody td:last-child")];
        if (rows > longest && table.id !== "T_devices" && !table.closest("details"))
            found.push(`${table.id} has ${rows} rows, unfolded`);
        const columns = table.rows[0] ? table.rows[0].cells.length : 0;
        if (columns < 5) continue;
        const cut = last.filter((cell) => cell.offsetWidth && cell.textContent
            && cell.getBoundingClientRect().right > Math.min(wide, table.closest(".outputs, .wide, .fact, body").getBoundingClientRect().right) + 1);
        if (cut.length) found.push(`the last column of ${table.id} is out of sight in ${cut.length} rows`);
    }
    for (const list of document.querySelectorAll("main table.list.stacks"))
        if (list.parentElement.scrollWidth > list.parentElement.clientWidth + 1)
            found.push(`a list of ${list.rows.length} rows is cut`);
    for (const picture of document.querySelectorAll("main svg[role=img]")) {
        const drawn = picture.getBoundingClientRect().width, size = 12 * drawn / picture.viewBox.baseVal.width;
        if (drawn && size < smallest) found.push(`words of ${size.toFixed(1)} px in the picture ${picture.querySelector("title").textContent}`);
    }
    return found;
}"""


def looked(page, path):
    """Return what is wrong with a page at each width in light, and at the smallest in dark, with the window's."""
    page.emulate_media(color_scheme="light")
    page.goto(path.as_uri())
    found = []
    for width, scheme in [*((width, "light") for width in WIDTHS), (WIDTHS[0], "dark")]:
        page.set_viewport_size({"width": width, "height": 850})
        page.emulate_media(color_scheme=scheme)
        found += [f"{width} px, {scheme}: {what}" for what in page.evaluate(MEASURED, [SMALLEST_PX, LONGEST])]
    return found


@pytest.mark.parametrize("touched", [False, True], ids=["pointer", "touch"])
def test_every_page_can_be_looked_at(look, site, report, touched):
    """On every page of the site and of a report: nothing too wide, no button on text, no last column out of sight, no tiny words."""
    page, found = look(site / "index.html", has_touch=touched), {}
    for path in every_page(site, report):
        found |= {str(path): wrong} if (wrong := looked(page, path)) else {}
    assert found == {}


def test_lists_of_runs_and_hosts_are_read_whole(look, tmp_path):
    """A fleet's hosts with their reasons, its runs and all hosts: on a telephone no column is out of sight, and numbers say of what."""
    why = "06_xen_configuration: NotRecorded\n  where: /srv/recordings/empty/06_xen_configuration/hide_devices.jsonl"
    host = {
        **{
            "host": "a-host-with-a-long-name-01",
            "params": "/home/ana/folder/params/01.yml",
            "state": "failed",
        },
        **{
            "report": "",
            "notebook": "",
            "step": "",
            "message": why,
            "exit_code": 7,
            "seconds": 3700.0,
            "earlier": "",
        },
    }
    asked = {"mode": "apply", "parallel": 2, "serial": 0, "scheduler": ""}
    fleet = {
        "id": "20261125T234641.123Z-fleet-abcdef",
        "started": "2026-01-01T00:00:00Z",
        "outcome": "failed",
    }
    fleet |= {"seconds": 3700.0, "resumes": "", "asked": asked, "hosts": [host], "link": "x", "verdict": why}
    run = asdict(record(1, host["host"])) | {"place": f"{host['host']}/{record(1).id}", "notebooks": []}
    found = {}
    for name, text in (("fleet", fleet_page(fleet)), ("runs", runs_page([run], fleets=([fleet], 0)))):
        (tmp_path / f"{name}.html").write_text(text)
        page = look(tmp_path / f"{name}.html")
        found[name] = looked(page, tmp_path / f"{name}.html")
        assert page.locator("td.num[data-of]").count() > 1
    assert found == {"fleet": [], "runs": []}


def test_the_reasons_of_the_devices_are_read_at_every_width(look, site):
    """In the first chapter each *why* is within the window, whole, with its head beside it where the table is stacked."""
    page = look(site / "notebooks/00_introduction.html")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 850})
        cells = page.locator("#T_devices tbody td:last-child")
        for cell in cells.all():
            box = cell.bounding_box() if cell.text_content() else None
            assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= width and box["width"] > 150)
        assert cells.count() > 10
    page.set_viewport_size({"width": WIDTHS[0], "height": 850})
    head = page.locator("#T_devices td.col7").first.evaluate(
        "(cell) => getComputedStyle(cell, '::before').content"
    )
    assert head == '"why"'


def test_what_is_wrong_is_seen(look, site):
    """Each of the faults that are looked for is found when it is there."""
    page = look(site / "notebooks/00_introduction.html")
    page.evaluate("""() => {
        const article = document.querySelector("article"), rows = "<tr><td>a</td></tr>".repeat(41);
        article.insertAdjacentHTML("beforeend", `<hr style="width:2000px"><table id="T_long"><tbody>${rows}</tbody></table>
            <div class="outputs"><table id="T_wide"><tbody><tr><td>a</td><td>b</td><td>c</td><td>d</td>
            <td style="min-width:3000px">why</td></tr></tbody></table></div>
            <svg role="img" viewBox="0 0 900 10" style="width:90px"><title>tiny</title></svg>`);
        const copy = document.querySelector(".copy");
        copy.style.cssText = "position:absolute;opacity:1";
        copy.parentElement.style.cssText = "display:block;position:relative";
        const pre = copy.parentElement.querySelector("pre").getBoundingClientRect();
        const at = copy.getBoundingClientRect();
        copy.style.transform = `translate(${pre.left + 5 - at.left}px, ${pre.top + 5 - at.top}px)`;
    }""")
    page.set_viewport_size({"width": 1400, "height": 850})
    found = " | ".join(page.evaluate(MEASURED, [SMALLEST_PX, LONGEST]))
    for what in (
        "px too wide",
        "a button lies on",
        "T_long has 41 rows",
        "column of T_wide",
        "px in the picture tiny",
    ):
        assert what in found, found
