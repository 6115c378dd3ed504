"""Alignment of a prediction to the truth before it is scored. Always name the one that was used."""

from onedepth.evaluate.align.fit import Fit
from onedepth.evaluate.align.sequence import align_sequence
from onedepth.evaluate.align.table import ALIGNMENTS, Alignment, align

__all__ = ["ALIGNMENTS", "Alignment", "Fit", "align", "align_sequence"]
