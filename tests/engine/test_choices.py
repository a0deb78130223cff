"""Numbers and titles typed instead of pressing a button."""

import pytest

from bot.engine.choices import chosen

BUTTONS = [("Using a landline", "/ask_landline"), ("Talk to a person", "/request_human")]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("1", "/ask_landline"), ("2", "/request_human"), ("#1", "/ask_landline"), ("One", "/ask_landline"),
        ("the second one", "/request_human"), ("option 2", "/request_human"), ("2.", "/request_human"),
        ("  talk to a PERSON ", "/request_human"), ("number one please", "/ask_landline"),
        ("3", None), ("0", None), ("one of my phones is a landline", None), ("2 codes came", None), ("", None),
    ],
)
def test_what_counts_as_a_choice(text, command):
    """A bare number, ordinal or title chooses; a sentence that holds one does not."""
    assert chosen(text, BUTTONS) == command
