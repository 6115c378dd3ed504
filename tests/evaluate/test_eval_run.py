"""Running over a set: failures are counted, evidence is collected, sequences share one factor."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from eval_cases import CAMERA, HEIGHT, WIDTH, flat, protocol, ramp, saying, write_set

from onedepth.errors import ConfigError, DataError
from onedepth.evaluate.loading import Selection, fingerprint, load_item, open_data
from onedepth.evaluate.models import View
from onedepth.evaluate.run import evaluate

RULES = protocol()


def test_every_image_is_scored_by_every_model(tmp_path: Path) -> None:
    data = open_data(str(write_set(tmp_path / "set", [flat(2), flat(4)])))
    models = [saying(flat(2)), saying(flat(4), name="other")]
    outcome = evaluate(data, models, RULES)
    assert outcome.table.columns["saying", "none"].of("abs_rel").tolist() == pytest.approx([0, 0.5])
    assert outcome.table.columns["other", "none"].of("abs_rel").tolist() == pytest.approx([1, 0])
    assert outcome.table.columns["saying", "median"].of("abs_rel").tolist() == pytest.approx([0, 0], abs=1e-6)
    assert outcome.failures == {}


def test_an_image_that_fails_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [flat(2)] * 4)
    (folder / "000001.png").unlink()
    (folder / "000002.jpg").write_bytes(b"no picture")
    outcome = evaluate(open_data(str(folder)), [saying(flat(2))], RULES)
    assert np.isfinite(outcome.table.columns["saying", "none"].of("abs_rel")).tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert len(outcome.failures) == 2
    assert "000001.png" in next(iter(outcome.failures.values()))


def test_a_model_that_fails_on_an_image_costs_nobody_else_a_number(tmp_path: Path) -> None:
    def broken(view: View) -> np.ndarray:
        raise DataError("cannot see it")

    data = open_data(str(write_set(tmp_path / "set", [flat(2)])))
    outcome = evaluate(data, [saying(broken, name="broken"), saying(flat(2))], RULES)
    assert outcome.table.columns["broken", "none"].reasons == {0: "error: cannot see it"}
    assert outcome.table.columns["saying", "none"].reasons == {}
    assert list(outcome.failures.values()) == ["cannot see it"]


def test_a_label_that_cannot_be_the_truth_is_refused(tmp_path: Path) -> None:
    for label, message in (
        ("scaled", "label is scaled, protocol .* compares with metric"),
        (None, "no label"),
    ):
        data = open_data(str(write_set(tmp_path / str(label), [flat(2)], label=label)))
        with pytest.raises(DataError, match=message):
            load_item(data[0], RULES)


def test_a_camera_is_needed_told_or_withheld_as_stated(tmp_path: Path) -> None:
    with_camera = open_data(str(write_set(tmp_path / "with", [flat(2)])))
    without = open_data(str(write_set(tmp_path / "without", [flat(2)], camera=None)))
    assert load_item(with_camera[0], RULES).view.camera is not None
    withheld = load_item(with_camera[0], protocol(camera="withheld"))
    assert withheld.view.camera is None
    assert withheld.camera is not None  # metrics in 3-D still have it
    assert load_item(without[0], protocol(camera="told")).view.camera is None
    outcome = evaluate(without, [saying(flat(2))], RULES)
    (reason,) = outcome.table.columns["saying", "none"].reasons.values()
    assert "has no camera, and protocol kitti-odometry needs one" in reason


def test_a_camera_of_another_size_is_an_error(tmp_path: Path) -> None:
    data = open_data(str(write_set(tmp_path / "set", [flat(2)], camera=CAMERA | {"width": 65})))
    with pytest.raises(DataError, match="the image is 64x48, its camera is for 65x48"):
        load_item(data[0], RULES)


def test_disparity_is_refused_before_the_first_image(tmp_path: Path) -> None:
    data = open_data(str(write_set(tmp_path / "set", [flat(2)])))
    seen: list[str] = []
    model = saying(lambda view: seen.append(view.id) or flat(2), kind="affine_disparity")
    with pytest.raises(ConfigError, match="is no depth and is never treated as one"):
        evaluate(data, [model], RULES)
    assert seen == []


def test_only_one_image_is_in_memory(tmp_path: Path) -> None:
    big = np.full((300, 400), 2, np.float32)
    camera = CAMERA | {"width": 400, "height": 300}
    data = open_data(str(write_set(tmp_path / "set", [big] * 12, camera=camera)))
    peaks = []
    for count in (2, 12):
        tracemalloc.start()
        evaluate(Selection(data, limit=count), [saying(lambda view: big.copy())], RULES)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + big.nbytes


@pytest.mark.parametrize(
    ("unit", "steps", "said", "message"),
    [
        (
            1.0,
            100.0,
            2.0,
            "truth may not be in metres: 100.0 % of it is above the cap of 80 m .median 200 over 2",
        ),
        (0.00001, 100.0, 2.0, "truth may not be in metres: 100.0 % of it is below the floor"),
        (
            0.01,
            100.0,
            2000.0,
            "truth's median is 0.001 times that of saying .*the prediction looks like millimetres",
        ),
    ],
)
def test_a_wrong_unit_is_warned_of_with_the_evidence(
    tmp_path: Path, unit: float, steps: float, said: float, message: str
) -> None:
    truth = flat(2.0 if unit != 0.00001 else 0.5)
    data = open_data(str(write_set(tmp_path / "set", [truth] * 2, unit=unit, steps=steps)))
    outcome = evaluate(data, [saying(flat(said))], RULES)
    import re

    assert re.search(message, " ".join(outcome.warnings)), outcome.warnings


def test_the_right_unit_is_not_warned_of(tmp_path: Path) -> None:
    data = open_data(str(write_set(tmp_path / "set", [ramp(2, 40), flat(3)])))
    assert evaluate(data, [saying(flat(2)), saying(flat(20))], RULES).warnings == []


def test_a_sequence_shares_one_factor_and_is_predicted_once(tmp_path: Path) -> None:
    """Frames of clip a are 2 and 4 times too near, so their factor is 3: the median of an even number."""
    truths = [flat(4), flat(4), flat(6)]
    data = open_data(str(write_set(tmp_path / "set", truths, clips=["a", "a", "b"])))
    answers = {"000000": flat(2), "000001": flat(1), "000002": flat(6)}
    asked: list[str] = []

    def answer(view: View) -> np.ndarray:
        asked.append(view.id)
        return answers[view.id[-6:]]

    rules = protocol("video-median", metrics=["abs_rel"])
    outcome = evaluate(data, [saying(answer)], rules)
    column = outcome.table.columns["saying", "sequence_median"]
    assert column.of("scale").tolist() == pytest.approx([3, 3, 1])
    assert column.of("abs_rel").tolist() == pytest.approx([0.5, 0.25, 0])
    assert len(asked) == 3


def test_stride_and_limit_choose(tmp_path: Path) -> None:
    folder = str(write_set(tmp_path / "set", [flat(2)] * 5))
    ids = [record.id[-1] for record in open_data(folder, stride=2, limit=2)]
    assert ids == ["0", "2"]
    assert len(open_data(folder, limit=9)) == 5


def test_data_have_a_fingerprint_of_what_matters_wherever_they_lie(tmp_path: Path) -> None:
    def of(name: str, truth: float = 2, **options: object) -> bytes:
        data = open_data(str(write_set(tmp_path / name / "x" / "set", [flat(truth)], **options)))  # type: ignore[arg-type]
        return fingerprint(data[0])

    assert of("a") == of("b")
    changed = [of("c", 3), of("d", greys=[52]), of("e", camera=CAMERA | {"fx": 151.0}), of("f", unit=0.02)]
    assert len({of("g"), *changed}) == 5


def test_predictions_are_brought_to_the_size_of_the_truth(tmp_path: Path) -> None:
    data = open_data(str(write_set(tmp_path / "set", [flat(2)])))
    small = saying(np.full((HEIGHT // 2, WIDTH // 4), 2, np.float32))
    assert evaluate(data, [small], RULES).table.columns["saying", "none"].of("abs_rel")[0] == pytest.approx(0)
    refused = evaluate(data, [small], protocol(resize="refuse"))
    assert "prediction is 16x24, the truth 64x48" in refused.table.columns["saying", "none"].reasons[0]
