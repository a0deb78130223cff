"""Serving does without scikit-learn and matplotlib; whoever uses them gets the real ones."""

from __future__ import annotations

import subprocess
import sys


def _run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_serving_does_not_load_it() -> None:
    """The application and the engine come up without scikit-learn, matplotlib, Redis or a client of another service."""
    loaded = _run(
        "import sys, bot.app, bot.engine.rasa_engine, bot.nlu.components;"
        "print([name for name in ('sklearn', 'matplotlib', 'pandas', 'redis', 'limits') if name in sys.modules])"
    )
    assert loaded == "[]"


def test_the_real_one_comes_with_the_first_use() -> None:
    """Rasa's own split, and everything else of the module, is scikit-learn's."""
    assert _run(
        "import bot.engine; from rasa.utils.tensorflow import model_data;"
        "a, b = model_data.train_test_split(list(range(10)), test_size=3, random_state=1);"
        "from sklearn.model_selection import train_test_split, GridSearchCV;"
        "c, d = train_test_split(list(range(10)), test_size=3, random_state=1);"
        "print((a, b) == (c, d), GridSearchCV.__module__)"
    ) == "True sklearn.model_selection._search"


def test_pictures_can_be_drawn() -> None:
    """What evaluation draws with is complete, although serving leaves it alone."""
    assert _run("import matplotlib; matplotlib.use('svg'); from matplotlib import pyplot; print('drawn')") == "drawn"


def test_rasa_draws_with_its_own_plotting() -> None:
    """`twostep rasa test` gets what it asks for."""
    assert _run(
        "import bot.engine; from rasa.nlu.test import plot_utils; import rasa.utils.plotting as again;"
        "print(plot_utils.plot_confusion_matrix.__module__, again.plot_confusion_matrix.__module__)"
    ) == "rasa.utils.plotting rasa.utils.plotting"
