"""Running the account fold offline: lines of a file in, points events out."""
