"""Load of the machine while a stage runs: processor, memory, disk, network and GPU.

Sampled with MLflow's collectors, named as its page expects system metrics, and stored with the
stage's other curves, so that nothing is lost if MLflow stops answering.
``MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=false`` switches it off;
``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL`` sets the interval.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.mlflow.curve import Curve

SECONDS_BETWEEN_SAMPLES = 10.0
PREFIX = "system/"

log = logging.getLogger("prefect.spikeseg")


@contextmanager
def monitored(curve: Curve) -> Iterator[None]:
    """Sample the machine's load into a stage's curves, if the stage has an MLflow run."""
    if curve.run is None or not _switched_on():
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(
        target=_sample, args=(curve, stop), name="spikeseg-system-metrics", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _switched_on() -> bool:
    from mlflow import environment_variables

    switch = environment_variables.MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
    return bool(switch.get()) or not switch.is_set()


def _sample(curve: Curve, stop: threading.Event) -> None:
    from mlflow import environment_variables

    try:
        interval = environment_variables.MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL
        collectors = _collectors()
        step = 1 + curve.last_step(PREFIX)
        while not stop.wait(interval.get() or SECONDS_BETWEEN_SAMPLES):
            for collector in collectors:
                collector.collect_metrics()
                for name, value in collector.aggregate_metrics().items():
                    curve.add(PREFIX + name, value, step)
                collector.clear_metrics()
            step += 1
    except Exception as error:  # sampling must not stop the work
        log.debug("the machine's load is no longer sampled: %s", error, exc_info=True)


def _collectors() -> list[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    found = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        return [*found, GPUMonitor()]
    except Exception:  # without a GPU or its driver
        return found
