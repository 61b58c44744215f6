// What pages are put together from.
import { render } from "./preact.js";
import { useEffect, useLayoutEffect, useRef, useState } from "./hooks.js";
import { absolute, ago, html, meta } from "./base.js";
import { t } from "./texts.js";

// 24 by 24, as strokes
const paths = {
  key: "M8 7.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4zm4.2 4.2H21m-3 0v3.6M14.8 12v2.4",
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 12.5l4.5 4.5L19 7.5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z",
  hide: "M4 4l16 16M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7M6.2 7.3A16 16 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4.3-1.1",
  rotate: "M20 11a8 8 0 0 0-14.3-4L4 9m0-5v5h5M4 13a8 8 0 0 0 14.3 4L20 15m0 5v-5h-5",
  down: "M12 4v11m-5-4l5 5 5-5M5 20h14",
  warn: "M12 4L2.5 20h19zM12 10v4m0 3v.01",
  info: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zm0 8v5m0-8v.01",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4m-4-4h10",
  left: "M15 5l-7 7 7 7",
  x: "M6 6l12 12M18 6L6 18",
  clock: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zm0 4v5l3 2",
};

export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${paths[name]} /></svg>`;

export const Brand = () => {
  const logo = meta("logo");
  return html`<span class="brand">
    ${logo ? html`<img src=${`assets/${logo}`} alt="" />` : html`<span class="mark"><${Icon} name="key" /></span>`}
    <span>${meta("title")}</span>
  </span>`;
};

export const Time = ({ at, otherwise }) => (at ? html`<time datetime=${at} title=${absolute(at)}>${ago(at)}</time>` : (otherwise ?? t.never));

// A time as it stands in a list: exact, and how long ago where one asks.
export const When = ({ at }) => html`<time datetime=${at} title=${ago(at)}>${absolute(at)}</time>`;

export const LastUse = ({ use: u }) =>
  html`<${Time} at=${u.at} /> ${u.remote_addr && html`<span class="muted mono small block">${t.from(u.remote_addr)}</span>`}`;

export const Chip = ({ tone, children }) => html`<span class=${`chip ${tone || ""}`}>${children}</span>`;

// What screen readers are told, once.
export function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

export function Copy({ text, what }) {
  const [done, set] = useState(false);
  useEffect(() => {
    const timer = done && setTimeout(() => set(false), 1600);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    set(true);
    say(t.copied);
  };
  return html`<button type="button" class="quiet icon-only" aria-label=${t.copyWhat(what)} title=${done ? t.copied : t.copy} onClick=${copy}>
    <${Icon} name=${done ? "check" : "copy"} />
  </button>`;
}

export const Notice = ({ tone, title, children }) =>
  html`<div class=${`notice ${tone}`} role=${tone === "danger" ? "alert" : "note"}>
    <${Icon} name=${tone === "info" ? "info" : "warn"} />
    <div>${title && html`<strong>${title}</strong>`} ${children}</div>
  </div>`;

// After a change that may have been done, the page is read anew; only a repeat with a key of its own
// needs no look before.
export const Problem = ({ error, retry }) =>
  html`<${Notice} tone="danger" title=${error.inDoubt ? t.errorDoubtTitle : t.errorTitle}>
    <p>${error.words}</p>
    ${error.requestId && html`<p class="small mono">${t.errorRequest(error.requestId)}</p>`}
    ${retry && html`<button type="button" onClick=${retry}>${t.retry}</button>`}
    ${error.inDoubt && !error.once && html`<button type="button" onClick=${() => location.reload()}>${t.lookAgain}</button>`}
  <//>`;

export const Skeleton = ({ slow, rows = 3 }) =>
  html`<div class="card" role="status" aria-label=${t.loading}>
    ${Array.from({ length: rows }, (_, i) => html`<div class=${`bone b${i % 3}`} key=${i}></div>`)}
    ${slow && html`<p class="muted small">${t.slow}</p>`}
  </div>`;

// What useLoad gave, and below it, where "Load more" stands, the error of a later look; and what
// stands there until it has.
export const Part = ({ of: { value, error, slow, reload }, rows, children }) =>
  html`${value && children(value)} ${error && html`<${Problem} error=${error} retry=${reload} />`} ${!value && !error && html`<${Skeleton} slow=${slow} rows=${rows} />`}`;

export const Outcome = ({ of }) => html`<${Chip} tone=${of === "granted" ? "good" : "danger"}>${of === "granted" ? t.granted : of}<//>`;

