"""Composition and environments: wires the packages together and runs them."""
