"""What the service counts, in Prometheus' format: requests by model and status, their time, what is under way."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from aeolian.serving.failures import RequestError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0)


class Metrics:
    """The counters of one server."""

    def __init__(self, outstanding: Callable[[], int], deaths: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "aeolian_requests", "Inference requests.", ["model", "transport", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "aeolian_request_seconds", "How long they took.", ["model"], buckets=_SECONDS, registry=self._registry
        )
        waiting = Gauge("aeolian_requests_outstanding", "Requests that wait or run.", registry=self._registry)
        waiting.set_function(outstanding)
        dead = Gauge("aeolian_worker_deaths", "Workers that died and were replaced.", registry=self._registry)
        dead.set_function(deaths)

    @contextmanager
    def request(self, model: str, transport: str) -> Iterator[None]:
        """Counts one request. `model` is a name that there is."""
        start_s, status = time.monotonic(), "500"
        try:
            yield
            status = "200"
        except RequestError as error:
            status = str(error.status)
            raise
        except BaseException:
            status = "gone"
            raise
        finally:
            self._requests.labels(model, transport, status).inc()
            self._seconds.labels(model).observe(time.monotonic() - start_s)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)