// A table that scrolls by itself. `columns`: [heading, what of a row, class]. `open`: what the first
// cell of a row does.
export const Table = ({ label, columns, rows, busy, open, kind = "card flush" }) =>
  html`<div class=${`${kind} scroll`} tabindex="0" role="region" aria-label=${label} aria-busy=${busy}>
    <table>
      <thead>
        <tr>${columns.map(([name, , kind]) => html`<th key=${name} class=${kind === "num" ? kind : ""}>${name || html`<span class="unseen">${t.buttons}</span>`}</th>`)}</tr>
      </thead>
      <tbody>
        ${rows.map(
          (row, r) => html`<tr key=${r}>
            ${columns.map(([name, of, kind], i) => {
              const cell = of(row);
              return html`<td key=${name} class=${kind} title=${kind === "clip" && typeof cell === "string" ? cell : null}>
                ${i === 0 && open ? html`<button type="button" class="link" aria-haspopup="dialog" onClick=${() => open(row)}>${cell}</button>` : cell}
              </td>`;
            })}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;

export const Title = ({ title, text, children }) =>
  html`<div class="row between">
    <div class="title"><h1 tabindex="-1">${title}</h1><p class="muted">${text}</p></div>
    <div class="row">${children}</div>
  </div>`;

export const More = ({ more, busy }) => html`<button type="button" class="wide" disabled=${busy} onClick=${more}>${busy ? t.loading : t.more}</button>`;

export const Empty = ({ title, text, icon = "key" }) =>
  html`<div class="empty"><span class="mark"><${Icon} name=${icon} /></span><h2>${title}</h2><p class="muted">${text}</p></div>`;

// A menu behind a button: arrow keys, Escape, and a click elsewhere.
export function Menu({ label, icon, items }) {
  const [open, set] = useState(false);
  const box = useRef();
  useEffect(() => {
    if (!open) return undefined;
    box.current.querySelector("[role=menuitem]").focus();
    const away = (e) => box.current.contains(e.target) || set(false);
    addEventListener("pointerdown", away);
    return () => removeEventListener("pointerdown", away);
  }, [open]);
  const shut = () => {
    set(false);
    box.current.querySelector("button").focus();
  };
  const move = (e) => {
    const all = [...box.current.querySelectorAll("[role=menuitem]")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (e.key === "Escape") shut();
    if (!step) return;
    e.preventDefault();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  };
  return html`<div class="menu" ref=${box}>
    <button type="button" aria-haspopup="menu" aria-expanded=${open} onClick=${() => set(!open)}>
      <${Icon} name=${icon} /> ${label}
    </button>
    ${open &&
    html`<div role="menu" aria-label=${label} onKeyDown=${move}>
      ${items.map(
        ([text, act]) =>
          html`<button type="button" role="menuitem" tabindex="-1" key=${text} onClick=${() => (shut(), act())}>${text}</button>`,
      )}
    </div>`}
  </div>`;
}

export function Dialog({ title, onClose, children }) {
  const box = useRef();
  // It is open as soon as it is there. It leaves the document with its owner's state, so it gives the
  // focus back itself.
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.focus();
  }, []);
  return html`<dialog ref=${box} aria-labelledby="dialog-title" onClose=${onClose}>
    <div class="dialog-head">
      <h2 id="dialog-title">${title}</h2>
      <button type="button" class="quiet icon-only" aria-label=${t.close} onClick=${onClose}><${Icon} name="x" /></button>
    </div>
    ${children}
  </dialog>`;
}

export const Whole = ({ title, text, children, busy }) =>
  html`<main class="whole" id="main">
    <div class="card">
      <${Brand} />
      <h1>${title}</h1>
      <p class="muted">${text}</p>
      ${busy && html`<div class="bar" role="progressbar" aria-label=${title}></div>`} ${children}
    </div>
  </main>`;

export function useOnline() {
  const [online, set] = useState(navigator.onLine);
  useEffect(() => {
    const note = () => set(navigator.onLine);
    addEventListener("online", note);
    addEventListener("offline", note);
    return () => {
      removeEventListener("online", note);
      removeEventListener("offline", note);
    };
  }, []);
  return online;
}

export const Footer = () =>
  html`<footer><span>${t.footer}</span><a href=${`assets/${meta("licences")}`}>${t.licences}</a></footer>`;

// In the place of what the HTML has there until now.
export function start(Page) {
  const app = document.getElementById("app");
  const said = document.createElement("div");
  said.id = "said";
  said.className = "unseen";
  said.setAttribute("role", "status");
  document.body.append(said);
  app.replaceChildren();
  render(html`<${Page} />`, app);
}
