"""One module per role: wire it from the settings and run it until it is told to stop."""
