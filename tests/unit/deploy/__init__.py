"""Tests: unit/deploy."""
