"""What 200 patients do, for `tests.insights.record`: dialogues with several wordings each, in the steps of `drive`."""

from __future__ import annotations

Dialogue = tuple[str, ...]

PHONES = ("+18455550150", "+18455550151", "+18455550152", "+18455550153", "+18455550154")

SINGLE = """
can i use my house phone | why do i have to do this now | what is two step verification | will i be charged for texts
how long is the code good for | do i still need my password | how often do i need a code | is email ok instead of text
i dont have a mobile phone | where do i type the code | my code didnt come | i got a code i didnt ask for
someone asked me for my code | my number changed | how do i change my email | what can you do | the code is rejected
i already use email for my codes | i cant get into the portal | let me talk to a person | can you refill my prescription
when is my appointment | qwerty zxcv | is this a scam | do you have parking | tell me my test results
which way is safer | does it work abroad without a cell | can i turn it off | the code came too late
""".replace("\n", " | ")

DIALOGUES: list[Dialogue] = [
    *((line.strip(),) for line in SINGLE.split(" | ") if line.strip()),
    *((first, "+") for first in (
        "can i use a landline", "whats two factor", "do texts cost money", "how long do i have to enter it",
        "why is this required", "do i keep my username", "text or email, what is better", "is it every time",
        "i have no cell phone", "where does the code go",
    )),
    *((first, "-") for first in (
        "why was this added", "do i pay for the text", "my code is wrong", "what is this screen",
    )),
    *((first, "thanks") for first in (
        "how do i get the code", "is my landline ok", "code expired", "i use my email already", "why every single time",
    )),
    *((hello, first) for hello, first in (
        ("hi", "will it cost me"), ("hello there", "no code yet"), ("good morning", "what is the second step"),
        ("hey", "i need a human"), ("hi", "can i get codes on my kitchen phone"),
    )),
    ("hello",), ("hi", "bye"), ("thank you",), ("good evening", "thanks"), ("hey",),
    # sign-ins that wait for a code
    *((f"@{who} {way}", first, "@in 1", "yes please", "@code") for who, way, first in (
        ("alex", "sms", "i didnt get the code"), ("robin", "sms", "still no code"),
        ("sam", "email", "nothing in my inbox"),
        ("alex", "email", "the code has not arrived"), ("robin", "sms", "where is my code"),
        ("alex", "sms", "never received the text"), ("sam", "email", "no email from you"),
        ("robin", "sms", "code missing"),
    )),
    *((f"@{who} {way}", "@in 1", first, "@code") for who, way, first in (
        ("alex", "sms", "send me another code"), ("robin", "sms", "resend the code please"),
        ("sam", "email", "i need a new code"), ("alex", "sms", "can you send it again"),
    )),
    *((f"@{who} {way}", "@in 1", first, "@in 20", "@code") for who, way, first in (
        ("alex", "sms", "send me another code"), ("robin", "sms", "resend it please"),
        ("sam", "email", "new code please"),
    )),
    *((f"@{who} {way}", "@in 1", first) for who, way, first in (
        ("alex", "sms", "send me a new code"), ("robin", "sms", "text me another one please"),
    )),
    ("@alex sms", "i didnt get the code"), ("@robin sms", "still waiting for the code"), ("@sam email", "no code"),
    ("@alex sms", "code didnt come", "no thanks"), ("@robin sms", "it never came", "no", "bye"),
    ("@alex sms", "@in 1", "send another code", "> No, nothing", "> Send it by email", "@code"),
    ("@robin sms", "@in 1", "send another code", "> No, nothing"),
    ("@alex sms", "@in 1", "resend", "> Yes, it's here", "@code", "thanks"),
    ("@alex sms", "it says 482913 is wrong", "@in 1", "> Yes, send it", "@code"),
    ("send me a new code",), ("resend the code", "how do i start"), ("i never got my code", "ok thanks"),
    ("@alex sms", "@in 1", "new code", "@in 2", "again", "@in 3", "one more code please"),
    # the backend is away
    *((*start, "@down", first, "@up", *rest) for start, first, rest in (
        (("@alex sms",), "send me a new code", ()), (("@robin sms",), "send another code", ("ok",)),
        (("@sam email",), "resend my code please", ("how long is the code good for",)),
        (("@alex sms",), "i need another code", ("+",)), (("@robin sms",), "send it again", ("talk to a person",)),
    )),
    # the assistant breaks down
    ("@broken", "why do i need this"), ("@broken", "is a landline ok", "is a landline ok"),
    ("how often", "@broken", "and does it cost"), ("@broken", "no code", "blorp"), ("@broken", "help me", "thanks"),
    # not understood
    *((first, second) for first, second in (
        ("what is the weather", "ok then where do i enter the code"), ("do you sell glasses", "asdf jkl"),
        ("my knee hurts", "never mind"), ("order a pizza", "how much is it"), ("blah", "can i use email"),
        ("who won the game", "bye"), ("book me a visit", "talk to a person"), ("what are your hours", "yes"),
    )),
    *((first, second, third) for first, second, third in (
        ("what is the weather", "tell me a joke", "and the parking lot"), ("asdf", "qwer", "zxcv"),
        ("is the doctor in", "do you have flu shots", "what about the parking"),
        ("foo bar", "lorem ipsum", "dolor sit"),
        ("renew my insurance", "bill me later", "what is my balance"), ("when do you open", "hgfhgf", "kjhkjh"),
        ("my dog is sick", "can you play music", "what time is it"), ("xyzzy", "plugh", "plover"),
    )),
    ("what is the weather", "tell me a joke", "and the parking lot", "how long is the code good for"),
    ("asdf", "qwer", "zxcv", "talk to a person"), ("asdf", "qwer", "> Yes, please"),
    ("foo", "bar", "> My code didn't come"),
    ("can i use a landline", "what about my fax", "blorp"), ("how long is it good for", "zork"),
    ("why is this needed", "+", "what is the meaning of life"), ("is email safe", "-", "no"),
    # two topics, doubts
    ("does it cost and how long is the code good",), ("why do i need it and can i use a landline",),
    ("code",), ("code", "thanks"), ("phone", "i have none"), ("email", "+"), ("password and cost?",),
    # updates
    ("i have a new phone number",), ("my number changed", "> I can sign in"),
    ("new cell number", "> I can't sign in"),
    ("changed carriers, new number", "i can sign in"), ("how do i update my phone", "no i cannot sign in"),
    ("my email is wrong", "> I can sign in"), ("change my email", "> I can't sign in"),
    ("i switched my email address",),
    ("code goes to my old number", "> I can sign in", "+"),
    ("need to change my number", "how long is the code good for"),
    # a person
    ("talk to a human", "+"), ("phone number please", "thanks"), ("locked out of my account",),
    ("forgot my password",),
    ("i cant log in at all", "can i use my landline"), ("give me a person", "what is the weather"),
    ("this is useless",), ("can i use a landline", "i want to talk to somebody"),
    # the form
    *((*start, "> Write to them", name, way, *words, "> No, leave it out", "> Send it") for start, name, way, words in (
        (("talk to a person",), "Pat Sample", "pat@example.com", ("> Use this",)),
        (("i cant get in",), "Lee Demo", "845-555-0161", ("I am locked out since Monday.",)),
        (("what is the weather", "tell me a joke", "and the parking lot"), "Kim Demo", "kim@example.com",
         ("> Use this",)),
        (("can i use a landline", "-", "i need a person"), "Jo Demo", "my number is 845-555-0162", ("> Use this",)),
        (("asdf", "qwer", "> Yes, please"), "Ann Demo", "ann@example.com", ("My phone is broken.",)),
        (("my number changed", "> I can't sign in"), "Bo Demo", "bo@example.com", ("> Use this",)),
    )),
    ("@robin sms", "@down", "send me a new code", "@up", "talk to a person", "> Write to them", "Robin Demo",
     "robin@example.com", "> Use this", "> Yes, add it", "> Send it"),
    ("talk to a person", "> Write to them"), ("talk to a person", "> Write to them", "Pat Sample"),
    ("i cant get in", "> Write to them", "Pat Sample", "never mind"),
    ("human please", "> Write to them", "> Never mind"),
    ("talk to a person", "> Write to them", "Pat Sample", "will they charge me for the text?", "pat@example.com"),
    # pauses, new beginnings, deletions
    ("is a landline ok", "@in 45", "what is the weather"),
    ("what is the weather", "@in 31", "how long is a code good"),
    ("why do i need this", "@in 20", "does it cost"), ("talk to a person", "@in 60", "is email ok"),
    ("asdf", "start over", "how often do i need it"), ("can i use a landline", "start over"), ("how long", "@over"),
    ("talk to a person", "@over"), ("no code yet", "@in 200", "still no code", "+"),
    # more of the same, in other words
    ("must i enter the code each day",), ("can my wife get my code",), ("i gave my code to a caller", "what now"),
    ("whats the phone number", "+"), ("i changed phones but kept the number",),
    ("the text never shows up", "> No, thanks"),
    ("is it free", "-", "can i get it by email", "+"), ("which is safer", "and cheaper"),
    ("do i have to", "yes but why"),
    ("can you see my chart",), ("my mother needs help signing in",), ("i dont want this", "turn it off please"),
    ("no me llego el codigo",), ("hello", "what can you help with", "bye"),
    # emergencies
    ("i have chest pain",), ("i want to hurt myself", "how long is the code good for"),
    # by text message
    *((f"@texts {PHONES[n % 5]}", *words) for n, words in enumerate((
        ("can i use my landline",), ("no code yet",), ("why do i need this", "thanks"), ("when is my visit",),
        ("talk to a person",), ("my number changed",), ("does this cost", "how long is the code good for"),
        ("hello",),
        ("lab results", "refill please", "hmm what"), ("code expired",), ("i never got the code", "a new code"),
        ("what is this",), ("is email ok",), ("need a human",), ("asdf", "why is this needed"),
    ))),
]
