"""Lets Rasa start without TensorFlow, and without the clients of channels and stores that twostep does not use.

Rasa 3.6 imports TensorFlow for components that are not in config.yml (DIET, TED), and all of its channels, brokers and
model stores with their clients, at every start. A meta-path finder answers those imports with modules whose every
attribute is an empty class: enough to be named as a base class or in an annotation; creating an instance says what is
missing. A package that is installed is used as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

TENSORFLOW = ("tensorflow", "keras", "tensorflow_hub", "tensorflow_text", "tensorflow_addons")
CLIENTS = (
    # channels
    "aiogram", "fbmessenger", "mattermostwrapper", "rocketchat_API", "slack_sdk", "socketio", "webexteamssdk",
    "boto3", "botocore",  # model storage
    "aio_pika", "aiormq", "confluent_kafka", "pymongo",  # brokers, tracker store
    "sklearn_crfsuite",
)


class TensorFlowUnavailable(RuntimeError):
    """Raised when something that needs TensorFlow, or a client that is not there, is used rather than only named."""


class _Meta(type):
    """Attributes of a stand-in class are stand-in classes, so that `tf.keras.layers.Layer` can be named."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(f"{cls.__qualname__}.{name}")

    def __getitem__(cls, item: object) -> Any:
        return cls


def _stand_in(name: str) -> Any:
    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        if cls.__dict__.get("_is_stand_in") and len(args) == 1 and callable(args[0]) and not kwargs:
            return args[0]  # used as a decorator, as in `@tf.function`
        raise TensorFlowUnavailable(
            f"{name} needs {_package(name)}, which twostep does without: use the components that config.yml names"
        )

    return _Meta(name, (), {"__new__": refuse, "__qualname__": name, "_is_stand_in": True})


def _package(name: str) -> str:
    top = name.partition(".")[0]
    return "TensorFlow" if top in TENSORFLOW else top


class _Module(ModuleType):
    __path__: list[str] = []
    __version__ = "0.0.0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _stand_in(f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


class _StandIn(MetaPathFinder, Loader):
    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._packages:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the attributes come into being when they are asked for."""


def install() -> None:
    """Answer imports of what is not installed from here on. Safe to call again."""
    if any(isinstance(finder, _StandIn) for finder in sys.meta_path):
        return
    missing = {client for client in CLIENTS if PathFinder.find_spec(client) is None}
    if PathFinder.find_spec("tensorflow") is None:
        missing.update(TENSORFLOW)
    sys.meta_path.insert(0, _StandIn(frozenset(missing)))
