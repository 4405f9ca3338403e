"""Points events become what people read: SQL views, and the commands that carry rewards out."""
