"""The staff console's queues: what was not answered, contact requests, conversations."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sanic import HTTPResponse, Request

from bot.http.api import Api, see_other
from bot.http.bodies import read_form
from bot.http.problem import Invalid, NotFound
from bot.insights.console import Requests, Staff
from bot.insights.model import Outcome, Why
from bot.insights.pages import Frame, csv_file
from bot.insights.service import Insights
from bot.insights.tables import CHANNELS, OUTCOMES, Cell, Table, as_csv
from bot.insights.transcript import NotThere
from bot.insights.unanswered import LONGEST, Outdated, State, Unanswered

PAGE = 50  # conversations on one page
EXPORTED = 10_000  # conversations in one file, the newest
WHYS = {Why.FALLBACK: "no answer", Why.THUMBS_DOWN: "thumb down"}
DONE = {
    "label": "Labelled. It is in the file of training examples now.", "dismiss": "Dismissed.",
    "reopen": "Back in the open queue.",
    "outdated": "Nothing was changed: a colleague has dealt with this entry since you opened the page.",
}
KINDS = {"fallback": "not understood", "error": "failed"}
_LINK = re.compile(r"\[([^\]\n]+)\]\((?:https://|tel:|mailto:)[^\s()<>\"]+\)")
_ID = re.compile(r"[\w:.-]{1,128}", re.ASCII)  # of a conversation or a contact request; anything else is nobody's
CONTACT_STATES = {"new": "New", "in_progress": "In progress", "done": "Done"}


def work_pages(
    frame: Frame, insights: Insights, queue: Unanswered, requests: Requests, intents: Mapping[str, str]
) -> Api:
    """The queues.

    Args:
        intents: what a message can be labelled with, each with its name for people.
    """
    api = Api("Staff console: work")

    def intent_name(intent: str) -> str:
        return intents.get(intent, intent)

    # --- what was not answered ------------------------------------------------------------------------------------

    @frame.page(api, "GET", "/staff/questions")
    async def questions(request: Request) -> HTTPResponse:
        """Messages that got no answer or a thumb down, by nearest topic."""
        state = _state(request.args.get("state", State.OPEN))
        staff = await frame.guard.staff(request, "staff.questions_viewed", state)
        groups = await queue.groups(state)
        count = sum(group.count for topical in groups.values() for group in topical)
        return frame.render(
            "staff/questions.html", staff, "questions", groups=groups, newest=count if count >= LONGEST else 0,
            state=state, states=list(State), intents=intents, intent_name=intent_name, local=insights.local,
            reasons=WHYS, done=DONE.get(request.args.get("done", ""), ""),
        )

    @frame.page(api, "POST", "/staff/questions")
    async def work(request: Request) -> HTTPResponse:
        """Label, dismiss or reopen an entry with all that say the same."""
        form = read_form(request)
        conversation, number, action = form.get("conversation", ""), form.get("seq", ""), form.get("action", "")
        if _whole(number) is None or not _ID.fullmatch(conversation):
            raise Invalid("The form is not complete.")
        intent = form.get("intent", "")
        if action not in ("label", "dismiss", "reopen") or (action == "label" and intent not in intents):
            raise Invalid("Choose a topic from the list, or dismiss the entry.")
        subject = f"{frame.guard.veil(conversation)}:{number}{f':{intent}' if action == 'label' else ''}"
        staff = await frame.guard.staff(request, f"staff.question_{action}", subject)
        state = _state(form.get("state", State.OPEN))
        try:
            async with frame.guard.noting_failure(request, staff, subject):
                match action:
                    case "label":
                        await queue.label(conversation, int(number), intent, state)
                    case "dismiss":
                        await queue.dismiss(conversation, int(number), state)
                    case _:
                        await queue.reopen(conversation, int(number), state)
        except NotThere:
            raise NotFound from None
        except Outdated:
            action = "outdated"
        return see_other(f"/staff/questions?state={state}&done={action}")

    @frame.page(api, "GET", "/staff/questions.csv")
    async def questions_csv(request: Request) -> HTTPResponse:
        """The whole queue as a CSV file."""
        state = _state(request.args.get("state", State.OPEN))
        await frame.guard.staff(request, "staff.questions_exported", state)
        rows: list[tuple[Cell, ...]] = [
            (topic, group.first.text, group.count, " and ".join(WHYS[why] for why in group.whys), group.first.intent,
             insights.local(group.first.at))
            for topic, groups in (await queue.groups(state, None)).items() for group in groups
        ]
        columns = ("Nearest topic", "Message", "Times", "Why", "Label", "Last")
        return csv_file(as_csv(Table("questions", "", columns, tuple(rows))), f"questions-{state}.csv")

    @frame.page(api, "GET", "/staff/examples.yml")
    async def examples(request: Request) -> HTTPResponse:
        """The labelled messages as training examples."""
        await frame.guard.staff(request, "staff.examples_exported")
        return HTTPResponse(
            await queue.examples(), content_type="application/yaml; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="examples.yml"'},
        )

    # --- contact requests -----------------------------------------------------------------------------------------

    @frame.page(api, "GET", "/staff/requests")
    async def contact_requests(request: Request) -> HTTPResponse:
        """Contact requests and how far each is."""
        state = request.args.get("state", "")
        state = state if state in CONTACT_STATES else ""
        staff = await frame.guard.staff(request, "staff.requests_viewed", state)
        return frame.render(
            "staff/requests.html", staff, "requests", entries=await requests.entries(state), state=state,
            states=CONTACT_STATES, local=insights.local,
        )

    @frame.page(api, "GET", "/staff/requests.csv")
    async def requests_csv(request: Request) -> HTTPResponse:
        """The list of contact requests as a CSV file, without anything personal."""
        await frame.guard.staff(request, "staff.requests_exported")
        rows: list[tuple[Cell, ...]] = [
            (e.reference, e.reason, CONTACT_STATES[e.state], e.who, insights.local(e.at))
            for e in await requests.entries("")
        ]
        columns = ("Reference", "Reason", "State", "Who", "When")
        return csv_file(as_csv(Table("requests", "", columns, tuple(rows))), "contact-requests.csv")

    async def show_request(
        staff: Staff, reference: str, status: int = 200, notice: str = "", note: str | None = None
    ) -> HTTPResponse:
        try:
            found = await requests.request(reference)
        except LookupError:
            raise NotFound from None
        background = await insights.background(found.conversation) if found.conversation else None
        return frame.render(
            "staff/request.html", staff, "requests", status, found=found, states=CONTACT_STATES, local=insights.local,
            notice=notice, note=found.note if note is None else note,
            background=background, channels=CHANNELS, intent_name=intent_name, spoken=spoken,
        )

    @frame.page(api, "GET", "/staff/requests/<reference:str>")
    async def contact_request(request: Request, reference: str) -> HTTPResponse:
        """One contact request."""
        _check_id(reference)
        staff = await frame.guard.staff(request, "staff.request_viewed", reference)
        return await show_request(staff, reference)

    @frame.page(api, "POST", "/staff/requests/<reference:str>")
    async def change(request: Request, reference: str) -> HTTPResponse:
        """Say how far it is."""
        _check_id(reference)
        form = read_form(request)
        state, note = form.get("state", ""), form.get("note", "").replace("\r\n", "\n").strip()
        if state not in CONTACT_STATES:
            raise Invalid("Choose how far the request is.")
        subject = f"{reference}:{state}"
        staff = await frame.guard.staff(request, "staff.request_changed", subject)
        try:
            async with frame.guard.noting_failure(request, staff, subject):
                await requests.change(
                    reference, state, note, account=staff.id, who=staff.name, seen=_whole(form.get("seen", ""))
                )
        except LookupError:
            raise NotFound from None
        except RuntimeError as error:
            return await show_request(staff, reference, 409, str(error), note)
        except ValueError as error:
            return await show_request(staff, reference, 400, str(error), note)
        return see_other(f"/staff/requests?state={state}")

    # --- conversations --------------------------------------------------------------------------------------------

    def chosen(request: Request) -> tuple[str, str]:
        outcome, topic = request.args.get("outcome", ""), request.args.get("topic", "")
        return outcome if outcome in set(Outcome) else "", topic if topic in intents else ""

    @frame.page(api, "GET", "/staff/conversations")
    async def conversations(request: Request) -> HTTPResponse:
        """The newest episodes."""
        outcome, topic = chosen(request)
        staff = await frame.guard.staff(request, "staff.conversations_viewed", f"{outcome}:{topic}".strip(":"))
        found = await insights.latest(
            outcome=outcome, topic=topic, before=_whole(request.args.get("before", "")), limit=PAGE + 1
        )
        return frame.render(
            "staff/conversations.html", staff, "conversations", episodes=found[:PAGE], more=len(found) > PAGE,
            outcome=outcome, topic=topic, outcomes=OUTCOMES, intents=intents, channels=CHANNELS,
            intent_name=intent_name, local=insights.local,
        )

    @frame.page(api, "GET", "/staff/conversations.csv")
    async def conversations_csv(request: Request) -> HTTPResponse:
        """The list of episodes as a CSV file, without words and without whose they are."""
        outcome, topic = chosen(request)
        await frame.guard.staff(request, "staff.conversations_exported", f"{outcome}:{topic}".strip(":"))
        rows: list[tuple[Cell, ...]] = [
            (insights.local(e.began_at), CHANNELS.get(e.channel, e.channel), intent_name(e.topic),
             OUTCOMES.get(e.outcome, "only a greeting"), e.messages)
            for e in await insights.latest(outcome=outcome, topic=topic, limit=EXPORTED)
        ]
        columns = ("Began", "Channel", "Topic", "Outcome", "Questions")
        return csv_file(as_csv(Table("conversations", "", columns, tuple(rows))), "conversations.csv")

    @frame.page(api, "GET", "/staff/conversations/<conversation:str>")
    async def conversation(request: Request, conversation: str) -> HTTPResponse:
        """What was said, redacted as it is kept."""
        _check_id(conversation)
        staff = await frame.guard.staff(request, "staff.conversation_viewed", frame.guard.veil(conversation))
        try:
            episodes, lines, thumbs = await insights.conversation(conversation)
        except NotThere:
            raise NotFound from None
        return frame.render(
            "staff/conversation.html", staff, "conversations", episodes=episodes, lines=lines, thumbs=thumbs,
            outcomes=OUTCOMES, channels=CHANNELS, intent_name=intent_name, local=insights.local, spoken=spoken,
            kinds=KINDS,
        )

    return api


def spoken(text: str) -> str:
    """A reply as it was read: links by their labels."""
    return _LINK.sub(r"\1", text)


def _whole(text: str) -> int | None:
    """A number as it stands in an address; None for anything else, and for what no database could hold."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _check_id(text: str) -> None:
    if not _ID.fullmatch(text):
        raise NotFound


def _state(text: str) -> State:
    return State(text) if text in set(State) else State.OPEN
