"""`--runner ray`: the results of the local runner, from two workers; a kill costs and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from onedepth import Camera
from onedepth.apps.cli import app
from onedepth.manifest.manifest import write_manifest
from onedepth.manifest.record import Record
from onedepth.predict.modelfile import MODEL_VARIABLE
from onedepth.shards.pack import pack

ray = pytest.importorskip("ray", reason="Ray is not installed")

COUNT = 60


@pytest.fixture(scope="module", autouse=True)
def cluster(tiny_model: Path) -> Iterator[None]:
    os.environ[MODEL_VARIABLE] = str(tiny_model)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    del os.environ[MODEL_VARIABLE]


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    records = []
    for index in range(COUNT):
        path = tmp_path / "in" / f"{index}.png"
        Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8)).save(path)
        records.append(
            Record(id=f"r/{index}", image=str(path), camera=Camera.from_focal(20.0 + index, 16, 12))
        )
    write_manifest(records, tmp_path / "in" / "list.jsonl")
    pack(records, str(tmp_path / "shards"))
    return tmp_path / "in" / "list.jsonl"


def predict(*words: object) -> Result:
    result = CliRunner().invoke(app, ["predict", *map(str, words), "--format", "png16"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def results(folder: Path) -> dict[str, bytes]:
    """What a reader takes for results: a killed writer may leave a temporary file of a hidden name."""
    paths = sorted(path for path in folder.rglob("*.png") if not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_two_workers_give_what_one_process_gives(tmp_path: Path, listed: Path) -> None:
    bad = tmp_path / "in" / "7.png"
    assert predict(listed, "-o", tmp_path / "local").exit_code == 0
    done = predict(tmp_path / "shards", "-o", tmp_path / "ray", "--runner", "ray", "--workers", 2)
    assert done.exit_code == 0, done.output
    assert f"{COUNT} photos, {COUNT} files" in done.output
    assert results(tmp_path / "ray") == results(tmp_path / "local")

    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "ray").rglob("*.png")}
    removed = sorted(times)[:10]  # as if a kill had come before them
    for path in removed:
        path.unlink()
    bad.write_bytes(b"no photo")
    again = predict(tmp_path / "shards", "-o", tmp_path / "ray", "--runner", "ray")
    assert f"10 photos, 10 files in {tmp_path / 'ray'}" in again.output
    assert f"{COUNT - 10} already had their results" in again.output
    assert results(tmp_path / "ray") == results(tmp_path / "local")
    assert all(path.stat().st_mtime_ns == at for path, at in times.items() if path not in removed)

    failed = predict(listed, "-o", tmp_path / "other", "--runner", "ray")
    assert failed.exit_code == 1
    assert "7.png: damaged or not an image" in failed.stderr
    assert len(results(tmp_path / "other")) == COUNT - 1


def test_results_as_shards(tmp_path: Path, listed: Path) -> None:
    (tmp_path / "in" / "7.png").write_bytes(b"no photo")
    assert predict(listed, "-o", tmp_path / "local").exit_code == 1
    words = (listed, "-o", tmp_path / "out", "--runner", "ray", "--shards", 25)
    assert predict(*words).exit_code == 1
    first = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    assert sorted(first) == ["000000.tar", "000001.tar", "000002.tar"]
    found = {}
    for path in (tmp_path / "out").iterdir():
        with tarfile.open(path) as archive:
            found |= {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]
    local = results(tmp_path / "local")
    assert len(local) == COUNT - 1
    for index in range(COUNT):
        told = json.loads(found[f"{index:09d}.json"])
        assert told["id"] == f"r/{index}"
        assert found.get(f"{index:09d}.png16.png") == local.get(f"r/{index}.png")
        assert ("damaged" in told.get("error", "")) == (index == 7)

    (tmp_path / "out" / "000001.tar").unlink()  # as if a kill had come before it
    times = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    assert "25 photos" in predict(*words).output
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == first
    assert all((tmp_path / "out" / name).stat().st_mtime_ns == at for name, at in times.items())


def test_a_worker_that_dies_is_replaced(tmp_path: Path, listed: Path) -> None:
    from onedepth.predict import ray_runner
    from onedepth.predict.batch import BatchOptions

    marker = tmp_path / "died"

    def fatal_once(job: object, prediction: object) -> str:
        import os as system
        from pathlib import Path as File

        if not File(marker).exists():
            File(marker).write_text("")
            system._exit(1)
        return "fine"

    run = ray_runner.RayRun(
        str(listed), tmp_path / "out", {"png16": ".png"}, BatchOptions(), workers=2, block=8
    )
    outcomes = list(ray_runner.run_with_ray(run, fatal_once))
    assert marker.exists()
    assert [outcome.job.name for outcome in outcomes] == [Path(f"r/{i}") for i in range(COUNT)]
    assert all(outcome.error is None for outcome in outcomes)
    assert len(results(tmp_path / "out")) == COUNT


@pytest.mark.timeout(120)
def test_a_killed_run_goes_on(tmp_path: Path, listed: Path) -> None:
    """SIGKILL of the driver at some moment: what is there is whole, and the next run does the rest."""
    out = tmp_path / "out"
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-c", "from onedepth.apps.cli import main; main()", "predict", str(listed)]
    command += ["-o", str(out), "--runner", "ray", "--format", "png16", "--workers", "1"]
    driver = subprocess.Popen(command, env={**os.environ, "RAY_ADDRESS": address}, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not results(out) and driver.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = results(out)
    assert before
    done = predict(listed, "-o", out, "--runner", "ray")
    assert done.exit_code == 0, done.output
    predict(listed, "-o", tmp_path / "local")
    assert results(out) == results(tmp_path / "local")
    assert all(results(out)[name] == data for name, data in before.items())
