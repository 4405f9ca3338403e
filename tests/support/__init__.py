"""Builders, fakes and helpers shared by tests."""
