"""The only code that meets the outside world."""
