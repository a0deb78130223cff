"""Rendering for text messages, against a library's GSM 03.38 codec."""

from __future__ import annotations

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.model import Choice, Message, Sender
from bot.channels.render_sms import MOST_SEGMENTS, bodies, choices, gsm, plain, segments

CODEC = gsm0338.Codec()


def septets(text: str) -> int | None:
    """How many places of the GSM alphabet the text takes by the library; None where it has others."""
    try:
        return len(CODEC.encode(text)[0])
    except UnicodeEncodeError:
        return None


def library_segments(text: str) -> int:
    """Segments by the library's lengths: filled one after the other, characters of two places kept whole."""
    if septets(text) is not None:
        widths, single, several = [septets(c) or 0 for c in text], 160, 153
    else:
        widths, single, several = [len(c.encode("utf-16-be")) // 2 for c in text], 70, 67
    if sum(widths) <= single:
        return 1
    count, room = 1, several
    for width in widths:
        if width > room:
            count, room = count + 1, several
        room -= width
    return count


def message(text: str, *titles: str, kind: str = "answer") -> Message:
    """A message of the bot's with choices."""
    return Message("m", 1, Sender.BOT, text, kind, 0, tuple(Choice(t, f"p-{t}", f"/secret_{t}") for t in titles))


@given(
    st.text(alphabet=st.characters(codec="utf-16"), max_size=500) | st.text(alphabet="aé{}[]€^~|\\ 'Ω", max_size=500)
)
def test_segments_are_counted_as_the_library_does(text):
    """Any text's count is that of the library's alphabet."""
    assert segments(text) == library_segments(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("a" * 459, 3), ("a" * 460, 4), ("{" * 80, 1),
     ("{" * 81, 2), ("ä" * 160, 1), ("я" * 70, 1), ("я" * 71, 2), ("😀" * 35, 1), ("😀" * 36, 2), ("", 1),
     ("a" * 152 + "{" + "a" * 151, 2), ("a" * 152 + "{" + "a" * 152, 3)],
)
def test_segments_at_their_borders(text, count):
    """160 and 70 characters for one, 153 and 67 each for several; an extended one takes two and is not cut."""
    assert segments(text) == count == library_segments(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("“It’s here” – now…", '"It\'s here" - now...'), ("•••-•••-0142", "***-***-0142"),
     ("a\u00a0b\u2009c", "a b c"),
     ("São Tomé", "Sao Tomé"), ("zero\u200bwidth", "zerowidth"), ("ﬁne", "fine"), ("Straße", "Straße"), ("½", "½"),
     ("я", "я")],
)
def test_characters_find_their_likeness(text, expected):
    """Curly quotes, dashes, bullets and odd blanks are mapped, accents dropped where the alphabet has none."""
    assert gsm(text) == expected


@given(st.text(alphabet="‘’“”‐‑‒–—…•·\u00a0\u2009\u202fabc", max_size=200))
def test_typographic_text_always_becomes_gsm(text):
    """What typesetting adds never costs a text its alphabet."""
    assert septets(gsm(text)) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Use [clinic.example/contact](https://clinic.example/contact).", "Use https://clinic.example/contact."),
        ("A [contact form](https://clinic.example/contact).", "A contact form: https://clinic.example/contact."),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("call [845-703-6999](tel:+18457036999)", "call 845-703-6999"),
        ("call [](tel:+18457036999)", "call +18457036999"),
        ("[a@b.example](mailto:a@b.example)", "a@b.example"),
        ("[write us](mailto:a@b.example)", "write us (a@b.example)"),
        ("[odd](javascript:alert)", "odd"),
        ("a [code] stays", "a [code] stays"),
    ],
)
def test_links_are_written_out(text, expected):
    """No link syntax is left, and every address can be seen."""
    assert plain(text) == expected


def test_choices_are_numbered_over_the_whole_turn():
    """Numbers go on from one message to the next, as the engine counts them; commands and payloads stay away."""
    (body,) = bodies([message("One.", "a thing", "another"), message("Two?", "third", kind="prompt")])
    assert body == "One.\nTwo?\nReply 1 for a thing\n2 for another\n3 for third"
    assert choices(["x", "My code did not come"]) == 'Reply 1 for x\n2 for "My code did not come"'


def test_choices_beside_an_answer_never_cost_another_text():
    """Where an answer fills its text, optional choices are left out; those of a question stay."""
    long = "Facts. " * 64
    assert bodies([message(long, "more")]) == bodies([message(long)])
    assert len(bodies([message(long, "more")])) == 1
    asked = bodies([message(long, "this one", "that one", kind="prompt")])
    assert asked[-1].endswith("Reply 1 for this one\n2 for that one")


def test_the_introduction_stands_before_and_moves_out_when_it_is_full():
    """The introduction shares the first answer's text where both fit, else it is a text of its own."""
    assert bodies([message("Short.")], before="We are a machine.") == ["We are a machine.\nShort."]
    assert bodies([message("x" * 450)], before="We are a machine.") == ["We are a machine.", "x" * 450]


@given(st.lists(st.text(max_size=1500), min_size=1, max_size=3), st.lists(st.text(min_size=1, max_size=40), max_size=4))
def test_nothing_said_is_ever_longer_than_three_segments_or_lost(said, titles):
    """Whatever is said is cut at sentences, words, or at last anywhere, into texts of at most three segments each."""
    found = bodies([message(text, *titles, kind="prompt") for text in said])
    assert all(segments(body) <= MOST_SEGMENTS for body in found)
    kept = "".join("".join(found).split())
    for text in said:
        for word in gsm(plain(text)).split():
            assert word in kept


def test_sentences_are_kept_whole():
    """A long answer is cut between sentences."""
    sentence = "This is a sentence of about fifty characters long."
    found = bodies([message(" ".join([sentence] * 12))])
    assert len(found) == 2
    assert all(body.endswith(".") and body.startswith("This") for body in found)
