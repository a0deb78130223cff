"""Writing to the practice from the conversation; each test is one patient's story, and its name says what she does."""

from __future__ import annotations

import re

from sqlalchemy import text as sql


async def in_the_form(patient) -> None:
    """Begin to write to the practice."""
    await patient.open_chat()
    await patient.say("talk to a person")
    await patient.press("Write to them from here")


async def test_writes_to_the_practice_with_a_question_and_a_correction_on_the_way(arrive):
    """The form takes the entries, answers a question in the middle, takes a correction, and gives a reference."""
    alex = await arrive()
    await alex.sign_in()
    await alex.say("i didnt get a code")
    await alex.say("i want to talk to a person")
    assert "name" in await alex.press("Write to them from here")
    assert "reach you" in await alex.say("Maria Gonzalez")
    assert "does not look like" in await alex.say("call me")
    said = await alex.say("will they charge me for the text?")
    assert "carrier may charge" in said
    assert "reach you" in said
    said = await alex.say("845-555-0199")
    assert "Patient Portal" in said
    assert "My code did not come" in said
    await alex.press("Use this")
    said = await alex.say("yes")
    assert "•••-•••-0199" in said
    await alex.say("change the phone number")
    assert "m•••@example.com" in await alex.say("maria@example.com")
    said = await alex.say("yes send it")
    assert "reference" in said
    newest, *_ = await alex.mail(2)
    assert newest["to"] == "contact@example.com"
    assert "Maria Gonzalez" in newest["body"]
    assert "maria@example.com" in newest["body"]
    assert "Conversation with the assistant" in newest["body"]


async def test_what_is_typed_into_the_form_is_no_question(arrive, sqlite_database):
    """An entry that sounds like a topic ("my email is ...") is an entry: one question was asked."""
    sam = await arrive()
    await in_the_form(sam)
    for entry in ("Sam Okafor", "my email is sam@example.com", "I have a new phone number since last week"):
        await sam.say(entry)
    await sam.press("No, leave it out")
    assert "reference" in await sam.press("Send it")
    await sam.app.ctx.insights.settle()
    async with sqlite_database.read() as connection:
        rows = await connection.execute(sql("SELECT topic, outcome, reason, messages FROM insight_episodes"))
        assert [tuple(row) for row in rows] == [("request_human", "form_submitted", "asked", 1)]


async def test_presses_an_old_yes_in_the_middle_of_the_form(arrive):
    """A yes that was meant for a code sends a code, however late it is pressed: it never sends the message."""
    alex = await arrive()
    await alex.sign_in()
    await alex.say("i didnt get a code")
    await in_the_form(alex)
    await alex.say("Alex Example")
    await alex.say("alex@example.com")
    await alex.press("Use this")
    await alex.press("No, leave it out")
    alex.clock.pass_seconds(31)
    said = await alex.press("Yes, send it")
    assert "on its way to •••-•••-0142" in said
    assert "reference" not in said
    newest, *_ = await alex.mail(2)
    assert newest["to"] == "+18455550142"
    assert "With our conversation: yes" in await alex.press("Yes, add it")  # thought again, that is told too
    assert "reference" in await alex.press("Send it")


async def test_gives_name_and_number_in_one_breath(arrive):
    """What was given is not asked for again, and only the name becomes the name."""
    sam = await arrive()
    await in_the_form(sam)
    said = await sam.say("Hi, my name is Sam Okafor, my number is 845-555-0199")
    assert "Is that right?" in said
    await sam.press("Use this")
    await sam.press("No, leave it out")
    await sam.press("Send it")
    [mail] = await sam.mail(1)
    assert "Name: Sam Okafor\n" in mail["body"]
    assert "Answer to: +18455550199\n" in mail["body"]


async def test_corrects_in_the_same_breath(arrive):
    """A correction that holds the new entry is taken at once, at any step; a number that cannot be called is not."""
    sam = await arrive()
    await in_the_form(sam)
    await sam.say("Bo")
    assert "Which phone number or email" in await sam.say("wait, my name is Bob Builder")
    await sam.say("bob@example.com")
    assert "Which" not in await sam.say("no wait its bobby@example.com")
    await sam.press("Use this")
    said = await sam.say("no")
    assert "From: B. B." in said
    assert "b•••@example.com" in said
    said = await sam.say("change my number to 845-555-0188")
    assert "•••-•••-0188" in said
    said = await sam.say("change it to 555-0142")  # without its area code nobody can call it
    assert "does not look like" in said
    assert "phone number or an email address" in said
    assert "Shall I send it?" in await sam.say("845-555-0142")
    assert "From: B. C." in await sam.say("yes but the name is Bob Cole")
    assert "What shall I change" in await sam.say("no")
    assert "reference" in await sam.say("ok send the message")
    [mail] = await sam.mail(1)
    assert "Name: Bob Cole\n" in mail["body"]
    assert "Answer to: +18455550142\n" in mail["body"]


