"""The watch: is a host well, what changed since the last look, and who is told.

`topics` says what is looked at, `look` asks, `news` decides what is new (pure), `kept` keeps what was said, `told` tells
those whom the parameters name, and `textfile` writes Prometheus' form. Nothing here changes a host.
"""
