"""Episodes and their outcomes: every definition of the deflection figures, as pure functions. Standard library only.

An episode is one conversation from its first patient message to 30 minutes without one, or to an explicit end. It
has exactly one outcome, the first of `Outcome` that applies, or none where the patient only greeted or thanked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from bot.events import (
    ContactRequestFiled,
    ConversationEnded,
    Event,
    FeedbackGiven,
    ResendRedeemed,
    SignInCompleted,
    TurnAnswered,
    TurnFailed,
)

EPISODE_GAP = 30 * 60_000  # milliseconds without a patient's message after which an episode is over
SIGN_IN_WINDOW = 15 * 60_000  # milliseconds after a resend in which a completed sign-in counts as its success

TALK = frozenset({
    "greet", "thank", "goodbye", "affirm", "deny", "start_over",
    "file_contact", "use_summary", "correct_contact", "cancel_contact",
})
"""Small talk and control: alone they ask nothing, so they make no episode and are no "last substantive message"."""

CONTACT_IS_THE_ANSWER = frozenset({"report_no_access", "request_human"})
CONTACT_WITHOUT_SIGN_IN = frozenset({"update_phone", "update_email"})
"""Their approved answer is the contact route, unless the patient says next that he can sign in (`affirm`)."""

UNKNOWN_TOPIC = "out_of_scope"


class Outcome(StrEnum):
    """How an episode ended; where several apply the first one here wins."""

    FORM_SUBMITTED = "form_submitted"
    REFERRED = "referred"
    ROUTED_TO_FORM = "routed_to_form"
    ERROR = "error"
    UNANSWERED = "unanswered"
    CONFIRMED_RESOLVED = "confirmed_resolved"
    ABANDONED = "abandoned"
    ASSUMED_RESOLVED = "assumed_resolved"


DEFLECTED = (Outcome.CONFIRMED_RESOLVED, Outcome.ASSUMED_RESOLVED)
ESCALATED = (Outcome.FORM_SUBMITTED, Outcome.ROUTED_TO_FORM)


class Reason(StrEnum):
    """What led an escalated episode to a person."""

    NOT_UNDERSTOOD = "not_understood"
    NOT_HELPFUL = "not_helpful"
    ACTION_FAILED = "action_failed"
    ERROR = "error"
    ASKED = "asked"


class Why(StrEnum):
    """Why a message is in the unanswered queue."""

    FALLBACK = "fallback"
    THUMBS_DOWN = "thumbs_down"


@dataclass(frozen=True, slots=True)
class Miss:
    """A patient's message that was not answered well. `topic` is what was answered; empty after a fallback."""

    seq: int
    at: int
    why: Why
    topic: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode. Times are milliseconds UTC; `messages` are the substantive ones; `up` and `down` count at most one
    thumb a message. `outcome` is None without a substantive message; `reason` is empty unless it was escalated."""

    conversation: str
    channel: str
    first_seq: int
    began_at: int
    last_at: int
    topic: str
    outcome: Outcome | None
    reason: str
    messages: int
    fallbacks: int
    failed_actions: int
    up: int
    down: int
    misses: tuple[Miss, ...] = ()


Turn = TurnAnswered | TurnFailed


def topics_of(turn: Turn) -> tuple[str, ...]:
    """The topics that a turn is about, small talk left out."""
    if isinstance(turn, TurnFailed) or _is_entry(turn):
        return ()
    return _without_talk(turn.topics or (turn.intent,))


@lru_cache(1024)  # asked of each turn of an episode with each of its messages
def _without_talk(topics: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(topic for topic in topics if topic not in TALK)


def is_substantive(turn: Turn) -> bool:
    """True when the patient's message asked or told something. What a failed turn was about is not known: it counts."""
    return isinstance(turn, TurnFailed) or bool(topics_of(turn))


def is_fallback(turn: Turn) -> bool:
    """True when the reply says that the message was not understood."""
    return isinstance(turn, TurnAnswered) and (
        turn.kind == "fallback" or (turn.decision == "fallback" and not _is_entry(turn))
    )


def _is_entry(turn: TurnAnswered) -> bool:
    """An entry in the contact form: no topic was seen in it, yet the form goes on or is filed."""
    return turn.decision == "fallback" and turn.kind in ("prompt", "answer")


def is_failed_action(turn: Turn) -> bool:
    """True when the assistant tried to do something and could not."""
    return isinstance(turn, TurnAnswered) and (turn.failed_action or turn.kind == "error")


