from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.sources import fingerprint, isbi2012, read_source


def test_auto_falls_back_to_synthetic_and_says_so(offline):
    config = DatasetConfig(train_sections=1, validation_sections=1, test_sections=1)
    source = read_source(config.model_copy(update={"synthetic_size": 128}))
    assert source.source == "synthetic"
    assert source.images.pixels.shape == (3, 128, 128)
    assert source.note.startswith("SYNTHETIC sections, no microscopy")
    assert "ISBI 2012 is not available" in source.note


def test_it_is_the_challenge_where_its_data_is_here(monkeypatch, tmp_path):
    auto, named = (DatasetConfig(source=name) for name in ("auto", "isbi2012"))
    assert fingerprint(auto) == {"source": "auto"}
    monkeypatch.setenv(isbi2012.ISBI_VARIABLE, str(tmp_path))
    (tmp_path / "test-volume.tif").touch()
    assert fingerprint(auto) == fingerprint(named) == {"source": "isbi2012"}
