"""The form: every field, the device picker, and that nothing is written before its changes were seen."""

import re
import sys
from html import unescape
from pathlib import Path

import pytest
from ipywidgets import Widget

import runbook
from runbook import survey
from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.errors import ParamsError
from runbook.hosts.recorded import RecordedHost
from runbook.params import load
from runbook.params.yaml12 import parse
from runbook.show.form import Form, words
from runbook.show.form.draft import Draft
from runbook.show.form.fields import sections
from runbook.show.form.page import WIDGET
from runbook.show.form.picker import DOM0, HIDDEN, SPLIT, give, rows
from tests.proposal.test_many_devices import server
from tests.survey.machines import Pci, devices

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "params/example.yml"
MEMORY = ("dom0", "memory_mib")
CARD = "0000:00:05.0"
TWO = """\
host: box  # mine
connection: {kind: local}
passthrough:
  devices:
    # the old card
    - bdf: 03:00.0   # short, as lspci shows it
      id: 8086:10d3
      what: a card
    # - bdf: 09:00.0 was here
guests:
  - name: one
    memory_mib: 512
    volume: {name: one, size_gib: 1}
    pci: [03:00.0]
    vnc_display: 1
  - name: two
    memory_mib: 512
    volume: {name: two, size_gib: 1}
    vnc_display: 2
"""


@pytest.fixture
def file(tmp_path):
    """Return a copy of the example, which a form may change."""
    path = tmp_path / "host.yml"
    path.write_text(EXAMPLE.read_text())
    return path


@pytest.fixture
def form(file):
    """Return the form of that copy, with the recorded machine."""
    return runbook.form(file)


@pytest.fixture
def two(tmp_path):
    """Return a draft of two guests, and a machine with two devices in one group, a pair of functions, and a disk."""
    path = tmp_path / "box.yml"
    path.write_text(TWO)
    machine = survey.read(devices(
        Pci("0000:00:1c.0", "8086:1c10", "060400", bus=3), Pci("0000:03:00.0", above=("0000:00:1c.0",), group=3),
        Pci("0000:04:00.0", "10de:1234", "030000", group=3), Pci("0000:05:00.0", group=5),
        Pci("0000:05:00.1", group=5),
    ))  # fmt: skip
    return Draft.open(path), machine


def field(form, where):
    """Return a field of the form, its section unfolded as a person does."""
    form.open(where)
    return form.inputs[where]


def button(form, where):
    """Return the button that adds to a list or removes from it."""
    form.open(where)
    return form.buttons[where]


def comments(text):
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def changed_lines(form):
    return [line for line in form.draft.diff().splitlines()[2:] if line[0] in "+-"]


