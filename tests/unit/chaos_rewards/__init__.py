"""Tests: unit/chaos_rewards."""
