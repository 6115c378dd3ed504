"""The tiny model, opened once, and clients of a server in this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from onedepth.apps.web.server import make_app
from onedepth.apps.web.settings import Settings
from onedepth.predict.predictor import Predictor, load

MakeClient = Callable[..., TestClient]


@pytest.fixture(scope="session")
def predictor(tiny_model: Path) -> Predictor:
    return load(tiny_model, "cpu", threads=1)


@pytest.fixture
def make_client(predictor: Predictor) -> Iterator[MakeClient]:
    with ExitStack() as stack:

        def make(settings: Settings | None = None, base_url: str = "http://localhost") -> TestClient:
            app = make_app(predictor, settings)
            return stack.enter_context(TestClient(app, base_url, raise_server_exceptions=False))

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> TestClient:
    return make_client()
