"""Short follow-ups that mean something only after what was just said: "and by email?", "how long do I have?".

The engine passes what the conversation knows as message metadata: `topic`, the last one answered; `offered`, the
intents of the buttons just shown; `prompt`, the name of what was asked. Everything else is read from the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.nlu.emergency import is_denied
from bot.nlu.intents import EMERGENCY, NOT_TOPICS, OUT_OF_SCOPE

_LEAD = r"(?:(?:and|so|ok|okay|but|or|well|then|no|oh|hm+|um+|alright|actually|sorry)\b[\s,.]*)*"
_EMAIL_ONLY = re.compile(
    rf"^{_LEAD}(?:(?:what|how) about |can i |could i |is it |does it |do you |use |it |work |same |possible )*"
    rf"(?:(?:by|via|with|using|use|through|to|on|for|in|the|do|it|send|me|please|code|get) )*"
    r"(?:(?:by|via|with|using|through|to|on|for|the|my|an|a) )*e ?mail(?: address| one| way| instead| then|"
    r" please| too)*[ ?.!]*$"
)
_PHONE_ONLY = re.compile(
    rf"^{_LEAD}(?:(?:what|how) about )?(?:(?:by|via|with|on|for|the|my|a|to) )*(?:phone|text|cell|mobile|"
    r"cell phone|phone number)"
    r"(?: number| message| one| instead| then| please| too)*[ ?.!]*$"
)
_CORRECTION_EMAIL = re.compile(
    r"^(?:no|nope|not|sorry|i mean|i meant|wait|actually)\b.*\b(?:e ?mail)\b.*\bnot\b.*\b(?:phone|cell|mobile|"
    r"number|text)\b"
    r"|^(?:no|sorry|wait|actually)?[ ,.]*(?:i mean|i meant|not (?:my |the )?(?:phone|cell|"
    r"number)[ ,.]*(?:but)?)[ ,.]*(?:my |the )?e ?mail\b"
    r"|^(?:no|nope)[ ,.]+(?:it's |its |just |only )?(?:my |the )e ?mail\b(?: address)?[ .!?]*$"
)
_CORRECTION_PHONE = re.compile(
    r"^(?:no|nope|not|sorry|i mean|i meant|wait|actually)\b.*\b(?:phone|cell|mobile|number)\b.*\bnot\b.*\be ?mail\b"
    r"|^(?:no|sorry|wait|actually)?[ ,.]*(?:i mean|i meant|not (?:my |the )?e ?mail[ ,.]*(?:but)?)[ ,.]*(?:my |"
    r"the )?(?:phone|cell|mobile)\b"
    r"|^(?:no|nope)[ ,.]+(?:it's |its |just |only )?(?:my |the )(?:phone|cell|mobile)\b(?: number)?[ .!?]*$"
)
_WHAT_ELSE = re.compile(
    rf"^{_LEAD}(?:what else|what other|what can i|what do i|what should i|what am i|any other|any alternative|"
    r"anything else|is there (?:an)?other|"
    r"are there other|what'?s? (?:is )?(?:the )?(?:plan b|alternative|other)|plan b|then what|now what|what now|"
    r"what next|what'?s next|"
    r"other options?|another way|"
    r"what are my (?:other )?options|what options)"
    r"(?: (?:can|could|should|do|does|may|am|is|are|i|you|we|use|do|have|got|to|then|instead|now|way|ways|"
    r"options?|choices?|supposed|there|for|me|it|that|"
    r"things?|in that case|get|the|code))*[ ?.!]*$"
)
_HOW_LONG = re.compile(
    rf"^{_LEAD}(?:how (?:long|much time|many minutes)|until when|til when|what's the time limit|"
    r"is there a time limit)"
    r"(?: (?:do|does|will|is|have|has|i|it|that|this|got|last|get|good|for|to|use|enter|type|put|in|work|valid|"
    r"stay|the|one|new|code|left|be))*[ ?.!]*$"
)
_NUMBER_AGAIN = re.compile(
    rf"^{_LEAD}(?:what (?:was|is)|what's|whats|which|give me|say|tell me|repeat|show me|can i have|"
    r"can you (?:repeat|say|give me))?\s*"
    r"(?:the|that|your|this)?\s*(?:phone |contact |telephone |office )?(?:number|phone number)"
    r"(?: (?:again|you (?:said|gave|told)(?: me)?|to call|please|once more|one more time|i (?:call|should call)|"
    r"for you))*[ ?.!]*$"
    rf"|^{_LEAD}(?:who|where|what number) (?:do|should|can) i (?:call|phone|ring)(?: (?:again|then|about that|"
    rf"for that))*[ ?.!]*$|^{_LEAD}(?:what|which) number[ ?.!]*$"
)
_WHY = re.compile(
    rf"^{_LEAD}(?:why|how come|what for|why is that|why so|but why|why do you|why though)(?: that| not)?[ ?.!]*$"
)
_AGAIN = re.compile(
    rf"^{_LEAD}(?:how|how so|how do i do (?:that|it|this)|where|where do i do (?:that|it|this)|"
    r"how does that work|what do you mean|"
    r"what does that mean|meaning|explain|explain that|explain please|say (?:that|it) again|repeat(?: that|"
    r" please)*|come again|same question(?: as before)?|what did you say|"
    r"i don'?t (?:understand|get it|follow)|i do not understand|huh|what|sorry what|pardon|more|tell me more|"
    r"more details?|"
    r"in plain english|can you explain(?: that)?|not sure i (?:understand|follow)|once more|again)"
    r"(?: please| again| more| though)*[ ?.!]*$"
)
_REPEAT = re.compile(
    rf"^{_LEAD}(?:say (?:that|it) again|repeat(?: that| it)?|come again|same question|huh+|what did you say|pardon)"
    r"(?: me| please| again| as before)*[ ?.!]*$"
)
_SAFER = re.compile(
    rf"^{_LEAD}(?:which (?:one )?is (?:better|safer|best|easier)|is (?:it|that|email|text) (?:safe|secure|safer|"
    r"better|ok)|which one)[ ?.!]*$"
)
_COST = re.compile(
    rf"^{_LEAD}(?:is (?:it|that) free|does (?:it|that) cost(?: anything| money| me| extra)*|for free|free|"
    r"how much(?: is (?:it|that)| does (?:it|that) cost)?|do i pay(?: for (?:it|that))?|any charge)[ ?.!]*$"
)
_CHOICE = re.compile(
    r"^(?:the |number |option |no |nr )?(?P<which>1|2|3|one|two|three|first|second|third|last|1st|2nd|3rd|"
    r"former|latter|former|top|bottom)"
    r"(?: one| option| please| choice)*[ .!]*$"
)
_POSITION = {
    "1": 0,
    "one": 0,
    "first": 0,
    "1st": 0,
    "former": 0,
    "top": 0,
    "2": 1,
    "two": 1,
    "second": 1,
    "2nd": 1,
    "3": 2,
    "three": 2,
    "third": 2,
    "3rd": 2,
    "last": -1,
    "latter": -1,
    "bottom": -1,
}
_STILL = re.compile(
    r"^(?:(?:no|yes|ok|okay|well|oh|hm+|sorry|but|and|i)\b[\s,.!]*)*(?:still (?:nothing|no|not|the same|waiting)"
    r"(?: (?:code|text|email|message|luck|here|there|working|coming|yet))*"
    r"|nothing(?: (?:yet|still|again|happened|came))*|no (?:luck|change|difference|dice)"
    r"|(?:it |that )?(?:didn't|did not|doesn't|does not|isn't|not) (?:work|help|working|come|arrive)"
    r"(?: (?:either|for me|at all|still|again))*"
    r"|(?:i've |i have |have |had )?(?:already )?(?:did|done|checked|tried|looked)"
    r"(?: (?:already|that|it|them|this|there|all|both|twice|everything|again))*"
    r"|same (?:thing|problem|result)(?: again| as before)?)[ .!]*$"
)
_STILL_NO_CODE = re.compile(r"\bstill (?:nothing|no (?:code|text|email|message)|waiting)\b")
_CHECKED = re.compile(
    r"^(?:(?:no|yes|ok|okay|well|oh|but|and)\b[\s,.!]*)*(?:the |my |that |phone |mobile |cell )*"
    r"(?:number|email|address|emailaddress)(?:'s| is)? (?:the )?(?:right|correct|fine|same|good|ok|mine)(?: one)?"
    r"[ .!]*$"
)
_NEITHER = re.compile(
    rf"^{_LEAD}(?:neither|none|none of (?:those|these|them|the above)|nothing of that|not (?:that|those|these)|"
    r"neither of (?:them|those|these))[ .!]*$"
)

_ROUTES = ("request_human", "report_no_access", "update_phone", "update_email", "file_contact")
_UNASKED = ("report_unrequested_code",)
_WAYS = ("ask_no_mobile", "ask_delivery_options", "ask_email_already_set", "ask_landline")
_CODE_COMES = ("report_missing_code", "request_resend")
_WHERE_IT = (
    r"(?:where|how) (?:do|can|would|should|could) (?:i|we) (?:set|put|change|switch|enter|do|add|update|find|get)"
)
_PAST_IT = r"(?:older|late|later|over|past|expired|too (?:late|old)|more|longer)"
_ABOUT_IT = r"(?:happen|come|came|keep|is happening|are coming)\w*"
_WITH_IT = r"(?:what (?:do|should|can) i do with|(?:do|should|can|shall) i (?:just )?(?:delete|ignore|keep)|delete)"
_THE_NEWEST = r"(?:newest|latest|last one|new one|most recent)"
_NO_FORM = r"(?:i )?(?:do not|don't) want to (?:fill|write|type)\b[^,.;!?]*"
_FAMILY = (
    r"(?:son|daughter|husband|wife|mom|mum|mother|dad|father|brother|sister|kid|partner|boyfriend|girlfriend|fiance"
    r"|grand\w+|aunt|uncle|cousin|nurse|aide|caregiver|family)"
)
_AFTER: tuple[tuple[tuple[str, ...], str, str], ...] = (
    # Somebody else may know the password: that stays so until another matter is named.
    (_UNASKED, r"(?!did (?:you|u|they)\b)(?:i |we )?(?:have |'ve |just |already )*(?:did|done|changed|reset)\b.*",
     "report_unrequested_code"),
    (_UNASKED, r".*\b(?:change|reset|changed|new)\b.*\bpassword\b.*", "report_unrequested_code"),
    (_UNASKED, r"(?:how|where) (?:do|can|should) (?:i|we) (?:change|reset|do) (?:it|that|this)\b.*",
     "report_unrequested_code"),
    (_UNASKED, r".*\bchange (?:it|that) or not\b.*", "report_unrequested_code"),
    (_UNASKED, r"(?:there is |there's |i got |now )?(?:yet )?another(?: one| code)?\b(?!.*\b(?:need|want|send)\b).*",
     "report_unrequested_code"),
    (_UNASKED, rf"(?:it|they|this|that) {_ABOUT_IT}\b.*", "report_unrequested_code"),
    (_UNASKED, r"(?:who|is (?:somebody|someone|anybody|anyone))\b.*", "report_unrequested_code"),
    (_UNASKED, r"(?:do|should|must|shall) (?:i|we) (?:still |really |also )*(?:have to |need to )?call\b.*",
     "report_unrequested_code"),
    (_UNASKED, rf"{_WITH_IT}\b.*", "report_unrequested_code"),
    (("share_code",), rf"(?!.*\b(?:phone|number|e ?mail)\b).*\b(?:(?:my|our|is|he's|she's) {_FAMILY}\b.*"
     r"|trust (?:him|her|them|you)\b.*)", "share_code"),
    (("share_code",), r"but (?:he|she|they)\b.*", "share_code"),
    # Where a person was named: that nobody answers, and what comes of it.
    (_ROUTES, r"(?:i |we )?(?:have |'ve )?(?:already |just )?(?:called|tried|rang|phoned)\b.*", "request_human"),
    (_ROUTES, r".*\b(?:nobody|no one|noone|they (?:do not|don't|never))\b.*\b(?:picks?|answers?|responds?|there)\b.*",
     "request_human"),
    (_ROUTES, r".*\b(?:voice ?mail|on hold)\b.*", "request_human"),
    (_ROUTES, r"(?:the )?(?:form then|what'?s|what is|which|where'?s|where is|where)\b.*\b(?:form|reason|link)\b.*",
     "request_human"),
    (_ROUTES, r"(?:the )?form then\b.*", "request_human"),
    (_ROUTES, r"(?!.*\b(?:codes?|text|good|valid|expires?|last)\b)how long\b.*\b(?:take|till?|until|before|wait)\b.*",
     "request_human"),
    (_ROUTES, r"(?!.*\bcodes?\b)when (?:will|do|can|would) (?:they|you|somebody|someone)\b.*", "request_human"),
    (_ROUTES, _NO_FORM, "request_human"),
    (_ROUTES, r"(?:can|will|do) (?:they|somebody|someone) (?:call|ring|phone|answer|write|get back|reply)\b.*",
     "request_human"),
    (_ROUTES, r"(?:which (?:one|is (?:better|faster|quicker))|call or (?:the )?form|(?:the )?form or call)\b.*",
     "request_human"),
    (_ROUTES, r"(?:i |we )?(?:need|have|got) (?:to get in|it|this|that) (?:\w+ )?(?:today|now|tonight|tomorrow)\b.*",
     "request_human"),
    (("report_no_access",), r"(?:where|how) (?:do|can) i (?:reset|change|get|find|recover)\b.*", "report_no_access"),
    (("report_no_access",), r"(?:i mean|i meant|not the code).*\bpassword\b.*", "report_no_access"),
    (("update_phone",), rf"(?:{_WHERE_IT}(?: up| in)? (?:that|it|this)|where is (?:that|it|this))\b.*", "update_phone"),
    (("update_email",), rf"(?:{_WHERE_IT}(?: up| in)? (?:that|it|this)|where is (?:that|it|this))\b.*", "update_email"),
    (_WAYS, rf"(?:(?:by |the )?e ?mail[ ,.]+)?{_WHERE_IT}(?: up| in)? (?:that|it|this|(?:to |my |the )?e ?mail)\b.*",
     "update_email"),
    # Why it must be was said; that it must be each time was not.
    (("ask_why_required",), r"(?:i|we|do i|do we) (?:really )?(?:have to|must|need to)\b.*", "ask_how_often"),
    (("ask_why_required",), r"(?:is )?there(?:'s| is)? no (?:other )?way\b.*", "ask_how_often"),
    (("ask_why_required",), r".*\b(?:turn(?:ed)?|switch(?:ed)?|opt)\b.*\b(?:off|out)\b.*", "ask_how_often"),
    (("ask_code_expiry",), rf"(?:what )?(?:if|when|once)\b.*\b{_PAST_IT}\b.*", "ask_code_expiry"),
    # What was advised was done.
    (("report_code_rejected",), rf"(?!.*\b(?:send|need|want|get me)\b).*\b{_THE_NEWEST}\b.*", "request_human"),
    (_CODE_COMES, r".*\b(?:i'm|i am|im|stuck|already) (?:\w+ )?(?:on|at) (?:the|that) (?:\w+ )?(?:page|screen)\b.*",
     "request_human"),
    (("request_resend",), r"why(?: not| can'?t you| won'?t you| cannot you)\b.*", "request_human"),
)
_THEN = tuple((topics, re.compile(rf"^{_LEAD}(?:{words})[ ?.!]*$"), intent) for topics, words, intent in _AFTER)
_FORM_REFUSED = re.compile(rf"^{_LEAD}{_NO_FORM}[ ?.!]*$")
_WHERE_TO_START = re.compile(
    rf"^{_LEAD}(?:(?:where|which page)\b.*|(?:do|should|must) i (?:just |have to |need to )*)"
    r"\b(?:start|begin|sign in) (?:it )?(?:again|over)\b.*$"
)
_WHAT_TO_DO = re.compile(
    rf"^{_LEAD}(?:(?:should|shall|must|can|could|do|may) (?:i|we|he|she|they)\b.*"
    r"|what (?:should|shall|can|do|must) (?:i|we)\b.*"
    r"|(?:is|was) (?:it|that|this) (?:serious|bad|dangerous|normal|ok)\b.*|who|which one|how)[ ?.!]*$"
)

_BY_EMAIL = {
    "ask_landline": "ask_no_mobile",
    "ask_no_mobile": "ask_no_mobile",
    "update_phone": "update_email",
    "update_email": "update_email",
    "request_resend": "request_resend",
    "report_missing_code": "request_resend",
    "report_code_rejected": "request_resend",
    "ask_code_expiry": "ask_code_expiry",
    "ask_email_already_set": "ask_email_already_set",
}
_BY_PHONE = {
    "update_email": "update_phone",
    "update_phone": "update_phone",
    "ask_landline": "ask_landline",
    "request_human": "request_human",
    "report_no_access": "request_human",
    "ask_email_already_set": "ask_delivery_options",
}
_ELSE = {
    "ask_landline": "ask_no_mobile",
    "ask_no_mobile": "request_human",
    "ask_text_charges": "ask_delivery_options",
    "report_missing_code": "ask_delivery_options",
    "request_resend": "request_human",
    "report_code_rejected": "request_human",
    "update_phone": "request_human",
    "update_email": "request_human",
    "report_no_access": "request_human",
    "ask_password_needed": "ask_delivery_options",
    "report_unrequested_code": "request_human",
    "ask_why_required": "ask_delivery_options",
    "ask_delivery_options": "ask_delivery_options",
    "ask_what_is": "ask_delivery_options",
    "ask_email_already_set": "ask_delivery_options",
}
_STILL_SO = {
    "report_missing_code": "report_missing_code",
    "request_resend": "report_missing_code",
    "report_code_rejected": "report_code_rejected",
    "report_no_access": "request_human",
    "ask_where_enter": "request_human",
    "update_phone": "request_human",
    "update_email": "request_human",
}
_WHY_AFTER = {
    "ask_delivery_options": "ask_delivery_options",
    "ask_landline": "ask_landline",
    "report_code_rejected": "report_code_rejected",
    "report_missing_code": "report_missing_code",
    "request_resend": "request_human",
    "report_unrequested_code": "report_unrequested_code",
}
_OFFERED_GAIN = 4.0
"""How much likelier an intent is when its button was just shown and the message is not clear by itself."""
_CLEAR = 0.9
_ALARMING = 0.28
"""From here an emergency is likelier than any follow-up (`Calibration.emergency`)."""
_ELLIPTICAL_WORDS = 12
_AFTER_WORDS = 18


def resolve(normalized: str, metadata: Mapping[str, Any]) -> str | None:
    """The intent that a short follow-up stands for, or None where the words must speak for themselves.

    Args:
        normalized: the message as `Wording.normalize` leaves it.
        metadata: `topic`, `offered`, `prompt`; each may be missing.
    """
    text = normalized.strip()
    offered = _names(metadata.get("offered"))
    if offered:
        choice = _CHOICE.match(text)
        if choice:
            position = _POSITION[choice["which"]]
            return offered[position] if position < len(offered) else None
        if _NEITHER.match(text):
            return "deny"
    if _WHERE_TO_START.match(text):
        return "ask_where_enter"
    topic = metadata.get("topic")
    if topic == EMERGENCY and (_NUMBER_AGAIN.match(text) or _WHAT_TO_DO.match(text)):
        return EMERGENCY
    if isinstance(topic, str) and len(text.split()) <= _AFTER_WORDS:
        for topics, words, intent in _THEN:
            if topic in topics and words.match(text):
                return intent
    if not isinstance(topic, str) or topic in NOT_TOPICS or len(text.split()) > _ELLIPTICAL_WORDS:
        if topic == OUT_OF_SCOPE and _NUMBER_AGAIN.match(text):
            return "request_human"
        return OUT_OF_SCOPE if _REPEAT.match(text) else None  # nothing was said that could be said again
    if _CORRECTION_EMAIL.search(text):
        return (
            "update_email"
            if topic in ("update_phone", "update_email", "report_no_access")
            else _BY_EMAIL.get(topic, "update_email")
        )
    if _CORRECTION_PHONE.search(text):
        return (
            "update_phone"
            if topic in ("update_phone", "update_email", "report_no_access")
            else _BY_PHONE.get(topic, "update_phone")
        )
    if _EMAIL_ONLY.match(text):
        return _BY_EMAIL.get(topic, "ask_delivery_options")
    if _PHONE_ONLY.match(text):
        return _BY_PHONE.get(topic, "ask_delivery_options")
    if _HOW_LONG.match(text):
        return "ask_code_expiry"
    if _NUMBER_AGAIN.match(text):
        return "request_human"
    if _WHAT_ELSE.match(text):
        return _ELSE.get(topic)
    if _WHY.match(text):
        return _WHY_AFTER.get(topic, "ask_why_required")
    if _SAFER.match(text):
        return "ask_delivery_options"
    if _COST.match(text):
        return "ask_text_charges"
    if metadata.get("prompt") != "arrived" and _STILL.match(text):  # where asked, it is the no
        if topic in _STILL_SO:
            return _STILL_SO[topic]
        if _STILL_NO_CODE.search(text):
            return "report_missing_code"
    if topic in ("report_missing_code", "request_resend") and _CHECKED.match(text):  # it asked to check that
        return "report_missing_code" if metadata.get("prompt") else "request_human"
    return topic if _AGAIN.match(text) else None


def follow_up(
    normalized: str, probabilities: Mapping[str, float], metadata: Mapping[str, Any]
) -> dict[str, float] | None:
    """Probabilities as the conversation makes them, or None where it adds nothing.

    A follow-up that the rules resolve is sure. What was just offered gains weight in an unclear message, as in "the
    email one".
    """
    denied = metadata.get("topic") == EMERGENCY and EMERGENCY in probabilities and is_denied(normalized)
    if denied:  # who was just told whom to call, and says that there is no need, is believed
        others = {name: p for name, p in probabilities.items() if name != EMERGENCY}
        left = sum(others.values()) or 1.0
        probabilities = {**{name: p / left for name, p in others.items()}, EMERGENCY: 0.0}
    resolved = resolve(normalized, metadata)
    alarming = probabilities.get(EMERGENCY, 0.0) >= _ALARMING and not _FORM_REFUSED.match(normalized.strip())
    if alarming and resolved != EMERGENCY:
        return None  # what sounds like danger by itself is no mere follow-up
    if resolved is None and metadata.get("topic") in _UNASKED:
        best = max(probabilities, key=lambda name: probabilities[name])
        if best == "ask_password_needed":  # whose answer is that it need not be changed
            resolved = "report_unrequested_code"
    if resolved is not None and resolved in probabilities:
        rest = sum(p for name, p in probabilities.items() if name != resolved) or 1.0
        return {name: 0.97 if name == resolved else p / rest * 0.03 for name, p in probabilities.items()}
    offered = [name for name in _names(metadata.get("offered")) if name in probabilities]
    wordless = not any(character.isalpha() for character in normalized)  # "?": all is prior, nothing chooses
    if not offered or wordless or max(probabilities.values()) >= _CLEAR:
        return dict(probabilities) if denied else None
    raised = {name: p * (_OFFERED_GAIN if name in offered else 1.0) for name, p in probabilities.items()}
    total = sum(raised.values())
    return {name: p / total for name, p in raised.items()}


def stays_with_danger(probabilities: Mapping[str, float]) -> bool:
    """Whether `follow_up` resolved a message to the emergency that was just told of; one that is only the likeliest is
    for the decision to judge."""
    return probabilities.get(EMERGENCY, 0.0) >= _CLEAR


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, Sequence) and not isinstance(value, str) else []
