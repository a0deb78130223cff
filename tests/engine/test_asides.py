"""What is said beside the matter is no question."""

import pytest

from bot.engine.asides import has_worked, is_never_mind, is_pause, is_settled, refuses


@pytest.mark.parametrize("text", [
    "wait", "Wait a sec...", "hold on", "hang on a minute please", "one moment", "1 sec", "just a min", "brb",
    "give me a second", "ok let me try", "let me check my email", "I'll try that, thanks", "i’ll wait",
    "ok I will look again", "lemme get my glasses", "let me find my phone", "checking now", "trying it again",
    "bear with me", "let me see", "I'm going to check my spam folder first", "hold on, let me get my glasses",
    "ok, let's try it", "not yet, let me wait a minute",
])
def test_who_asks_for_a_moment_gets_it(text):
    """Whatever was asked."""
    assert is_pause(text, None) and is_pause(text, "resend")


NOTED = ["I see", "makes sense now", "gotcha!", "fair enough", "good to know", "I understand now, thank you"]


@pytest.mark.parametrize("text", [
    *NOTED, "ok cool", "ok got it thanks", "found it", "oh there it is", "done", "ok done", "ok", "all set then",
    "go on", "keep going", "ok continue",
])
def test_who_takes_note_has_no_question(text):
    """Where something was asked it may be an answer, or leave that open."""
    assert is_settled(text, None) and not is_pause(text, None)
    assert is_pause(text, "resend") == (text in NOTED)
    assert not is_settled(text, "resend")


@pytest.mark.parametrize("text", [
    "waiting", "waiting for the code", "wait what", "wait is it free", "hold on is there a charge", "let me in",
    "let me sign in", "let me see my test results", "let me get it by email", "I'll try email instead",
    "let me check my results", "got it but it doesn't work", "i see a new page", "done with this", "done with living",
    "i see no code", "ok how", "give me a code", "one more", "let me talk to a person", "i will wait no longer",
    "found it, wrong number on it", "i'll call", "try again", "check my account",
    "let me find my husband he collapsed", "makes no sense", "i cant go on", "i cant keep going",
    "go on without me", "yes", "no", "",
])
def test_a_question_or_a_complaint_is_none(text):
    """Nothing is lost to a few words at its beginning."""
    assert not is_pause(text, None) and not is_pause(text, "resend") and not is_settled(text, None)


@pytest.mark.parametrize("text", [
    "never mind", "Nvm", "nevermind, got it", "nvm i found it", "forget it, it came", "oh never mind it's here now",
    "no thanks", "stop", "nah forget it ill call", "FORGET IT. I'LL CALL", "NO. I SAID I'LL CALL. STOP THIS",
    "hm no, leave it. I'll think about it",
])
def test_never_mind_in_many_words(text):
    """Also with the reason behind it."""
    assert is_never_mind(text)


@pytest.mark.parametrize("text", [
    "never mind the landline, can I use email", "nvm that, how long is it good", "stop texting me",
])
def test_more_than_never_mind_is_heard(text):
    """What follows is the question."""
    assert not is_never_mind(text)


@pytest.mark.parametrize("text", [
    "no stop i dont want the form", "i dont want to fill in anything", "no i dont want to change it",
    "I don't need one", "no i dont want to give it out at all", "i'll call",
    "I don't want to give my cell number to anyone",
])
def test_what_is_asked_or_offered_can_be_refused(text):
    """In many words."""
    assert refuses(text)


@pytest.mark.parametrize("text", [
    "i don't want to live", "i dont want to be here anymore", "i don't want this anymore", "i don't want to do this",
    "i dont want to anymore", "i dont need anyone", "i don't want any of it anymore", "i dont want to wake up",
    "i don't want it by text, use email",
])
def test_no_refusal_hides_danger_or_a_wish(text):
    """What may mean more than the form is understood as any other message."""
    assert not refuses(text) and not is_never_mind(text)


@pytest.mark.parametrize("text", [
    "ok did it, the last one worked", "I started again and now I got in", "it worked", "I'm in now thanks",
    "yes I got in", "finally got in, thank you so much", "i used the new code and it worked",
])
def test_who_is_in_needs_no_code(text):
    """Whatever was offered."""
    assert has_worked(text)


@pytest.mark.parametrize("text", [
    "it doesn't work", "i got in but it says error", "worked yesterday", "the code came", "im in the hospital",
    "i'm in pain", "it worked last week, now it does not",
])
def test_half_a_success_is_none(text):
    """Nothing is lost to a few words at its beginning."""
    assert not has_worked(text)
