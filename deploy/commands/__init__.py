"""The verbs of the cactus command line, one module each."""