def leaves(value, where=()):
    """Yield the place of every text and of every list of texts in a parameter file."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*where, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, part in enumerate(value):
            yield from leaves(part, (*where, index))
    else:
        yield where


def every(section):
    """Yield a section and all below it."""
    yield section
    for inner in section.sections:
        yield from every(inner)


def plain(html):
    """Return the words of HTML, a blank between them."""
    return " ".join(re.sub("<[^>]*>", " ", html).split())


@pytest.mark.parametrize("name", ["example", "victory", "testbed-install"])
def test_all_that_stands_in_a_file_has_a_field(name):
    """Every value of a file but the kind of its connection can be changed."""
    values = parse((ROOT / f"params/{name}.yml").read_text(), Path("x"))[0]
    there = {field.where for section in every(sections(values)) for field in section.fields}
    assert set(leaves(values)) - there == {("connection", "kind")}


@pytest.mark.parametrize("kind", ["ssh", "local", "recorded"])
def test_every_field_has_help(kind, tmp_path):
    """No field of any section, and no section, is without a sentence that says what it is."""
    path = tmp_path / "all.yml"
    path.write_text(f"connection: {{kind: {kind}}}\n")
    draft = Draft.open(path)
    while empty := [s.where for s in every(sections(draft.values())) if s.is_list and not s.sections]:
        draft = draft.add(empty[0], {})
    shown = list(every(sections(draft.values())))
    assert len(shown) > 30
    assert [section.title for section in shown if not section.help] == []
    assert [field.where for section in shown for field in section.fields if not field.help] == []


def test_why_the_kind_of_the_connection_is_no_field(form):
    """The form says that other kinds have other fields, and where to change it."""
    part = form.fields.children[[*form.fields.titles].index("connection")]
    form.open(("connection",))
    said = re.sub("<[^>]*>", "", part.children[0].value)
    assert "Its kind is recorded; the others (capture, local, ssh) have other fields" in said
    assert "change kind in the file" in said


@pytest.fixture
def made():
    """Return the list of all widgets made in this test; each is a message to the page."""
    widgets = []
    Widget.on_widget_constructed(widgets.append)
    yield widgets
    Widget.on_widget_constructed(None)


def test_a_form_is_few_messages(made, file):
    """Neither the form nor its longest part, with ten guests, comes near the 1000 messages at a time of which ZeroMQ drops the rest."""
    form = runbook.form(file)
    assert len(made) < 150
    for title in [*form.fields.titles]:
        before = len(made)
        form.open(() if title == "host" else (title.partition(" (")[0],))
        assert before < len(made) < before + 320
    for number in range(4, 10):
        button(form, ("guests",)).click()
        field(form, ("guests", number, "name")).control.value = f"guest{number}"
    before = len(made)
    button(form, ("guests",)).click()
    assert before < len(made) < before + 800


def test_while_a_guest_is_named_the_pickers_stay(made, form):
    """Each letter of a name is a new choice in the pickers that are there: nothing is made anew, and the names are right."""
    picker, name = form.pickers[CARD], field(form, ("guests", 1, "name"))
    before = len(made)
    for text in ("p", "po", "pos", "post"):
        name.control.value = text
    assert form.pickers[CARD] is picker
    assert {"ipfire", "post"} <= set(picker.options)
    assert "comm" not in picker.options
    assert len(made) == before
    assert [line for line in changed_lines(form) if "name: " in line][-1].endswith("name: post")


def test_what_is_replaced_is_closed(made, file):
    """After ten guests came and went, the widgets that live are those of the form as it is shown."""
    form = runbook.form(file)
    button(form, ("guests",)).click()
    alive = sum(widget.comm is not None for widget in made)
    for _ in range(10):
        button(form, ("guests",)).click()
        button(form, ("guests", 5)).click()
    assert sum(widget.comm is not None for widget in made) == alive


def test_a_part_says_that_its_fields_come(form):
    """While a kernel works on something else an unfolded part is not empty without a word."""
    assert {part.children[0].value for part in form.fields.children} == {
        "The fields come when no other cell runs."
    }


def test_every_field_comes_with_the_schema(form):
    """Help, default and choices of a field are those of the parameter models."""
    made = field(form, MEMORY)
    assert "Fixed memory of dom0 in MiB" in made.box.children[1].value
    assert field(form, ("guests", 1, "os")).control.options == ("linux", "windows")
    assert field(form, ("kernel", "suffix")).control.placeholder == "-xenhost"
    assert field(form, ("host",)).field.is_required
    assert field(form, ("services", "watchdog")).control.value is True


@pytest.mark.parametrize(
    ("where", "new", "lines"),
    [
        (MEMORY, "3072", ["-  memory_mib: 2048", "+  memory_mib: 3072"]),
        (("services", "watchdog"), False, ["-  watchdog: true", "+  watchdog: false"]),
        (("xen", "iommu"), "yes", ["-  iommu: required", "+  iommu: yes"]),
        (("kernel", "suffix"), "-mine", ["+", "+kernel:", '+  suffix: "-mine"']),
        (("guests", 0, "autostart"), "", ["-    autostart: 1"]),
        (("configuration", "more_packages"), "vim\nmc\n", ["+  more_packages: [vim, mc]"]),
        (
            ("xen", "options"),
            "com1=115200,8n1\nconsole=com1\nloglvl=all",
            [
                '-  options: ["com1=115200,8n1", console=com1, spec-ctrl=eager-fpu]',
                '+  options: ["com1=115200,8n1", console=com1, loglvl=all]',
            ],
        ),
    ],
)
def test_a_value_that_is_set_changes_its_own_line(form, where, new, lines):
    """Whatever kind a field is of, its new value is all that changes, and the parameters stay right."""
    field(form, where).control.value = new
    assert changed_lines(form) == lines
    assert comments(form.draft.text) == comments(EXAMPLE.read_text())
    assert "right" in form.state.value


def test_a_default_is_not_written(form):
    """A field that is set to what holds anyway, and back, leaves the file as it is."""
    field(form, ("kernel", "build")).control.value = True
    assert changed_lines(form)
    field(form, ("kernel", "suffix")).control.value = "-xenhost"
    assert not [line for line in changed_lines(form) if "suffix" in line]


def test_a_box_that_is_emptied_and_typed_into_keeps_its_line(form):
    """Emptied and typed anew, letter by letter, a value stays in its line, and its comment with it."""
    before = form.draft.text
    for new in ("", "3", "30", "3072"):
        field(form, MEMORY).control.value = new
    field(form, ("dom0", "max_vcpus")).control.value = ""
    assert "two race" not in form.draft.text
    field(form, ("dom0", "max_vcpus")).control.value = "2"
    assert form.draft.text == before.replace("memory_mib: 2048", "memory_mib: 3072").replace(
        "max_vcpus: 1 ", "max_vcpus: 2 "
    )
    field(form, ("dom0", "max_vcpus")).control.value = ""
    field(form, MEMORY).control.value = "2048"
    field(form, ("dom0", "max_vcpus")).control.value = "3"
    assert "memory_mib: 2048" in form.draft.text


def test_a_wrong_value_is_said_at_once_where_it_is(form):
    """While a value is wrong its field says why, the others say nothing, and it cannot be saved."""
    field(form, MEMORY).control.value = "much"
    assert "valid integer" in field(form, MEMORY).wrong
    assert [where for where, made in form.inputs.items() if made.wrong] == [MEMORY]
    assert "The parameter &#x27;dom0.memory_mib&#x27; is wrong" in form.state.value
    form.show_changes.click()
    assert form.save.disabled
    field(form, MEMORY).control.value = "2048"
    assert field(form, MEMORY).wrong == ""
    assert "right" in form.state.value


def test_every_wrong_field_says_so(form):
    """Of several wrong values each field has its reason, each section its number, and the top all of them."""
    field(form, MEMORY).control.value = "much"
    field(form, ("guests", 1, "memory_mib")).control.value = "3"
    field(form, ("guests", 0, "pci")).control.value = "0000:00:05.0\n1:2\nzz"
    field(form, ("host",)).control.value = "A box"
    assert {where: unescape(plain(made.wrong)) for where, made in form.inputs.items() if made.wrong} == {
        ("host",): "wrong: 'A box' cannot be the name of a host: use up to 63 small letters, digits and "
        "hyphens, with no hyphen at either end",
        MEMORY: "wrong: Input should be a valid integer, unable to parse string as an integer (it is 'much')",
        (
            "guests",
            0,
            "pci",
        ): "wrong: '1:2' is not a PCI address; write [DDDD:]BB:SS.F as `lspci -D` shows it, like "
        "0000:07:00.0; 'zz' is not a PCI address; write [DDDD:]BB:SS.F as `lspci -D` shows it, like 0000:07:00.0",
        ("guests", 1, "memory_mib"): "wrong: Input should be greater than or equal to 4 (it is '3')",
    }
    assert "5 things are wrong." in form.state.value
    assert form.state.value.count("  do: ") == 5
    marked = [title for title in form.fields.titles if "wrong" in title]
    assert marked == ["host · 1 wrong", "dom0 · 1 wrong", "guests (4) · 3 wrong"]
    field(form, ("guests", 0, "pci")).control.value = "0000:00:05.0"
    field(form, ("guests", 1, "memory_mib")).control.value = "256"
    field(form, ("host",)).control.value = "testbed"
    assert "are wrong" not in form.state.value
    assert [title for title in form.fields.titles if "wrong" in title] == ["dom0 · 1 wrong"]


def test_nothing_is_written_before_its_changes_were_seen(form, file):
    """Save works only for what was shown: not before, and not for what was changed afterwards."""
    before = file.read_text()
    field(form, MEMORY).control.value = "3072"
    form.save.click()
    assert (file.read_text(), form.save.disabled) == (before, True)
    form.show_changes.click()
    assert "+  memory_mib: 3072" in re.sub("<[^>]*>", "", form.changes.value)
    assert (file.read_text(), form.save.disabled) == (before, False)
    field(form, MEMORY).control.value = "4000"
    assert form.save.disabled
    form.save.click()
    assert file.read_text() == before
    form.show_changes.click()
    form.save.click()
    assert file.read_text() == before.replace("memory_mib: 2048", "memory_mib: 4000")
    assert load(file).dom0.memory_mib == 4000
    assert "Saved" in form.changes.value
    form.show_changes.click()
    assert form.changes.value == "Nothing has changed."


def test_what_another_wrote_meanwhile_stays(form, file):
    """A file that was changed while the form was open is not saved over."""
    field(form, MEMORY).control.value = "3072"
    form.show_changes.click()
    file.write_text("another's\n")
    form.save.click()
    assert file.read_text() == "another's\n"
    assert "changed while the form was open" in form.changes.value


def test_saving_keeps_the_files_rights(form, file):
    """The file has the mode that it had, and nothing lies beside it."""
    file.chmod(0o600)
    field(form, MEMORY).control.value = "3072"
    form.show_changes.click()
    form.save.click()
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_guest_is_added_and_removed(form):
    """A new guest is empty and says what it needs; removed again, the file is as it was."""
    button(form, ("guests",)).click()
    assert "guests.4.name" in form.state.value
    field(form, ("guests", 4, "name")).control.value = "fresh"
    assert "fresh" in form.pickers[CARD].options
    button(form, ("guests", 4)).click()
    assert form.draft.diff() == ""


def test_a_device_goes_to_another_guest(form):
    """Choosing a guest takes the device from the one that had it, and who has what is shown anew."""
    assert form.pickers[CARD].value == "ipfire"
    form.pickers[CARD].value = "nginx"
    assert changed_lines(form) == ["-    pci: [0000:00:05.0]", "+    pci: []", "+    pci: [0000:00:05.0]"]
    assert form.pickers[CARD].value == "nginx"
    assert "right" in form.state.value


def test_what_must_stay_cannot_be_chosen(form):
    """The controller of / and the card of the session have no picker but a folded line with the reason; a spare one has."""
    said = re.sub("<[^>]*>", "", form.held.value)
    for bdf, why in (("0000:00:08.0", "dom0 uses /"), ("0000:00:03.0", "it carries this ssh session")):
        assert bdf not in form.pickers
        assert re.search(f"must stay {re.escape(why)}[^:]*: {re.escape(bdf)} \\(", said)
    assert form.held.value.startswith("<details")
    assert CARD in form.pickers


def test_a_device_that_must_stay_and_was_given_away_is_seen(form):
    """What the file gives to a guest although dom0 needs it has a picker, by which dom0 gets it back."""
    row = next(r for r in rows(form.draft.values(), form.machine) if "0000:00:08.0" in r.group.bdfs)
    given = give(form.draft, row.group, HIDDEN)
    found = next(r for r in rows(given.values(), form.machine) if "0000:00:08.0" in r.group.bdfs)
    assert (found.is_folded, found.choices) == (False, (DOM0, HIDDEN))


def test_a_big_machine_shows_what_is_on_offer_first(two):
    """Of 137 functions those on offer have a picker, first; the parts of the processors are a line each reason."""
    draft, _ = two
    machine = survey.read(devices(*server()))
    found = rows(draft.values(), machine)
    shown = [row for row in found if not row.is_folded]
    assert [row.group.is_offered for row in shown] == [True] * 10 + [False]
    assert len(words.not_offered(found)) == 1
    assert len(words.picture(draft, machine, "").text.splitlines()) < 50
    given = give(draft, next(row.group for row in found if row.is_folded), HIDDEN)
    assert [row.is_folded for row in rows(given.values(), machine)].count(False) == len(shown) + 1


def test_groups_are_given_whole(two):
    """A group goes to a guest with all its devices, each pinned by its id, and back to dom0 with all of them."""
    draft, machine = two
    first, second = rows(draft.values(), machine)
    assert (first.group.bdfs, first.owner) == (("0000:03:00.0", "0000:04:00.0"), SPLIT)
    assert second.owner == DOM0
    given = give(give(draft, first.group, "two"), second.group, "one")
    host = given.check()
    assert not isinstance(host, ParamsError)
    assert [g.pci for g in host.guests] == [
        ("0000:05:00.0", "0000:05:00.1"),
        ("0000:03:00.0", "0000:04:00.0"),
    ]
    assert [(d.bdf, d.id) for d in host.passthrough.devices] == [
        ("0000:03:00.0", "8086:10d3"), ("0000:04:00.0", "10de:1234"),
        ("0000:05:00.0", "8086:10d3"), ("0000:05:00.1", "8086:10d3"),
    ]  # fmt: skip
    hidden = give(given, first.group, HIDDEN)
    assert [row.owner for row in rows(hidden.values(), machine)] == [HIDDEN, "one"]
    back = give(give(hidden, first.group, DOM0), second.group, DOM0)
    assert [row.owner for row in rows(back.values(), machine)] == [DOM0, DOM0]
    host = back.check()
    assert not isinstance(host, ParamsError)
    assert host.passthrough.devices == ()
    lost = [c for c in comments(draft.text) if c not in comments(back.text)]
    assert lost == [" short, as lspci shows it"], "only the comment on the removed line itself goes"


def test_the_tree_is_shown(two):
    """A device stands behind the bridges that lead to it."""
    draft, machine = two
    assert "0000:00:1c.0 > 0000:03:00.0 " in repr(Form(draft, machine, ""))


def test_memory_and_processors_are_summed(form):
    """The sum is that of the parameters, against the machine that was read; too much of it is said."""
    assert "memory: 5925 MiB, 3602 MiB given out 1 dom0" in plain(form.sums.value)
    assert "virtual processors: 6, on 2 threads" in plain(form.sums.value)
    field(form, ("guests", 1, "memory_mib")).control.value = "4096"
    assert "7458 MiB given out, 1533 MiB more than there is" in plain(form.sums.value)
    assert "too much for this machine: 7458 of 5925 MiB, 1533 MiB too much" in form.state.value


def test_the_sums_follow_while_the_parameters_are_wrong(file):
    """What overdraws `ram_mib` is an error, and is summed all the same; what is no number counts nothing and says so."""
    file.write_text(file.read_text().replace("release: trixie", "release: trixie\nram_mib: 5900"))
    form = runbook.form(file)
    assert "memory: 5900 MiB, 3602 MiB given out" in plain(form.sums.value)
    field(form, ("guests", 1, "memory_mib")).control.value = "4096"
    assert "need 7458 MiB, the machine has ram_mib: 5900" in plain(form.state.value)
    assert "7458 MiB given out, 1558 MiB more than there is" in plain(form.sums.value)
    assert "there is ! too much" in plain(form.sums.value)
    field(form, ("guests", 1, "memory_mib")).control.value = "much"
    field(form, ("host",)).control.value = ""
    assert "memory 3 comm 0 MiB no amount yet" in plain(form.sums.value)
    assert "3342 MiB given out" in plain(form.sums.value)
    field(form, ("dom0", "max_vcpus")).control.value = "4"
    assert "virtual processors: 9, on 2 threads" in plain(form.sums.value)


def test_a_new_guest_is_in_the_sums_from_its_first_number_on(form):
    """A guest without a name goes by its place; its memory counts before the rest of it is right."""
    button(form, ("guests",)).click()
    assert "6 guests.4 0 MiB no amount yet" in plain(form.sums.value)
    field(form, ("guests", 4, "memory_mib")).control.value = "1024"
    assert "memory 6 guests.4 1032 MiB" in plain(form.sums.value)
    assert "The parameter 'guests.4.name' is wrong" in unescape(form.state.value)


def test_without_the_machine_the_fields_are_there(file):
    """A machine that cannot be read costs the picker alone, which says why."""
    file.write_text(file.read_text().replace("recording: recordings/testbed", "recording: recordings/none"))
    form = runbook.form(file)
    assert "recordings/none" in form.devices.children[0].value
    field(form, MEMORY).control.value = "3072"
    assert changed_lines(form) == ["-  memory_mib: 2048", "+  memory_mib: 3072"]


def test_a_wrong_file_can_be_put_right(file):
    """A file that does not validate opens, says what is wrong, and can be corrected in the form."""
    file.write_text(file.read_text().replace("memory_mib: 2048", "memory_mib: 2"))
    form = runbook.form(file)
    assert field(form, MEMORY).wrong
    field(form, MEMORY).control.value = "2048"
    assert "right" in form.state.value


def test_headless_it_is_text(form, monkeypatch):
    """Where nobody could use a widget, text and HTML say the same, and nothing that differs between runs."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    bundle, again = form._repr_mimebundle_(), runbook.form(form.draft.path)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle == again
    assert f"IOMMU group 3 (may be passed): ipfire\n    {CARD} Ethernet" in bundle["text/plain"]