NAME, REACH = "name", "phone number or"


async def test_types_the_summarys_buttons_before_the_summary(arrive):
    """ "Change the name" is never a message: the name is asked for again at any step, and then it goes on there."""
    sam = await arrive()
    await in_the_form(sam)

    async def corrects(typed: str, asked: str, entry: str, then: str) -> None:
        assert asked in (await sam.say(typed)).splitlines()[-1].lower(), typed
        assert sam.kinds == ["prompt"], typed
        assert then in await sam.say(entry), typed

    await sam.say("Sam Okafor")
    await corrects("the name is wrong", NAME, "Samuel Okafor", "phone number or")
    assert "write this" in await sam.say("sam@example.com")
    await corrects("Change the name", NAME, "Sam Oka", "shall the message say")
    await corrects("Change how to reach me", REACH, "845-555-0199", "write this")
    await corrects("my name is misspelled", NAME, "Sam Okafor", "shall the message say")
    assert "write this" in await sam.say("edit the message")  # asked often, and never twice in the same words
    await sam.say("change my phone number")  # what the practice shall do
    await corrects("change my phone", REACH, "845-555-0188", "in this chat")
    await corrects("wrong name", NAME, "S. Oka", "add our conversation")
    assert "write this" in await sam.say("edit message")
    assert "in this chat" in await sam.say("Please change my phone number.")
    assert "Shall I send it?" in await sam.press("No, leave it out")
    await corrects("change my phone", REACH, "845-555-0177", "May it go out?")
    await corrects("the name is wrong", NAME, "Sam Okafor", "Shall I send it?")
    assert "reference" in await sam.say("send it")
    [mail] = await sam.mail(1)
    assert "Name: Sam Okafor\n" in mail["body"]
    assert "Answer to: +18455550177\n" in mail["body"]
    assert "Please change my phone number." in mail["body"]


async def test_says_in_the_form_what_is_no_entry(arrive):
    """A question, a puzzled word, a hello or a code is never taken for a name or a message."""
    sam = await arrive()
    await in_the_form(sam)
    for said in ("what?", "hello", "no", "why do you need my name?", "no code", "482913"):
        answer = await sam.say(said)
        assert sam.kinds[-1] == "prompt", said
        assert "name" in answer.splitlines()[-1], said
    assert "get back to you" in await sam.say("why do you want that?")
    for said in ("why do I need this every time?", "why do i need a code each time i sign in"):
        answer = await sam.say(said)
        assert "get back to you" not in answer and "goes into this message" not in answer, said
        assert "name" in answer.splitlines()[-1], said
        assert sam.kinds == ["answer", "prompt"], said
    await sam.say("Sam Okafor")
    await sam.say("sam@example.com")
    assert "What shall the message say" in await sam.say("nah")
    said = await sam.say("the code 482 913 is refused")
    assert sam.kinds[0] == "notice"
    assert "That looked like a code" in said
    await sam.press("No, leave it out")
    await sam.press("Send it")
    [mail] = await sam.mail(1)
    assert "Name: Sam Okafor\n" in mail["body"]
    assert "482" not in mail["body"]


async def test_is_in_danger_in_the_middle_of_the_form(arrive):
    """Two words are enough: 911, and nobody asks on for a name; what was entered is there when the form is."""
    sam = await arrive()
    await in_the_form(sam)
    await sam.say("Sam Okafor")
    assert "911" in await sam.say("chest pain")
    assert sam.kinds == ["answer"]
    for _ in range(3):
        await sam.say("it is better now, how long is a code good?")
        await sam.say("talk to a person")
    assert "phone number or" in await sam.press("Write to them from here")


async def test_starts_over_in_the_middle_of_the_form(arrive):
    """The form ends, and what was entered before is asked for again: it was to be forgotten."""
    sam = await arrive()
    await in_the_form(sam)
    await sam.say("Sam Okafor")
    said = await sam.say("start over")
    assert "forgotten" in said
    assert "phone number or" not in said
    await sam.say("talk to a person")
    assert "What is your name?" in await sam.press("Write to them from here")


async def test_presses_the_forms_button_again_in_its_middle(arrive):
    """Nothing is typed twice: the form goes on where it was."""
    sam = await arrive()
    await in_the_form(sam)
    await sam.say("Sam Okafor")
    said = await sam.press("Write to them from here")
    assert "phone number or" in said
    assert "name" not in said


async def test_tells_the_practice_what_it_is_about(arrive):
    """The summary holds the patient's own telling words, not "I want to talk to a person"; what was tried, too."""
    sam = await arrive()
    await sam.open_chat()
    await sam.say("my code from yesterday is refused")
    await sam.say("can I please talk to a person")
    await sam.press("Write to them from here")
    await sam.say("Sam Okafor")
    said = await sam.say("sam@example.com")
    assert "My code is not accepted" in said
    assert "my code from yesterday is refused" in said
    assert "talk to a person" not in said
    assert "no sign-in was waiting" in said


