"""Tests: unit/streams."""
