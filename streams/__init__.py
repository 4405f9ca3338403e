"""Facts in, points events out."""
