"""Benchmarks: measured, never asserted on the clock in tests."""
