"""The shortcuts of a training do as Rasa's own parts do."""

from __future__ import annotations

import copy
import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.nlu.training_data.message import Message

from bot.engine import training

ROOT = Path(__file__).parents[2]


def _message(**more: Any) -> Message:
    data = {"text": "no code came", "intent": "report_no_code", "metadata": {"intent": {"author": "a"}}, **more}
    return Message(data=data, output_properties={"text", "intent"}, features=[])


@pytest.fixture
def shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages copied as a training copies them."""
    monkeypatch.setattr(Message, "__deepcopy__", training._copy_message, raising=False)


def test_a_copied_message_is_as_rasas_own_copy(shortcut: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal in all that it holds, of the same types."""
    message = _message(entities=[{"start": 1, "value": ("a", 2)}], nothing=None, sure=0.5)
    ours = copy.deepcopy(message)
    monkeypatch.delattr(Message, "__deepcopy__")
    theirs = copy.deepcopy(message)
    assert type(ours) is type(theirs) is Message
    assert vars(ours) == vars(theirs)
    assert repr(ours.data) == repr(theirs.data)


def test_a_copied_message_is_apart_from_its_original(shortcut: None) -> None:
    """What a component writes into the copy does not reach the original."""
    message = _message(entities=[{"start": 1}])
    made = copy.deepcopy([message])[0]
    made.data["metadata"]["intent"]["author"] = "b"
    made.data["entities"][0]["start"] = 2
    made.data["entities"].append({})
    made.output_properties.add("other")
    made.features.append(object())
    assert message.data == _message(entities=[{"start": 1}]).data
    assert message.output_properties == {"text", "intent"}
    assert message.features == []


def test_a_changed_message_has_another_fingerprint() -> None:
    """Or Rasa would take the old model's parts for current; one of the same content has the same."""
    same, other = _message(), _message(text="no code came!")
    label = _message(intent="ask_code_lifetime")
    author = _message(metadata={"intent": {"author": "b"}})
    prints = [training._fingerprint(message) for message in (_message(), same, other, label, author)]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


def test_equal_messages_have_equal_hashes() -> None:
    """Rasa drops the doubles of an example by them."""
    assert training._hash(_message()) == training._hash(_message())
    assert training._hash(_message()) != training._hash(_message(text="no code came!"))


def test_an_invalid_file_is_named_with_the_line(tmp_path: Path) -> None:
    """Though what is valid is read without line numbers."""
    (tmp_path / "data").mkdir()
    for name in ("config.yml", "domain.yml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "data" / "greet.yml").write_text("version: '3.1'\nnlu:\n- intent: greet\n  example: |\n    - hello\n")
    with pytest.raises(training.TrainingFailed, match=r"greet\.yml:3:\s+Key 'example' was not defined"):
        training.train(training.Project(tmp_path), progress=lambda line: None)


def test_yaml_is_read_by_the_compiled_reader() -> None:
    """A training reads some megabytes of it; ruamel.yaml falls back to pure Python without a word."""
    assert importlib.import_module("_ruamel_yaml").CParser


def test_words_about_the_components_do_not_train_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change in what the model is made by does."""
    monkeypatch.setattr(training, "COMPONENTS", tmp_path)
    project = training.Project(ROOT)
    before = project.digest()
    (tmp_path / "README.md").write_text("what it is")
    assert project.digest() == before
    (tmp_path / "rules.txt").write_text("what it does")
    assert project.digest() != before
