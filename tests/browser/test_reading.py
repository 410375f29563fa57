"""The site and a report in a real browser: for everybody, found and followed, at every width, in light and dark."""

import pytest

from runbook.site.build import HOME

pytestmark = pytest.mark.browser
PAINTED = """() => new Promise((done) => new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.name === "first-contentful-paint") done(one.startTime);
}).observe({type: "paint", buffered: true}))"""
CHAPTER = "notebooks/06_xen_configuration.html"


def wrong(page, *, only_colours=False):
    """Return what axe-core calls serious or critical on a page, with the first element that has it."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if only_colours else None
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} ({len(one['nodes'])})"
        for one in Axe().run(page, options=options).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def every_page(site, report):
    return [*sorted(site.rglob("*.html")), *sorted(report.parents[1].rglob("*.html"))]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nobody_is_kept_out(look, site, report, dark):
    """axe-core finds no serious fault on any page of the site or of a report, unfolded; in the dark no pale colour."""
    page, found = look(site / "index.html", dark=dark), {}
    for path in every_page(site, report):
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
        found |= {str(path): faults} if (faults := wrong(page, only_colours=dark)) else {}
    assert found == {}


def test_the_check_for_faults_sees_them(look, site):
    """Text that cannot be read and a picture without a text are found."""
    page = look(site / "index.html")
    page.evaluate("""() => document.querySelector("main article").insertAdjacentHTML("beforeend",
        '<p style="color:#ddd;background:#fff">pale</p><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">')""")
    assert [fault.split(":")[0] for fault in sorted(wrong(page))] == ["color-contrast", "image-alt"]


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_nothing_sticks_out_on_a_phone(look, site, report):
    """At 400 px no page of the site or of a report is wider than the screen."""
    page, found = look(site / "index.html", width=400), {}
    page.evaluate(
        "document.querySelector('article').insertAdjacentHTML('beforeend', '<hr style=width:500px>')"
    )
    assert overflow(page) > 0
    for path in every_page(site, report):
        page.goto(path.as_uri())
        found |= {str(path): by} if (by := overflow(page)) else {}
    assert found == {}


def test_a_word_is_found_and_leads_to_its_place(look, site):
    """Words of an output lead to their section, by keyboard alone, from a file."""
    page = look(site / "docs/faults.html")
    page.keyboard.press("/")
    page.keyboard.type("softdep pciback")
    hit = page.locator("#found a", has_text="Hide the devices")
    hit.wait_for()
    assert (
        "softdep"
        in page.locator("#found mark").first.text_content().lower() + page.locator("#found").text_content()
    )
    assert not page.locator("article").is_visible()
    hit.press("Enter")
    page.wait_for_url("**/06_xen_configuration.html#Hide-the-devices")
    assert page.locator("#Hide-the-devices").is_visible()


def test_a_word_that_is_nowhere_is_said_to_be_nowhere(look, site):
    """Nothing found is said; Escape brings the page back."""
    page = look(site / "index.html")
    page.fill("input[type=search]", "xyzzyplugh")
    page.get_by_text("Nothing was found").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("article").is_visible()


def test_the_guide_is_read_by_next_and_previous(look, site):
    """`Next` leads from the first page into the guide, `Previous` back."""
    page = look(site / "index.html")
    page.locator("[rel=next]").click()
    page.wait_for_url("**/00_introduction.html")
    page.locator("[rel=next]").click()
    page.wait_for_url("**/01_uefi.html")
    page.locator("[rel=prev]").click()
    page.locator("[rel=prev]").click()
    page.wait_for_url("**/index.html")
    assert page.title() == HOME


def test_a_report_is_read_by_next_and_previous(look, report):
    """In a report the notebooks of the run are followed the same way."""
    page = look(report / "05_xen_installation.html")
    page.locator("[rel=next]").click()
    page.wait_for_url("**/06_xen_configuration.html")
    page.locator("[rel=prev]").click()
    page.wait_for_url("**/05_xen_installation.html")


def test_a_command_is_copied_to_the_letter(look, site):
    """The button copies what stands beside it, without itself."""
    page = look(site / "index.html")
    block = page.locator(".copyable", has_text="make run").first
    block.hover()
    block.locator("button").click()
    page.get_by_text("Copied").wait_for()
    page.locator("input[type=search]").focus()
    page.keyboard.press("Control+V")
    said = block.locator("pre").text_content()
    assert page.locator("input[type=search]").input_value().split() == said.split()


def test_all_is_folded_and_unfolded(look, site):
    """One button opens everything that is folded, and closes it again."""
    page = look(site / CHAPTER)
    closed = page.locator("main details:not([open])")
    assert closed.count() > 0
    page.get_by_role("button", name="Unfold all").click()
    assert closed.count() == 0
    page.get_by_role("button", name="Fold all").click()
    assert page.locator("main details[open]").count() == 0


def test_without_scripts_everything_is_there(look, site):
    """Without JavaScript a chapter is read, unfolded and left; what would need a script is not shown."""
    page = look(site / CHAPTER, java_script_enabled=False)
    assert page.locator("article svg, article table").first.is_visible()
    assert not page.locator("form[role=search]").is_visible()
    folded = page.locator("main details:not([open])").first
    folded.locator("summary").click()
    assert page.locator("main details pre").first.is_visible()
    page.locator("[rel=next]").click()
    page.wait_for_url("**/07_first_boot.html")


def test_on_a_phone_the_contents_are_one_touch_away(look, site):
    """The link at the top leads to the list of pages below, which leads on."""
    page = look(site / CHAPTER, width=400, has_touch=True)
    page.get_by_role("link", name="Contents", exact=True).tap()
    page.locator("#contents").get_by_role("link", name="07 First boot").tap()
    page.wait_for_url("**/07_first_boot.html")


def test_the_first_page_is_there_within_a_second(look, site):
    """From the disk, the first page and a chapter are read, laid out and painted in less than a second.

    It is the time that the page's thread works, in which other work on the machine is not counted.
    """
    for name in ("index.html", CHAPTER):
        page = look("about:blank")
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto((site / name).as_uri())
        painted_ms = page.evaluate(PAINTED)
        metrics = {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}
        worked_ms = metrics["TaskDuration"] * 1000
        print(
            f"{name}: first paint after {painted_ms:.0f} ms, of which {worked_ms:.0f} ms the page's own work"
        )
        assert 0 < worked_ms < 1000
