"""What users see when something is wrong.

Every error that bad input can cause is a `OneDepthError`, and its message is one line that names the file or
field, what was found, what was expected and how to mend it. Anything else that escapes is a bug of ours.
"""


class OneDepthError(Exception):
    """Base of all errors caused by input, files or configuration rather than by a bug."""


class CameraError(OneDepthError, ValueError):
    """Impossible intrinsics, or a camera file that cannot be used."""


class ImageError(OneDepthError, ValueError):
    """A photo that cannot be read, or one that is too large to be read safely."""


class DepthMapError(OneDepthError, ValueError):
    """Values that cannot be a depth map of the stated kind, or a question its kind cannot answer."""


class DepthFileError(OneDepthError, ValueError):
    """A depth file that cannot be read, or a depth map that its format cannot hold."""


class ModelFileError(OneDepthError, ValueError):
    """A model file or checkpoint that is not ours, damaged, or of a newer format."""


class ConfigError(OneDepthError, ValueError):
    """A recipe or option with an unknown, missing or contradictory value."""


class DataError(OneDepthError, ValueError):
    """Training or evaluation data that breaks the rules of its layout."""
