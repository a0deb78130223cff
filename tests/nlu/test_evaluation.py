"""The figures mean what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bot.nlu.evaluation import Understood, confusion_picture, evaluate, measure, summary


def answer(intent: str) -> Understood:
    return Understood("answer", intent, ())


TRIPLES = [
    ("a", "ask_landline", answer("ask_landline")),
    ("b", "ask_landline", Understood("ask", "ask_no_mobile", ("ask_no_mobile", "ask_landline"))),
    ("c", "ask_landline", answer("ask_no_mobile")),
    ("d", "ask_no_mobile", Understood("fallback", "ask_no_mobile", ("ask_no_mobile", "ask_landline"))),
    ("e", "out_of_scope", Understood("fallback", "ask_landline", ("ask_landline", "ask_no_mobile"))),
    ("f", "out_of_scope", answer("ask_landline")),
    ("g", "report_emergency", answer("report_emergency")),
]


def test_strict_figures_count_answers_only_and_choices_are_told_apart() -> None:
    """Asking between two counts only in the figure that says so."""
    result = measure(TRIPLES)
    assert result.topic_accuracy == pytest.approx(1 / 4)
    assert result.topic_accuracy_with_choices == pytest.approx(2 / 4)
    assert result.accuracy == pytest.approx(3 / 7)
    assert (result.out_of_scope_recall, result.false_accepts) == (0.5, 1)
    assert (result.emergencies_missed, result.false_emergencies, result.asked) == (0, 0, 1)
    assert result.confusion[("ask_landline", "ask_no_mobile")] == 1


def test_the_summary_names_every_intent() -> None:
    """One row an intent."""
    text = summary(measure(TRIPLES))
    assert all(intent in text for intent in ("ask_landline", "ask_no_mobile", "out_of_scope", "report_emergency"))


def test_the_confusion_picture_is_a_drawing_of_it() -> None:
    """Well-formed SVG with a cell for each pair that occurred."""
    result = measure(TRIPLES)
    drawing = ElementTree.fromstring(confusion_picture(result))
    assert len(drawing.findall("{http://www.w3.org/2000/svg}rect")) == 1 + len(result.confusion)


def test_nothing_to_measure_is_an_error() -> None:
    """An empty file is told, not divided by."""
    with pytest.raises(ValueError, match="no lines"):
        measure([])


def test_a_trained_model_is_measured_through_its_parse_data(tmp_path: Path) -> None:
    """The command line's way in: labelled lines and a function from text to parse data."""

    def understand(text: str, context: Mapping[str, Any]) -> dict[str, Any]:
        intent = "ask_landline" if text == "x" or context.get("topic") == "ask_no_mobile" else "greet"
        return {"understanding": {"decision": "answer", "intent": intent, "candidates": []}}

    picture = tmp_path / "confusion.svg"
    lines = [("x", "ask_landline", ()), ("y", "out_of_scope", ())]
    assert "accuracy                       50.0%" in evaluate(lines, understand, picture)
    lines = [("y", "ask_landline", ()), ("y", "ask_landline", ("ask_no_mobile", "resend"))]
    assert "accuracy                       50.0%" in evaluate(lines, understand)
    assert picture.read_text(encoding="utf-8").startswith("<svg")
