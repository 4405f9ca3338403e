"""The loyalty program a merchant writes: its model, and the meaning of its text forms."""
