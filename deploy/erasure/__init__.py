"""Erasing a person: what is personal goes, the anonymous sums stay, and a report proves it."""
