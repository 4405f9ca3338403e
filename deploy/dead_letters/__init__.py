"""The DLQ for people: what lies there and why, sent again or given up with a reason."""
