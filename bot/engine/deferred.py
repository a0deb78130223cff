"""Puts off what only training and measuring need, though Rasa imports it at every start: scikit-learn, matplotlib."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

SPLITTING = "sklearn.model_selection"  # imported by rasa.utils.tensorflow.model_data: 90 MB and seconds of a start
PLOTTING = "rasa.utils.plotting"  # imported by rasa.nlu.test; brings matplotlib
LOCKING = "portalocker.redis"  # of the library that locks Rasa's files; brings redis-py, and does without


class _Deferred(ModuleType):
    """Stands in `sys.modules` for a module until something of it is used; then the real one takes its place."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self), name)


def _real(deferred: ModuleType) -> ModuleType:
    if sys.modules.get(deferred.__name__) is deferred:
        del sys.modules[deferred.__name__]
    return importlib.import_module(deferred.__name__)


def defer_what_serving_spares() -> None:
    """Let Rasa name `train_test_split` and its plotting without loading them. Safe to call again, and after the real
    imports."""
    sys.modules.setdefault(PLOTTING, _Deferred(PLOTTING))
    sys.modules.setdefault(LOCKING, None)  # type: ignore[arg-type]  # how Python is told that there is no such module
    if SPLITTING in sys.modules:
        return
    module = _Deferred(SPLITTING)

    def train_test_split(*arrays: Any, **options: Any) -> Any:
        """scikit-learn's own, loaded at the first call."""
        return _real(module).train_test_split(*arrays, **options)

    module.__dict__["train_test_split"] = train_test_split
    sys.modules[SPLITTING] = module
