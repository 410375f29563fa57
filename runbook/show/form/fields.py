"""The fields of a parameter file, as its schema describes them: sections, lists, help and choices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from runbook import params as parameters
from runbook.params.edit import inside
from runbook.params.yaml12 import Where

Schema = dict[str, Any]
_USUAL = {
    "guests": {
        "name", "what", "os", "vcpus", "memory_mib", "volume", "nics", "pci", "install_media", "vnc_display", "vnc_listen",
        "mmio_hole_mib", "autostart", "start",
    },
    "nics": {"bridge", "mac", "model"},
}  # fmt: skip
"""What the form asks of each item of a list; the rest is there where the file says it. A form is few messages to the browser."""

_NAMES = ("name", "guest", "what", "bdf", "setting", "bridge", "backup")
"""What an item of a list is called by: the first of these that it has."""


@dataclass(frozen=True)
class Field:
    """One value that a person can set."""

    where: Where
    kind: str
    """`text`, `number`, `flag`, `choice`, or `words` for a list of texts."""
    help: str
    default: Any
    """What holds where nothing is said; None where something must be, or nothing is meant."""
    choices: tuple[str, ...] = ()
    is_required: bool = False

    @property
    def name(self) -> str:
        return str(self.where[-1])


@dataclass(frozen=True)
class Section:
    """A mapping of the file, or one item of a list of mappings."""

    where: Where
    help: str
    fields: tuple[Field, ...] = ()
    sections: tuple[Section, ...] = ()
    is_list: bool = False
    """True when its sections are items, and one more can be added."""

    def title(self, values: Any) -> str:
        """Return what a person calls it: an item of a list by its name, or by its place when it has none."""
        *_, last = self.where or ("host",)
        if not isinstance(last, int):
            return str(last)
        item = inside(values, self.where)
        names = (item.get(key) for key in _NAMES) if isinstance(item, dict) else ()
        return next((str(name)[:60] for name in names if name), f"{self.where[-2]} {last + 1}")

    def counted(self, values: Any) -> str:
        """Return its title, and how many a list has."""
        return self.title(values) + (f" ({len(self.sections)})" if self.is_list else "")


def sections(values: Any) -> Section:
    """Return all fields of a parameter file with these values, as its reader returns them."""
    schema = parameters.schema()
    return _section(schema, schema["$defs"], (), values)


def _section(schema: Schema, defs: Schema, where: Where, values: Any) -> Section:
    values = values if isinstance(values, dict) else {}
    required = schema.get("required", ())
    fields, inner = list[Field](), list[Section]()
    usual = _USUAL.get(str(where[-2])) if where and isinstance(where[-1], int) else None
    for name, part in schema.get("properties", {}).items():
        if usual and name not in usual and name not in values:
            continue
        place, value = (*where, name), values.get(name)
        kind = _resolved(part, defs, value)
        text = part.get("description") or kind.get("description", "")
        if "properties" in kind:
            below = _section(kind, defs, place, value)
            inner.append(replace(below, help=below.help + _about_kinds(part, value)))
        elif kind.get("type") == "array" and "properties" in (item := _resolved(kind["items"], defs, None)):
            items = value if isinstance(value, list) else []
            each = tuple(_section(item, defs, (*place, i), v) for i, v in enumerate(items))
            inner.append(Section(place, text or item.get("description", ""), (), each, is_list=True))
        elif kind.get("type") == "object":
            # Keys that no schema names, as `extra` of a guest has: they are written into the file itself.
            continue
        elif "const" not in kind:
            fields.append(
                Field(place, _kind(kind), text, part.get("default"), _choices(kind, defs), name in required)
            )
    return Section(where, schema.get("description", ""), tuple(fields), tuple(inner))


def _about_kinds(part: Schema, value: Any) -> str:
    """Return why the kind of a section is no field; '' where there are no kinds."""
    kinds = part.get("discriminator", {}).get("mapping", {})
    chosen = value.get("kind") if isinstance(value, dict) else None
    others = ", ".join(f"`{kind}`" for kind in kinds if kind != chosen)
    return (
        f" Its `kind` is `{chosen}`; the others ({others}) have other fields and lead to another machine. "
        "To have one of them, change `kind` in the file, then open the form anew."
        if kinds
        else ""
    )


def _resolved(part: Schema, defs: Schema, value: Any) -> Schema:
    """Return what a part stands for: a reference followed, of several kinds the one that the value is of."""
    if "$ref" in part:
        return _resolved(defs[part["$ref"].rpartition("/")[2]], defs, value)
    if "discriminator" in part:
        mapping = part["discriminator"]["mapping"]
        chosen = value.get("kind") if isinstance(value, dict) else None
        return _resolved({"$ref": mapping.get(chosen, next(iter(mapping.values())))}, defs, value)
    kinds = [kind for kind in part.get("anyOf", ()) if kind.get("type") != "null"]
    return _resolved(kinds[0], defs, value) if kinds else part


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return "choice"
    return {"integer": "number", "boolean": "flag", "array": "words"}.get(schema.get("type", ""), "text")


def _choices(schema: Schema, defs: Schema) -> tuple[str, ...]:
    of = _resolved(schema.get("items", {}), defs, None) if schema.get("type") == "array" else schema
    return tuple(map(str, of.get("enum", ())))
