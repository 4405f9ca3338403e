"""The pure fold: what a fact means for one account. PURE."""
