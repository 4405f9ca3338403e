"""Calls to services that merchants name: guarded, bounded, signed."""
