"""The recipe of a kernel: its parts, and what the parameters change in it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from runbook.builds import kernel
from runbook.facts.kernel_config import values
from runbook.params import HostParams


def params(release="trixie", **kernel_section):
    return HostParams.model_validate(
        {
            "host": "h",
            "release": release,
            "connection": {"kind": "local"},
            "kernel": {"build": True, **kernel_section},
        }
    )


def parts(recipe):
    return dict(recipe.files)


def test_the_source_is_debians_own_of_the_release():
    """Each release brings its own kernel source, as a package that apt has verified."""
    for release, source in (("trixie", "linux-source-6.12"), ("bookworm", "linux-source-6.1")):
        made = kernel.recipe(params(release), "CONFIG_X=y\n")
        assert source in made.packages
        assert f"/usr/src/{source}.tar" in made.fetch
        assert made.release == release


def test_a_tarball_needs_its_checksum_and_replaces_the_package():
    """One's own source goes in with its checksum, and Debian's is not fetched (H406)."""
    own = {"path": "/src/linux-6.12.1.tar.xz", "sha256": "ab" * 32}
    made = kernel.recipe(params(tarball=own), None)
    assert [(s.name, s.sha256) for s in made.sources] == [("linux-6.12.1.tar.xz", "ab" * 32)]
    assert made.fetch == ""
    assert not any(name.startswith("linux-source") for name in made.packages)
    with pytest.raises(ValidationError, match="64 small hexadecimal digits"):
        params(tarball={**own, "sha256": "12"})
    with pytest.raises(ValidationError, match="sha256"):
        params(tarball={"path": "/src/l.tar.xz"})


def test_passthrough_asks_for_one_flag_and_guide_for_all():
    """`passthrough` sets XEN_PCIDEV_BACKEND and what it rests on; `guide` all 81 of the guide (H410)."""
    few = values(parts(kernel.recipe(params(), None))["asked.config"])
    assert few == {"CONFIG_XEN_DOM0": "y", "CONFIG_XEN_PCIDEV_BACKEND": "y"}
    many = values(parts(kernel.recipe(params(flags="guide"), None))["asked.config"])
    assert len(many) == 81
    assert many["CONFIG_HZ"] == "1000"
    assert many["CONFIG_XEN_WDT"] == "m"


def test_the_base_is_the_hosts_configuration_or_the_small_one():
    """The text of /boot/config goes in as it is; `small` starts from the kernel's own x86 default."""
    running = parts(kernel.recipe(params(), "CONFIG_FROM_THE_HOST=y\n"))
    assert running["base.config"] == "CONFIG_FROM_THE_HOST=y\n"
    assert "small.config" not in running
    small = kernel.recipe(params(base="small"), None)
    assert "base.config" not in parts(small)
    assert values(parts(small)["small.config"])["CONFIG_VIRTIO_BLK"] == "y"


def test_later_lines_win():
    """The order is: base, small, what was asked, the runbook's own, and last the person's own lines."""
    order = parts(kernel.recipe(params(more=["CONFIG_DRM=n"]), None))["order"].split()
    assert order == [f"../files/{n}.config" for n in ("small", "asked", "own", "more")]
    assert parts(kernel.recipe(params(more=["CONFIG_DRM=n"]), None))["more.config"] == "CONFIG_DRM=n\n"


def test_the_kernel_has_its_own_name_and_no_debug_information():
    """The suffix keeps it apart from every other kernel (H411); debug information would need 25 GB."""
    own = values(parts(kernel.recipe(params(suffix="-mine"), None))["own.config"])
    assert own["CONFIG_LOCALVERSION"] == '"-mine"'
    assert own["CONFIG_DEBUG_INFO_NONE"] == "y"
    assert own["CONFIG_LOCALVERSION_AUTO"] == "n"


def test_the_package_version_names_the_recipe():
    """The digest stands in the package's version, so that a host can say which recipe it has."""
    assert "+$RECIPE" in kernel.recipe(params(), None).script


def test_flags_are_merged_by_the_kernels_own_tools():
    """merge_config.sh merges and olddefconfig settles; nothing is appended, nothing answered by `yes` (H407)."""
    made = kernel.recipe(params(), None)
    lines = made.script.splitlines()
    merge = next(
        i for i, line in enumerate(lines) if line.startswith("scripts/kconfig/merge_config.sh -m .config")
    )
    assert lines[merge + 1] == "make olddefconfig"


def test_configuring_alone_is_another_recipe_with_the_same_configuration():
    """`--flags` configures by the same lines, leaves what the kernel knows, and compiles nothing."""
    only, whole = kernel.configuration(params(), None), kernel.recipe(params(), None)
    assert only.files == whole.files
    assert "bindeb-pkg" not in only.script
    assert whole.script.startswith(only.script.split("find .")[0])
    assert "kconfig.gz" in only.results


@pytest.mark.parametrize(
    "line", ["DRM=n", "CONFIG_DRM", "CONFIG_DRM=n; rm -rf /", "CONFIG_A=y\nCONFIG_B=y", "CONFIG_A="]
)
def test_a_line_that_is_no_line_of_a_configuration_is_refused(line):
    """`more` takes lines of a configuration and nothing that a shell would run."""
    with pytest.raises(ValidationError, match="cannot be the name of a kernel option"):
        params(more=[line])


@pytest.mark.parametrize("suffix", ["xenhost", "-Xen", "-a b", "", "-x_y"])
def test_a_suffix_that_no_package_name_can_hold_is_refused(suffix):
    """The suffix becomes part of a package's name (Debian policy 5.6.7)."""
    with pytest.raises(ValidationError, match="begin with a hyphen"):
        params(suffix=suffix)
