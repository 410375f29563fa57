"""A configuration that is there, taken into the parameters and rendered again, asks the same of xl."""

import time

import pytest

from runbook.guests import adoption, effect
from runbook.guests.adoption import Unadoptable
from runbook.guests.refusals import refusals
from runbook.guests.syntax import Unreadable, parse
from tests.cases.guests import NAMES, Case
from tests.guests import again, oracle
from tests.guests.generated import configurations
from tests.guests.mutations import mutated
from tests.guests.test_oracle import RELEASES

FILES = [(name, file) for name in NAMES for file in Case(name).configurations]


def different(text, xl, release):
    """Return how the domain of what is rendered again differs from that of a text, None where xl takes not both."""
    before = xl.judge(text)
    if before.status:
        return None
    there = parse(text)
    try:
        after = xl.judge(again.rendered(again.adopted(there, release), release))
    except Unadoptable as why:
        is_refused = "cannot be the name of a guest" in str(why) or "one line of printable" in str(why)
        return None if is_refused else [str(why)]
    if after.status:
        return [after.said]
    one, other = (
        dict(flat(again.effect_of(said.made, has_uuid="uuid" in there.values))) for said in (before, after)
    )
    changed = [path for path in {**one, **other} if one.get(path) != other.get(path)]
    return [(path, one.get(path), other.get(path)) for path in changed if not _is_unseen(path, before.made)]


def _is_unseen(path, made):
    """Return whether libxl says nothing there of what it was told, and does it nevertheless, or the other way.

    xl reads no `cpus` before it knows how many there are; what a USB device is, libxl shows only with its type.
    """
    is_pinning = "vcpu_hard_affinity" in path or "numa_placement" in path
    return (is_pinning and "max_vcpus" not in made["b_info"]) or ".usbdevs" in path


def flat(value, path=""):
    """Yield every single value of what libxl says, with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flat(inner, f"{path}[{place}]")
    else:
        yield path, value


@pytest.fixture(params=RELEASES, scope="module")
def real(request, tmp_path_factory):
    """Return the real xl of a release, and the release's name."""
    try:
        return oracle.open_xl(request.param, tmp_path_factory.mktemp(request.param)), request.param
    except oracle.NotHere as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(("name", "file"), FILES)
def test_the_real_xl_makes_the_same_domain_of_a_given_file(real, name, file):
    """Of each configuration that xl takes, libxl makes the same domain before and after, but for a uuid it draws."""
    xl, release = real
    assert different(Case(name).text(file), xl, release) in ([], None)


def test_the_real_xl_makes_the_same_domains_of_what_is_made_by_chance(real):
    """The same of files made by chance: whatever has no field stands under extra."""
    xl, release = real
    wrong = [(text, found) for text in configurations(60, 1) if (found := different(text, xl, release))]
    assert wrong == []


@pytest.mark.many
def test_the_real_xl_makes_the_same_domains_of_many(real):
    """The same of a thousand made by chance, and of two thousand changed ones."""
    xl, release = real
    texts = [*configurations(1000, 2), *mutated(2000, 2)]
    wrong = [(text, found) for text in texts if (found := different(text, xl, release))]
    assert wrong == []


def test_what_is_rendered_again_asks_the_same_without_asking_xl():
    """What our own reading of xl's words calls the effect is the same, for ten times as many."""
    for text in configurations(600, 3):
        there = parse(text)
        if any(refusals(there, "trixie")):
            continue
        made = again.adopted(there)
        found = effect.differences(there, parse(again.rendered(made)), "trixie")
        assert [str(one) for one in found if one.what != "uuid" or "uuid" in there.values] == [], text


def test_twice_is_once():
    """A guest that was adopted is adopted again as itself."""
    for text in configurations(200, 4):
        if any(refusals(parse(text), "trixie")):
            continue
        made = again.adopted(parse(text))
        guest = again.adopted(parse(again.rendered(made))).guest
        assert {**guest, "uuid": ""} == {**made.guest, "uuid": ""}, text


def test_short_stays_short():
    """A volume, a card and nothing else are said in few lines; what is usual is not said."""
    there = parse(
        'name = "web"\ntype = "hvm"\nmemory = 1024\nboot = "c"\nserial = "pty"\nusb = 1\nusbdevice = "tablet"\n'
        'disk = [ "phy:/dev/guests/web,hda,w" ]\nvif = [ "mac=00:16:3e:14:01:00,bridge=xenbr0,model=e1000" ]\n'
        'on_crash = "preserve"\nvncdisplay = 5\nvncunused = 0\n'
    )
    made = adoption.parameters(there, size_gib=lambda path: 20 if path == "/dev/guests/web" else 0)
    assert made.guest == {
        "name": "web",
        "memory_mib": 1024,
        "volume": {"name": "web", "size_gib": 20},
        "nics": [{"mac": "00:16:3e:14:01:00", "bridge": "xenbr0"}],
        "vnc_display": 5,
    }
    assert made.bridges == ("xenbr0",)


def test_a_password_is_not_among_the_parameters():
    """The guest has a reference, and whoever writes the parameters is told what belongs there."""
    made = adoption.parameters(
        parse('name = "my vm"\ntype = "hvm"\nmemory = 512\nvncpasswd = "open sesame"\n')
    )
    assert made.guest["screen"] == {"password": "env:VNC_PASSWORD_MY_VM"}
    assert made.secrets == {"env:VNC_PASSWORD_MY_VM": "open sesame"}
    assert "sesame" not in str(made.guest)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("memory = 512\n", "it has no name"),
        ('name = "a/b"\nmemory = 512\n', "'a/b' cannot be the name of a guest"),
        ('name = "a"\nmemory = 512\n', "starts a kernel, not a disk"),
        ('name = "a"\ntype = "xen"\nmemory = 512\n', "'hvm', 'pvh' or 'pv'"),
    ],
)
def test_what_cannot_be_adopted_says_why(text, said):
    """A file that xl would not start, and a name that no file can have, are refused with the reason."""
    with pytest.raises(Unadoptable) as why:
        adoption.parameters(parse(text))
    assert said in str(why.value)


def test_a_hundred_are_quick():
    """Reading and adopting a hundred configurations takes a fraction of a second, rendering aside."""
    texts = list(configurations(100, 5))
    begun = time.process_time()
    for text in texts:
        try:
            adoption.parameters(parse(text))
        except (Unadoptable, Unreadable):
            continue
    assert time.process_time() - begun < 2
