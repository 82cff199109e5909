"""The one error for bad input."""


class InputError(ValueError):
    """Input that cannot be used. The message is one line that names the file and the remedy; commands print it."""
