"""The demo: a year of billing life in a minute or two, through everything that is real."""
