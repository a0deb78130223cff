"""What Twilio reports, and what the simulated phone and inbox show."""

from __future__ import annotations

import re

from pydantic import BaseModel
from sanic import HTTPResponse, Request

from bot.delivery.demo_gateway import DemoInbox
from bot.delivery.service import DeliveryService
from bot.http.api import Api, Auth, no_content, reply, rfc3339
from bot.http.problem import Forbidden
from bot.http.twilio_form import TwilioForms

_ERROR = re.compile(r"[0-9]{1,6}")


class OutboxMessage(BaseModel):
    id: str
    channel: str
    to: str
    subject: str
    body: str
    at: str


class OutboxMessages(BaseModel):
    messages: list[OutboxMessage]


def status_api(service: DeliveryService, forms: TwilioForms) -> Api:
    """Twilio's status callbacks."""
    api = Api("Text messages' status")

    @api.post("/sms/status", auth=Auth.TWILIO, replies={204: None}, problems=(Forbidden,))
    async def status(request: Request) -> HTTPResponse:
        """Take a report of what became of a text; a repeated or late one changes nothing."""
        fields = forms.read(request)
        error = fields.get("ErrorCode", "")
        await service.report(
            request.args.get("message", "")[:32], fields.get("MessageSid", "")[:64],
            fields.get("MessageStatus", ""), error if _ERROR.fullmatch(error) else None,
        )
        return no_content()

    return api


def demo_outbox_api(inbox: DemoInbox) -> Api:
    """The simulated messages as JSON; demo mode only."""
    api = Api("Demo")

    @api.get("/demo/outbox.json", replies={200: OutboxMessages})
    async def messages(request: Request) -> HTTPResponse:
        """What the simulated phone and inbox received, newest first."""
        return reply(OutboxMessages(messages=[
            OutboxMessage(
                id=message.id, channel=message.channel, to=message.to, subject=message.subject, body=message.body,
                at=rfc3339(message.at),
            )
            for message in inbox.messages()
        ]))

    return api
