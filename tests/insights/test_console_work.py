"""What staff does at the console, over HTTP: each form, who may, and what is written down."""

from __future__ import annotations

import re

import httpx
import pytest
import yaml
from sqlalchemy import text as sql

from bot.accounts.demo import PASSWORD
from bot.db import Database
from tests.insights.conftest import Enter, audited, entry, rows, talk

POSTS = {
    "/staff/questions": {"conversation": "c" * 32, "seq": "2", "action": "dismiss"},
    "/staff/requests/AAA-AAA": {"state": "done", "note": ""},
    "/staff/notice": {"text": "Texts are late."},
    "/staff/accounts": {"account": "x", "action": "disable"},
}
FILES = [
    *(f"/staff/tables/{name}.csv" for name in ("summary", "periods", "reasons", "channels", "topics")),
    "/staff/questions.csv", "/staff/requests.csv", "/staff/conversations.csv", "/staff/examples.yml",
    *(f"/staff/charts/{name}.svg" for name in ("deflection", "outcomes", "rates", "reasons", "channels", "topics")),
]


async def file_request(client: httpx.AsyncClient, **values: object) -> str:
    """A contact request; its reference."""
    body = {"name": "Pat Sample", "reply_to": "pat@example.com", "reason": "Patient Portal", "message": "Locked out."}
    answer = await client.post("/v1/contact", json={**body, **values})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["reference"])


async def test_a_change_that_was_refused_is_no_change_in_the_record(enter: Enter, sqlite_database: Database) -> None:
    """Behind each change that was asked for and refused stands that it was not done; behind the others nothing."""
    morgan, patient = await enter("morgan"), await enter("")
    await talk(patient, "fallback")
    old = entry((await morgan.get("/staff/questions")).text)
    reference = await file_request(patient)
    async with sqlite_database.read() as connection:
        own = str(await connection.scalar(sql("SELECT id FROM accounts WHERE username = 'morgan'")))
    dismissed, done = {**old, "action": "dismiss"}, {"state": "done", "note": "", "seen": "0"}
    forms: list[tuple[str, dict[str, str], bool]] = [
        ("/staff/questions", dismissed, True), ("/staff/questions", dismissed, False),
        ("/staff/questions", {**dismissed, "seq": "99"}, False),
        (f"/staff/requests/{reference}", done, True), (f"/staff/requests/{reference}", done, False),
        (f"/staff/requests/{reference}", {"state": "done", "note": "x" * 501}, False),
        ("/staff/requests/AAA-AAA", done, False),
        ("/staff/notice", {"text": "Texts are late."}, True), ("/staff/notice", {"text": "x" * 201}, False),
        ("/staff/accounts", {"account": own, "action": "reset"}, True),
        ("/staff/accounts", {"account": own, "action": "disable"}, False),
        ("/staff/accounts", {"account": "x", "action": "reset"}, False),
    ]
    for address, form, works in forms:
        before = len(await audited(sqlite_database))
        await morgan.post(address, data=form)
        first, *then = (await audited(sqlite_database))[before:]
        assert [line for line in then if line[0] == "staff.not_done"] == (
            [] if works else [("staff.not_done", first[1])]
        ), (address, form)


async def test_a_form_that_is_behind_undoes_nobodys_work(enter: Enter) -> None:
    """Two have the same page open: the second to act on an entry, or to save a request, is told and changes nothing."""
    morgan, casey, patient = await enter("morgan"), await enter("casey"), await enter("")
    await talk(patient, "fallback")
    old = entry((await casey.get("/staff/questions")).text)
    await morgan.post("/staff/questions", data={**old, "action": "label", "intent": "ask_landline"})
    answer = await casey.post("/staff/questions", data={**old, "action": "dismiss"}, follow_redirects=True)
    assert "Nothing was changed" in answer.text
    assert "fallback" in (await morgan.get("/staff/examples.yml")).text

    address = f"/staff/requests/{await file_request(patient)}"
    seen = re.search(r'name="seen" value="(\d+)"', (await casey.get(address)).text)
    assert seen
    form = {"state": "in_progress", "seen": seen[1]}
    assert (await morgan.post(address, data={**form, "note": "I call at noon."})).status_code == 303
    answer = await casey.post(address, data={**form, "state": "done", "note": "No answer."})
    assert answer.status_code == 409
    assert "I call at noon." in answer.text
    assert ">No answer.</textarea>" in answer.text
    page = (await morgan.get(address)).text
    assert ">I call at noon.</textarea>" in page
    assert "In progress, Morgan" in page
    latest = re.search(r'name="seen" value="(\d+)"', answer.text)
    assert latest
    assert (await casey.post(address, data={**form, "seen": latest[1], "note": "Both."})).status_code == 303