async def test_writes_after_a_long_conversation(arrive):
    """What was asked first and what was tried then are still in the message, however much was said since."""
    alex = await arrive()
    await alex.sign_in()
    alex.clock.pass_seconds(31)
    await alex.say("send me another code please")
    await alex.press("No, nothing")
    await alex.say("may i give my code to my daughter")
    await alex.say("the old flip phone of my husband gets no texts at all these days and nobody knows why")
    for _ in range(4):
        for question in ("will they charge me for the text?", "how long is a code good", "can i use my landline"):
            await alex.say(question)
    await alex.say("talk to a person")
    await alex.press("Write to them from here")
    await alex.say("Maria Gonzalez")
    said = await alex.say("maria@example.com")
    assert "Send me a new code" in said
    assert "a new code was sent, the new code did not arrive" in said
    assert "the old flip phone of my husband" in said
    assert "?." not in said
    await alex.press("Never mind")
    await alex.say("talk to a person")
    await alex.press("Write to them from here")
    await alex.say("Mrs. Maria Magdalena Gonzalez of Middletown, mother of Alexander Gonzalez, the third of that name")
    said = await alex.say("maria@example.com")
    assert "the old flip phone of my husband" in said
    assert "Magdalena" not in said


async def test_leaves_the_transcript_out(arrive):
    """Without the patient's yes the conversation does not go along."""
    sam = await arrive()
    await in_the_form(sam)
    await sam.say("Sam Okafor")
    await sam.say("sam@example.com")
    await sam.say("I moved and cannot sign in any more.")
    await sam.press("No, leave it out")
    assert "reference" in await sam.press("Send it")
    [mail] = await sam.mail(1)
    assert "I moved and cannot sign in any more." in mail["body"]
    assert "Conversation with the assistant" not in mail["body"]


async def test_asks_for_a_moment_in_the_form(arrive):
    """ "Hold on" is nobody's name, and the form goes on where it was."""
    sam = await arrive()
    await in_the_form(sam)
    said = await sam.say("hold on, let me get my glasses")
    assert "I am here" in said and "name" in said
    assert "reach you" in await sam.say("Sam Okafor")
    assert "name" not in await sam.say("one moment")
    await sam.say("never mind")
    await sam.mail(0)


async def test_breaks_the_form_off(arrive):
    """ "Never mind" ends the form; nothing is sent, and the next question is answered as usual."""
    sam = await arrive()
    await in_the_form(sam)
    await sam.say("Sam Okafor")
    assert "nothing was sent" in await sam.say("never mind")
    said = (await sam.say("how often do I need a code?")).lower()
    assert "every time" in said
    assert "name" not in said.replace("username", "")
    assert sam.kinds[-1] != "prompt"
    await sam.mail(0)


async def test_finds_the_contact_page_however_the_portal_is_run(arrive):
    """Beside another portal the form is ours; where the portal sends its own codes, the practice's page is shown."""
    beside = await arrive(verification_url="http://127.0.0.1:9", bot_credential="c" * 32)
    assert (await beside.client.get("/contact")).status_code == 200
    alone = await arrive(verification_url="none")
    page = await alone.client.get("/contact")
    assert "CrystalRunHealthcare.com/Contact" in page.text + page.headers.get("Location", "")


async def test_follows_the_link_to_the_contact_page(arrive):
    """Where the practice names the page here, the conversation's link leads to it; what was asked stands there
    already, with numbers and codes masked, and the reason is chosen."""
    sam = await arrive(contact_page="https://help.example.org/contact")
    await sam.open_chat()
    await sam.say("my code 482913 never works on 845-555-0199")
    said = await sam.say("i want to talk to a person")
    [link] = set(re.findall(r"\]\(https://help\.example\.org(/[^)]*)\)", said))
    page = (await sam.client.get(link)).text
    assert "What I asked in the chat:\nmy code [code] never works on •••-•••-0199" in page
    assert "482913" not in page and "555-0199" not in page
    assert re.findall(r"<option[^>]*>([^<]*)", page)[0] == "Patient Portal"


async def test_writes_to_the_practice_beside_another_portal(arrive):
    """The form in the chat works where another portal verifies, too."""
    visitor = await arrive(verification_url="http://127.0.0.1:9", bot_credential="c" * 32)
    await in_the_form(visitor)
    await visitor.say("Sam Okafor")
    await visitor.say("sam@example.com")
    await visitor.press("Use this")
    await visitor.press("No, leave it out")
    assert "reference" in await visitor.press("Send it")
    [mail] = await visitor.mail(1)
    assert "sam@example.com" in mail["body"]
