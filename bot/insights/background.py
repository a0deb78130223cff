"""What was tried in a conversation, for whoever is to help its patient now. Pure; standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.events import Event, FeedbackGiven, ResendRedeemed, TurnAnswered, TurnFailed
from bot.insights.model import is_answered, is_failed_action, is_fallback, topics_of


@dataclass(frozen=True, slots=True)
class Background:
    """What a conversation was about and what was tried in it, for whoever is to help now; counts of what happened."""

    channel: str
    topics: tuple[str, ...]
    codes_sent: int
    codes_refused: int
    signed_in: bool
    not_understood: int
    failures: int
    thumbs_down: int


def background(events: Iterable[Event], sign_ins: Mapping[str, int]) -> Background:
    """A conversation's background; the arguments as for `episodes`."""
    known = sorted(events, key=lambda e: getattr(e, "at", 0))
    turns = [event for event in known if isinstance(event, TurnAnswered | TurnFailed)]
    resends = [event for event in known if isinstance(event, ResendRedeemed)]
    sent = sum(resend.outcome == "accepted" for resend in resends)
    return Background(
        channel=turns[0].channel if turns else "",
        topics=tuple(dict.fromkeys(topic for turn in turns if is_answered(turn) for topic in topics_of(turn))),
        codes_sent=sent, codes_refused=len(resends) - sent,
        signed_in=any(resend.challenge in sign_ins for resend in resends),
        not_understood=sum(map(is_fallback, turns)),
        failures=sum(isinstance(turn, TurnFailed) or is_failed_action(turn) for turn in turns),
        thumbs_down=sum(isinstance(event, FeedbackGiven) and not event.helpful for event in known),
    )
