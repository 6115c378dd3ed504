import numpy as np
import pytest

from onedepth.checks import MOST, array, finite, positive, real, shown, vectors, whole
from onedepth.errors import CameraError, DepthMapError

STRANGE = (None, "5", b"5", [1, 2], {}, object(), 1j, True, np.arange(3), np.eye(50))


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("check", [whole, real, finite, positive])
def test_what_is_no_number_is_named_in_one_short_line(check, value):
    with pytest.raises(DepthMapError, match=r"^size must be a (whole )?number, found") as caught:
        check(value, "size", error=DepthMapError)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 110


def test_numbers_of_any_type_pass_as_python_numbers():
    assert type(whole(np.uint8(5), "size")) is int
    assert type(finite(np.float32(5), "size")) is float
    assert real(float("inf"), "size") == float("inf")
    assert whole(0, "size", least=0) == 0


@pytest.mark.parametrize("value", [0, -1, MOST + 1, 10**400, 5.0])
def test_sizes_have_a_range(value):
    with pytest.raises(CameraError, match="size must be"):
        whole(value, "size")


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), 10**400])
def test_what_is_not_above_zero_and_finite_is_refused(value):
    with pytest.raises(CameraError, match="size must be"):
        positive(value, "size")


@pytest.mark.parametrize(
    "value", [None, "abc", [[1, 2], [1]], [["1", "2"]], [[True, False]], [[1j, 2]], [1, 2, 3], 2]
)
def test_what_is_no_array_of_vectors_is_refused(value):
    with pytest.raises(CameraError, match="pixels must"):
        vectors(value, "pixels", 2)


def test_arrays_pass_without_a_copy():
    values = np.zeros((4, 2))
    assert array(values, "pixels") is values
    assert vectors(values, "pixels", 2) is values


def test_long_values_are_shortened():
    assert shown([1, 2]) == "[1, 2]"
    assert len(shown("x" * 1000)) == 60
