"""Puts off what only training needs: scikit-learn, which Rasa imports at every start for one function."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

SPLITTING = "sklearn.model_selection"  # imported by rasa.utils.tensorflow.model_data: 90 MB and seconds of a start


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


def defer_scikit_learn() -> None:
    """Let Rasa name `train_test_split` without loading it. Safe to call again, and after the real import."""
    if SPLITTING in sys.modules:
        return
    module = _Deferred(SPLITTING)

    def train_test_split(*arrays: Any, **options: Any) -> Any:
        """scikit-learn's own, loaded at the first call."""
        return _real(module).train_test_split(*arrays, **options)

    module.__dict__["train_test_split"] = train_test_split
    sys.modules[SPLITTING] = module
