"""One customer's facts, read again from the log by their offsets and folded anew."""
