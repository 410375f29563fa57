"""The guide's prose: the trade's own terms, told once and found in the glossary, and every chapter led on from."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
BEATS = {"In 2013", "Now", "What to expect:", "Now,"}
INVENTED = {
    "pretend": "emulated",
    "mending": "fix",
    "mended": "fixed",
    "own kernel is": "kernel of your own",
    "its words": "boot options",
    "shows its teeth": "causes trouble",
    "that very plan": "that exact plan",
    "this very plan": "this exact plan",
    "lets go of": "closes, releases",
    "by night": "automatically",
    "apt-get upgrade`, then": "apt upgrade: apt-get upgrade never installs a kernel's new package",
    "/dev/sda 1": "/dev/xvda: what a Linux guest calls its disk under Xen",
}
"""Plain words that were made up for terms that everybody can search for, and advice that was wrong; each with what is right."""


def cells(name: str) -> dict[str, str]:
    """Return the prose of a notebook, by the ids of its cells."""
    nb = json.loads((ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "markdown"}


def terms() -> list[str]:
    """Return the glossary's terms, as they are written there."""
    heads = re.findall(r"(?m)^- (.+?): ", GLOSSARY)
    return [term for head in heads for term in re.findall(r"\*\*(.+?)\*\*", head)]


def invented(text: str) -> list[str]:
    return [
        f"{word!r}: {right}"
        for word, right in INVENTED.items()
        if word in text.lower().replace("recommended", "")
    ]


@pytest.mark.parametrize("name", [*NAMES, "fleet"])
def test_the_trades_own_terms_are_used(name):
    """No notebook says in invented words what has a name, nor gives advice that was found wrong."""
    assert {id_: found for id_, text in cells(name).items() if (found := invented(text))} == {}


def test_invented_words_are_found():
    """The check can fail."""
    assert invented("A guest sees a pretend PC.") == ["'pretend': emulated"]
    assert invented("What is recommended.") == []


def test_the_glossary_has_each_term_once_and_in_order():
    """A term is told once; within a section they are sorted."""
    found = [term.strip("`").lower() for term in terms()]
    assert sorted(found) == sorted(set(found))
    for section in GLOSSARY.split("\n## ")[1:]:
        heads = [head.strip("`").lower() for head in re.findall(r"(?m)^- \*\*(.+?)\*\*", section)]
        assert heads == sorted(heads), section.partition("\n")[0]


def test_what_the_guide_uses_is_in_the_glossary_and_the_other_way_round():
    """Each term that a chapter prints in bold is in the glossary, and each of the glossary's is used in a chapter."""
    every = {name: cells(name) for name in NAMES}
    whole = "\n".join(text for chapter in every.values() for text in chapter.values()).lower()
    known = GLOSSARY.lower()
    bold = {
        bold["term"]
        for name in NAMES[1:]  # the first chapter prints whole paragraphs' beginnings in bold
        for text in every[name].values()
        for bold in re.finditer(r"(?P<begins>^|\n)?\*\*(?P<term>[^*\n]{2,60}?)\*\*", text)
        if bold["begins"] is None and bold["term"] not in BEATS
    }
    assert [term for term in bold if term.strip("`,").removesuffix("s").lower() not in known] == []
    assert len(bold) > 20
    assert [term for term in terms() if term.strip("`").lower() not in whole] == []


def test_the_parameters_are_explained_once():
    """The first chapter tells what the parameters cell is; the others lead there in a line."""
    told = {name: cells(name)["about-parameters"] for name in NAMES}
    assert "recorded host is replayed" in told[NAMES[0]]
    for name in NAMES[1:]:
        assert "(00_introduction.ipynb)" in told[name]
        assert len(told[name].split()) < 30


@pytest.mark.parametrize(("name", "following"), [*pairwise(NAMES)])
def test_a_chapter_leads_to_the_next(name, following):
    """Its last section has a link to the next notebook, in JupyterLab as on a page, with that one's title."""
    title = cells(following)["title"].partition("\n")[0].removeprefix("# ")
    assert f"[{following[:2]} {title}]({following}.ipynb)" in cells(name)["next"]


def test_the_first_chapter_says_what_will_happen():
    """Before anything else: what happens to the machine, what can go wrong, the way back, how long; and will mine do."""
    text = cells(NAMES[0])["what-will-happen"]
    assert list(cells(NAMES[0]))[1] == "what-will-happen"
    for notebook in NAMES[:10]:
        assert notebook[:2] in text
    for said in (
        "what can go wrong",
        "how you get back",
        "How long",
        "../docs/machines.md",
        "runbook survey",
    ):
        assert said in text
