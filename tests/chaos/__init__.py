"""Chaos: real processes killed and frozen under load, then an independent audit."""
