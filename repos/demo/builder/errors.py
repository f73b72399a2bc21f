"""The one error that make-demo reports in a sentence; any other exception is a bug."""


class DemoError(Exception):
    """What went wrong, and what to do about it."""

    def __init__(self, message, remedy=None):
        super().__init__(message)
        self.remedy = remedy
