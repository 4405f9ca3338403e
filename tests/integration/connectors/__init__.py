"""Tests: integration of the connectors."""
