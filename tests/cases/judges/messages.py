"""What is explained of a log."""

from runbook import help as pages


def _messages(case, logs):
    """`each`: every line is known. Else the lines with these words are causes, and nothing is told before them."""
    for name, claim in logs.items():
        lines = [line for line in case.text(name).splitlines() if line.strip()]
        if claim == "each":
            yield from (f"not known: {line}" for line in lines if not pages.in_text(line))
            continue
        causes = {entry for word in claim for line in lines if word in line for entry in pages.in_text(line)}
        told = [entry for entry, _ in pages.read(case.text(name)).known][: len(claim)]
        if causes != set(told) or any(entry.role != "cause" for entry in told):
            yield f"{name}: first is told {', '.join(entry.title for entry in told)}"


JUDGES = {"messages": _messages}
