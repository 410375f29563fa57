"""Markdown as HTML: headings that can be led to, links that are resolved."""

from runbook.evidence.prose import Prose, forge_slug, jupyter_slug


def test_headings_get_ids_of_their_own():
    """A heading that comes twice gets another id, over several pieces of one page; all are listed."""
    prose = Prose(jupyter_slug)
    first, second = prose.html("# One two"), prose.html("## One two\n\n### `x` & y")
    assert 'id="One-two"' in first
    assert 'id="One-two-again-1"' in second
    assert prose.headings == [
        (1, "One-two", "One two"),
        (2, "One-two-again-1", "One two"),
        (3, "x-&-y", "x & y"),
    ]
    assert 'id="x-&amp;-y"' in second


def test_a_documents_headings_have_the_ids_of_a_forge():
    """A link that works where the Markdown is read on a forge works on the page."""
    assert 'id="stop-then-run-it"' in Prose(forge_slug).html("## Stop, then: `run` it")


def test_a_name_within_a_link_is_no_second_link():
    """Code that is a name and stands in a link leads where the link leads."""
    prose = Prose(forge_slug, str.upper, {"name": "other.html"})
    assert prose.html("[`name`](to.md)").count("<a ") == 1
    assert 'href="TO.MD"' in prose.html("[`name`](to.md)")
    assert '<a href="other.html"><code>name</code></a>' in prose.html("`name` `names`")


def test_pictures_are_resolved_and_keep_their_text():
    """A picture's address is resolved like a link's, and its alternative text stays."""
    html = Prose(forge_slug, lambda to: f"x/{to}").html("![A disk](disk.png)")
    assert 'src="x/disk.png"' in html
    assert 'alt="A disk"' in html


def test_a_fault_of_the_guide_is_a_footnote():
    """Numbers of faults in brackets are small, say on the pointer what they stand for, and lead where they led."""
    prose = Prose(forge_slug, lambda to: f"x/{to}")
    html = prose.html(
        "It fails ([H605](c.md#h605), [H611](c.md#h611)), and [H605](c.md#h605) too, [H999](c.md)."
    )
    assert html.count('<sup class="faults">') == 1
    first = '<a class="fault" href="x/c.md#h605" title="/etc/defaults/ is /etc/default/.">H605</a>'
    assert f'It fails<sup class="faults">{first}, <a class="fault" href="x/c.md#h611"' in html
    assert f"and {first} too" in html
    assert '<a href="x/c.md">H999</a>' in html


def test_where_the_list_of_faults_is_not_the_number_still_says_what_it_stands_for():
    """In a report, which has no such page, the number is no link, and the pointer tells the same."""
    html = Prose(forge_slug, lambda to: "").html("It fails ([H605](../docs/coverage.md#h605)).")
    assert 'It fails<sup class="faults"><span class="fault" title="/etc/defaults/ is' in html
    assert "<a " not in html
