"""Training: a strict recipe, a table from supervision to losses, one flat loop, checkpoints, export."""
