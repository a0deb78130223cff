"""One Chromium for each module of tests, and a served portal with the widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.stage import Stage

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium; per module, because Playwright's loop must not be there when asynchronous tests run."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A served portal; each context's cookies make its own conversation."""
    made = Stage(tmp_path_factory.mktemp("stage")).start()
    yield made
    made.stop()


@pytest.fixture
def slow(stage: Stage) -> Iterator[Stage]:
    """The same, where turns that are asked to be slow wait for `release`; none waits on when the test has ended."""
    stage.hold()
    yield stage
    stage.release()


class Tab:
    """A page with what went wrong in its console."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, path: str = "/") -> Tab:
        """Go to a page and open the panel."""
        self.page.goto(path)
        self.launcher.click()
        self.greeting.wait_for()
        return self

    def say(self, text: str) -> None:
        """Type and send."""
        self.box.fill(text)
        self.box.press("Enter")

    @property
    def launcher(self) -> Any:
        """The button that opens the panel."""
        return self.page.get_by_role("button", name="Help with sign-in codes")

    @property
    def box(self) -> Any:
        """Where the patient types."""
        return self.page.get_by_label("Your message")

    @property
    def log(self) -> Any:
        """The conversation."""
        return self.page.get_by_role("log")

    @property
    def greeting(self) -> Any:
        """The bot's first words."""
        return self.log.get_by_text("Hello, I am the automated assistant")

    def beside(self) -> Tab:
        """A second tab of the same browser with the panel open."""
        other = Tab(self.page.context.new_page())
        other.page.goto("/")
        other.launcher.click()
        return other

    def look_again(self) -> None:
        """Come back to this tab."""
        self.page.bring_to_front()
        self.page.evaluate("dispatchEvent(new Event('focus'))")

    def start_over(self) -> None:
        """Press what forgets the conversation."""
        self.page.get_by_role("button", name="Options").click()
        self.page.get_by_role("button", name="Start over").click()

    def until(self, condition: str) -> None:
        """Until a JavaScript expression is true (Playwright's own way needs eval, which the pages forbid)."""
        for _ in range(400):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"never true: {condition}")

    def bubbles(self) -> list[str]:
        """The texts in the conversation, in order."""
        texts: list[str] = self.page.locator(".log .bubble").all_inner_texts()
        return texts

    def wait_for(self, text: str) -> None:
        """Until the conversation shows it."""
        self.log.get_by_text(text, exact=True).last.wait_for()


NewTab = Callable[..., Tab]


@pytest.fixture
def new_context(browser: Browser, stage: Stage) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a browser context with an address to start from."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        made.append(browser.new_context(**{"base_url": stage.address, **options}))
        made[-1].set_default_timeout(20_000)  # a slow machine is no failure
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def new_tab(new_context: Callable[..., BrowserContext]) -> NewTab:
    """Makes a tab in a context of its own; keyword arguments are the context's."""

    def make(**options: Any) -> Tab:
        return Tab(new_context(**options).new_page())

    return make


@pytest.fixture
def tab(new_tab: NewTab) -> Tab:
    """A tab at a desk."""
    return new_tab()


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """Finds what WCAG 2.2 AA forbids, as far as axe-core can."""
    import axe_playwright_python

    script = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()

    def check(page: Page) -> list[str]:
        page.evaluate(script)
        results = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        )
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in results["violations"]
            for node in violation["nodes"]
        ]

    return check
