"""OneDepth: metric depth from a single image, for any camera, learnt from whatever depth data people have."""

__version__ = "0.1.0"
