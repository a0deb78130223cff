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
        ("the last one please", "/request_human"), ("the former", "/ask_landline"), ("last week", None),
        ("3", None), ("0", None), ("one of my phones is a landline", None), ("2 codes came", None), ("", None),
    ],
)
def test_what_counts_as_a_choice(text, command):
    """A bare number, ordinal or title chooses; a sentence that holds one does not."""
    assert chosen(text, BUTTONS) == command


ABLE = [("I can sign in", '/affirm{"asks": "can_sign_in"}'), ("I can't sign in", '/deny{"asks": "can_sign_in"}')]


@pytest.mark.parametrize(("text", "number"), [
    ("I can sign in", 0), ("can sign in", 0), ("yes i can", 0), ("yes, I can log in now.", 0), ("i cant sign in", 1),
    ("I can’t sign in", 1), ("hm no i cant", 1), ("no, I cannot get in", 1), ("can not", 1),
    ("idk, I think I can", 0), ("i think so", 0), ("no, he only gets to the code page", 1),
    ("He can't sign in, that's the whole point", 1),
    ("I can, but only with the old number and that's gone", 1),
])
def test_whether_one_can_sign_in_is_said_in_many_words(text, number):
    """The titles need not be typed as they are written."""
    assert chosen(text, ABLE) == ABLE[number][1]
    assert chosen("yes i can", BUTTONS) is None


@pytest.mark.parametrize("text", ["the one ending in 42", "no i meant send it to the one ending in 42", "same number"])
def test_the_offered_destination_can_be_named(text):
    """It is the only one that the patient was told."""
    offered = [("Yes, send it", '/affirm{"asks": "resend"}'), ("No, thanks", '/deny{"asks": "resend"}')]
    assert chosen(text, offered) == offered[0][1]
    assert chosen(text, ABLE) is None


@pytest.mark.parametrize(("text", "number"), [("y", 0), ("Y.", 0), ("n", 1), (" N! ", 1)])
def test_a_letter_is_a_yes_or_no_where_that_was_asked(text, number):
    """Elsewhere it is none: "y" is short for why, too."""
    assert chosen(text, ABLE) == ABLE[number][1]
    assert chosen(text, BUTTONS) is None


@pytest.mark.parametrize("text", ["can you call me", "i can wait", "cant you just change it", "can I use email"])
def test_other_things_that_one_can_are_no_choice(text):
    """Only signing in was asked about."""
    assert chosen(text, ABLE) is None


FROM_HERE = [("Write to them from here", "/file_contact")]


@pytest.mark.parametrize("text", [
    "yes", "Yes please", "ok, go ahead", "yes write to them", "can you write to them for me?", "send them a message",
    "please fill in the form for me", "do it for me", "Yes, contact them please",
])
def test_a_yes_in_words_writes_to_the_practice_where_that_was_offered(text):
    """Whoever agrees to "Write to them from here" need not say it in those words."""
    assert chosen(text, FROM_HERE) == "/file_contact"
    assert chosen(text, []) is None


@pytest.mark.parametrize(
    "text", ["no", "send it", "yes but what does it cost", "can you send me a new code", "what form?"]
)
def test_other_words_do_not_write_to_the_practice(text):
    """Only an agreement begins the form."""
    assert chosen(text, FROM_HERE) is None


def test_a_bare_yes_does_not_choose_among_several():
    """With two choices before him a yes is no choice."""
    assert chosen("yes", [*FROM_HERE, *BUTTONS]) is None


SEND = [
    ("Yes, send it", '/affirm{"asks": "resend"}'), ("No, thanks", '/deny{"asks": "resend"}'),
    ("Send it by email (less secure)", '/request_resend{"channel": "email"}'),
]


@pytest.mark.parametrize("text", [
    "by email", "no send it by email", "no, email it to me instead", "fine do it by mail", "no i said MAIL not text",
    "nope my email",
])
def test_the_way_can_be_named(text):
    """Where a button would send it so; many say mail."""
    assert chosen(text, SEND) == SEND[2][1]


@pytest.mark.parametrize("text", [
    "i dont have email", "I don't use email", "no email came", "the email never came", "my email is wrong",
    "not by email", "my email died", "I never got the email", "can I get it by email?",
])
def test_a_way_that_is_of_no_use_is_not_chosen(text):
    """Nothing is sent where its writer says that it cannot be read."""
    assert chosen(text, SEND) is None
