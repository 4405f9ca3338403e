"""Calls to services that merchants name."""
