"""Tests of the program: its model and the meaning of its text forms."""
