"""What is kept of texts, on both databases."""

from __future__ import annotations

from bot.channels.sms_store import SmsStore


async def test_the_first_answer_stays(database):
    """A text has one answer for ever; an empty one is an answer too."""
    store = SmsStore(database)
    assert await store.reply("a") is None
    await store.keep("a", "sms:1", ["one", "two"], 1, introduced=False)
    await store.keep("a", "sms:1", ["other"], 2, introduced=False)
    await store.keep("b", "sms:1", [], 3, introduced=False)
    assert await store.reply("a") == ["one", "two"]
    assert await store.reply("b") == []


async def test_a_sender_is_known_once_introduced(database):
    """A text without an introduction leaves its sender unknown; a second introduction changes nothing."""
    store = SmsStore(database)
    await store.keep("a", "sms:1", [], 1, introduced=False)
    assert not await store.knows("sms:1")
    await store.keep("b", "sms:1", [], 2, introduced=True)
    await store.keep("c", "sms:1", [], 3, introduced=True)
    assert await store.knows("sms:1")
    assert not await store.knows("sms:2")


async def test_forgetting_and_pruning(database):
    """One sender can be forgotten; retention takes what is older than a time, and a sender who still texts stays."""
    store = SmsStore(database)
    for sid, sender, at in (("a", "sms:1", 10), ("b", "sms:2", 20), ("c", "sms:3", 10), ("d", "sms:3", 30)):
        await store.keep(sid, sender, ["x"], at, introduced=True)
    await store.forget("sms:2")
    assert (await store.reply("b"), await store.knows("sms:2")) == (None, False)
    await store.prune(20)
    assert (await store.reply("a"), await store.knows("sms:1")) == (None, False)
    assert (await store.reply("c"), await store.reply("d"), await store.knows("sms:3")) == (None, ["x"], True)
