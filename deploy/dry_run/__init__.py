"""A draft of a program, tried on what a customer has really lived through."""
