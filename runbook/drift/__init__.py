"""Drift: what changed on a host since its last good report.

`kept` keeps the answers of every look in the run's folder, `things` says what is watched and how to get
it from the facts, `compare` says each difference in one line, `authors` who made it as far as the
journals tell, and `runs` finds the report to compare with. Reads only; nothing here asks a host but
`last_look`.
"""
