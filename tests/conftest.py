"""What holds for all tests."""

import signal

# A shell without job control starts what is in the background deaf to Ctrl-C, and runs inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
