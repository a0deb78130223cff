"""A new code for the sign-in that waits: ask the backend, say truthfully what it answered."""

from __future__ import annotations

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.conversation import in_words, names_another_destination
from bot.verification.model import Channel, ClientUnavailable, Outcome, Redeemed, SignInStatus, VerificationClient

UNSEEN = "the number or address on your account"  # where a portal does not tell before it sends
OTHER_WAY = {
    Channel.SMS: {"title": "Send it by text message", "payload": '/request_resend{"channel": "sms"}'},
    Channel.EMAIL: {"title": "Send it by email (less secure)", "payload": '/request_resend{"channel": "email"}'},
}
WAYS = {
    "ask_delivery_options": "utter_ask_delivery_options", "ask_email_already_set": "utter_ask_email_already_set",
}
NO_WAY = {Channel.SMS: "utter_no_way_sms", Channel.EMAIL: "utter_no_way_email"}
CHANGE = {
    Channel.SMS: {"title": "Update my mobile number", "payload": "/update_phone"},
    Channel.EMAIL: {"title": "Change my email address", "payload": "/update_email"},
}
PERSON = {"title": "Talk to a person", "payload": "/request_human"}

_BY = {
    Channel.EMAIL: re.compile(
        r"\b(?:by|via|through|to|in) (?:my |the |an )?e-?mail\b|\be-?mail (?:it|me|the code|a code|one)\b",
        re.IGNORECASE,
    ),
    Channel.SMS: re.compile(
        r"\b(?:by|via|as|in|with) (?:an? )?(?:text|sms)(?: message)?\b|\btext (?:it|me (?:it|the|a)|the code|a code)\b",
        re.IGNORECASE,
    ),
}
_NOT_SO = re.compile(r"\b(?:not|no|don'?t|instead of|rather than)\b|•••", re.IGNORECASE)
_ASIDE = re.compile(
    r"\W*(?:(?:yes|yeah|ok(?:ay)?|no|nope|then|well|so|and|but|please|pls|just|actually|hi|hello|hey|sorry|thanks)\b\W*)*",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?:(?:can|could|will|would) (?:you|u) |i(?:'d| would)? (?:want|like|need|prefer) (?:you to |it |to )*)?"
    r"(?:please |just |maybe )*(?:(?:re-?)?send|e-?mail|text|switch|by|via)\b", re.IGNORECASE
)
_COMPARES = re.compile(r"\b(?:which|what|why|how|when|or|safer?|secure|better|already|does|is|are)\b", re.IGNORECASE)


def way_in(text: str) -> Channel | None:
    """The channel that a text names for the code ("send it by email").

    None where a destination is named (it is never taken), where the channel is refused, and where both are named.
    """
    said = text[_ASIDE.match(text).end():]  # type: ignore[union-attr]  # it matches the empty text too
    named = [channel for channel, words in _BY.items() if words.search(said)]
    return named[0] if len(named) == 1 and not _NOT_SO.search(said) else None


def orders_way(text: str) -> bool:
    """True where a code by a certain channel is plainly asked for; not for a question ("can I get it by email?")."""
    said = text[_ASIDE.match(text).end():]  # type: ignore[union-attr]
    return way_in(text) is not None and _ORDER.match(said) is not None and not _COMPARES.search(said)


def wanted_way(tracker: Tracker) -> str | None:
    """The channel that the patient chose, by a button or in words; a yes takes up what it says yes to."""
    said = (event.get("parse_data") or {} for event in reversed(tracker.events) if event["event"] == "user")
    for message in said:
        chosen = {entity["entity"]: entity["value"] for entity in message.get("entities") or ()}
        if "channel" in chosen:
            return str(chosen["channel"])
        if chosen.get("asks") == "paused":
            continue
        if (named := way_in(message.get("text") or "")) is not None:
            return str(named)
        if (message.get("intent") or {}).get("name") != "affirm":
            return None
    return None


class _BackendAction(Action):
    """An action that asks the verification backend; when that is away it says so and claims nothing."""

    def __init__(self, client: VerificationClient) -> None:
        self._client = client

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Ask, and answer; the contact route when the backend does not."""
        try:
            return await self.ask(dispatcher, tracker)
        except ClientUnavailable:
            dispatcher.utter_message(response="utter_resend_failed")
            return []

    async def ask(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """The action itself. Raises ClientUnavailable."""
        raise ClientUnavailable(f"{self.name()} asks nothing")


class ActionOfferResend(_BackendAction):
    """After a missing or refused code: offers another one, where a sign-in waits for it."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_offer_resend"

    async def ask(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Look where a code would go, and ask before sending it there."""
        status = await self._client.status(tracker.sender_id)
        if not status.waiting:
            dispatcher.utter_message(response="utter_no_sign_in")
        elif status.retry_after is None:
            dispatcher.utter_message(response="utter_resend_limit", buttons=other_ways(status))
        elif status.channel and wanted_way(tracker) == Channel.EMAIL and Channel.EMAIL in status.other_channels:
            dispatcher.utter_message(response="utter_ask_resend_email", buttons=[OTHER_WAY[status.channel]])
        else:
            dispatcher.utter_message(
                response="utter_ask_resend", destination=status.destination or UNSEEN, buttons=other_ways(status)
            )
        return []


class ActionResend(_BackendAction):
    """The patient asked for a code, or said yes to one: has it sent."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_resend"

    async def ask(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Redeem, and say what happened. The key ties the send to this message: answering it twice sends once."""
        status = await self._client.status(tracker.sender_id)
        if not status.waiting:
            dispatcher.utter_message(response="utter_no_sign_in")
            return []
        said = tracker.latest_message
        if not (said.get("metadata") or {}).get("button") and names_another_destination(said.get("text") or ""):
            dispatcher.utter_message(response="utter_resend_only_there", destination=status.destination or UNSEEN)
            return []
        channel = wanted_way(tracker)
        if status.channel and channel not in (status.channel, *status.other_channels):
            if channel is not None:
                dispatcher.utter_message(response=NO_WAY[Channel(channel)])
            channel = None  # no such way on the account; a portal that does not tell its ways judges by itself
        message = (tracker.latest_message.get("metadata") or {}).get("message_id") or len(tracker.events)
        key = str(uuid5(NAMESPACE_URL, f"{tracker.sender_id}:{message}"))
        try:
            sent = await self._client.redeem(tracker.sender_id, channel=channel, idempotency_key=key)
        except ClientUnavailable:  # perhaps only the answer was lost
            dispatcher.utter_message(response="utter_resend_unsure")
            return []
        match sent.outcome:
            case Outcome.ACCEPTED:
                try:
                    after = await self._client.status(tracker.sender_id)
                except ClientUnavailable:  # the code is on its way all the same
                    after = SignInStatus(True, retry_after=0)
                if after.retry_after:
                    dispatcher.utter_message(
                        response="utter_resend_accepted", destination=sent.destination, wait=in_words(after.retry_after)
                    )
                else:
                    last = after.retry_after is None
                    response = "utter_resend_accepted_last" if last else "utter_resend_accepted_unseen"
                    dispatcher.utter_message(response=response, destination=sent.destination)
                ways = other_ways(sent) if after.retry_after is not None else []
                dispatcher.utter_message(response="utter_ask_arrived", buttons=ways)
            case Outcome.WAIT:
                dispatcher.utter_message(response="utter_resend_wait", wait=in_words(sent.retry_after or 1))
            case _:
                dispatcher.utter_message(response="utter_resend_limit", buttons=other_ways(sent))
        return []


class ActionDeliveryWays(Action):
    """Says which ways there are; where one is asked for in the middle of a sign-in, helps with that sign-in.

    Args:
        resend: does what an order ("email it to me instead") asks for.
        client: tells whether a sign-in waits; None where that is not to be known, so that `resend` has the words.
        offer: follows the answer to a question about a way ("can I get it by email?") while a sign-in waits.
    """

    def __init__(self, resend: Action, client: VerificationClient | None = None, offer: Action | None = None) -> None:
        self._resend = resend
        self._client = client
        self._offer = offer

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_delivery_ways"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Tell, send or offer. While the backend is away an order fails as every other one, and a question is
        answered."""
        said = tracker.latest_message
        text = "" if (said.get("metadata") or {}).get("button") else said.get("text") or ""
        ordered = orders_way(text)
        try:
            waiting = way_in(text) is not None and (
                (await self._client.status(tracker.sender_id)).waiting if self._client else ordered
            )
        except ClientUnavailable:
            waiting = ordered
        if waiting and ordered:
            return list(await self._resend.run(dispatcher, tracker, domain))
        dispatcher.utter_message(response=WAYS[said["intent"]["name"]])
        if waiting and self._offer:
            return list(await self._offer.run(dispatcher, tracker, domain))
        return []


class ActionNotArrived(_BackendAction):
    """The new code did not arrive either: what to check, and the other way."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_not_arrived"

    async def ask(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Say where it went, and offer the other way."""
        status = await self._client.status(tracker.sender_id)
        if not status.waiting:
            dispatcher.utter_message(response="utter_no_sign_in")
            return []
        by_email = status.channel is Channel.EMAIL
        dispatcher.utter_message(
            response="utter_not_arrived_email" if by_email else "utter_not_arrived",
            destination=status.destination or UNSEEN,
            buttons=[*other_ways(status), CHANGE[Channel.EMAIL if by_email else Channel.SMS], PERSON],
        )
        return []


def other_ways(of: SignInStatus | Redeemed) -> list[dict[str, str]]:
    """Buttons for the channels that a code could take instead."""
    return [OTHER_WAY[channel] for channel in of.other_channels]
