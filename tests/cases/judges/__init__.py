"""What says whether a claim about a guest holds: a module a subject, with `JUDGES`, a function a kind.

A judge is given the case (tests/cases/guests.py) and the claim as it stands in `expect.json`, and yields in words
what is not so.
"""
