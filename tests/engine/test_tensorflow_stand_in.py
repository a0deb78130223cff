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


def test_a_client_that_is_not_there_is_only_named():
    """Rasa's channels of other services can be imported; using one says which package it would need."""
    from rasa.core.channels.slack import SlackInput  # noqa: F401
    from rasa.core.channels.telegram import TelegramOutput

    with pytest.raises(TensorFlowUnavailable, match="aiogram"):
        TelegramOutput("token")
