"""Evaluation: alignment, metrics, and what is needed to trust a number. No torch in here."""
