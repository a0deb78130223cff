"""The staff console at /staff: figures, charts, tables."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from bot.http.api import Api, Auth, see_other
from bot.http.pages import Pages
from bot.http.problem import Forbidden, NotFound
from bot.insights.charts import CHART_POLICY, CHARTS, about, chart
from bot.insights.console import Guard, NotSignedIn, Staff
from bot.insights.figures import By, Report
from bot.insights.service import Insights
from bot.insights.tables import as_csv, tables

LONGEST = 5 * 366  # days of one report
USUAL = 30  # days
Handler = Callable[..., Awaitable[HTTPResponse]]


@dataclass(frozen=True, slots=True)
class Span:
    """What a report is about, from the address; `error` where the address made no sense and the usual is shown."""

    since: date
    until: date
    by: By
    error: str = ""

    @property
    def name(self) -> str:
        """The same as the audit record names it."""
        return f"{self.since}..{self.until}:{self.by}"

    @property
    def query(self) -> str:
        """The same as part of an address."""
        return urlencode({"since": self.since.isoformat(), "until": self.until.isoformat(), "by": self.by.value})


def span_of(values: Mapping[str, Any], today: date) -> Span:
    """The days that `since`, `until` and `by` name; the last 30 by week without them."""
    usual = Span(today - timedelta(days=USUAL - 1), today, By.WEEK)
    try:
        since, until = values.get("since") or "", values.get("until") or ""
        last = date.fromisoformat(until) if until else today
        first = date.fromisoformat(since) if since else last - timedelta(days=USUAL - 1)
        by = By(values.get("by") or By.WEEK)
    except (ValueError, OverflowError):  # no day, or 29 days before the first of all
        return Span(usual.since, usual.until, usual.by, "Write days like 2026-11-24. The last 30 days are shown.")
    if first > last:
        return Span(usual.since, usual.until, usual.by, "The first day is after the last. The last 30 days are shown.")
    if (last - first).days >= LONGEST:
        return Span(usual.since, usual.until, usual.by, "At most five years at once. The last 30 days are shown.")
    return Span(first, last, by)


class Frame:
    """What the console's pages share: the way in, and the values of every page.

    Args:
        sign_in: where a browser without a session is led.
    """

    def __init__(self, pages: Pages, guard: Guard, sign_in: str) -> None:
        self._pages = pages
        self.guard = guard
        self._sign_in = sign_in

    def page(self, api: Api, method: str, path: str) -> Callable[[Handler], Handler]:
        """Declare a page of the console: nobody is led to the sign-in, others are told that it is for staff."""

        def declare(handler: Handler) -> Handler:
            @wraps(handler)
            async def guarded(request: Request, **parameters: str) -> HTTPResponse:
                try:
                    return await handler(request, **parameters)
                except NotSignedIn:
                    return see_other(self._sign_in)
                except Forbidden as refused:
                    return self.render("staff/refused.html", None, "", refused.status, why=refused.detail)

            api.page(method, path, auth=Auth.SESSION)(guarded)
            return guarded

        return declare

    def render(self, template: str, staff: Staff | None, here: str, status: int = 200, **values: Any) -> HTTPResponse:
        """A page for this staff member; `here` is its place in the menu."""
        return self._pages.render(template, status, staff=staff, here=here, signed_in=True, **values)


def figure_pages(frame: Frame, insights: Insights) -> Api:
    """Overview, topic table, charts and CSV files."""
    api = Api("Staff console: figures")

    def asked(request: Request) -> Span:
        return span_of({name: request.args.get(name) for name in ("since", "until", "by")}, insights.today())

    async def report(request: Request) -> tuple[Span, Report]:
        span = asked(request)
        return span, await insights.report(span.since, span.until, span.by)

    async def show(request: Request, here: str, template: str, charts: Sequence[str]) -> HTTPResponse:
        staff = await frame.guard.staff(request, f"staff.{here}_viewed", asked(request).name)
        span, found = await report(request)
        return frame.render(
            template, staff, here, span=span, report=found, tables={table.name: table for table in tables(found)},
            charts={name: (CHARTS[name][0], about(name, found)) for name in charts}, periods=list(By),
        )

    @frame.page(api, "GET", "/staff")
    async def overview(request: Request) -> HTTPResponse:
        """The figures."""
        return await show(
            request, "overview", "staff/overview.html", ("deflection", "outcomes", "rates", "reasons", "channels")
        )

    @frame.page(api, "GET", "/staff/topics")
    async def topics(request: Request) -> HTTPResponse:
        """The figures by topic."""
        return await show(request, "topics", "staff/topics.html", ("topics",))

    @frame.page(api, "GET", "/staff/charts/<name:ext=svg>")
    async def picture(request: Request, name: str, ext: str) -> HTTPResponse:
        """A chart, as a file of its own because its policy differs."""
        if name not in CHARTS:
            raise NotFound
        await frame.guard.staff(request, "staff.chart_viewed", f"{name}:{asked(request).name}")
        _, found = await report(request)
        svg = await asyncio.to_thread(chart, name, found)
        return HTTPResponse(svg, content_type="image/svg+xml", headers={"Content-Security-Policy": CHART_POLICY})

    @frame.page(api, "GET", "/staff/tables/<name:ext=csv>")
    async def table(request: Request, name: str, ext: str) -> HTTPResponse:
        """A table of figures as a CSV file."""
        await frame.guard.staff(request, "staff.table_exported", f"{name}:{asked(request).name}")
        span, found = await report(request)
        wanted = next((each for each in tables(found) if each.name == name), None)
        if wanted is None:
            raise NotFound
        return csv_file(as_csv(wanted), f"{name}-{span.since}-{span.until}.csv")

    return api


def csv_file(text: str, name: str) -> HTTPResponse:
    """A CSV file to save."""
    return HTTPResponse(
        text, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