def is_answered(turn: Turn) -> bool:
    """True when a topic was answered (a prompt may follow the answer)."""
    return (
        isinstance(turn, TurnAnswered) and turn.decision == "answer" and bool(topics_of(turn))
        and not is_fallback(turn) and not is_failed_action(turn)
    )


def episodes(events: Iterable[Event], sign_ins: Mapping[str, int] | None = None) -> list[Episode]:
    """The episodes of one conversation, in order.

    Args:
        events: all of the conversation's, in any order; a later thumb on the same message counts instead of the first.
        sign_ins: when each challenge was passed, by challenge.
    """
    known = list(events)
    turns = sorted((e for e in known if isinstance(e, TurnAnswered | TurnFailed)), key=lambda e: (e.at, e.seq))
    ends = sorted(e.at for e in known if isinstance(e, ConversationEnded))
    groups: list[list[Turn]] = []
    for turn in turns:
        if not groups or _is_over(groups[-1][-1], turn, ends):
            groups.append([])
        groups[-1].append(turn)
    others = [e for e in known if not isinstance(e, TurnAnswered | TurnFailed)]
    found = []
    for number, group in enumerate(groups):
        following = groups[number + 1] if number + 1 < len(groups) else None
        found.append(_episode(group, [e for e in others if _belongs(e, group, following)], sign_ins or {}))
    return found


def _is_over(last: Turn, turn: Turn, ends: Sequence[int]) -> bool:
    started_over = isinstance(last, TurnAnswered) and last.intent == "start_over"
    return started_over or turn.at - last.at >= EPISODE_GAP or any(last.at <= end < turn.at for end in ends)


def _belongs(event: Event, group: Sequence[Turn], following: Sequence[Turn] | None) -> bool:
    """Thumbs belong by the number of their message; everything else to the latest episode that had begun."""
    if isinstance(event, FeedbackGiven):
        return event.seq > group[0].seq and (following is None or event.seq < following[0].seq)
    return event.at >= group[0].at and (following is None or event.at < following[0].at)


@dataclass(slots=True)
class _State:
    """What is true after the events so far."""

    referred: bool = False
    by_update: bool = False  # referred by an update's answer, which "I can sign in" takes back
    routed: bool = False
    error: bool = False
    confirmed: bool = False
    answered: bool = False
    filed: bool = False
    cause: Reason | None = None  # of the last failure that nothing better followed
    reason: str = ""

    def better(self) -> None:
        """A topic was answered: earlier failures count no more."""
        self.routed = self.error = False
        self.cause = None


def _episode(turns: Sequence[Turn], others: Sequence[Event], sign_ins: Mapping[str, int]) -> Episode:
    thumbs = _thumbs(turns, [e for e in others if isinstance(e, FeedbackGiven)])
    stream: list[tuple[int, int, object]] = [(turn.at, 0, turn) for turn in turns]
    stream += [(at, 1, up) for _, (at, up) in thumbs.items()]
    stream += [(at, 1, True) for at in _sign_in_times(others, sign_ins)]
    stream += [(e.at, 2, e) for e in others if isinstance(e, ContactRequestFiled)]
    state = _State()
    for _, _, happened in sorted(stream, key=lambda item: item[:2]):
        match happened:
            case TurnAnswered():
                _after_answer(state, happened)
            case TurnFailed():
                state.error, state.cause, state.by_update = True, Reason.ERROR, False
            case True:
                state.confirmed, state.referred = True, False
                state.better()
            case False:
                state.cause = Reason.NOT_HELPFUL
            case _:
                state.reason = state.reason if state.filed else (state.cause or Reason.ASKED)
                state.filed = True
    substantive = [turn for turn in turns if is_substantive(turn)]
    outcome = _outcome(state, turns[-1], substantive[-1]) if substantive else None
    return Episode(
        conversation=turns[0].conversation, channel=turns[0].channel, first_seq=turns[0].seq, began_at=turns[0].at,
        last_at=turns[-1].at, topic=_main_topic(turns), outcome=outcome,
        reason=str(state.reason) if outcome in ESCALATED else "", messages=len(substantive),
        fallbacks=sum(map(is_fallback, substantive)), failed_actions=sum(map(is_failed_action, substantive)),
        up=sum(up for _, up in thumbs.values()), down=sum(not up for _, up in thumbs.values()),
        misses=_misses(turns, thumbs),
    )