async def test_the_same_words_are_one_entry_with_a_count(enter: Enter, sqlite_database: Database) -> None:
    """What three patients wrote stands once in the queue; label, dismiss and put back act on all of it, and it is one
    training example."""
    morgan = await enter("morgan")
    for words in ("Is it  free?", "is it free", "IS IT FREE?!"):
        await talk(await enter(""), words, helpful=False)
    await talk(await enter(""), "fallback")
    page = (await morgan.get("/staff/questions")).text
    assert page.count('class="said"') == 2
    assert "3 times" in page
    assert "Label all 3" in page
    listed = rows(await morgan.get("/staff/questions.csv"))
    assert {(row[1].lower().rstrip("?!"), row[2]) for row in listed[1:]} == {("is it free", "3"), ("fallback", "1")}
    sent = {**entry(page), "action": "label", "intent": "ask_text_charges"}
    done = await morgan.post("/staff/questions", data=sent)
    assert (done.status_code, done.headers["location"]) == (303, "/staff/questions?state=open&done=label")
    assert "Labelled." in (await morgan.get(done.headers["location"])).text
    assert "times" not in (await morgan.get("/staff/questions")).text.replace("At most", "")
    examples = yaml.safe_load((await morgan.get("/staff/examples.yml")).text)
    assert examples["nlu"][0]["intent"] == "ask_text_charges"
    assert len(examples["nlu"][0]["examples"].strip().splitlines()) == 1
    for state, action in (("labelled", "reopen"), ("open", "dismiss"), ("dismissed", "reopen")):
        page = (await morgan.get(f"/staff/questions?state={state}")).text
        assert "3 times" in page, state
        sent = {**entry(page), "action": action}
        assert (await morgan.post("/staff/questions", data=sent)).status_code == 303
    assert "3 times" in (await morgan.get("/staff/questions")).text
    subjects = [subject for action, subject in await audited(sqlite_database) if action == "staff.question_label"]
    assert len(subjects) == 1
    assert subjects[0].endswith(":ask_text_charges")


