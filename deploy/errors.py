"""Operating errors: what a person can put right, said in one sentence and without a traceback."""


class OperatingError(Exception):
    """Something outside the code is wrong. The message says what, and what to do about it."""

    exit_code = 1


class ConfigurationError(OperatingError):
    """A setting is missing or cannot be right."""

    exit_code = 2
