"""Export: one ONNX file that takes a photo of any size and returns metres, checked against torch."""

from onedepth.train.export.command import Exported, Request, export_checkpoint
from onedepth.train.export.verify import TOLERANCE, Difference, torch_reference

__all__ = ["TOLERANCE", "Difference", "Exported", "Request", "export_checkpoint", "torch_reference"]
