"""Pairs of views in, disparity labels out: matching, checks and rejection. No torch in here."""
