"""The staff console for administrators: the notice line and people's accounts."""

from __future__ import annotations

from sanic import HTTPResponse, Request

from bot.accounts.model import Role
from bot.http.api import Api, see_other
from bot.http.bodies import read_form
from bot.http.problem import Invalid, NotFound
from bot.insights.console import People, ResetFactor, staff_by
from bot.insights.notice import LONGEST, StaffNotice
from bot.insights.pages import Frame, csv_file
from bot.insights.tables import Table, as_csv

STATES = {False: "enabled", True: "disabled"}
DONE = {
    "notice": "The notice is saved.", "reset": "Codes of this account work again.",
    "disable": "The account cannot sign in any more.", "enable": "The account can sign in again.",
}


def admin_pages(
    frame: Frame, line: StaffNotice, people: People, reset_factor: ResetFactor, default_notice: str
) -> Api:
    """What only an admin may do.

    Args:
        default_notice: TWOSTEP_NOTICE, which holds until somebody sets another line here.
    """
    api = Api("Staff console: administration")

    async def settings_page(request: Request, status: int, text: str | None, error: str, action: str) -> HTTPResponse:
        staff = await frame.guard.staff(request, action, admin=True)
        kept = await line.text()
        current = default_notice if kept is None else kept
        return frame.render(
            "staff/notice.html", staff, "notice", status, text=current if text is None else text, error=error,
            longest=LONGEST, done=DONE.get(request.args.get("done", ""), ""),
        )

    @frame.page(api, "GET", "/staff/notice")
    async def notice(request: Request) -> HTTPResponse:
        """The line that patients see in the greeting."""
        return await settings_page(request, 200, None, "", "staff.notice_viewed")

    @frame.page(api, "POST", "/staff/notice")
    async def set_notice(request: Request) -> HTTPResponse:
        """Replace the line."""
        text = read_form(request).get("text", "")
        staff = await frame.guard.staff(request, "staff.notice_set", admin=True)
        try:
            async with frame.guard.noting_failure(request, staff, ""):
                await line.set(text)
        except ValueError as error:
            return await settings_page(request, 400, text, str(error), "staff.notice_viewed")
        return see_other("/staff/notice?done=notice")

    @frame.page(api, "GET", "/staff/accounts")
    async def accounts(request: Request) -> HTTPResponse:
        """Everybody who signs in."""
        staff = await frame.guard.staff(request, "staff.accounts_viewed", admin=True)
        return frame.render(
            "staff/accounts.html", staff, "accounts", people=await people.all(), patient=Role.PATIENT,
            states=STATES,
            done=DONE.get(request.args.get("done", ""), ""),
        )

    @frame.page(api, "GET", "/staff/accounts.csv")
    async def accounts_csv(request: Request) -> HTTPResponse:
        """Everybody who signs in as a CSV file, without numbers and addresses."""
        await frame.guard.staff(request, "staff.accounts_exported", admin=True)
        rows = tuple((p.username, p.name, p.role.value, STATES[p.disabled]) for p in await people.all())
        columns = ("Username", "Name", "Role", "State")
        return csv_file(as_csv(Table("accounts", "", columns, rows)), "accounts.csv")

    @frame.page(api, "POST", "/staff/accounts")
    async def change(request: Request) -> HTTPResponse:
        """Reset a factor, disable or enable an account."""
        form = read_form(request)
        action = form.get("action", "")
        if action not in ("reset", "disable", "enable"):
            raise Invalid("The form is not complete.")
        account = next((each for each in await people.all() if each.id == form.get("account")), None)
        subject = account.id if account else ""
        staff = await frame.guard.staff(request, f"staff.account_{action}", subject, admin=True)
        async with frame.guard.noting_failure(request, staff, subject):
            if account is None:
                raise NotFound
            if account.id == staff.id and action == "disable":
                raise Invalid("Nobody can disable the own account.")
            if action == "reset":
                await reset_factor(account.id, staff_by(request))
            else:
                await people.set_disabled(account.username, action == "disable", by=staff_by(request))
        return see_other(f"/staff/accounts?done={action}")

    return api
