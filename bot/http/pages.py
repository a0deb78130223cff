"""Pages for people: Jinja2 templates of `bot/web/templates`, with the practice's values in every one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sanic import HTTPResponse

from bot.http.api import page
from bot.settings import Settings

TEMPLATES = Path(__file__).parent.parent / "web" / "templates"


class Pages:
    """Renders templates; everything put into them is escaped, and a value that is missing is an error.

    `practice`, `portal`, `phone`, `contact_page`, `contact_reason`, `contact_link`, `demo`, `is_portal`, `faq_only` and
    `assistant` are there in every template.

    Args:
        assistant: whether the chat is served beside the pages.
    """

    def __init__(self, settings: Settings, *, assistant: bool = True) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            practice=settings.practice, portal=settings.portal, phone=settings.phone,
            contact_page=settings.contact_page, contact_reason=settings.contact_reason,
            demo=settings.demo, is_portal=settings.is_portal, faq_only=settings.faq_only, assistant=assistant,
            contact_link=settings.contact_page if settings.faq_only else "/contact",
        )

    def render(self, template: str, status: int = 200, **values: Any) -> HTTPResponse:
        """A page from a template such as `sign_in.html`."""
        return page(self._environment.get_template(template).render(**values), status)
