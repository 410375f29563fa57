"""A machine's answers as a folder that can be sent: taken of a host, cleaned of names, addresses and secrets.

`taken.take` asks and cleans, `taken.save` writes; `runbook.hosts.capture` says what such a folder looks like, and
`runbook.hosts.captured` is the host that it stands for.
"""
