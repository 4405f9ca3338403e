"""Random programs and histories on which the fold and the oracle must agree."""