async def test_an_agent_works_on_a_contact_request(enter: Enter, sqlite_database: Database) -> None:
    """State, note and who are kept and shown; a note that is too long is refused and loses nothing."""
    casey, patient = await enter("casey"), await enter("")
    await talk(patient, "my landline rings")
    reference = await file_request(patient, include_transcript=True)
    page = (await casey.get(f"/staff/requests/{reference}")).text
    for words in ("Pat Sample", "pat@example.com", "Locked out.", "my landline rings", "What two-step verification is"):
        assert words in page
    sent = {"state": "in_progress", "note": "called,\nno answer"}
    answer = await casey.post(f"/staff/requests/{reference}", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/requests?state=in_progress")
    page = (await casey.get(f"/staff/requests/{reference}")).text
    assert "called,\nno answer" in page
    assert "In progress, Casey" in page
    long = await casey.post(f"/staff/requests/{reference}", data={"state": "done", "note": "x" * 501})
    assert long.status_code == 400
    assert "at most 500" in long.text
    assert (await casey.post(f"/staff/requests/{reference}", data={"state": "gone", "note": ""})).status_code == 400
    assert (await casey.post("/staff/requests/AAA-AAA", data={"state": "done", "note": ""})).status_code == 404
    assert reference in (await casey.get("/staff/requests?state=in_progress")).text
    assert reference not in (await casey.get("/staff/requests?state=new")).text
    [listed] = rows(await casey.get("/staff/requests.csv"))[1:]
    assert listed[:3] == [reference, "Patient Portal", "In progress"]
    assert "pat@example.com" not in str(listed)
    assert ("staff.request_changed", f"{reference}:in_progress") in await audited(sqlite_database)


async def test_an_admin_lets_codes_of_a_disabled_factor_work_again(enter: Enter, sqlite_database: Database) -> None:
    """After too many guesses nobody signs in to an account, until an admin resets its factor."""
    morgan, guesser = await enter("morgan"), await enter("")

    async def begin() -> httpx.Response:
        begun = await guesser.post("/v1/sign-in", json={"username": "robin", "password": PASSWORD})
        return await guesser.post(f"/v1/challenges/{begun.json()['challenge']}/code", json={"channel": "sms"})

    begun = await guesser.post("/v1/sign-in", json={"username": "robin", "password": PASSWORD})
    challenge = begun.json()["challenge"]
    await guesser.post(f"/v1/challenges/{challenge}/code", json={"channel": "sms"})
    for _ in range(6):
        await guesser.post(f"/v1/challenges/{challenge}/verify", json={"code": "000000"})
    async with sqlite_database.read() as connection:
        disabled = await connection.execute(sql("SELECT account FROM factors WHERE disabled"))
    account = disabled.scalar_one()
    assert (await begin()).status_code == 429
    answer = await morgan.post("/staff/accounts", data={"account": account, "action": "reset"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/accounts?done=reset")
    assert "Codes of this account work again." in (await morgan.get(answer.headers["location"])).text
    assert (await begin()).status_code == 202
    assert ("staff.account_reset", account) in await audited(sqlite_database)
    assert ("factor.reset", account) in await audited(sqlite_database, "factor.%")


async def test_an_admin_shuts_an_account_out_and_in_again(enter: Enter, sqlite_database: Database) -> None:
    """A disabled account loses its session and cannot sign in; nobody can disable the own account."""
    morgan, alex = await enter("morgan"), await enter("alex")
    assert (await alex.get("/v1/me")).status_code == 200
    accounts = {}
    async with sqlite_database.read() as connection:
        for row in await connection.execute(sql("SELECT id, username FROM accounts")):
            accounts[row.username] = row.id
    sent = {"account": accounts["alex"], "action": "disable"}
    assert (await morgan.post("/staff/accounts", data=sent)).status_code == 303
    assert (await alex.get("/v1/me")).status_code == 401
    again = await alex.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD})
    assert again.status_code == 401
    assert (await morgan.post("/staff/accounts", data={**sent, "action": "enable"})).status_code == 303
    again = await alex.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD})
    assert again.status_code == 202
    own = await morgan.post("/staff/accounts", data={"account": accounts["morgan"], "action": "disable"})
    assert own.status_code == 400
    assert (await morgan.post("/staff/accounts", data={"account": "nobody", "action": "disable"})).status_code == 404
    done = [action for action, subject in await audited(sqlite_database) if subject == accounts["alex"]]
    assert done == ["staff.account_disable", "staff.account_enable"]


async def test_the_notice_reaches_the_greeting(enter: Enter) -> None:
    """An admin's line is kept; one that is too long, or two, are refused with what was typed."""
    morgan = await enter("morgan")
    answer = await morgan.post("/staff/notice", data={"text": "x" * 201})
    assert answer.status_code == 400
    assert "at most 200" in answer.text
    assert "x" * 201 in answer.text
    assert (await morgan.post("/staff/notice", data={"text": "Texts are late."})).status_code == 303
    assert "Texts are late." in (await morgan.get("/staff/notice")).text


@pytest.mark.parametrize("username", ["", "alex", "casey"])
async def test_posts_and_files_are_guarded_like_pages(enter: Enter, sqlite_database: Database, username: str) -> None:
    """Nobody and a patient change and read nothing; an agent works on the queues and changes nothing of an admin's."""
    client = await enter(username)
    for address in FILES:
        expected = {"": 303, "alex": 403, "casey": 200}[username]
        assert (await client.get(address)).status_code == expected, address
    for address, form in POSTS.items():
        admin = address in ("/staff/notice", "/staff/accounts")
        expected = {"": 303, "alex": 403, "casey": 403 if admin else 404}[username]
        assert (await client.post(address, data=form)).status_code == expected, address
    async with sqlite_database.read() as connection:
        assert (await connection.execute(sql("SELECT count(*) FROM staff_notice"))).scalar() == 0


