"""Every page of the portal in Chromium: no accessibility fault that axe knows, nothing loaded from elsewhere."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from tests.portal import Portal


async def test_the_pages_have_no_accessibility_faults(lite: Portal, chromium: str) -> None:
    """Sign-in, code, personal information, contact, outbox, wide and narrow, with and without errors."""
    async with lite.browser() as browser:
        await lite.sign_in(browser)
        session = browser.cookies["twostep_session"]
        await browser.patch("/v1/me/contact-points", json={"mobile": "+18455550199"})
        await lite.begin(browser)
        await browser.post("/code/send", data={"channel": "sms"})
        await lite.deliver()
        pre_auth = browser.cookies["twostep_preauth"]
    faults: list[str] = []
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = await launched.new_context()
        await context.add_cookies([
            {"name": "twostep_session", "value": session, "url": lite.url},
            {"name": "twostep_preauth", "value": pre_auth, "url": lite.url},
        ])
        page = await context.new_page()
        elsewhere: list[str] = []
        page.on("request", lambda request: None if request.url.startswith(lite.url) else elsewhere.append(request.url))

        async def check(name: str) -> None:
            result = await Axe().run(page)
            faults.extend(f"{name}: {fault['id']}" for fault in result.response["violations"])

        for path in ("/", "/sign-in", "/code", "/me", "/me/confirm", "/contact", "/contact/filed?reference=ABC-DEF",
                     "/sign-out", "/demo/outbox"):
            await page.goto(lite.url + path)
            await check(path)
        for path, field in (("/code", "code"), ("/me/confirm", "code"), ("/me", "mobile")):
            await page.goto(lite.url + path)
            await page.fill(f"#{field}", "12")
            await page.press(f"#{field}", "Enter")
            await page.wait_for_selector(f"#{field}-error")
            await check(f"{path} with an error")
            focused = await page.evaluate("document.activeElement.id")
            assert (path, focused) == (path, field)
        await page.set_viewport_size({"width": 320, "height": 640})
        await page.goto(f"{lite.url}/contact")
        await page.fill("#name", "Kim")
        await page.fill("#reply_to", "call me")
        await page.fill("#message", "Hello")
        await page.click("main button[type=submit]")
        await page.wait_for_selector("#reply_to-error")
        await check("/contact with an error")
        wide = await page.evaluate("document.documentElement.scrollWidth")
        await launched.close()
    assert sorted(set(faults)) == []
    assert elsewhere == []
    assert wide <= 320
