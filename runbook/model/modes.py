"""What a run may do on a host."""

MODES = ("auto", "plan", "apply", "check")
"""`plan` shows and changes nothing, `apply` changes, `check` verifies; `auto` replays a recorded host, else plans."""
