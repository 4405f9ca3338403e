"""Tests: unit/connectors."""