def test_in_a_notebook_that_is_open_it_is_a_widget(form, monkeypatch):
    """With a person before it the same cell shows the widget; in a run of the runbook's own it does not."""
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setenv("JPY_SESSION_NAME", "05.ipynb")
    monkeypatch.delenv("RUNBOOK_RUN_DIR", raising=False)
    assert form._repr_mimebundle_()[WIDGET]["model_id"] == form.widget.model_id
    monkeypatch.setenv("RUNBOOK_RUN_DIR", "/tmp")
    assert WIDGET not in form._repr_mimebundle_()


def test_a_book_opens_it(file):
    """On a replay the book's own place in the recording is left alone; a book without a file says so."""
    notebook = "06_xen_configuration"
    host = RecordedHost(ROOT / "recordings/testbed", notebook)
    book = Book(load(file), "plan", host, notebook, Journal(None), file)
    trips = host.round_trips
    assert book.form().pickers[CARD].value == "ipfire"
    assert host.round_trips == trips
    with pytest.raises(ParamsError, match="no parameter file"):
        Book(
            load(file), "plan", RecordedHost(ROOT / "recordings/testbed", notebook), notebook, Journal(None)
        ).form()


def test_a_real_host_is_asked_over_its_own_connection(file):
    """With a connection that is open the form asks over that one and leaves it open."""

    class Connected(RecordedHost):
        is_real, is_closed = True, False

        def close(self):
            self.is_closed = True

    host = Connected(ROOT / "recordings/testbed", "00_introduction")
    from runbook.show.form import form as open_form

    assert open_form(file, host).pickers[CARD].value == "ipfire"
    assert (host.round_trips, host.is_closed) == (1, False)


