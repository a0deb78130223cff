"""The dialogue engine. Rasa stays inside: others use `bot.engine.model` and what `bot.app` hands them.

What must be so before the first `import rasa` is done here, once.
"""

import logging
import os
import warnings

import structlog

from bot.engine import tensorflow_stand_in
from bot.engine.deferred import defer_what_serving_spares

os.environ["RASA_TELEMETRY_ENABLED"] = "false"  # patients' text goes nowhere
os.environ.setdefault("LOG_LEVEL_LIBRARIES", "ERROR")
os.environ.setdefault("LOG_LEVEL", "ERROR")  # no bar for every rule; `twostep train` has a progress of its own
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a message is too short to be shared among threads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # nor are its few numbers: a second thread only waits, at full speed
tensorflow_stand_in.install()
defer_what_serving_spares()
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # Rasa's, and its setuptools is pinned
warnings.filterwarnings("ignore", message="Slot auto-fill has been removed")  # said at every training with a slot

# Rasa logs messages' texts at debug, and slots' values in the tracebacks of its errors, through structlog. What goes
# wrong in a turn is seen by the engine, which logs it without a patient's words.
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
    cache_logger_on_first_use=True,  # or a logger is made anew for each line that is not written
)
logging.getLogger("rasa").setLevel(logging.WARNING)