async def test_another_site_cannot_post(enter: Enter) -> None:
    """A form of another site changes nothing, whoever is signed in."""
    morgan = await enter("morgan")
    for address, form in POSTS.items():
        answer = await morgan.post(address, data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, address
    assert "Texts are late." not in (await morgan.get("/staff/notice")).text


@pytest.mark.parametrize(("address", "status"), [
    ("/staff?until=0001-01-05", 200), ("/staff?since=9999-12-01&until=9999-12-31", 200), ("/staff?by=year", 200),
    ("/staff/topics?since=%00", 200), (f"/staff/conversations?before={'9' * 30}", 200),
    (f"/staff/conversations?before={'9' * 5000}", 200), ("/staff/conversations?outcome=%00&topic=%00", 200),
    ("/staff/conversations/%00", 404), (f"/staff/conversations/{'a' * 500}", 404), ("/staff/requests/%00", 404),
    ("/staff/questions?state=%00", 200), ("/staff/charts/none.svg", 404), ("/staff/tables/none.csv", 404),
    ("/staff/charts/deflection.svg?since=0001-01-01&until=0001-01-02", 200),
])
async def test_an_address_that_makes_no_sense_breaks_nothing(enter: Enter, address: str, status: int) -> None:
    """Days at the end of the calendar, numbers that no database holds and NUL give a page, or "not found"."""
    assert (await (await enter("casey")).get(address)).status_code == status


async def test_every_look_and_change_is_written_down(enter: Enter, sqlite_database: Database) -> None:
    """The record names each page and file that staff saw, what it was about, and by whose account; a conversation only
    by its stand-in."""
    casey, patient = await enter("casey"), await enter("")
    await talk(patient, "fallback")
    reference = await file_request(patient)
    page = (await casey.get("/staff/conversations?outcome=unanswered&topic=ask_landline")).text
    page = (await casey.get("/staff/conversations")).text
    link = re.search(r"/staff/conversations/(\w{32})", page)
    assert link
    for address in (
        "/staff?since=2026-10-01&until=2026-10-31&by=month", "/staff/topics", "/staff/questions?state=labelled",
        "/staff/requests?state=done", f"/staff/requests/{reference}", link[0], *FILES,
    ):
        assert (await casey.get(address)).status_code == 200, address
    written = await audited(sqlite_database)
    for line in (
        ("staff.conversations_viewed", "unanswered:ask_landline"),
        ("staff.overview_viewed", "2026-10-01..2026-10-31:month"), ("staff.questions_viewed", "labelled"),
        ("staff.requests_viewed", "done"), ("staff.request_viewed", reference), ("staff.questions_exported", "open"),
        ("staff.requests_exported", ""), ("staff.examples_exported", ""),
    ):
        assert line in written, line
    for action in ("staff.topics_viewed", "staff.table_exported", "staff.chart_viewed", "staff.conversation_viewed"):
        assert action in {line[0] for line in written}
    assert len(written) == 2 + 6 + len(FILES)
    assert link[1] not in str(written)
    async with sqlite_database.read() as connection:
        who = await connection.execute(sql("SELECT DISTINCT rule, actor FROM audit WHERE action LIKE 'staff.%'"))
        [account] = (await connection.execute(sql("SELECT id FROM accounts WHERE username = 'casey'"))).scalars()
        assert who.all() == [(account, "staff")]


async def test_staff_finds_the_console_after_signing_in(enter: Enter) -> None:
    """The page after the sign-in leads staff to the console, and patients not."""
    for username, shown in (("morgan", True), ("casey", True), ("alex", False)):
        page = (await (await enter(username)).get("/me")).text
        assert ('href="/staff"' in page) is shown, username
