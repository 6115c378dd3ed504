"""Export: one ONNX file that takes a photo of any size and returns metres, checked against torch."""

from onedepth.train.export.command import Exported, Int8, Request, export_checkpoint
from onedepth.train.export.gate import INT8_TOLERANCE, Int8Report
from onedepth.train.export.verify import TOLERANCE, Difference, torch_reference

__all__ = [
    "INT8_TOLERANCE",
    "TOLERANCE",
    "Difference",
    "Exported",
    "Int8",
    "Int8Report",
    "Request",
    "export_checkpoint",
    "torch_reference",
]
