"""The simulated phone and inbox as a page; demo mode only."""

from __future__ import annotations

from sanic import HTTPResponse, Request

from bot.delivery.demo_gateway import DemoInbox
from bot.http.api import Api, rfc3339
from bot.http.pages import Pages


def demo_outbox_pages(pages: Pages, inbox: DemoInbox) -> Api:
    """The page."""
    api = Api("Demo pages")

    @api.page("GET", "/demo/outbox")
    async def show(request: Request) -> HTTPResponse:
        """A phone and an inbox."""
        messages = [(message, rfc3339(message.at)) for message in inbox.messages()]
        return pages.render(
            "outbox.html", texts=[entry for entry in messages if entry[0].channel == "sms"],
            emails=[entry for entry in messages if entry[0].channel == "email"],
            newest=messages[0][0].id if messages else "",
        )

    return api
