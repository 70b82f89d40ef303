"""Shows the effective set-up, and judges it."""
