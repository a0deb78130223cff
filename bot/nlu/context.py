"""The shortest follow-ups, by rules: "why?", "and by email?", "what was the number?" hold too little to learn from.

What says more is for the classifiers, which know what stands before it too (situation.py). The engine passes as message
metadata `topic`, the last one answered, and `prompt`, the name of what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
    r"^(?:(?:no|yes|yeah|yep|ok|okay|well|oh|but|and)\b[\s,.!]*)*(?:the |my |that |phone |mobile |cell )*"
    r"(?:number|email|address|emailaddress)(?:'s| is)? (?:the )?(?:right|correct|fine|same|good|ok|mine)(?: one)?"
    r"(?: (?:tho|though|too|anyway))?[ .!]*$"
)
_UNASKED = "report_unrequested_code"
_NEED_NOT = "ask_password_needed"
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
_CORRECTIONS = ((_CORRECTION_EMAIL, _BY_EMAIL, "update_email"), (_CORRECTION_PHONE, _BY_PHONE, "update_phone"))
_KEPT_BY_STAFF = ("update_phone", "update_email", "report_no_access")
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
_CLEAR = 0.9
_ALARMING = 0.28
"""From here an emergency is likelier than any follow-up (`Calibration.emergency`)."""
_ELLIPTICAL_WORDS = 12


def resolve(normalized: str, metadata: Mapping[str, Any]) -> str | None:
    """The intent that a short follow-up stands for, or None where the words must speak for themselves.

    Args:
        normalized: the message as `Wording.normalize` leaves it.
        metadata: `topic`, `prompt`; each may be missing.
    """
    text = normalized.strip()
    if _WHERE_TO_START.match(text):
        return "ask_where_enter"
    topic = metadata.get("topic")
    if topic == EMERGENCY and (_NUMBER_AGAIN.match(text) or _WHAT_TO_DO.match(text)):
        return EMERGENCY
    if not isinstance(topic, str) or topic in NOT_TOPICS or len(text.split()) > _ELLIPTICAL_WORDS:
        if topic == OUT_OF_SCOPE and _NUMBER_AGAIN.match(text):
            return "request_human"
        return OUT_OF_SCOPE if _REPEAT.match(text) else None  # nothing was said that could be said again
    for corrects, instead, meant in _CORRECTIONS:
        if corrects.search(text):
            return meant if topic in _KEPT_BY_STAFF else instead.get(topic, meant)
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
    """Probabilities as the rules make them, which are then sure; None where none speaks."""
    resolved = resolve(normalized, metadata)
    if probabilities.get(EMERGENCY, 0.0) >= _ALARMING and resolved != EMERGENCY:
        return None  # what sounds like danger by itself is no mere follow-up
    if resolved is None and metadata.get("topic") == _UNASKED:
        best = max(probabilities, key=lambda name: probabilities[name])
        resolved = _UNASKED if best == _NEED_NOT else None  # whose answer is that the password need not be changed
    if resolved is None or resolved not in probabilities:
        return None
    rest = sum(p for name, p in probabilities.items() if name != resolved) or 1.0
    return {name: 0.97 if name == resolved else p / rest * 0.03 for name, p in probabilities.items()}


def stays_with_danger(probabilities: Mapping[str, float]) -> bool:
    """Whether `follow_up` resolved a message to the emergency that was just told of; one that is only the likeliest is
    for the decision to judge."""
    return probabilities.get(EMERGENCY, 0.0) >= _CLEAR
