"""Where Twilio hands over what patients text (twilio.com/docs/messaging/twiml): a signed form in, TwiML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sanic import HTTPResponse, Request
from twilio.twiml.messaging_response import MessagingResponse

from bot.channels.sms import Inbound, SmsService
from bot.http.api import Api, Auth
from bot.http.problem import FieldError, Forbidden, Invalid
from bot.http.twilio_form import TwilioForms

FIELD_LIMIT = 64  # characters of everything but the text


def sms_api(service: SmsService, forms: TwilioForms, *, code_sender: str = "") -> Api:
    """The operation that Twilio calls for each text.

    Args:
        code_sender: our number, or messaging service, that codes come from; replies to them may come here too.
    """
    api = Api("Text messages")

    @api.post("/sms/inbound", auth=Auth.TWILIO, replies={200: None}, problems=(Forbidden,))
    async def inbound(request: Request) -> HTTPResponse:
        """Answer a text. Twilio's form, signed; the answer is TwiML, empty where nothing is to be said."""
        text = read_inbound(forms.read(request), code_sender)
        return twiml(await service.answer(text, request_id=request.ctx.request_id))

    return api


def read_inbound(fields: Mapping[str, str], code_sender: str = "") -> Inbound:
    """A text from Twilio's form.

    Raises:
        Invalid: without a sender or a MessageSid.
    """
    wrong = [
        FieldError(name, "is needed, with at most 64 characters")
        for name in ("MessageSid", "From") if not 0 < len(fields.get(name, "").strip()) <= FIELD_LIMIT
    ]
    if wrong:
        raise Invalid("This is not a text message of Twilio's.", errors=wrong)
    to = fields.get("To", "").strip()[:FIELD_LIMIT]
    from_code_sender = bool(code_sender) and fields.get("MessagingServiceSid", "").strip() == code_sender
    return Inbound(
        sid=fields["MessageSid"].strip(), sender=fields["From"].strip(), ours=code_sender if from_code_sender else to,
        text=fields.get("Body", ""), opt_out=fields.get("OptOutType", "")[:FIELD_LIMIT],
    )


def twiml(texts: Sequence[str]) -> HTTPResponse:
    """The texts as TwiML; none is an empty response, to which Twilio sends nothing."""
    response = MessagingResponse()
    for text in texts:
        response.message(text)
    return HTTPResponse(str(response), content_type="text/xml; charset=utf-8")
