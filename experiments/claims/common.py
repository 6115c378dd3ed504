"""What the experiments' recipes share: a small network at a small input, trained for minutes."""

from onedepth.data.sources import Holdout

NYU = Holdout(block=20, every=10)
KITCHEN = Holdout(block=50, every=5)

SMALL: dict[str, object] = {
    "batch": 8,
    "sizes": [{"width": 160, "height": 128}],
    "network": {"input_sizes": [[160, 128]]},
    "optimiser": {"lr": 8.0e-4, "encoder_lr": 3.0e-4, "warmup": 30},
    "ema": 0.98,
    "validate_every": 0,
}
