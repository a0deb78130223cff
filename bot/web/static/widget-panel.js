// The panel of <twostep-chat>: shows the server's history, sends, retries, and says in text what is going on.

import { BASE, h, icon } from "./widget.js";

const WORKING_AFTER = 5000; // milliseconds until "still working"
const HANDOVER_WITHIN = 3000; // milliseconds that a message waits for the sign-in to be handed over
const LATE_AFTER = 15000; // milliseconds until an error with Retry
const ANNOUNCE_AFTER = 250; // milliseconds; screen readers miss text that is put in at once
const ANNOUNCED_FOR = 5000; // milliseconds; after that nobody who reads on comes upon the same words again
const LINK = /\[([^\]\n]+)\]\(((?:https:\/\/|tel:|mailto:)[^\s()<>"]+)\)/g;

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { --bar: var(--twostep-accent, var(--b)); --on-bar: var(--twostep-on-accent, var(--u)); --b: #0b5c6b; --u: #fff; --p: #f4f8f8; --f: #46595f; --m: #dcecee; --line: #c9d7d9; --danger: #a1261b; --danger-tint: #fdeeec; --page: var(--twostep-page, var(--p)); --soft: var(--twostep-soft, var(--f)); --mine: var(--twostep-mine, var(--m)); }
@media (prefers-color-scheme: dark) { :host { --b: #1d3d45; --u: #e8f0f1; --p: #0f1a1d; --f: #b3c5c9; --m: #1d3d45; --line: #31464b; --danger: #ffb3a9; --danger-tint: #3d1f1c; } }
.panel { position: fixed; right: 16px; bottom: 16px; z-index: 2147483000; display: flex; flex-direction: column; width: 376px; height: min(640px, calc(100vh - 32px)); height: min(640px, calc(100dvh - 32px));
  overflow: hidden; border: 1px solid var(--edge); border-radius: 18px; background: var(--page); color: var(--text); box-shadow: 0 12px 48px rgb(0 30 36 / 30%);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; text-align: start; }
.panel[hidden], [hidden] { display: none !important; }
h2, p { margin: 0; font: inherit; }
.bar { display: flex; align-items: center; gap: 4px; padding: 6px 6px 6px 18px; background: var(--bar); color: var(--on-bar); }
.bar h2 { flex: 1; font-weight: 650; font-size: 16px; line-height: 1.25; }
button { font: inherit; color: inherit; cursor: pointer; }
.bar button { display: inline-flex; align-items: center; justify-content: center; min-width: 44px; min-height: 44px; padding: 4px 10px; border: 0; border-radius: 12px; background: none; }
.bar button:hover { text-decoration: underline; }
.bar :focus-visible { outline-color: var(--on-bar); outline-offset: -3px; }
svg { width: 24px; height: 24px; fill: currentColor; }
.options, form, .note { background: var(--surface); }
.options { display: flex; flex-wrap: wrap; gap: 6px; padding: 8px 12px; border-bottom: 1px solid var(--line); }
.choices button, .options button, .again, .retry { min-height: 44px; padding: 8px 16px; border: 1.5px solid var(--accent); border-radius: 22px; background: var(--surface); color: var(--accent); font-weight: 550; text-align: start; }
.options button { flex: 1; padding: 6px 10px; text-align: center; white-space: nowrap; font-size: 15px; }
.choices button:hover, .choices .chosen, .options button:hover, .retry:hover, .again:hover { background: var(--mine); }
.log { position: relative; flex: 1; min-height: 60px; overflow-y: auto; overscroll-behavior: contain; padding: 16px 14px; mask-image: linear-gradient(#000 calc(100% - 16px), #0000); }
.log:focus-visible { outline-offset: -3px; mask-image: none; }
.message { display: flex; flex-direction: column; align-items: flex-start; max-width: 92%; margin-bottom: 14px; }
.message.patient { align-items: flex-end; margin-inline-start: auto; }
.bubble { padding: 10px 14px; border: 1px solid var(--line); border-radius: 4px 16px 16px 16px; background: var(--surface); overflow-wrap: anywhere; white-space: pre-line; }
.patient .bubble { border-color: transparent; border-radius: 16px 16px 4px 16px; background: var(--mine); }
.error .bubble { border-color: var(--danger); }
.notice .bubble { border-style: dashed; border-color: var(--edge); }
a { color: var(--accent); text-underline-offset: 2px; }
.whole, [href^="tel"] { white-space: nowrap; }
.choices { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
.small { margin-top: 2px; color: var(--soft); font-size: 14px; }
.vote { display: flex; align-items: center; gap: 2px; margin-top: 2px; color: var(--soft); font-size: 14px; }
.vote button { min-width: 44px; min-height: 44px; padding: 0 8px; border: 0; border-radius: 10px; background: none; color: var(--accent); text-decoration: underline; text-underline-offset: 3px; }
.vote [aria-pressed="true"] { font-weight: 700; text-decoration: none; }
.vote [aria-pressed="true"]::before { content: "✓ "; }
.status { min-height: 26px; padding: 2px 16px; color: var(--soft); font-size: 14px; }
.busy::before { content: ""; display: inline-block; width: 8px; height: 8px; margin-inline-end: 8px; border-radius: 50%; background: var(--accent); }
@media (prefers-reduced-motion: no-preference) { .busy::before { animation: pulse 1.2s ease-in-out infinite; } }
@keyframes pulse { 50% { opacity: .25; } }
.alert { margin: 0; padding: 10px 14px; border-top: 2px solid var(--danger); background: var(--danger-tint); font-size: 15px; }
.alert:empty { display: none; }
.alert button { margin-top: 8px; }
.trouble { display: flex; flex-direction: column; align-items: flex-end; gap: 6px; margin-top: 4px; color: var(--danger); font-size: 14px; text-align: end; }
form { display: flex; align-items: flex-end; gap: 8px; padding: 10px 12px 4px; border-top: 1px solid var(--line); }
textarea { flex: 1; min-width: 0; min-height: 46px; max-height: 120px; padding: 10px 12px; border: 1.5px solid var(--edge); border-radius: 14px; background: var(--surface); color: var(--text); font: inherit; line-height: 1.4; resize: none; field-sizing: content; }
textarea:focus-visible { outline-offset: 0; }
textarea::placeholder { color: var(--soft); opacity: 1; }
.send { display: inline-flex; align-items: center; justify-content: center; min-width: 46px; height: 46px; padding: 0 16px; border: 2px solid var(--accent); border-radius: 14px; background: var(--accent); color: var(--on-accent); font-weight: 600; }
.note { padding: 2px 14px 10px; color: var(--soft); font-size: 13px; }
.sr { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
/* In between phone and desk the panel takes the lower half, and the page gets room to scroll above it. */
@media (max-width: 959px) { .panel { left: 16px; width: auto; height: 50vh; height: 50dvh; } :host(.open) { display: block; height: 55vh; } }
@media (max-width: 600px), (max-height: 480px) {
  .panel { inset: 0; top: var(--top, 0); bottom: auto; width: auto; height: 100vh; height: var(--height, 100dvh); border: 0; border-radius: 0; }
  :host(.open) { height: auto; }
}
@media (max-height: 420px) { .panel { overflow-y: auto; } .bar { padding-block: 0; } .bar h2 { font-size: 14px; } .log { padding-block: 8px; } form { padding-block: 6px 2px; } .note { padding: 0 8px 6px; font-size: 12px; } }
@media (forced-colors: active) { .panel, .bubble, button, textarea { border: 1px solid CanvasText; } .bar { border-bottom: 1px solid; } .patient .bubble { border-width: 2px; } .busy::before { background: CanvasText; } .vote button { border: 0; } }
`);

class Refusal extends Error {
  constructor(status, retryAfter) {
    super(String(status));
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The text as a reader hears it: links by their labels. */
const spoken = (text) => text.replace(LINK, "$1");

/** The text as nodes: only https, tel and mailto become links. */
function rich(text) {
  const nodes = [];
  let position = 0;
  for (const match of text.matchAll(LINK)) {
    nodes.push(...whole(text.slice(position, match.index)), h("a", { href: match[2], rel: "noopener", target: match[2].startsWith("https:") ? "_blank" : null }, match[1]));
    position = match.index + match[0].length;
  }
  return [...nodes, ...whole(text.slice(position))];
}

/** Masked numbers, and words that read badly in two halves, stay on one line. */
const whole = (text) => text.split(/(•••-•••-\d+|sign-in)/).map((part, n) => (n % 2 ? h("span", { class: "whole" }, part) : part));

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // plain http on another host than localhost
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return [...bytes].map((byte, n) => ([4, 6, 8, 10].includes(n) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}

/** What the work gives, or an AbortError when that takes too long: nobody waits for ever. */
function within(work) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), LATE_AFTER);
  const late = new Promise((_, reject) => abort.signal.addEventListener("abort", () => reject(abort.signal.reason)));
  return Promise.race([work(abort.signal), late]).finally(() => clearTimeout(timer));
}

function call(method, path, body) {
  return within(async (signal) => {
    const answer = await fetch(BASE + path, {
      method, signal, credentials: "include", cache: "no-store",
      headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Refusal(answer.status, Number(answer.headers.get("Retry-After")) || 0);
    return answer.status === 204 ? null : answer.json();
  });
}

export class Panel {
  #element;
  #s;
  #ui = {};
  #messages = new Map(); // by id: the server's message, with its node and, of the patient's own, what was sent
  #last = 0; // every message up to this number is here
  #begun = null;
  #spoken = new Set();
  #words = [];
  #speaking = 0;
  #busy = 0;
  #lost = false;
  #handedOver = Promise.resolve();
  #handoffDue = 0;
  #handoffTimer = 0;
  #told = false;
  #era = 0; // counts the patient's own new beginnings: what was under way before them is dropped
  #follow = true; // until the reader scrolls up
  #settled = 0;

  constructor(element) {
    this.#element = element;
    this.#s = element.strings;
    this.#build();
    this.start();
  }

  /** Listens to page and network while the element is on the page. */
  start() {
    this.stop();
    this.listening = new AbortController();
    const { signal } = this.listening;
    const wake = () => document.visibilityState === "visible" && this.isOpen && this.#sync();
    for (const name of ["focus", "online"]) addEventListener(name, wake, { signal });
    document.addEventListener("visibilitychange", wake, { signal });
    addEventListener("offline", () => this.isOpen && this.#offline(true), { signal });
    for (const name of ["resize", "scroll"]) globalThis.visualViewport?.addEventListener(name, () => this.#fit(), { signal });
  }

  stop() {
    this.listening?.abort();
    clearTimeout(this.#handoffTimer);
  }

  get isOpen() {
    return !this.#ui.panel.hidden;
  }

  show(focus) {
    this.#ui.panel.hidden = false;
    this.#element.classList.add("open");
    this.#fit();
    if (focus) this.#ui.input.focus();
    const known = this.#begun; // what another tab said meanwhile is fetched
    (known ? this.#sync() : this.#begin()).then(() => this.#offerHandoff(), () => {});
  }

  hide() {
    this.#ui.panel.hidden = true;
    this.#element.classList.remove("open");
  }

  #build() {
    const s = this.#s;
    const ui = this.#ui;
    ui.options = h("div", { class: "options", id: "options", hidden: true },
      h("button", { type: "button", onclick: () => this.#restart() }, s.restart),
      h("button", { type: "button", onclick: () => this.#copy() }, s.copy),
      h("button", { type: "button", onclick: () => this.#save() }, s.save));
    ui.toggle = h("button", { type: "button", "aria-expanded": "false", "aria-controls": "options", onclick: () => this.#showOptions(ui.options.hidden) }, s.options);
    ui.log = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": s.log, tabindex: "0" });
    ui.status = h("p", { class: "status", role: "status" });
    ui.alert = h("div", { class: "alert", role: "alert" });
    ui.input = h("textarea", {
      id: "input", rows: "1", maxlength: "1000", placeholder: s.placeholder, enterkeyhint: "send", autocomplete: "off",
      onkeydown: (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this.#submit();
        }
      },
    });
    ui.announcer = h("div", { class: "sr", "aria-live": "polite" });
    ui.panel = h("section", {
      class: "panel", role: "dialog", "aria-modal": "false", "aria-labelledby": "title", hidden: true,
      onkeydown: (event) => {
        if (event.key === "Escape" && !event.isComposing) {
          event.stopPropagation();
          this.#element.close();
        }
      },
    },
      h("div", { class: "bar" }, h("h2", { id: "title" }, s.name), ui.toggle,
        h("button", { type: "button", "aria-label": s.close, onclick: () => this.#element.close() }, icon("M6.4 5 5 6.4l5.6 5.6L5 17.6 6.4 19l5.6-5.6 5.6 5.6 1.4-1.4-5.6-5.6L19 6.4 17.6 5 12 10.6z"))),
      ui.options, ui.log, ui.status, ui.alert,
      h("form", { onsubmit: (event) => { event.preventDefault(); this.#submit(); } },
        h("label", { class: "sr", for: "input" }, s.label), ui.input, h("button", { class: "send" }, s.send)),
      h("p", { class: "note" }, s.note, h("a", { href: "tel:911" }, "911"), "."),
      ui.announcer);
    ui.log.addEventListener("scroll", () => {
      const fromEnd = ui.log.scrollHeight - ui.log.clientHeight - ui.log.scrollTop;
      this.#follow = fromEnd < 40 || Math.abs(ui.log.scrollTop - this.#settled) < 4;
    });
    new ResizeObserver(() => this.#settle()).observe(ui.log);
    this.#element.shadowRoot.adoptedStyleSheets.push(sheet);
    this.#element.shadowRoot.append(ui.panel);
  }

  /** On a phone: fill what the keyboard leaves. */
  #fit() {
    const view = globalThis.visualViewport;
    if (!view) return;
    this.#ui.panel.style.setProperty("--height", `${view.height}px`);
    this.#ui.panel.style.setProperty("--top", `${view.offsetTop}px`);
  }

  // --- the conversation ------------------------------------------------------------------------------------------

  /** Begins the conversation, or goes on with the one of the cookie; once, however often it is asked. */
  #begin() {
    this.#begun ??= (async () => {
      this.#waitBegins();
      try {
        const language = this.#element.getAttribute("language") ?? document.documentElement.lang;
        const { messages } = await call("POST", "/chat/session", language ? { language: language.slice(0, 35) } : {});
        if (messages.some((message) => message.from === "patient")) messages.forEach((message) => this.#spoken.add(message.id));
        this.#take(messages);
        this.#offline(false);
      } catch (error) {
        this.#begun = null;
        this.#offline(true);
        throw error;
      } finally {
        this.#waitEnds();
      }
    })();
    return this.#begun;
  }

  /**
   * Fetches what this tab has not seen, and the last message that it has: where that is another one, the conversation
   * was begun anew in another tab.
   */
  async #sync() {
    if (!this.#begun) return this.#begin().then(() => this.#offerHandoff(), () => {});
    try {
      await this.#begun;
      const { messages } = await call("GET", `/chat/session?after=${Math.max(0, this.#last - 1)}`);
      if (this.#last && !this.#messages.has(messages[0]?.id)) return await this.#renew(this.#s.ended);
      this.#take(messages);
      this.#offline(false);
      if (this.#handoffDue && Date.now() > this.#handoffDue) this.#offerHandoff();
    } catch (error) {
      if (error.status === 401) return this.#renew(this.#s.ended).catch(() => {});
      this.#offline(true);
    }
  }

  /** Starts afresh, when the server has forgotten the conversation or the patient wants it. */
  async #renew(words) {
    this.#messages.clear();
    this.#ui.log.replaceChildren();
    this.#last = 0;
    this.#begun = null;
    this.#told = false;
    await this.#begin();
    this.#say(words);
    this.#offerHandoff();
  }

  async #restart() {
    this.#era += 1;
    this.#showOptions(false);
    this.#ui.input.focus();
    try {
      await call("DELETE", "/chat/session");
    } catch (error) {
      if (error.status !== 401) return this.#offline(true);
    }
    await this.#renew(this.#s.restarted).catch(() => {});
  }

  /** Puts the server's messages in; those that are here already stay as they are. */
  #take(messages) {
    for (const message of messages) {
      const known = this.#messages.get(message.id);
      if (known) {
        known.seq = message.seq;
        known.text = message.text;
        // Until its answer is here a message that went wrong keeps its Retry.
        const answered = messages.some((other) => other.from === "bot" && other.seq > message.seq);
        if (known.from === "patient" && answered) this.#mark(known, this.#s.sent);
        this.#place(known);
        continue;
      }
      this.#messages.set(message.id, message);
      this.#draw(message);
      if (message.from === "bot") this.#announce(message);
    }
    const numbers = new Set([...this.#messages.values()].map((message) => message.seq));
    while (numbers.has(this.#last + 1)) this.#last += 1;
    this.#markChoices();
    this.#settle();
  }

  // --- sending ---------------------------------------------------------------------------------------------------

  #submit() {
    const text = this.#ui.input.value.trim();
    if (!text) return this.#ui.input.focus();
    this.#ui.input.value = "";
    this.#send({ text }, text);
  }

  #send(content, text) {
    const message = { id: newId(), seq: Infinity, from: "patient", text, kind: "message", buttons: [], content };
    this.#messages.set(message.id, message);
    this.#draw(message);
    this.#follow = true;
    this.#settle();
    return this.#deliver(message);
  }

  /** Sends a message, or sends it again under the same id: the server answers it once. */
  async #deliver(message, renewed = false) {
    const era = this.#era;
    this.#mark(message, this.#s.sending);
    this.#waitBegins();
    try {
      const { messages } = await within(async (signal) => {
        await this.#begin();
        await Promise.race([this.#handedOver, new Promise((done) => setTimeout(done, HANDOVER_WITHIN))]);
        if (signal.aborted || era !== this.#era) throw signal.reason;
        return call("POST", "/chat/messages", { id: message.id, ...message.content });
      });
      if (era !== this.#era) return;
      if (messages.some((other) => other.seq <= this.#last && !this.#messages.has(other.id))) {
        return await this.#renew(this.#s.ended); // another tab began anew, and this was said there
      }
      const before = messages[0]?.seq - 1;
      if (before === this.#last + 1) message.seq = before;
      this.#mark(message, this.#s.sent);
      this.#place(message);
      this.#take(messages);
      this.#offline(false);
      if (message.seq === Infinity) this.#sync();
    } catch (error) {
      if (era !== this.#era) return;
      if (error?.status === 401 && !renewed) return await this.#resend(message);
      this.#trouble(message, error);
      this.#sync(); // the answer may be there, and only its way here was not
    } finally {
      this.#waitEnds();
    }
  }

  /** The conversation is gone: the message goes into a new one. */
  async #resend(message) {
    try {
      await this.#renew(this.#s.ended);
    } catch (error) {
      return this.#trouble(message, error);
    }
    this.#messages.set(message.id, message);
    this.#draw(message);
    return this.#deliver(message, true);
  }

  #trouble(message, error) {
    const s = this.#s;
    if (error.name !== "AbortError" && !error.status) this.#offline(true);
    let words = s.late;
    const wait = error.retryAfter || 60;
    if (error.status === 429) words = s.wait.replace("$1", wait === 1 ? s.second : s.seconds.replace("$1", wait));
    else if ([400, 404, 413].includes(error.status)) words = s.refused;
    this.#mark(message, s.failed);
    message.trouble?.remove();
    message.trouble = h("div", { class: "trouble" },
      h("span", { role: this.#lost ? null : "alert" }, words, h("a", { href: `tel:${this.#element.phone}` }, this.#element.phone), "."),
      h("button", { class: "retry", type: "button", onclick: () => { this.#ui.input.focus(); this.#deliver(message); } }, s.retry));
    message.node.append(message.trouble);
    this.#settle();
  }

  #mark(message, status) {
    if (status !== this.#s.failed) {
      message.trouble?.remove();
      message.trouble = null;
    }
    if (message.status) message.status.textContent = status;
  }

  // --- handing a waiting sign-in over ----------------------------------------------------------------------------

  /** What is sent meanwhile waits a little, or the assistant would know of no sign-in. */
  #offerHandoff() {
    return (this.#handedOver = this.#handOver());
  }

  async #handOver() {
    const url = this.#element.getAttribute("handoff-url");
    if (!url || !this.isOpen) return;
    try {
      const answer = await fetch(new URL(url, document.baseURI), { method: "POST", credentials: "include" });
      if (answer.status !== 201) return; // no sign-in waits
      const { handoff, expires_in: seconds } = await answer.json();
      this.#handoffDue = Date.now() + seconds * 1000;
      clearTimeout(this.#handoffTimer);
      this.#handoffTimer = setTimeout(() => document.visibilityState === "visible" && this.#offerHandoff(), seconds * 1000 + 500);
      await call("PUT", "/chat/session/handoff", { handoff });
      if (this.#told) return;
      this.#told = true;
      this.#notice(this.#s.waiting, this.#s.sendCode);
    } catch {} // the chat works without it, and says how to start when a code is asked for
  }

  /** Words of the panel's own among the messages, with one choice that is said as text. */
  #notice(text, choice) {
    const take = (event) => {
      this.#markChoice(event.currentTarget, choice, true);
      this.#send({ text: choice }, choice);
    };
    const group = h("div", { class: "choices", role: "group", "aria-label": this.#s.choices }, h("button", { type: "button", onclick: take }, choice));
    this.#append(h("div", { class: "message bot notice" }, h("span", { class: "sr" }, `${this.#s.bot}: `), h("div", { class: "bubble" }, ...whole(text)), group));
    this.#say(`${text} ${this.#s.choices}: ${choice}.`);
  }

  // --- showing ---------------------------------------------------------------------------------------------------

  #draw(message) {
    const s = this.#s;
    const mine = message.from === "patient";
    message.node = h("div", { class: `message ${mine ? "patient" : `bot ${message.kind}`}` },
      h("span", { class: "sr" }, `${mine ? s.you : s.bot}: `), h("div", { class: "bubble" }, ...(mine ? [message.text] : rich(message.text))));
    if (message.buttons.length) {
      message.choices = message.buttons.map((button) => h("button", { type: "button", onclick: () => this.#send({ payload: button.payload }, button.title) }, button.title));
      message.node.append(h("div", { class: "choices", role: "group", "aria-label": s.choices }, ...message.choices));
    }
    if (mine) {
      message.status = h("span", { class: "small" }, message.seq === Infinity ? s.sending : s.sent);
      message.node.append(message.status);
    }
    if (message.kind === "answer") message.node.append(this.#vote(message));
    this.#place(message);
  }

  /** Keeps the log in the order of the server's numbers; what has none yet is last. */
  #place(message) {
    let next = null;
    for (const other of this.#messages.values()) {
      if (other !== message && other.node && other.seq > message.seq && (!next || other.seq < next.seq)) next = other;
    }
    const follower = next?.node ?? null;
    if (message.node.parentNode && (follower ? message.node.nextSibling === follower : !message.node.nextSibling)) return;
    this.#append(message.node, follower);
  }

  #append(node, before = null) {
    this.#ui.log.insertBefore(node, before);
    this.#settle();
  }

  /** Shows the newest, but never scrolls the patient's last words out of sight before the answer was read. */
  #settle() {
    const { log } = this.#ui;
    if (!this.#follow) return;
    const said = log.querySelectorAll(".patient");
    const latest = said[said.length - 1]?.offsetTop ?? Infinity;
    this.#settled = Math.max(0, Math.min(log.scrollHeight - log.clientHeight, latest - 12));
    log.scrollTop = this.#settled;
  }

  /** Says in text which choice was taken: the patient's next words are its title. */
  #markChoices() {
    const ordered = [...this.#messages.values()].sort((one, other) => one.seq - other.seq);
    ordered.forEach((message, n) => {
      const next = ordered.slice(n + 1).find((other) => other.from === "patient");
      message.choices?.forEach((button, m) => {
        const { title } = message.buttons[m];
        this.#markChoice(button, title, next?.text === title);
      });
    });
  }

  #markChoice(button, title, chosen) {
    button.textContent = chosen ? `${title} ${this.#s.chosen}` : title;
    button.classList.toggle("chosen", chosen);
  }

  #vote(message) {
    const s = this.#s;
    const say = async (helpful) => {
      try {
        await call("POST", "/chat/feedback", { message: message.id, helpful });
        yes.setAttribute("aria-pressed", String(helpful));
        no.setAttribute("aria-pressed", String(!helpful));
        this.#say(s.thanks);
      } catch {
        this.#sync();
      }
    };
    const yes = h("button", { type: "button", "aria-pressed": "false", "aria-label": `${s.helped} ${s.yes}`, onclick: () => say(true) }, s.yes);
    const no = h("button", { type: "button", "aria-pressed": "false", "aria-label": `${s.helped} ${s.no}`, onclick: () => say(false) }, s.no);
    return h("div", { class: "vote", role: "group", "aria-label": s.helped }, h("span", { "aria-hidden": "true" }, s.helped), yes, no);
  }

  #waitBegins() {
    this.#busy += 1;
    if (this.#busy > 1) return;
    this.#status(this.#s.typing);
    this.working = setTimeout(() => this.#status(this.#s.working), WORKING_AFTER);
  }

  #waitEnds() {
    this.#busy -= 1;
    if (this.#busy) return;
    clearTimeout(this.working);
    this.#status("");
  }

  #status(text) {
    this.#ui.status.textContent = text;
    this.#ui.status.classList.toggle("busy", text !== "");
  }

  #offline(lost) {
    if (lost === this.#lost) return;
    this.#lost = lost;
    if (!lost) {
      this.#ui.alert.replaceChildren();
      return this.#say(this.#s.online);
    }
    this.#ui.alert.replaceChildren(h("div", {}, ...this.#element.help(this.#s.offline)),
      h("button", { class: "again", type: "button", onclick: () => { this.#ui.input.focus(); this.#sync(); } }, this.#s.again));
  }

  #showOptions(shown) {
    this.#ui.options.hidden = !shown;
    this.#ui.toggle.setAttribute("aria-expanded", String(shown));
  }

  // --- saying, for those who listen ------------------------------------------------------------------------------

  #announce(message) {
    if (this.#spoken.has(message.id)) return;
    this.#spoken.add(message.id);
    const choices = message.buttons.length ? ` ${this.#s.choices}: ${message.buttons.map((button) => button.title).join(", ")}.` : "";
    this.#say(`${this.#s.bot}: ${spoken(message.text)}${choices}`);
  }

  #say(text) {
    this.#words.push(text);
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => {
      this.#ui.announcer.replaceChildren(...this.#words.splice(0).map((words) => h("p", {}, words)));
      this.#speaking = setTimeout(() => this.#ui.announcer.replaceChildren(), ANNOUNCED_FOR);
    }, ANNOUNCE_AFTER);
  }

  // --- the transcript --------------------------------------------------------------------------------------------

  #transcript() {
    return [...this.#messages.values()]
      .sort((one, other) => one.seq - other.seq)
      .map((message) => `${message.from === "bot" ? this.#s.bot : this.#s.you}: ${spoken(message.text)}`)
      .join("\n\n");
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#transcript());
      this.#flash(this.#s.copied);
    } catch {
      this.#flash(this.#s.notCopied);
    }
  }

  #save() {
    const url = URL.createObjectURL(new Blob([this.#transcript()], { type: "text/plain" }));
    h("a", { href: url, download: this.#s.file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  #flash(text) {
    this.#status(text);
    this.#ui.status.classList.remove("busy");
  }
}
