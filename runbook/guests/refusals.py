"""What xl stops at in a configuration, key by key, and nothing else.

Source: parse_config_data in tools/xl/xl_parse.c, and tools/libs/light/libxl_types.idl, of Xen 4.17 and 4.20. The tests ask
both about 100,000 files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from runbook.guests import refusals_devices
from runbook.guests.refusals_devices import Refusal, texts
from runbook.guests.syntax import Config

_ENDINGS = (
    "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", "soft-reset",
)  # fmt: skip
_ON = ("on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset")
_TIMERS = (
    "delay_for_missed_ticks", "no_delay_for_missed_ticks", "no_missed_ticks_pending", "one_missed_tick_pending",
)  # fmt: skip
_TSC = ("default", "always_emulate", "native", "native_paravirt")
_ALTP2M = ("disabled", "mixed", "external", "limited")
_SVE = ("hw", "disabled", *map(str, range(128, 2049, 128)))
_VIRIDIAN = (
    "base", "freq", "time_ref_count", "reference_tsc", "hcall_remote_tlb_flush", "apic_assist", "crash_ctl", "synic",
    "stimer", "hcall_ipi", "ex_processor_masks", "no_vp_limit", "cpu_hotplug",
)  # fmt: skip
_EXACT = {**dict.fromkeys(_ON, _ENDINGS), "device_model_version": ("qemu-xen", "qemu-xen-traditional")}
"""Keys of any guest that take one of some choices, to the letter."""
_EXACT_HVM = {"vga": ("stdvga", "cirrus", "none", "qxl"), "ms_vm_genid": ("generate", "none")}
_ANY_CASE = {
    "passthrough": ("default", "disabled", "enabled", "sync_pt", "share_pt"), "vuart": ("unknown", "sbsa_uart"),
    "gic_version": ("default", "v2", "v3"),
}  # fmt: skip
"""Those whose capitals do not matter: libxl compares them so."""
_ANY_CASE_HVM = {
    "bios": ("unknown", "rombios", "seabios", "ovmf"), "hdtype": ("ide", "ahci"),
    "vendor_device": ("none", "xenserver"),
}  # fmt: skip
_NUMBER_OR_WORD = {"tsc_mode": _TSC, "altp2m": _ALTP2M}
"""Those that take the words' old numbers, too."""
_BOUNDED = ("max_grant_frames", "max_maptrack_frames", "max_grant_version")
_UUID = re.compile("-".join(rf"[0-9a-fA-F]{{{digits}}}" for digits in (8, 4, 4, 4, 12)))
_RANGE = re.compile(r"\^?(?:nodes?:)?\s*\+?(\d+)(?:-\s*\+?(\d+))?|(?:nodes?:)?all")


def refusals(config: Config, release: str) -> Iterator[Refusal]:
    """Yield each thing in a configuration that `xl create` of a release stops at, the missing name first."""
    if not _has_text(config, "name"):
        yield Refusal("it has no `name`", 'add name = "…"')
    kind = kind_of(config)
    rules: tuple[Callable[[Config, str, str], Iterator[Refusal]], ...] = (
        _kinds, _identity, _choices, _numbers_or_words, _numbers, _processors, _start, _lists,
        refusals_devices.refusals,
    )  # fmt: skip
    for rule in rules:
        yield from rule(config, kind, release)


def kind_of(config: Config) -> str:
    """Return what xl makes of `type` and `builder`: hvm, pv, pvh; `type` as it stands where it is none of them.

    xl compares only as many letters as there are, and takes `p` for pv.
    """
    if _has_text(config, "type"):
        text = config.text("type")
        return next((kind for kind in ("hvm", "pv", "pvh") if kind.startswith(text)), text)
    if _has_text(config, "builder") and "hvm".startswith(config.text("builder")):
        return "hvm"
    return "pv"


def _has_text(config: Config, key: str) -> bool:
    return key in config.values and not isinstance(config.values[key], tuple)


