"""Evidence: records and reports of runs and fleets, and the archive of what happened."""

import sys

# jsonschema, which checks notebooks, takes up a grammar of IRIs where JupyterLab has brought one, and compiles it
# for a second at each start. No notebook's schema has an IRI: here there is none to import.
_UNWANTED = "rfc3987_syntax"
_HIDDEN = sys.modules.setdefault(_UNWANTED, None) is None  # type: ignore[arg-type]
try:
    import jsonschema  # type: ignore[import-untyped] # noqa: F401
finally:
    if _HIDDEN:
        del sys.modules[_UNWANTED]
