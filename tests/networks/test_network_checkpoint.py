import json

import pytest
import torch
from network_cases import SMALL, images, network
from safetensors.torch import save_file

from onedepth.errors import ModelFileError
from onedepth.networks import load_checkpoint
from onedepth.networks.checkpoint import EMA, HEADER, NETWORK, read_header, write_weights


@pytest.fixture(scope="module")
def net():
    return network(SMALL, "light", canonical_focal=150.0).eval()


def write(path, net, *, average=None, **header):
    tensors = {NETWORK + name: value.clone() for name, value in net.state_dict().items()}
    if average is not None:
        tensors |= {EMA + name: value.clone() for name, value in average.state_dict().items()}
    tensors["rng.torch"] = torch.get_rng_state()
    header = {"network": net.config.model_dump(mode="json"), **header}
    save_file(tensors, path, metadata={HEADER: json.dumps(header)})
    return path


def test_round_trip_gives_the_same_network_ready_to_predict(net, tmp_path):
    loaded = load_checkpoint(write(tmp_path / "a.safetensors", net))
    assert loaded.config == net.config
    assert not loaded.training
    image = images(1, 32, 64)
    assert torch.equal(loaded(image), net(image))


def test_the_average_is_taken_where_there_is_one(net, tmp_path):
    average = network(SMALL, seed=7, canonical_focal=150.0).eval()
    path = write(tmp_path / "a.safetensors", net, average=average)
    image = images(1, 32, 32)
    assert torch.equal(load_checkpoint(path)(image), average(image))
    assert torch.equal(load_checkpoint(path, averaged=False)(image), net(image))


@pytest.mark.parametrize("decoder", ["refine", "dca"])
def test_every_decoder_and_several_scales_survive(decoder, tmp_path):
    net = network(SMALL, decoder, scales=2).eval()
    loaded = load_checkpoint(write(tmp_path / "a.safetensors", net))
    image = images(1, 32, 32)
    assert all(map(torch.equal, loaded.forward_scales(image), net.forward_scales(image)))


def test_the_header_is_kept(net, tmp_path):
    assert read_header(write(tmp_path / "a.safetensors", net, step=12))["step"] == 12


def test_the_weights_alone_are_the_average_without_the_rest(net, tmp_path):
    average = network(SMALL, seed=7, canonical_focal=150.0).eval()
    path = write(tmp_path / "a.safetensors", net, average=average, step=12, best=0.1, format=1)
    write_weights(path, tmp_path / "weights.safetensors")
    image = images(1, 32, 32)
    for averaged in (True, False):
        loaded = load_checkpoint(tmp_path / "weights.safetensors", averaged=averaged)
        assert torch.equal(loaded(image), average(image))
    header = read_header(tmp_path / "weights.safetensors")
    assert header["step"] == 12
    assert "best" not in header
    assert (tmp_path / "weights.safetensors").stat().st_size < 0.6 * path.stat().st_size


def damaged(kind, net, path):
    whole = write(path, net).read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is no checkpoint, it only has the name of one")
    elif kind == "cut in the header":
        path.write_bytes(whole[:100])
    elif kind == "cut in the weights":
        path.write_bytes(whole[:-1000])
    elif kind == "pickle":
        torch.save(net.state_dict(), path)
    elif kind == "no header":
        save_file({"x": torch.zeros(1)}, path)
    elif kind == "header no JSON":
        save_file({"x": torch.zeros(1)}, path, metadata={HEADER: "{'step': 1}"})
    elif kind == "header a list":
        save_file({"x": torch.zeros(1)}, path, metadata={HEADER: "[1]"})
    elif kind == "no description":
        save_file({"x": torch.zeros(1)}, path, metadata={HEADER: "{}"})
    elif kind == "unknown encoder":
        save_file({"x": torch.zeros(1)}, path, metadata={HEADER: '{"network": {"encoder": "no_such_net"}}'})
    elif kind == "another network":
        write(path, net, network=net.config.model_dump(mode="json") | {"encoder": "mobilenetv3_small_100"})
    elif kind == "weights missing":
        header = json.dumps({"network": net.config.model_dump(mode="json")})
        save_file({NETWORK + "decoder.head.bias": torch.zeros(1)}, path, metadata={HEADER: header})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "not a readable checkpoint"),
        ("empty", "not a readable checkpoint"),
        ("text", "not a readable checkpoint"),
        ("cut in the header", "not a readable checkpoint"),
        ("cut in the weights", "not a readable checkpoint"),
        ("pickle", "not a readable checkpoint"),
        ("no header", "written by `onedepth train`"),
        ("header no JSON", "not JSON"),
        ("header a list", "expected an object"),
        ("no description", "network description is not valid"),
        ("unknown encoder", "no_such_net"),
        ("another network", "weights do not fit"),
        ("weights missing", "weights do not fit"),
    ],
)
def test_what_is_no_whole_checkpoint_is_named_in_one_line(kind, words, net, tmp_path):
    path = tmp_path / "wrong.safetensors"
    damaged(kind, net, path)
    with pytest.raises(ModelFileError, match=words) as error:
        load_checkpoint(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000
