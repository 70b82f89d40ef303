"""Measurements, always beside something known in the same run; ``make bench`` prints them all."""
