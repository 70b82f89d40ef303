"""Bolt listeners, one module for each kind of thing that a person does."""
