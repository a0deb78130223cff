"""Trains the model, and trains nothing when nothing changed."""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

MODEL = "twostep.tar.gz"
RECORD = "trained.json"  # what the model was made from
COMPONENTS = Path(__file__).parents[1] / "nlu"


class TrainingFailed(Exception):
    """The data or configuration cannot be trained; the message says what is wrong, in one line."""


@dataclass(frozen=True)
class Project:
    """Where a Rasa project's files are."""

    root: Path = Path()

    @property
    def config(self) -> Path:
        """Pipeline and policies."""
        return self.root / "config.yml"

    @property
    def domain(self) -> Path:
        """Intents, forms, actions and words."""
        return self.root / "domain.yml"

    @property
    def data(self) -> Path:
        """Examples and rules."""
        return self.root / "data"

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.root / "models" / MODEL

    def digest(self) -> str:
        """A hash of all that the model is made from."""
        total = hashlib.sha256(version("rasa").encode())
        for path in self._sources():
            total.update(path.as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def _sources(self) -> Iterator[Path]:
        yield self.config
        yield self.domain
        yield from sorted(self.data.rglob("*.yml"))
        yield from sorted(
            path for path in COMPONENTS.rglob("*")
            if path.is_file() and path.suffix != ".md" and "__pycache__" not in path.parts
        )


def is_current(project: Project) -> bool:
    """True when the model was made from what is there now."""
    record = project.model.parent / RECORD
    if not (record.exists() and project.model.exists()):
        return False
    try:
        return bool(json.loads(record.read_text())["digest"] == project.digest())
    except (ValueError, KeyError):
        return False


def _fingerprint(self: Any) -> str:
    """A message's by one hash of all that it holds. Rasa makes one for each element of it: a third of a training."""
    return hashlib.sha256(repr(sorted(self.data.items())).encode()).hexdigest()


def _copy(value: Any) -> Any:
    """Like `copy.deepcopy`, for what a message holds, and many times faster."""
    if isinstance(value, dict):
        return {name: _copy(part) for name, part in value.items()}
    if isinstance(value, list | set):
        return type(value)(map(_copy, value))
    return value if value is None or isinstance(value, str | float | int) else copy.deepcopy(value)


def _copy_message(self: Any, memo: dict[int, Any]) -> Any:
    """Rasa copies every message for each of its importers, which took a third of a training."""
    made = object.__new__(type(self))
    made.__dict__ = _copy(self.__dict__)
    return made


def _hash(self: Any) -> int:
    """Equal messages have equal texts: Rasa asks seven times of each, and would make a fingerprint each time."""
    return hash(self.data.get("text"))


@contextmanager
def _read_quickly() -> Iterator[None]:
    """Let Rasa read what it validates by the compiled reader, which keeps no line numbers."""
    from rasa.shared.utils import io

    read: Callable[..., Any] = io.read_yaml
    io.read_yaml = lambda content, reader_type="safe": read(content, "safe")
    try:
        yield
    finally:
        io.read_yaml = read


def train(project: Project, *, force: bool = False, progress: Callable[[str], None] = print) -> bool:
    """Bring the model up to date; True when something had to be trained.

    Rasa itself retrains only the parts of the graph whose inputs changed, so other words in domain.yml cost seconds.

    Raises:
        TrainingFailed: with one line for the operator.
    """
    for needed in (project.config, project.domain, project.data):
        if not needed.exists():
            raise TrainingFailed(f"{needed} is missing: run twostep in the folder of its clone")
    if not force and is_current(project):
        return False
    progress("loading the training tools")
    from rasa.model_training import train as train_rasa  # slow to import, and serving does without it
    from rasa.shared.exceptions import YamlException
    from rasa.shared.nlu.training_data.message import Message

    Message.fingerprint = _fingerprint  # type: ignore[method-assign]
    Message.__hash__ = _hash  # type: ignore[method-assign]
    Message.__deepcopy__ = _copy_message  # type: ignore[attr-defined]
    digest = project.digest()
    progress("training (about a minute)")
    run = partial(
        train_rasa,
        domain=str(project.domain),
        config=str(project.config),
        training_files=[str(project.data)],
        output=str(project.model.parent),
        force_training=force,
        fixed_model_name=MODEL.removesuffix(".tar.gz"),
    )
    try:
        with redirect_stdout(sys.stderr):  # Rasa prints; our standard output may be somebody's JSON
            try:
                with _read_quickly():
                    result = run()
            except YamlException:
                result = run()  # to say in which line
    except Exception as error:
        reason = error.__cause__ or error
        raise TrainingFailed(f"training stopped: {reason}; `twostep rasa data validate` may tell more") from error
    if not result.model:
        raise TrainingFailed("training made no model; `twostep rasa data validate` tells what is wrong")
    (project.model.parent / RECORD).write_text(json.dumps({"digest": digest}))
    progress("trained")
    return True
