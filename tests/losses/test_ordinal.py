"""Ranking of point pairs."""

import math

import pytest
import torch
from loss_cases import generator, scene

from onedepth import losses
from onedepth.losses.ordinal import draw_pairs


def slow_ranking(z, pairs, relation, valid):
    total = []
    for (i, j), sign, ok in zip(pairs, relation, valid, strict=True):
        if not ok:
            continue
        difference = z[i] - z[j]
        total.append(difference**2 if sign == 0 else math.log(1 + math.exp(-difference * sign)))
    return sum(total) / len(total)


def test_ranking_as_the_paper_reads():
    prediction, target, mask = scene()
    pairs, relation, valid = draw_pairs(target, mask, 60, 0.3, generator())
    assert set(relation.flatten().tolist()) == {-1, 0, 1}
    found = losses.ranking(prediction, pairs, relation, valid)
    for k in range(2):
        z = prediction[k].flatten().tolist()
        assert found[k].item() == pytest.approx(slow_ranking(z, pairs[k].tolist(), relation[k], valid[k]))
    torch.testing.assert_close(
        losses.ordinal(prediction, target, mask, generator=generator(), number=60, threshold=0.3), found
    )


def test_pairs_are_valid_pixels_and_relations_true():
    _, target, mask = scene(share=0.4)
    pairs, relation, _ = draw_pairs(target, mask, 500, 0.1, generator())
    assert mask.flatten(1).gather(1, pairs.flatten(1)).all()
    ends = target.flatten(1).gather(1, pairs.flatten(1)).view(2, -1, 2)
    ratio = (ends[..., 0] / ends[..., 1]).log()
    expected = torch.where(ratio.abs() > math.log(1.1), ratio.sign(), 0.0)
    assert torch.equal(relation, expected)


def test_right_order_is_cheaper_than_wrong_order():
    _, target, mask = scene()
    right = losses.ordinal(10 * target, target, mask, generator=generator())
    wrong = losses.ordinal(-10 * target, target, mask, generator=generator())
    assert (right < wrong / 5).all()


def test_no_pairs_is_zero():
    prediction = scene()[0].requires_grad_()
    value = losses.ranking(prediction, torch.zeros(2, 0, 2, dtype=torch.long), torch.zeros(2, 0))
    assert value.tolist() == [0, 0]
