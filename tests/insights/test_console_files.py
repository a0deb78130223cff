"""The files that staff saves from the console: whole, nothing that a spreadsheet runs, nothing personal."""

from __future__ import annotations

import pytest
import yaml

from bot.db import Database
from tests.insights.conftest import Enter, audited, entry, rows, talk


@pytest.mark.parametrize("words", ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "＝1+1"])
async def test_no_file_holds_a_formula(enter: Enter, words: str) -> None:
    """What a patient wrote is text in every file, whatever it begins with."""
    morgan, patient = await enter("morgan"), await enter("")
    await talk(patient, words, helpful=False)
    listed = rows(await morgan.get("/staff/questions.csv"))
    assert [row[1] for row in listed[1:]] == [f"'{words.strip()}"]
    examples = yaml.safe_load(f"{(await morgan.get('/staff/examples.yml')).text}")
    assert examples["version"] == "3.1"


async def test_the_file_of_examples_is_training_data_whatever_was_written(enter: Enter) -> None:
    """What is no character, a list mark, brackets and lines of a patient's come out as one plain example each."""
    morgan, written = await enter("morgan"), ["is it \uffff free", "- [free](x){y}: yes?", "a\u2028b\nc | #d"]
    for words in written:
        await talk(await enter(""), words, helpful=False)
        sent = {**entry((await morgan.get("/staff/questions")).text), "action": "label", "intent": "ask_text_charges"}
        assert (await morgan.post("/staff/questions", data=sent)).status_code == 303
    [found] = yaml.safe_load((await morgan.get("/staff/examples.yml")).text)["nlu"]
    assert sorted(found["examples"].splitlines()) == ["- - [free] (x){y}: yes?", "- a b c | #d", "- is it free"]


async def test_the_lists_of_episodes_and_people_are_files_too(enter: Enter, sqlite_database: Database) -> None:
    """The episodes that the page shows, filtered alike and without words; everybody who signs in, for admins alone."""
    morgan, casey, patient = await enter("morgan"), await enter("casey"), await enter("")
    await talk(patient, "will they charge me", "fallback")
    listed = rows(await casey.get("/staff/conversations.csv?outcome=unanswered"))
    assert listed[0] == ["Began", "Channel", "Topic", "Outcome", "Questions"]
    assert [row[1:] for row in listed[1:]] == [["Web chat", "What two-step verification is", "Unanswered", "2"]]
    assert rows(await casey.get("/staff/conversations.csv?outcome=error"))[1:] == []
    assert (await casey.get("/staff/accounts.csv")).status_code == 403
    listed = rows(await morgan.get("/staff/accounts.csv"))
    assert ["casey", "Casey Sample", "agent", "enabled"] in listed
    assert "@" not in str(listed)
    written = await audited(sqlite_database)
    assert ("staff.conversations_exported", "unanswered") in written and ("staff.accounts_exported", "") in written
    for page in ("/staff/conversations", "/staff/accounts"):
        assert f'href="{page}.csv' in (await morgan.get(page)).text


async def test_small_cells_are_hidden_on_pages_and_in_files(enter: Enter) -> None:
    """Four episodes are "<5" wherever they are shown, five are 5; charts show what the tables show."""
    casey = await enter("casey")
    for number in range(4):
        await talk(await enter(""), f"question {number}")
    for address in ("/staff", "/staff/topics"):
        assert "&lt;5" in (await casey.get(address)).text
    for name in ("summary", "periods", "channels", "topics"):
        cells = [cell for row in rows(await casey.get(f"/staff/tables/{name}.csv"))[1:] for cell in row[1:]]
        assert "<5" in cells, name
        assert "4" not in cells, name
    await talk(await enter(""), "question 4")
    listed = rows(await casey.get("/staff/tables/summary.csv"))
    assert listed[1][:2] == ["Episodes", "5"]
    assert listed[2][:2] == ["Deflection", "1.0000"]
