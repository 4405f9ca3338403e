"""Chaos for rewards: everything given exactly once, whatever befalls those who give it."""
