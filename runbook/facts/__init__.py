"""Facts: one module a tool, with its questions (`COMMANDS`, or `commands(…)` where they depend
on the parameters) and `parse(facts)`, which returns a frozen value.

Prefer a tool's own machine format. Each parser shows a real line of input in its docstring.
"""
