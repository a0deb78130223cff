"""What whoever is to help sees of a conversation."""

from __future__ import annotations

from bot.events import ContactRequestFiled, ResendRedeemed
from bot.insights.background import Background, background
from tests.insights.say import MINUTE, broken, fallback, talk, thumb, turn


def test_background_of_a_request() -> None:
    """What a conversation was about and what was tried in it, for whoever helps next: counts, and no words."""
    filed = ContactRequestFiled("c", "ABC-DEF", "Patient Portal", 9 * MINUTE)
    resend = ResendRedeemed("c", "challenge", 1 * MINUTE, "accepted")
    events = [
        talk(2, 0, "greet"), turn(4, 1 * MINUTE, "report_missing_code"), resend,
        ResendRedeemed("c", "challenge", 2 * MINUTE, "wait"), turn(6, 3 * MINUTE, "report_missing_code"),
        thumb(7, 3 * MINUTE, False), fallback(8, 4 * MINUTE), broken(10, 5 * MINUTE),
        turn(12, 6 * MINUTE, "request_human", contact_shown=True), filed,
    ]
    expected = Background("web", ("report_missing_code", "request_human"), 1, 1, False, 1, 1, 1)
    assert background(events, {}) == expected
    assert background(events, {"challenge": 7 * MINUTE}).signed_in
    assert background([], {}) == Background("", (), 0, 0, False, 0, 0, 0)
