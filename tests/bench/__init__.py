"""Measures what the engine is promised to do, beside peers, on this machine: `make bench`."""
