"""Codes typed into the chat, updates, and the ways to run the assistant without a backend of ours.

Each test is one patient's story over HTTP, with the real backend, the real engine and the simulated phone.
"""

from __future__ import annotations

from sqlalchemy import text as sql

CONTACT = "845-703-6999"


async def test_types_the_code_into_the_chat_which_kills_it(arrive, sqlite_database):
    """A live code typed here is masked in answer, transcript and database, and no longer opens anything."""
    alex = await arrive()
    await alex.sign_in()
    [code] = await alex.codes(1)
    spaced = " ".join(code)
    said = await alex.say(f"it says my code {spaced} is wrong")
    assert "share" in said.lower()
    assert code not in said
    for _ in range(50):
        used = await alex.client.post(f"/v1/challenges/{alex.challenge}/verify", json={"code": code})
        if used.status_code == 400:
            break
    assert used.status_code == 400
    history = (await alex.client.get("/chat/session")).text
    assert code not in history
    assert spaced not in history
    async with sqlite_database.read() as connection:
        tables = (await connection.execute(sql("SELECT name FROM sqlite_master WHERE type = 'table'"))).scalars().all()
        for table in tables:
            rows = (await connection.execute(sql(f'SELECT * FROM "{table}"'))).all()
            assert code not in str(rows), table
            assert spaced not in str(rows), table


async def test_is_warned_of_typed_codes_once(arrive):
    """The first code is warned about, the next ones are only masked, however much is said between."""
    sam = await arrive()
    await sam.open_chat()
    assert "That looked like a code" in await sam.say("482 913 is not accepted")
    for _ in range(4):
        for words in ("how long is a code good?", "can i use my landline", "it says 482913 is wrong"):
            assert "That looked like a code" not in await sam.say(words), words


async def test_wants_the_code_read_out_or_is_asked_for_it(arrive):
    """Nobody reads out a code and nobody is to be given one: no code is in the answer, and none is sent."""
    alex = await arrive()
    await alex.sign_in()
    alex.clock.pass_seconds(31)
    [code] = await alex.codes(1)
    for words in (
        "read me the code", "just tell me the code", "someone from your office called and asked for my code",
        "a man on the phone wants the number you texted me", "can my daughter have my code",
    ):
        said = await alex.say(words)
        assert code not in said, words
        for fact in ("share", "never type it into a chat", "masked everywhere", "made useless if it was live"):
            assert fact in said, (words, fact)
        assert "Nobody from" in said or "No one from" in said, words
        assert "cannot" in said and "read" in said, words
        assert alex.kinds == ["answer"] and alex.offered == [], words
    await alex.mail(1)


async def test_got_a_code_unasked(arrive):
    """Somebody may know the password: change it and call; no other code is offered or sent, sign-in or none."""
    visitor, alex = await arrive(), await arrive()
    await visitor.open_chat()
    await alex.sign_in()
    alex.clock.pass_seconds(31)
    for patient in (visitor, alex):
        for words in ("I got a code I didn't ask for", "my phone just got a code and i wasnt signing in"):
            said = await patient.say(words)
            for fact in ("somebody", "know", "hange your password", CONTACT, "masked everywhere", "made useless if it"):
                assert fact in said, (words, fact)
            assert patient.kinds == ["answer"] and patient.offered == [], words
    await alex.mail(1)


async def test_changes_the_number_either_way(arrive):
    """Both ways in one answer; by the reply, the portal's own page or the contact route."""
    alex = await arrive()
    await alex.open_chat()
    said = await alex.say("I have a new cell phone number")
    assert "personal information section" in said
    assert CONTACT in said
    assert "change it there" in await alex.press("I can sign in")
    await alex.say("I have a new cell phone number")
    said = await alex.say("no I cant sign in")
    assert CONTACT in said
    for said, answer in (("can sign in", "once you are signed in"), ("hm no i cant", "only a person can change it")):
        await alex.say("my email address changed")
        assert answer in await alex.say(said), said
    assert "What is your name?" in await alex.say("can you change it for me?")


