"""What is said beside the matter: "never mind", "hold on", "I see". It asks nothing, so it is no question to miss.

Each stands for the press of a button that nobody sees; actions/replies.py has the words for it.
"""

from __future__ import annotations

import re

from bot.engine.choices import plain

DROPPED = '/deny{"asks": "dropped"}'  # "never mind" drops what was asked, and is no answer to it
PAUSED = '/deny{"asks": "paused"}'  # "hold on" is neither a yes nor a no: what was asked stays asked
SETTLED = '/affirm{"asks": "settled"}'

_LONGEST = 80  # characters; who writes more says more
_END = r"[.!… ]*"
_CALLS = (
    r"(?:(?:i(?:'ve| have)? (?:just )?(?:said|told you)|i think) )?"
    r"(?:i'?ll|i will|i'?m (?:going to|gonna)|i'?d rather|let me) (?:just |rather )?(?:call|phone|ring)"
    r"(?: (?:them|you|the (?:office|practice|clinic)|instead|then|myself|tomorrow|later|now))*"
)
_ENTRY = r"(?:form|message|note|(?:cell |mobile |phone )?number|e-?mail|address|code|name|phone|cell|mobile)s?"
_REFUSES = re.compile(
    rf"(?:(?:oh|no|nah|nope|but|stop|please|and|ok|well)[,.! ]+)*(?:{_CALLS}|i (?:really |just )?(?:do not|don'?t) "
    rf"(?:(?:want|need) (?:it|that|one|any|another(?: one)?|(?:the|a|an|any|your|more|another) {_ENTRY})"
    r"|want to (?:change|give|use|fill(?: in| out)?|write|send)(?: out| in| away)?"
    rf"(?: (?:it|that|this|anything|(?:the|a|an|any|my|your) {_ENTRY}))?(?: (?:in|out|away|to (?:you|anyone)))?))"
    rf"(?: (?:right )?(?:now|please|thanks|thank you|at all))*{_END}"
)
_SO = r"(?:(?:ok(?:ay)?|kk?|oh|ah+|al ?right|right|cool|well|so|thanks|thank you|thx|ty|hm+|um+|uh|sorry)[,.!… ]+)*"
_NEVER_MIND = re.compile(
    r"(?:(?:oh|hm+|no|nah|nope|please|actually|ok|ugh|and|but)[,.!]* )*"
    r"(?:never ?mind|nvm|forget (?:it|that|about it)"
    r"|leave it|cancel(?: (?:it|that|this))?|stop(?: (?:it|that|this|asking))?"
    rf"|{_CALLS}[,.! ]+stop(?: (?:it|that|this))?"
    r"|i changed my mind|don'?t send (?:it|that)|no thanks?)"
    r"(?:[,.! ]+(?:i )?(?:just )?(?:got it|found it|(?:figured|worked) it out|(?:it|that) (?:came|worked|is here)"
    rf"|(?:it'?s |i'?m )?(?:fine|good|ok|all good|here)|thanks|thank you|{_CALLS}"
    rf"|i'?ll think (?:about it|it over))(?: now| already)?)*{_END}"
)
_MOMENT = r"(?:sec(?:ond)?|min(?:ute)?|moment|tick|bit)"
_GO = r"(?:(?:just|quickly|go(?: and)?|have a|take a) )*"
_WHERE = (
    r"(?: (?:it|that|this|these|them|now|again|first|then|quick(?:ly)?|real quick|and see|at|in|on|for|my|the|a"
    r"|one more|time|phone|cell|mobile|e-?mails?|texts?|messages|inbox|spam|junk|folder|mail|please|thanks|thank you"
    r"|ok(?:ay)?))*"
)
_WAITS = (
    rf"(?:wait(?: up)?(?: (?:a|one|1) {_MOMENT})?"
    rf"|(?:hold|hang) (?:on|up)(?: (?:a|one|1) {_MOMENT})?"
    rf"|(?:just )?(?:a|one|1) {_MOMENT}"
    rf"|(?:give me|gimme)(?: just)? (?:a|one|1) (?:quick )?{_MOMENT}"
    r"|bear with me|brb|be right back"
    r"|(?:i'?ll|i will|i'?m going to|i am going to|i'?m gonna|let me|lemme|let'?s|gonna|going to) "
    rf"{_GO}(?:(?:try|check|look){_WHERE}|wait(?: and see| for it)?|think"
    r"|(?:do|see)(?: (?:it|that|this|now|first|again))*|(?:get|grab|find)(?: (?:my|a|the|some|reading))+ "
    r"(?:pen|glasses|phone|cell|charger|paper|wife|husband|son|daughter))"
    r"|(?:checking|trying|looking)(?: (?:it|that|this|now|again|for it|my (?:phone|e-?mail|texts)))*)"
)
_PAUSE = re.compile(
    rf"(?:(?:not yet|no|nope)[,.! ]+)?{_SO}{_WAITS}(?:[,.! ]+(?:{_WAITS}|please|pls|thanks|thx|ok|{_MOMENT}))*{_END}"
)
_NOTED = (
    r"(?:i (?:see|understand|get it)(?: now)?|(?:that |it )?makes (?:perfect |more )?sense(?: now)?|gotcha|understood"
    r"|good to know|fair enough|noted)"
)
_DONE = (
    r"(?:(?:i )?got it|done|all (?:done|set|good)|found it|(?:i )?(?:just )?figured it out|(?:oh )?there it is"
    r"|cool(?: cool)?|ok(?:ay)?|(?:please )?(?:go on|keep going|carry on|continue))"
)
_THEN = rf"(?:[,.! ]+(?:then|now|thanks|thank you|thx|ty))*{_END}"
_TAKES_NOTE = re.compile(rf"{_SO}{_NOTED}(?:[,.! ]+{_NOTED})*{_THEN}")
_SETTLED = re.compile(rf"{_SO}(?:{_NOTED}|{_DONE})(?:[,.! ]+(?:{_NOTED}|{_DONE}))*{_THEN}")


