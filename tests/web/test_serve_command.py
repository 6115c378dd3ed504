"""`onedepth serve`: starts, says where, stops when told, and refuses what cannot be in one line."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner
from web_cases import photo

from onedepth.apps.cli import app

MAIN = "from onedepth.apps.cli import main; main()"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(tiny_model: Path, stop: signal.Signals) -> None:
    arguments = ["serve", "--port", "0", "--model", str(tiny_model), "--max-pixels", "5000"]
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url = re.match(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            assert url is not None
            good = httpx.post(f"{url[0]}/v1/depth", content=photo(), timeout=30)
            large = httpx.post(f"{url[0]}/v1/depth", content=photo((100, 100)), timeout=30)
            assert (good.status_code, large.status_code) == (200, 400)
            server.send_signal(stop)
            _, errors = server.communicate(timeout=30)
        finally:
            server.kill()
    assert "Traceback" not in errors


def test_a_port_in_use_is_told(tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", "--port", port, "--model", str(tiny_model)])
    assert result.exit_code == 2
    assert f"port {port}" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_address_is_told() -> None:
    result = CliRunner().invoke(app, ["serve", "--host", "no.such.host.invalid"])
    assert result.exit_code == 2
    assert "cannot listen on no.such.host.invalid" in result.stderr


@pytest.mark.parametrize("token", ["", "two words", "sésame"])
def test_a_token_that_lets_everybody_or_nobody_in_is_refused(token: str) -> None:
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--token", token])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --token: expected ASCII")


def test_listening_to_everybody_without_a_token_is_told(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        "onedepth.apps.web.run.run", lambda listener, predictor, settings: seen.append(settings)
    )
    arguments = ["serve", "--host", "0.0.0.0", "--port", "0", "--model", str(tiny_model)]
    assert CliRunner().invoke(app, arguments).stderr.startswith("warning: ")
    assert CliRunner().invoke(app, [*arguments, "--token", "x", "--allow-host", "depth.example"]).stderr == ""
    assert seen[0].hosts is None
    assert seen[1].token == "x"
    assert "depth.example" in seen[1].hosts
