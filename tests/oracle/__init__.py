"""An independent oracle of the account fold: slow, plain, written from the rules alone.

It keeps whole histories as lists and walks them for every answer. It shares with the fold only what
is not being tested: facts, the program as data, and the reading of expressions. `tests/laws`
compares the two.
"""
