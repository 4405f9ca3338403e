"""What is decided about dead letters, as decisions name it. PURE."""

REPLAY, REPLAYED = "replay_dead_letter", "dead_letter_replayed"
"""The first before it is sent again, the second when Kafka has it."""
DISCARD = "discard_dead_letter"
ERASE = "erase_dead_letter"
"""Taken out, because the person it was about is erased."""
