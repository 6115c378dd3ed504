"""What `/metrics` tells Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts of one server; a registry of its own, so that several servers may live in one process."""

    def __init__(self, waiting: Callable[[], float], held: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "onedepth_requests", "Answers by path and status.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "onedepth_request_seconds",
            "From the first byte of a depth request to its answer.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "onedepth_stage_seconds",
            "Stages of a prediction.",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        Gauge(
            "onedepth_photos_pending", "Photos waiting or worked on.", registry=self._registry
        ).set_function(waiting)
        Gauge("onedepth_upload_bytes", "Uploads in memory.", registry=self._registry).set_function(held)

    def request(self, path: str, status: int) -> None:
        """Count an answer."""
        self._requests.labels(path, str(status)).inc()

    def depth(self, seconds: float, stages: Mapping[str, float]) -> None:
        """Note how long a photo took."""
        self._seconds.observe(seconds)
        for stage, value in stages.items():
            self._stages.labels(stage).observe(value)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)