def _kinds(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    if kind not in ("hvm", "pv", "pvh"):
        yield Refusal(f'type is "{kind}"', "write one of hvm, pvh, pv")
    if not _has_text(config, "builder"):
        return
    builder = config.text("builder")
    built = next((k for word, k in (("hvm", "hvm"), ("generic", "pv")) if word.startswith(builder)), "")
    if not built:
        yield Refusal(f'builder is "{builder}"', "remove it, and write type = …")
    elif built != kind:
        yield Refusal(f"`builder` makes it {built}, `type` makes it {kind}", "remove builder")


def _identity(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    if _has_text(config, "uuid") and not _UUID.fullmatch(config.text("uuid")):
        yield Refusal(f"uuid is {config.text('uuid')}", "write 8-4-4-4-12 hexadecimal digits")


def _choices(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    is_hvm = kind == "hvm"
    tee = ("none", "optee", "ffa") if release != "bookworm" else ("none", "optee")
    loose = _ANY_CASE | {"tee": tee} | ({"sve": _SVE} if release != "bookworm" else {})
    for key, allowed in (_EXACT | (_EXACT_HVM if is_hvm else {})).items():
        if _has_text(config, key) and config.text(key) not in allowed:
            yield Refusal(f'{key} is "{config.text(key)}"', f"write one of {', '.join(allowed)}")
    for key, allowed in (loose | (_ANY_CASE_HVM if is_hvm else {})).items():
        if _has_text(config, key) and config.text(key).lower() not in allowed:
            known = (word for word in allowed if word != "unknown")
            yield Refusal(f'{key} is "{config.text(key)}"', f"write one of {', '.join(known)}")


def _numbers_or_words(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    for key, allowed in _NUMBER_OR_WORD.items():
        yield from _numbered(config, key, allowed)
    if kind == "pv" and _has_text(config, "timer_mode"):
        yield Refusal("timer_mode is for guests of type hvm or pvh", "remove it")
    elif kind != "pv":
        yield from _numbered(config, "timer_mode", _TIMERS, ("unknown",))
    passed = config.text("gfx_passthru")
    if (
        kind == "hvm"
        and passed
        and config.number("gfx_passthru") is None
        and passed.lower() not in ("default", "igd")
    ):
        yield Refusal(f'gfx_passthru is "{passed}"', "write 1, default or igd")


def _numbered(
    config: Config, key: str, choices: tuple[str, ...], also: tuple[str, ...] = ()
) -> Iterator[Refusal]:
    if not _has_text(config, key):
        return
    number = config.number(key)
    is_known = config.text(key).lower() in (*choices, *also) if number is None else 0 <= number < len(choices)
    if not is_known:
        yield Refusal(f'{key} is "{config.text(key)}"', f"write one of {', '.join(choices)}")


def _numbers(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    for key in _BOUNDED:
        number = config.number(key)
        if key in config.values and (number is None or not 0 <= number < 2**31):
            yield Refusal(f'{key} is "{_shown(config, key)}", not a number', f"write {key} = NUMBER")
    hole = config.number("mmio_hole")
    if kind == "hvm" and hole is not None and not 256 <= hole <= 3840:
        yield Refusal(f"mmio_hole is {hole}", "it may be 256 to 3840 MiB: write mmio_hole = 3072")
    listen = config.text("vnclisten")
    if kind == "hvm" and ":" in listen and config.number("vncdisplay"):
        yield Refusal(
            f"VNC listens on {listen}, and there is a vncdisplay: xl takes what follows a colon for a display",
            'write vnclisten = "127.0.0.1", and keep vncdisplay',
        )


def _processors(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    few, most = config.number("vcpus") or 0, config.number("maxvcpus") or 0
    if few < 0:
        yield Refusal(f"vcpus is {few}", "write vcpus = NUMBER")
    most = most or few
    if most < few:
        yield Refusal(f"maxvcpus ({most}) is less than vcpus ({few})", f"write maxvcpus = {few}")
    for key in ("cpus", "cpus_soft"):
        value = config.values.get(key)
        # Of a list xl reads as many as there are virtual CPUs.
        for text in texts(config, key)[: max(most, 0)] if isinstance(value, tuple) else [str(value or "")]:
            if wrong := [part for part in text.split(",") if part and not _is_range(part)]:
                yield Refusal(f'{key} has "{wrong[0]}"', 'write it like "2-7,^3" or "all"')
            elif key == "cpus" and key in config.values and most > 0 and _is_empty(text):
                yield Refusal(
                    f'{key} is "{text}", which leaves no processor', 'write it like "2-7,^3" or "all"'
                )


def _is_range(text: str) -> bool:
    match = _RANGE.fullmatch(text)
    return match is not None and not (match[1] and match[2] and int(match[2]) < int(match[1]))


def _is_empty(text: str) -> bool:
    """Return whether ranges of processors leave none, whatever machine it is: one adds, one with `^` takes away."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        match = re.match(r"(\^?)(nodes?:)?\D*(\d*)\D*(\d*)", part)
        if not match or (not match[1] and (match[2] or not match[3])):
            return False
        numbers = range(int(match[3] or 0), min(int(match[4] or match[3] or 0), 9999) + 1)
        if not match[1]:
            found.update(numbers)
        elif not match[2]:
            found.difference_update(numbers)
    return not found


def _start(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    if kind not in ("pv", "pvh"):
        return
    has_kernel = _has_text(config, "kernel")
    if _has_text(config, "firmware"):
        firmware = config.text("firmware")
        if has_kernel:
            yield Refusal("it has a kernel and a firmware", "keep one of the two")
        elif not any(word.startswith(firmware) for word in ("pvgrub32", "pvgrub64")):
            yield Refusal(
                f'firmware is "{firmware}", and the guest is not of type hvm: only an HVM guest has a BIOS',
                'write type = "hvm", or a kernel, a bootloader or firmware = "pvgrub64"',
            )
    elif not has_kernel and not _has_text(config, "bootloader"):
        yield Refusal(
            f"the guest is of type {kind}, and names no kernel: such a guest starts a kernel, not a disk",
            'write type = "hvm", or name a kernel or a bootloader',
        )


def _lists(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    for key in ("device_model_args", "device_model_args_pv", "device_model_args_hvm"):
        if _has_text(config, key):
            yield Refusal(f"{key} is a single value, not a list", f'write {key} = [ "…" ]')
    if kind != "hvm":
        return
    for group in texts(config, "viridian"):
        if group not in ("all", "defaults") and group.removeprefix("!").lower() not in _VIRIDIAN:
            yield Refusal(
                f'viridian names the group "{group}"',
                f"write defaults, all, or some of {', '.join(_VIRIDIAN)}",
            )
    if _has_text(config, "mca_caps"):
        yield Refusal("mca_caps is a single value, not a list", 'write mca_caps = [ "lmce" ]')
    for word in texts(config, "mca_caps"):
        if word != "lmce":
            yield Refusal(f'mca_caps has "{word}"', 'write mca_caps = [ "lmce" ]')


def _shown(config: Config, key: str) -> str:
    return str(config.values[key]) if isinstance(config.values[key], tuple) else config.text(key)
