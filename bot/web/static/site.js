// What the pages do better with JavaScript: a visible countdown, and a contact form that knows the chat.

/** Counts the seconds of `data-countdown` down; the server decides anyway. */
for (const place of document.querySelectorAll("[data-countdown]")) {
  const end = performance.now() + Number(place.dataset.countdown) * 1000;
  const number = place.querySelector("strong");
  const timer = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) {
      number.textContent = String(left);
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

/** Nothing is typed twice: what the patient wrote in the chat begins the message. */
const message = document.querySelector("textarea[data-from-chat]");
if (message && !message.value) {
  try {
    const answer = await fetch("/chat/session");
    if (answer.ok) {
      const { messages } = await answer.json();
      const said = messages.filter((one) => one.from === "patient").map((one) => one.text);
      if (said.length && !message.value) message.value = `${message.dataset.fromChat}\n${said.slice(-5).join("\n")}`.slice(0, 1900);
    }
  } catch {} // the form works without the chat
}
