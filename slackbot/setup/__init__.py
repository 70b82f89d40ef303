"""The administrator's commands: check the set-up, and help to make it."""
