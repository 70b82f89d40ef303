"""How a command ends, for whoever has started it."""

import signal

NOTHING_TO_DO = 1
"""Nothing was found."""
NOT_CHECKED = 1
"""Something did not answer, so nobody knows whether it is right."""
SETUP_IS_WRONG = 2
"""An administrator has to fix something first."""
STOPPED = 128 + signal.SIGTERM
"""A signal came before the end."""
NOBODY_READS = 128 + signal.SIGPIPE
"""Whoever read the output has gone."""
