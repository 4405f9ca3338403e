"""Tests: unit/mutants."""
