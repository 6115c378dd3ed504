"""Training data: records on disk, samples in memory, transforms that move the camera along, sources mixed."""
