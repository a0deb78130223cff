"""The stand-in lets Rasa name TensorFlow, and refuses to be used as TensorFlow."""

import pytest

import bot.engine  # noqa: F401  # installs it
from bot.engine.tensorflow_stand_in import TensorFlowUnavailable


def test_names_and_decorators_work():
    """Base classes, annotations and `@tf.function` are only named, so they work."""
    import tensorflow as tf
    from tensorflow.keras.layers import Layer

    class Mine(Layer):
        pass

    @tf.function
    def plain() -> int:
        return 3

    assert plain() == 3
    assert issubclass(Mine, Layer)


def test_using_it_says_what_is_missing():
    """Making a tensor names what is missing instead of giving nonsense."""
    import tensorflow as tf

    with pytest.raises(TensorFlowUnavailable, match="constant"):
        tf.constant([1, 2])