_CODE = (
    r"(?:it|that|this|(?:the|that|my) (?:new |last |newest |latest |second |first )?(?:code|one|text|email)|code)"
)
_TRIED = (
    r"(?:i (?:just )?)?(?:did it|did that|tried (?:it |that )?again"
    rf"|(?:started|signed|logged) (?:in |over |it )?(?:again|over)|used {_CODE}|got {_CODE})"
)
_WORKED = re.compile(
    rf"{_SO}(?:(?:yes|yeah|yep|yay|great|finally|no|and)[,.!… ]+)*(?:{_TRIED}[,.! ]+(?:and )?)?(?:now )?"
    rf"(?:{_CODE} (?:just |finally |now )?(?:works|worked|went through)|(?:works|worked)"
    r"|i'?m in|i am in|(?:i )?(?:just |finally |now )*got in)(?: (?:now|already|finally|this time|thanks|thank you))*"
    rf"(?:[,.! ]+(?:thanks|thank you|thx|great|yay)(?: so much| a lot)?)*{_END}"
)


def is_never_mind(text: str) -> bool:
    """True for words that break off what is being asked or filled in."""
    return _NEVER_MIND.fullmatch(plain(text)) is not None


def refuses(text: str) -> bool:
    """True for words that do not want what is asked for or offered ("I don't want the form", "I'll call instead").
    Where nothing is, they may mean more."""
    said = plain(text)
    return len(said) <= _LONGEST and _REFUSES.fullmatch(said) is not None


def has_worked(text: str) -> bool:
    """True for words that say the sign-in went well, whatever was offered: no code is to be sent any more."""
    said = plain(text)
    return len(said) <= _LONGEST and _WORKED.fullmatch(said) is not None


def is_pause(text: str, asked: str | None) -> bool:
    """True for words that ask for a moment; also for "I see", which answers nothing, where something was asked.

    Args:
        text: what the patient typed.
        asked: the question that is open.
    """
    said = plain(text)
    if len(said) > _LONGEST:
        return False
    return _PAUSE.fullmatch(said) is not None or (asked is not None and _TAKES_NOTE.fullmatch(said) is not None)


def is_settled(text: str, asked: str | None) -> bool:
    """True for words that take note of what was said; not where something was asked: then "ok" is an answer."""
    said = plain(text)
    return asked is None and len(said) <= _LONGEST and _SETTLED.fullmatch(said) is not None
