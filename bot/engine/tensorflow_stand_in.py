"""Lets Rasa start where TensorFlow is not installed.

Rasa 3.6 imports TensorFlow for components that twostep does not use (DIET, TED). A meta-path finder answers
those imports with modules whose every attribute is an empty class: enough to be named as a base class or in an
annotation; creating an instance says what is missing. Nothing happens where a real TensorFlow is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

PACKAGES = ("tensorflow", "keras", "tensorflow_hub", "tensorflow_text", "tensorflow_addons")


class TensorFlowUnavailable(RuntimeError):
    """Raised when something that needs TensorFlow is used rather than only named."""


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
            f"{name} needs TensorFlow, which twostep does without: use the components that config.yml names"
        )

    return _Meta(name, (), {"__new__": refuse, "__qualname__": name, "_is_stand_in": True})


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
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the attributes come into being when they are asked for."""


def install() -> None:
    """Answer imports of TensorFlow from here on, unless the real one is installed. Safe to call again."""
    if any(isinstance(finder, _StandIn) for finder in sys.meta_path):
        return
    if PathFinder.find_spec("tensorflow") is None:
        sys.meta_path.insert(0, _StandIn())
