"""How a command ends: its exit codes, and the signals that end it early."""

import signal

OK, FAILED, USAGE, UNREAD, CONFIG, INTERRUPTED = 0, 1, 2, 3, 4, 130
PIPE_CLOSED = 128 + 13  # as a shell reports a program that SIGPIPE ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)
