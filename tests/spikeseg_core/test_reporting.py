import inspect

from spikeseg_core.reporting import SILENT, Reporter


def test_the_silent_reporter_takes_all_that_a_reporter_is_told() -> None:
    calls = [name for name, _ in inspect.getmembers(Reporter, inspect.isfunction) if name[0] != "_"]
    assert calls == ["metric", "progress", "say"]
    for name in calls:
        parameters = inspect.signature(getattr(SILENT, name)).parameters
        assert list(parameters) == list(inspect.signature(getattr(Reporter, name)).parameters)[1:]
        assert getattr(SILENT, name)(*range(len(parameters))) is None
