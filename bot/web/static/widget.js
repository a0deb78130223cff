// <twostep-chat phone contact-url handoff-url language>: the launcher; the panel is loaded when first opened.

/** The service: where this module came from. */
export const BASE = new URL(import.meta.url).origin;

/** Filled in by the server. */
const PRACTICE = { phone: "%phone%", contact: "%contact%" };

/** Every string, by language. */
export const STRINGS = {
  en: {
    name: "Help with sign-in codes",
    close: "Close",
    log: "Conversation",
    you: "You",
    bot: "Assistant",
    label: "Your message",
    placeholder: "Type your question",
    send: "Send",
    note: "Automated assistant. Not for emergencies: call ",
    typing: "The assistant is typing…",
    working: "Still working on it…",
    sending: "Sending…",
    sent: "Sent",
    failed: "Not answered",
    retry: "Retry",
    late: "No answer came. Your message is kept: retry, or call ",
    offline: "The assistant cannot be reached just now. ",
    offlineHelp: "Call $1 or use the ",
    contact: "contact form",
    again: "Try again",
    online: "Connected again.",
    wait: "That was a lot at once. Please retry in $1, or call ",
    second: "1 second",
    seconds: "$1 seconds",
    refused: "This message could not be taken. Please say it in other words, or call ",
    options: "Options",
    restart: "Start over",
    copy: "Copy chat",
    save: "Save chat",
    copied: "The chat was copied.",
    notCopied: "Copying is not possible here. Please save the chat.",
    restarted: "A new conversation has begun.",
    ended: "The last conversation has ended. A new one has begun.",
    choices: "Choices",
    chosen: "(chosen)",
    helped: "Did this help?",
    yes: "Yes",
    no: "No",
    thanks: "Thank you. Your answer was noted.",
    waiting: "I see that a sign-in is waiting on this page. I can send a new code for it.",
    sendCode: "Send me a new code",
    file: "chat.txt",
  },
};

/** Makes an element; children are nodes or text, never HTML. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A decorative icon from one path. */
export function icon(path) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(ns, "path"));
  svg.firstChild.setAttribute("d", path);
  return svg;
}

/** Whether the panel is open in this tab, across reloads; storage may be forbidden. */
function remember(open) {
  try {
    if (open === undefined) return sessionStorage.getItem("twostep-open") === "1";
    if (open) sessionStorage.setItem("twostep-open", "1");
    else sessionStorage.removeItem("twostep-open");
  } catch {}
  return false;
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { --a: #0b5c6b; --o: #fff; --s: #fff; --t: #17292e; --focus: #0b5c6b; --edge: #6b8086; color-scheme: light dark; --accent: var(--twostep-accent, var(--a));
  --on-accent: var(--twostep-on-accent, var(--o)); --surface: var(--twostep-surface, var(--s)); --text: var(--twostep-text, var(--t)); }
@media (prefers-color-scheme: dark) { :host { --a: #7fd0dc; --o: #06282e; --s: #17262a; --t: #e8f0f1; --focus: #a9e2ea; --edge: #7f979d; } }
* { box-sizing: border-box; }
.launcher, .lost { position: fixed; right: 16px; bottom: 16px; z-index: 2147483000; font: 600 16px/1.3 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.launcher { display: inline-flex; align-items: center; gap: 10px; min-height: 52px; padding: 8px 20px 8px 16px; white-space: nowrap;
  border: 2px solid var(--surface); border-radius: 999px; background: var(--accent); color: var(--on-accent); cursor: pointer; box-shadow: 0 4px 18px rgb(0 30 36 / 28%); }
.launcher[hidden], .lost[hidden] { display: none; }
.launcher svg { width: 24px; height: 24px; flex: none; fill: currentColor; }
.launcher:hover { text-decoration: underline; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 3px; }
.lost { bottom: 80px; width: min(320px, calc(100vw - 32px)); padding: 16px; border: 1px solid var(--edge); border-radius: 14px; background: var(--surface);
  color: var(--text); font-weight: 400; }
.lost a { color: var(--accent); }
@media print { :host { display: none; } }
`);

class TwostepChat extends HTMLElement {
  #launcher;
  #lost;
  #panel = null;
  #attempt = 0;

  connectedCallback() {
    if (this.shadowRoot) return this.#panel?.start();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.#launcher = h("button", { class: "launcher", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => this.open() },
      icon("M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2h-8l-5 4.5V17H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm3 5v2h10V8zm0 4v2h7v-2z"), this.strings.name);
    this.#lost = h("div", { class: "lost", role: "alert", hidden: true });
    root.append(this.#launcher, this.#lost);
    if (remember()) this.open({ focus: false });
  }

  disconnectedCallback() {
    this.#panel?.stop();
  }

  get strings() {
    return STRINGS[this.getAttribute("language")?.slice(0, 2)] ?? STRINGS.en;
  }

  get phone() {
    return this.getAttribute("phone") ?? PRACTICE.phone;
  }

  get contact() {
    return new URL(this.getAttribute("contact-url") ?? PRACTICE.contact, this.hasAttribute("contact-url") ? document.baseURI : BASE).href;
  }

  /** For when nothing else works. */
  help(before) {
    const [call, use] = this.strings.offlineHelp.split("$1");
    return [before, call, h("a", { href: `tel:${this.phone}` }, this.phone), use, h("a", { href: this.contact, rel: "noopener" }, this.strings.contact), "."];
  }

  async open({ focus = true } = {}) {
    if (!this.#panel) {
      try {
        const { Panel } = await import(`${BASE}/widget-panel.js${this.#attempt ? `?${this.#attempt}` : ""}`);
        this.#panel ??= new Panel(this);
      } catch {
        this.#attempt += 1;
        this.#lost.replaceChildren(...this.help(this.strings.offline));
        this.#lost.hidden = false;
        return;
      }
    }
    this.#lost.hidden = true;
    this.#launcher.hidden = true;
    this.#launcher.setAttribute("aria-expanded", "true");
    remember(true);
    this.#panel.show(focus);
  }

  /** Closes the panel; the focus returns. */
  close() {
    this.#panel?.hide();
    this.#launcher.hidden = false;
    this.#launcher.setAttribute("aria-expanded", "false");
    remember(false);
    this.#launcher.focus();
  }
}

if (!customElements.get("twostep-chat")) customElements.define("twostep-chat", TwostepChat);
