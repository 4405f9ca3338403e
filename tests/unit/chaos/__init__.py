"""Tests: unit/chaos."""