def _after_answer(state: _State, turn: TurnAnswered) -> None:
    topics = topics_of(turn)
    if state.by_update and turn.intent == "affirm" and not turn.contact_shown:
        state.referred = False
    state.by_update = False
    failed_before = state.cause
    if is_failed_action(turn):
        state.cause = Reason.ACTION_FAILED
        state.error = state.error or not turn.contact_shown
        failed_before = Reason.ACTION_FAILED
    elif is_fallback(turn):
        state.cause = Reason.NOT_UNDERSTOOD
    elif is_answered(turn):
        state.answered = True
        state.better()
        if turn.contact_shown and CONTACT_IS_THE_ANSWER & set(topics):
            state.referred = True
        elif turn.contact_shown and CONTACT_WITHOUT_SIGN_IN & set(topics):
            state.by_update = not state.referred
            state.referred = True
        return
    if turn.contact_shown and failed_before is not None:
        state.routed = True
        state.reason = state.reason if state.filed else failed_before


def _outcome(state: _State, last: Turn, last_substantive: Turn) -> Outcome:
    if state.filed:
        return Outcome.FORM_SUBMITTED
    if state.referred:
        return Outcome.REFERRED
    if state.routed:
        return Outcome.ROUTED_TO_FORM
    if state.error:
        return Outcome.ERROR
    if is_fallback(last_substantive):
        return Outcome.UNANSWERED
    if state.confirmed:
        return Outcome.CONFIRMED_RESOLVED
    if isinstance(last, TurnAnswered) and last.kind == "prompt":
        return Outcome.ABANDONED
    # Silence is never success: where no topic was ever answered, nothing is assumed.
    return Outcome.ASSUMED_RESOLVED if state.answered else Outcome.UNANSWERED


def _thumbs(turns: Sequence[Turn], feedback: Sequence[FeedbackGiven]) -> dict[int, tuple[int, bool]]:
    """The last thumb on the replies to each turn, by the turn's number."""
    found: dict[int, tuple[int, bool]] = {}
    for thumb in sorted(feedback, key=lambda e: e.at):
        seq = max((turn.seq for turn in turns if turn.seq < thumb.seq), default=None)
        if seq is not None:
            found[seq] = (thumb.at, thumb.helpful)
    return found


def _sign_in_times(others: Sequence[Event], sign_ins: Mapping[str, int]) -> set[int]:
    passed = {}
    for event in others:
        if isinstance(event, ResendRedeemed) and event.outcome == "accepted" and event.challenge in sign_ins:
            at = sign_ins[event.challenge]
            if event.at <= at <= event.at + SIGN_IN_WINDOW:
                passed[event.challenge] = at
    return set(passed.values())


def _main_topic(turns: Sequence[Turn]) -> str:
    """What the patient came for: the first topic that was answered, else the first that was thought of."""
    for rule in (is_answered, is_substantive):
        for turn in turns:
            if rule(turn) and topics_of(turn):
                return topics_of(turn)[0]
    return UNKNOWN_TOPIC


def _misses(turns: Sequence[Turn], thumbs: Mapping[int, tuple[int, bool]]) -> tuple[Miss, ...]:
    found = []
    for turn in turns:
        if isinstance(turn, TurnAnswered) and is_fallback(turn):
            found.append(Miss(turn.seq, turn.at, Why.FALLBACK, ""))
        elif isinstance(turn, TurnAnswered) and thumbs.get(turn.seq, (0, True))[1] is False:
            found.append(Miss(turn.seq, turn.at, Why.THUMBS_DOWN, next(iter(topics_of(turn)), UNKNOWN_TOPIC)))
    return tuple(found)


def conversation_of(event: Event) -> str | None:
    """Whose event it is; None for a sign-in (its challenge tells) and for what belongs to no conversation."""
    match event:
        case SignInCompleted():
            return None
        case _:
            return getattr(event, "conversation", None)


def key_of(event: Event) -> str:
    """One key for one fact of a conversation, so that the same event told twice counts once."""
    match event:
        case TurnAnswered() | TurnFailed():
            return f"turn:{event.seq}"
        case FeedbackGiven():
            return f"feedback:{event.seq}"
        case ResendRedeemed():
            return f"resend:{event.challenge}:{event.at}"
        case ContactRequestFiled():
            return f"filed:{event.reference}"
        case _:
            return f"ended:{event.at}"
