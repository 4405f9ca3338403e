"""What crosses a boundary: facts, points events, reward commands, topics, programs. Pure."""
