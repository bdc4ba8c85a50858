import h5py
import numpy as np
import pytest

from spikeseg_core.errors import DataError, MappingError
from spikeseg_core.frontends.folding import fold
from spikeseg_core.frontends.keras_model import from_model
from spikeseg_core.frontends.reading import read_model
from spikeseg_core.stack import keras

layers = keras.layers
RNG = np.random.default_rng(0)


def functional(*build, size=(8, 10, 3)):
    """A model: input, convolution, ReLU, the given layers, a convolution."""
    given = keras.Input(size)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(given)
    for layer in build:
        x = layer(x)
    return keras.Model(given, x)


def randomized(model):
    """Give every weight, also biases and batch norm's statistics, a value."""
    for variable in model.weights:
        shape = tuple(variable.shape)
        values = RNG.normal(size=shape) / np.sqrt(max(np.prod(shape[:-1]), 1))
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.name else values)
    return model


def same_as_keras(model, tolerance=1e-4):
    """Compare the graph's output with the model's."""
    graph = fold(from_model(randomized(model)))
    items = RNG.uniform(size=(3, *model.input_shape[1:])).astype(np.float32)
    expected = model(items).numpy()
    found = graph.read_out(graph.forward(graph.items(items)))
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=tolerance)
    return graph


@pytest.mark.parametrize(
    "middle",
    [
        [layers.Conv2D(6, 3)],
        [layers.Conv2D(6, (3, 2), strides=2, padding="same", use_bias=False)],
        [layers.Conv2D(6, 3, dilation_rate=2, padding="same")],
        [layers.Conv2D(8, 3, groups=2, padding="same")],
        [layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")],
        [layers.DepthwiseConv2D(3, strides=2, padding="same")],
        [layers.SeparableConv2D(6, 3, padding="same")],
        [layers.Conv2DTranspose(6, 2, 2)],
        [layers.Conv2DTranspose(6, 3, 2, "same")],
        [layers.Conv2DTranspose(6, 4, 2, "same")],
        [layers.Conv2DTranspose(6, 3, 1, "same")],
        [layers.Conv2DTranspose(6, 3, 2, "valid")],
        [layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()],
        [layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(4, 3, padding="same")],
        [layers.AveragePooling2D(), layers.Conv2D(4, 3, padding="same")],
        [layers.MaxPooling2D(), layers.Conv2D(4, 3, padding="same")],
        [layers.MaxPooling2D(3, 2, "same"), layers.Conv2D(4, 3, padding="same")],
        [layers.AveragePooling2D(3, 2), layers.Conv2D(4, 3)],
        [layers.UpSampling2D(), layers.Conv2D(4, 3, padding="same")],
        [layers.ZeroPadding2D(((1, 2), (0, 1))), layers.Conv2D(4, 3)],
        [layers.Flatten(), layers.Dense(7)],
        [layers.Dense(7)],
        [layers.GlobalAveragePooling2D(), layers.Dense(7)],
        [layers.Dropout(0.5), layers.Conv2D(4, 1, activation="relu6")],
    ],
    ids=lambda found: " ".join(type(layer).__name__ for layer in found),
)
def test_layers_compute_what_keras_computes(middle) -> None:
    same_as_keras(functional(*middle, layers.Activation("relu"), layers.Dense(2)))


def test_residual_and_concatenated_networks() -> None:
    given = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, 2, "same", activation="relu")(layers.Rescaling(1 / 2, 0.1)(given))
    y = layers.Conv2D(4, 3, padding="same")(x)
    y = layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(y)]))
    y = layers.Concatenate()([layers.UpSampling2D()(y), layers.Conv2DTranspose(2, 2, 2)(x)])
    y = layers.Conv2D(3, 3, padding="same", activation="relu")(y)
    graph = same_as_keras(keras.Model(given, layers.Conv2D(1, 1, activation="sigmoid")(y)))
    assert graph.head == "sigmoid"
    assert [layer.on_chip for layer in graph.layers] == [False, True, True]


def test_a_layer_that_is_used_twice() -> None:
    given, shared = keras.Input((6, 6, 4)), layers.Conv2D(4, 3, padding="same", activation="relu")
    x = shared(shared(shared(given)))
    same_as_keras(keras.Model(given, layers.Dense(2)(x)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_hold_the_same_network(suffix, tmp_path) -> None:
    model = randomized(functional(layers.Conv2D(4, 3, activation="relu"), layers.Dense(2)))
    path = tmp_path / f"small{suffix}"
    with pytest.warns() if suffix == ".h5" else _quiet():
        model.save(path)
    graph = read_model(path)
    items = RNG.uniform(size=(1, 8, 10, 3)).astype(np.float32)
    np.testing.assert_allclose(
        graph.read_out(graph.forward(items)), model(items).numpy(), atol=1e-5
    )


def _quiet():
    from contextlib import nullcontext

    return nullcontext()


def test_what_cannot_be_mapped_is_named_with_what_would_fit() -> None:
    model = functional(
        layers.Conv2D(4, 3, padding="same", activation="tanh", name="squashed"),
        layers.LeakyReLU(name="leaky"),
        layers.AveragePooling2D(3, 2, "same", name="edges"),
        layers.LayerNormalization(name="norm"),
        layers.Conv2D(2, 3, padding="same", activation="softmax", name="gate"),
        layers.Dense(2, activation="relu"),
    )
    with pytest.raises(MappingError) as error:
        fold(from_model(model))
    message = str(error.value)
    for line in (
        "layer 'squashed': activation tanh: the chip's neurons are ReLUs",
        "layer 'leaky': LeakyReLU is not mapped; convolutions",
        "layer 'edges': average pooling whose padding does not count",
        "layer 'norm': LayerNormalization is not mapped",
        "layer 'gate': a softmax between layers",
    ):
        assert line in message


def test_files_that_are_no_models(tmp_path) -> None:
    with pytest.raises(DataError, match=r"nothing\.h5 is not a file"):
        read_model(tmp_path / "nothing.h5")
    text = tmp_path / "model.txt"
    text.write_text("x")
    with pytest.raises(DataError, match=r"ends in '\.txt'; models are \.keras, \.h5"):
        read_model(text)
    broken = tmp_path / "broken.h5"
    broken.write_text("x")
    with pytest.raises(DataError, match="is not an HDF5 file"):
        read_model(broken)
    with pytest.raises(DataError, match=r"broken\.keras is no model as Keras saves it"):
        read_model(broken.rename(tmp_path / "broken.keras"))
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["x"] = np.zeros(2)
    with pytest.raises(DataError, match="holds weights without a model"):
        read_model(tmp_path / "weights.h5")


def test_an_input_of_unknown_size_is_refused() -> None:
    from spikeseg_core.errors import ConfigError

    model = functional(layers.Conv2D(4, 3, activation="relu"), size=(None, None, 3))
    with pytest.raises(ConfigError, match="all sizes must be known"):
        from_model(model)
