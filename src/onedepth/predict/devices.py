"""Names of devices on the command line, and the execution providers of ONNX Runtime behind them."""

from __future__ import annotations

from onedepth.errors import ConfigError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "rocm": "MIGraphXExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""Device name -> execution provider."""

_AUTOMATIC = ("cuda", "directml", "cpu")
"""Order of preference for `auto`. Core ML, TensorRT and OpenVINO compile the graph for minutes or change its
numbers, so they are taken only when asked for."""


def available_devices() -> list[str]:
    """Return the device names that the installed ONNX Runtime can use."""
    import onnxruntime

    present = set(onnxruntime.get_available_providers())
    return [name for name, provider in PROVIDERS.items() if provider in present]


def providers_for(device: str = "auto") -> list[str]:
    """Return the execution providers for a device, the CPU as the last for operators the device lacks.

    Raises:
        ConfigError: If the device is unknown or not available here.
    """
    present = available_devices()
    if device == "auto":
        device = next(name for name in _AUTOMATIC if name in present)
    if device not in present:
        what = "is not available here" if device in PROVIDERS else "is unknown"
        raise ConfigError(f"device {device!r} {what}; available: auto, {', '.join(present)}")
    return list(dict.fromkeys([PROVIDERS[device], PROVIDERS["cpu"]]))
