"""The contact form as a page that works without JavaScript."""

from __future__ import annotations

import re

from sanic import HTTPResponse, Request

from bot.contact.api import ContactDoor
from bot.contact.model import Field, explain
from bot.contact.service import Rejected
from bot.http.api import Api, see_other
from bot.http.bodies import read_form
from bot.http.pages import Pages
from bot.http.problem import Invalid, Limit, Unavailable

FROM_CHAT = "What I asked in the chat:"
_REFERENCE = re.compile(r"[A-Z0-9]{3}-[A-Z0-9]{3}")


def contact_pages(pages: Pages, door: ContactDoor | None) -> Api:
    """The form and its answer; without `door` the way to the practice's own contact page."""
    api = Api("Contact pages")

    def form(
        status: int, values: dict[Field, str], errors: dict[Field, str], notice: str = "", *,
        include_transcript: bool = False,
    ) -> HTTPResponse:
        return pages.render(
            "contact.html", status, reasons=door.service.reasons if door else (), notice=notice,
            values={field.value: values.get(field, "") for field in Field}, include_transcript=include_transcript,
            errors={field.value: errors.get(field, "") for field in Field}, filed_here=door is not None,
        )

    @api.page("GET", "/contact")
    async def show(request: Request) -> HTTPResponse:
        """The form; nothing is typed twice: what was asked in the chat begins the message."""
        asked = await door.asked_in_chat(request) if door else ""
        return form(200, {Field.MESSAGE: f"{FROM_CHAT}\n{asked}"} if asked else {}, {})

    @api.page("POST", "/contact")
    async def send(request: Request) -> HTTPResponse:
        """Take the form in."""
        if door is None:
            raise Unavailable
        sent = read_form(request)
        values = {field: sent.get(field.value, "") for field in Field}
        if set(sent) - {field.value for field in Field} - {"include_transcript"}:
            raise Invalid("The form has a field that is not known here.")
        along = sent.get("include_transcript") == "yes"
        try:
            reference = await door.file(request, values, along)
        except Rejected as rejected:
            errors = {field: explain(field, why) for field, why in rejected.problems.items()}
            return form(400, values, errors, include_transcript=along)
        except (Limit, Unavailable) as problem:
            response = form(
                problem.status, values, {}, problem.detail or problem.title, include_transcript=along
            )
            if problem.retry_after is not None:
                response.headers["Retry-After"] = str(problem.retry_after)
            return response
        return see_other(f"/contact/filed?reference={reference}")

    @api.page("GET", "/contact/filed")
    async def filed(request: Request) -> HTTPResponse:
        """The reference to quote."""
        reference = request.args.get("reference", "")
        return pages.render("contact_filed.html", reference=reference if _REFERENCE.fullmatch(reference) else "")

    return api