async def test_is_not_understood_between_the_question_and_its_answer(arrive):
    """ "New mobile blah blah" leaves "Can you sign in?" open; a yes to a code is not taken for one that old."""
    for said, answer in (("yes i can sign in", "change it there"), ("no i cannot", "change it for you")):
        patient = await arrive()
        await patient.open_chat()
        await patient.say("my phone number changed")
        await patient.say("new mobile blah blah")
        assert patient.kinds == ["fallback"]
        assert "Change my mobile number" in patient.offered
        assert answer in await patient.say(said), said
    alex = await arrive()
    await alex.sign_in()
    await alex.say("i didnt get the code")
    alex.clock.pass_seconds(31)
    await alex.say("new mobile blah blah")
    assert "on its way" not in await alex.say("yes")
    await alex.mail(1)


async def test_drops_what_was_asked(arrive):
    """ "Never mind" is no answer to a question: it ends there, kindly, with no form, no route and no code."""
    alex = await arrive()
    await alex.sign_in()
    alex.clock.pass_seconds(31)
    for before in (["my phone number changed"], ["my phone number changed", "my phone died"], ["send me a new code"]):
        for words in before:
            await alex.say(words)
        said = await alex.say("never mind")
        assert alex.kinds == ["message"], before
        assert "signing in" in said or "question about your code" in said, before
        assert CONTACT not in said and alex.offered == [], before
    await alex.mail(2)


async def test_is_shown_the_portals_own_pages(arrive):
    """In the demo over http the address to read; beside another portal it is not ours to name."""
    for settings, shown in (({}, "section (127.0.0.1:8000/me)"), ({"verification_url": "none"}, "section.")):
        patient = await arrive(**settings)
        await patient.open_chat()
        assert shown in await patient.say("I have a new cell phone number"), settings


async def test_types_the_number_of_a_choice_in_the_greeting(arrive):
    """ "1" is the first of the choices that the greeting shows; a number that is none of them is not understood."""
    visitor = await arrive()
    await visitor.open_chat()
    assert "sort that out" in await visitor.say("1")
    other = await arrive()
    await other.open_chat()
    await other.say("9")
    assert other.kinds == ["fallback"]


async def test_uses_a_practice_whose_portal_sends_its_own_codes(arrive):
    """FAQ only: honest words about where to ask for a code, and the practice's own contact page."""
    visitor = await arrive(verification_url="none")
    await visitor.open_chat()
    said = await visitor.say("send me a new code")
    assert "cannot send codes from this chat" in said
    assert "CrystalRunHealthcare.com/Contact" in said
    await visitor.say("talk to a person")
    assert "Write to them from here" not in visitor.buttons


async def test_meets_a_backend_that_is_away(arrive):
    """With the backend down nothing is claimed: the contact route, marked as an error."""
    visitor = await arrive(verification_url="http://127.0.0.1:9", bot_credential="c" * 32)
    await visitor.open_chat()
    said = await visitor.say("send me a new code")
    assert "could not send" in said
    assert CONTACT in said
    assert visitor.kinds == ["error"]
    assert 'twostep_actions_failed_total{channel="web"} 1.0' in (await visitor.client.get("/metrics")).text
    assert "What is your name?" in await visitor.press("Write to them from here")


async def test_deletes_the_conversation_and_with_it_draft_and_sign_in(arrive, sqlite_database):
    """What was typed into the form and the tie to the waiting sign-in are gone with the conversation."""
    alex = await arrive()
    await alex.sign_in()
    await alex.say("talk to a person")
    await alex.press("Write to them from here")
    await alex.say("Alex Example")

    async def kept() -> tuple[int, int]:
        async with sqlite_database.read() as connection:
            drafts = await connection.execute(sql("SELECT count(*) FROM contact_drafts"))
            tied = await connection.execute(sql("SELECT count(*) FROM handoffs WHERE conversation IS NOT NULL"))
            return drafts.scalar() or 0, tied.scalar() or 0

    assert await kept() == (1, 1)
    assert (await alex.client.delete("/chat/session")).status_code == 204
    assert await kept() == (0, 0)
