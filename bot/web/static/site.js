// What the pages do better with JavaScript: a visible countdown, and a simulated phone that shows what arrives.

/** Counts the seconds of `data-countdown` down; the server decides anyway. */
for (const place of document.querySelectorAll("[data-countdown]")) {
  const end = performance.now() + Number(place.dataset.countdown) * 1000;
  const wait = place.querySelector("strong");
  const timer = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) {
      wait.textContent = left === 1 ? "1 second" : `${left} seconds`;
      return;
    }
    clearInterval(timer);
    place.textContent = place.dataset.then;
    place.setAttribute("role", "status");
  }, 250);
}

/** The simulated phone and inbox: shows new messages when there are any. */
const outbox = document.querySelector("[data-outbox]");
if (outbox) {
  setInterval(async () => {
    try {
      const { messages } = await (await fetch("/demo/outbox.json")).json();
      if ((messages[0]?.id ?? "") !== outbox.dataset.outbox) location.reload();
    } catch {} // the next look may succeed
  }, 2000);
}
