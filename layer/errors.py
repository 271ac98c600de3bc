"""The one way in which a build fails on purpose."""


class LayerError(Exception):
    """The build cannot go on; the text says what is wrong, and what to do."""
