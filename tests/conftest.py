"""What holds for all tests."""

import signal

from hypothesis import settings

# The same examples on every machine, and a busy one is no failure.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# A shell without job control starts what is in the background deaf to Ctrl-C, and runs inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
