"""Rewards reach the world once: the ledger and what carries commands out."""
