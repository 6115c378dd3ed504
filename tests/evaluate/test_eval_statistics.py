"""Means over images, pixels and scenes, and what can be said of them, against slow twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onedepth.evaluate.bootstrap import compare, interval, resampled_means
from onedepth.evaluate.metrics import METRICS, depth_metrics
from onedepth.evaluate.pooling import POOLED, contributions, pooled, units
from onedepth.evaluate.scoring import Score
from onedepth.evaluate.summary import summarise
from onedepth.evaluate.table import Table


def _images(seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    truths = [rng.uniform(1, 9, n) for n in (5, 40, 17)]
    return [(truth * rng.uniform(0.6, 1.6, truth.size), truth) for truth in truths]


@given(st.integers(0, 2**32 - 1))
def test_a_pixel_average_is_the_metric_of_all_pixels_at_once(seed: int) -> None:
    images = _images(seed)
    whole = depth_metrics(*(np.concatenate(part) for part in zip(*images, strict=True)))
    pixels = np.array([truth.size for _, truth in images], float)
    for metric in POOLED:
        values = np.array([depth_metrics(z, t)[metric] for z, t in images])
        assert pooled("pixel", metric, values, pixels, "abc") == pytest.approx(whole[metric], rel=1e-9)


def test_every_metric_that_can_be_pooled_exists() -> None:
    assert POOLED.keys() <= METRICS.keys()
    assert "silog" not in POOLED


def test_images_count_alike_however_many_pixels_they_have_and_so_do_scenes() -> None:
    values, pixels = np.array([0.1, 0.3, 0.8]), np.array([1.0, 100.0, 100.0])
    assert pooled("image", "abs_rel", values, pixels, "aab") == pytest.approx(0.4)
    assert pooled("scene", "abs_rel", values, pixels, "aab") == pytest.approx((0.2 + 0.8) / 2)
    assert pooled("pixel", "abs_rel", values, pixels, "aab") == pytest.approx((0.1 + 30 + 80) / 201)
    assert pooled("pixel", "rmse", values, pixels, "aab") == pytest.approx(((0.01 + 9 + 64) / 201) ** 0.5)


def test_scenes_are_what_a_scene_average_draws() -> None:
    unit = units("scene", list("abab"), 4)
    assert unit.tolist() == [0, 1, 0, 1]
    above, below, _ = contributions("scene", "abs_rel", np.array([1.0, 5, 3, 7]), np.ones(4), unit)
    assert above.tolist() == [2, 6]
    assert below.tolist() == [1, 1]


def test_resampled_means_are_those_of_a_plain_loop() -> None:
    """Same distribution: mean and spread of the bootstrap are known in closed form."""
    values = np.random.default_rng(1).uniform(0, 1, 40)
    means = resampled_means(values, np.ones(40))
    assert means.shape == (10_000,)
    assert means.mean() == pytest.approx(values.mean(), abs=3e-3)
    assert means.std() == pytest.approx(values.std() / 40**0.5, rel=0.03)
    rng = np.random.default_rng(2)
    slow = [values[rng.integers(0, 40, 40)].mean() for _ in range(10_000)]
    found = interval(means)
    assert (found.low, found.high) == pytest.approx(np.percentile(slow, (2.5, 97.5)), abs=0.01)


def test_the_draws_are_the_same_again_and_the_same_for_both_models() -> None:
    values = np.random.default_rng(1).uniform(0, 1, 30)
    ones = np.ones(30)
    one = resampled_means(values, ones)
    np.testing.assert_array_equal(one, resampled_means(values, ones))
    np.testing.assert_allclose(resampled_means(values + 0.25, ones), one + 0.25)
    assert (resampled_means(values, ones, seed=1) != one).any()


def test_pairing_sees_a_small_difference_on_images_that_differ_much() -> None:
    rng = np.random.default_rng(3)
    first = rng.uniform(0, 1, 60)
    second = first + rng.uniform(0, 0.02, 60)  # always worse, by little
    means = [resampled_means(values, np.ones(60)) for values in (first, second)]
    found = compare(*means, float(first.mean() - second.mean()), higher_is_better=False)
    assert found.better == 1.0
    assert found.interval.low < found.difference < found.interval.high < 0
    reverse = compare(*means, found.difference, higher_is_better=True)
    assert reverse.better == 0.0


def test_a_tie_is_half_a_win() -> None:
    means = resampled_means(np.arange(9.0), np.ones(9))
    assert compare(means, means, 0.0, higher_is_better=False).better == 0.5


def _table(values: dict[str, list[float | None]]) -> Table:
    table = Table(("abs_rel", "delta1"))
    for index in range(len(next(iter(values.values())))):
        scores = {}
        for model, numbers in values.items():
            value = numbers[index]
            score = Score({"abs_rel": value, "delta1": 1 - value}, 10) if value is not None else None
            scores[model] = {"none": score or Score(reason=f"error: images/{index}.png: is damaged")}
        table.add(f"image{index}", "scene", scores)
    return table


def test_means_are_over_images_with_a_number_and_the_others_are_counted() -> None:
    lines, duels = summarise(_table({"a": [0.1, None, 0.3, 0.2], "b": [0.2, 0.9, None, 0.4]}), "image")
    assert [line.images for line in lines] == [3, 3]
    assert lines[0].scores["abs_rel"] == pytest.approx(0.2)
    assert lines[0].without == {"error: ... is damaged": 1}
    assert lines[1].scores["abs_rel"] == pytest.approx(0.5)
    assert {duel.metric: duel.images for duel in duels} == {"abs_rel": 2, "delta1": 2}  # both have a number
    assert duels[0].result.difference == pytest.approx(0.15 - 0.3)
    assert duels[0].result.better == 1.0
    assert duels[1].result.better == 1.0  # delta1: higher is better


def test_one_image_has_no_interval_and_none_has_no_score() -> None:
    lines, duels = summarise(_table({"a": [0.1], "b": [None]}), "image")
    assert lines[0].intervals == {}
    assert lines[1].scores == {}
    assert duels == []


def test_a_table_survives_its_file() -> None:
    table = _table({"a": [0.1, None, 1 / 3], "b": [0.2, 0.9, None]})
    again = Table.from_json(table.to_json())
    assert again.ids == table.ids
    assert again.columns["a", "none"].reasons == table.columns["a", "none"].reasons
    for key, column in table.columns.items():
        for name, values in column.numbers.items():
            np.testing.assert_allclose(again.columns[key].of(name), values, rtol=1e-6)


def test_a_metric_without_a_value_on_some_images_is_averaged_over_the_others() -> None:
    table = Table(("abs_rel", "delta1"))
    table.add("0", "", {"a": {"none": Score({"abs_rel": 0.1, "delta1": 0.5}, 9)}})
    table.add("1", "", {"a": {"none": Score({"abs_rel": 0.3}, 9)}})
    (line,), _ = summarise(table, "image")
    assert (line.images, line.fewer) == (2, {"delta1": 1})
    assert line.scores == pytest.approx({"abs_rel": 0.2, "delta1": 0.5})