def test_what_is_in_a_list_is_called_by_its_name(form):
    """Guests, bridges and devices have their own names, as they are typed; what has none is numbered."""
    form.open(("guests",))
    name = field(form, ("guests", 0, "name")).control
    assert "<b" in form.heads["guests", 0].value
    assert "ipfire" in form.heads["guests", 0].value
    assert "nics 2" in form.heads["guests", 0, "nics", 1].value
    name.value = "router"
    assert "router" in form.heads["guests", 0].value
    assert form.buttons["guests", 0].tooltip.endswith("guests.0")


def test_a_field_of_a_list_is_told_once(form):
    """The first guest's fields say what they mean; the others' say it on the pointer, and no section says twice what it is."""
    form.open(("guests",))
    first, second = (form.inputs["guests", number, "memory_mib"] for number in (0, 1))
    assert len(first.box.children) == 2
    assert len(second.box.children) == 1
    assert second.control.tooltip == first.field.help != ""
    page = form.fields.children[form.fields.selected_index]
    helps = [text for text in texts(page) if "xl.cfg(5)" in text]
    assert len(helps) == 1


def texts(widget):
    """Yield the HTML of a widget and of all in it."""
    yield str(getattr(widget, "value", ""))
    for child in getattr(widget, "children", ()):
        yield from texts(child)


def test_what_the_file_adds_to_xens_line_counts_in_the_form(tmp_path, monkeypatch):
    """With the word that leaves the IOMMU on, the machine in the form is the one that 00 shows."""
    seen = []
    read = survey.read
    monkeypatch.setattr(
        survey, "read", lambda facts, options=(): seen.append(options) or read(facts, options)
    )
    file = tmp_path / "mine.yml"
    text = Path("params/example.yml").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    runbook.form(file)
    assert seen == [load(file).xen.options]
    assert "com1=115200,8n1" in seen[0]
