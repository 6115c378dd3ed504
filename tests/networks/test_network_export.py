"""Decoders and the networks beside them go through ONNX once and then serve every size."""

import logging
import warnings

import onnxruntime
import pytest
import torch
from network_cases import CHANNELS, STRIDES, features

from onedepth.networks.decoders import build_decoder


class OnFeatures(torch.nn.Module):
    """A decoder whose features are separate inputs, as an exported graph wants them."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, a, b, c, d, e):
        return self.decoder([a, b, c, d, e])


@pytest.mark.parametrize("name", ["refine", "dca"])  # the whole light network has its own tests
def test_decoders_export_once_for_every_size(name, tmp_path):
    torch.manual_seed(0)
    module = OnFeatures(build_decoder(name, CHANNELS, STRIDES)).eval()
    height, width = (torch.export.Dim(side, min=1, max=64) for side in ("rows", "columns"))
    shapes = [{2: (32 // s) * height, 3: (32 // s) * width} for s in STRIDES]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            tuple(features(96, 64)),
            dynamo=True,
            dynamic_shapes=shapes,
            opset_version=18,
            verbose=False,
            optimize=False,
        )
    path = tmp_path / "decoder.onnx"
    program.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    for size in ((96, 64), (32, 160), (128, 96)):
        levels = features(*size)
        found = session.run(None, {n: f.numpy() for n, f in zip(names, levels, strict=True)})[0]
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(found), module(*levels), rtol=1e-3, atol=1e-4)
