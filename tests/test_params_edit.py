"""Changing a parameter file in place: the values are as asked, and nothing else is another."""

import copy
from pathlib import Path

import pytest

from runbook.errors import ParamsError
from runbook.params import edit
from runbook.params.yaml12 import parse

FILES = [Path(__file__).parents[1] / "params" / f"{name}.yml" for name in ("example", "victory")]
NEW = {"bdf": "0000:02:00.0", "id": "8086:10d3", "what": "a: new one"}


def places(value, where=()):
    """Yield every place in a value, and what stands there."""
    if where:
        yield where, value
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in below:
        yield from places(part, (*where, key))


def at(value, where):
    for key in where:
        value = value[key]
    return value


def read(text):
    return parse(text, Path("x"))[0]


def comments(text):
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_value_can_be_changed_alone(file):
    """A new value at any place changes that place, that line alone, and no comment."""
    text = file.read_text()
    for where, old in list(places(read(text)))[::9]:
        if isinstance(old, str):
            changed, wanted = edit.put(text, where, "new: 1"), read(text)
            at(wanted, where[:-1])[where[-1]] = "new: 1"
            assert read(changed) == wanted
            assert sum(a != b for a, b in zip(text.splitlines(), changed.splitlines(), strict=True)) == 1
            assert comments(changed) == comments(text)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_everything_can_be_removed_alone(file):
    """What is removed is gone, a mapping that it leaves empty too; a list stays, and what is left is as it was."""
    text = file.read_text()
    for where, _ in list(places(read(text)))[::7]:
        wanted, gone = read(text), where
        while (
            len(gone) > 1
            and isinstance(gone[-2], str)
            and len(at(wanted, gone[:-1])) == 1
            and isinstance(gone[-1], str)
        ):
            gone = gone[:-1]
        del at(wanted, gone[:-1])[gone[-1]]
        changed = edit.remove(text, where)
        assert read(changed) == wanted, where
        left = changed.splitlines()
        assert all(line in left for line in text.splitlines() if line.lstrip().startswith("#")), where


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_list_takes_one_more(file):
    """An item is added at the end of any list, mapping or word, with every comment left."""
    text = file.read_text()
    lists = [(where, value) for where, value in places(read(text)) if isinstance(value, list)][::3]
    for where, value in [
        *lists,
        (("management", "mounts"), None),
        (("fresh",), None),
        (("kernel", "more"), None),
    ]:
        item = NEW if value is None or (value and isinstance(value[0], dict)) else "word"
        changed, wanted = edit.append(text, where, item), copy.deepcopy(read(text))
        if value is None:
            below = wanted
            for key in where[:-1]:
                below = below.setdefault(key, {})
            below.setdefault(where[-1], []).append(item)
        else:
            at(wanted, where).append(item)
        assert read(changed) == wanted, where
        assert comments(changed) == comments(text)


@pytest.mark.parametrize(
    ("text", "where", "item", "result"),
    [
        ("a:\n  - x: 1  # one\n# end\n", ("a",), {"x": 2}, "a:\n  - x: 1  # one\n  - x: 2\n# end\n"),
        ("a:\n- x: 1\n", ("a",), {"x": 2}, "a:\n- x: 1\n- x: 2\n"),
        ("a: {}\n", ("a", "b"), 1, "a: {b: [1]}\n"),
        ("a:\nb: 1\n", ("a",), {"x": 2}, "a:\n  - x: 2\nb: 1\n"),
        ("a:\n  # - x: 1\nb: 1\n", ("a",), {"x": 2}, "a:\n  - x: 2\n  # - x: 1\nb: 1\n"),
        ("a:\nb: 1\n", ("a",), "w", "a: [w]\nb: 1\n"),
        ("a:  # why\nb: 1\n", ("a", "c"), "x", "a:  # why\n  c: [x]\nb: 1\n"),
    ],
)
def test_lists_of_every_shape(text, where, item, result):
    """Lists in brackets, with and without indentation, empty ones and none at all take an item each their way."""
    assert edit.append(text, where, item) == result


def test_the_last_item_leaves_an_empty_list_and_the_comments():
    """A list without items is written as one, and what stands below it in comments stays."""
    text = "passthrough:\n  devices:  # all\n    # first\n    - bdf: a\n      id: b\n  # - bdf: c\nnext: 1\n"
    assert edit.remove(text, ("passthrough", "devices", 0)) == (
        "passthrough:\n  devices: []  # all\n    # first\n  # - bdf: c\nnext: 1\n"
    )


def test_an_empty_value_takes_one():
    """A key with nothing behind it gets the value on its line."""
    assert edit.put("a:\nb: 1\n", ("a",), "x") == "a: x\nb: 1\n"
    assert edit.put("a:  # why\n", ("a",), 3) == "a: 3  # why\n"


def test_what_is_no_yaml_cannot_be_changed():
    """A broken or empty text is an error that says so, never half a change."""
    for text in ("a: [\n", ""):
        with pytest.raises(ParamsError):
            edit.put(text, ("a",), 1)
