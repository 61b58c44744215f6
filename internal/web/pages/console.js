// The console of operators: a frame, and the view that the address names.
import { useEffect, useRef, useState } from "./hooks.js";
import { absolute, api, html, useLoad } from "./base.js";
import { Brand, Chip, Footer, Icon, Notice, Part, start, Table, Time, Title, useOnline } from "./parts.js";
import { AllSessions, Audit, deniedColumns } from "./audit.js";
import { place, Tiles } from "./lists.js";
import { Clients, OneClient, Organization, Organizations } from "./organizations.js";
import { Gate } from "./session.js";
import { Keys } from "./signing.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

// ---- what this gateway sees: itself, its database, its checks, the signing key, who was refused ----

const tones = { ok: "good", warning: "warn", failing: "danger" };
const State = ({ of }) => html`<${Chip} tone=${tones[of]}>${c.health[of] ?? of}<//>`;

const facts = ({ status, version, revision, started_at, workers, database: d }) => [
  [t.status, html`<${State} of=${status} />`],
  [c.version, `${version} ${revision ? `(${revision.slice(0, 12)})` : ""}`],
  [c.running, html`<${Time} at=${started_at} />`],
  [c.workers, workers],
  [c.database, `PostgreSQL ${d.server_version}, ${d.primary ? c.isPrimary : c.isStandby}`],
  [c.roundTrip, `${d.round_trip_ms} ms`],
  [c.connections, d.connections],
];

const checkColumns = [
  [c.check, (one) => one.name.replaceAll("_", " ")],
  [t.status, (one) => html`<${State} of=${one.state} />`],
  [c.detail, (one) => one.detail, "words"],
];

// What needs someone stands first.
const order = ["failing", "warning", "ok"];
const sorted = (checks) => [...checks].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));

const signs = ({ keys }) => {
  const active = keys.find((k) => k.state === "active");
  const next = keys.find((k) => k.state === "next");
  return html`<div class="card row between">
    <p>${active ? html`<code class="mono">${active.kid}</code> ${c.signsSince(active.alg, absolute(active.active_from))}` : c.nothingSigns} ${next && c.nextKey(next.kid)}</p>
    <a href="#keys">${c.keys}</a>
  </div>`;
};

const Denied = () => html`<h2>${c.deniedLately}</h2>
  <${Part} of=${useLoad(() => api("GET", "admin/audit/denied?page_size=5"), [])}>
    ${({ denied, next_page_token: more }) =>
      denied.length
        ? html`<${Table} label=${c.deniedLately} columns=${deniedColumns} rows=${denied} /><a href="#denied">${c.allDenied}</a>`
        : more
          ? html`<a href="#denied">${c.nothingSoFar}</a>`
          : html`<p class="good"><${Icon} name="check" /> ${c.noDenied}</p>`}
  <//>`;

const Health = ({ may, again }) =>
  html`<${Title} title=${c.overview} text=${c.overviewText}>
      <button type="button" onClick=${again}><${Icon} name="rotate" /> ${c.checkAgain}</button>
    <//>
    <${Part} of=${useLoad(() => api("GET", "admin/health"), [])}>
      ${(h) => html`<${Tiles} rows=${facts(h)} />
        <${Table} label=${c.checksOf} columns=${checkColumns} rows=${sorted(h.checks)} />`}
    <//>
    <h2>${c.signingKey}</h2>
    <${Part} of=${useLoad(() => api("GET", "admin/signing-keys"), [])}>${signs}<//>
    ${may.has("audit") && html`<${Denied} />`}`;

// ---- the frame ----

// name -> what it shows, the right that it takes
const views = {
  overview: [Health, "read"],
  organizations: [
    ({ parts: [, organization, id], ...others }) =>
      id
        ? html`<${OneClient} organization=${organization} id=${id} ...${others} />`
        : organization
          ? html`<${Organization} id=${organization} ...${others} />`
          : html`<${Organizations} ...${others} />`,
    "read",
  ],
  clients: [Clients, "read"],
  keys: [Keys, "read"],
  tokens: [Audit, "audit"],
  acts: [Audit, "audit"],
  denied: [Audit, "audit"],
  sessions: [AllSessions, "read"],
};

function usePlace() {
  const [at, set] = useState(place);
  useEffect(() => {
    const note = () => set(place());
    addEventListener("hashchange", note);
    return () => removeEventListener("hashchange", note);
  }, []);
  return at;
}

const Tabs = ({ names, view }) =>
  html`<nav class="many" aria-label=${t.sections}>
    ${names.map((name) => html`<a key=${name} class="tab" href=${`#${name}`} aria-current=${name === view ? "page" : undefined}>${c.views[name]}</a>`)}
    <a class="tab" href="docs">${t.docs}</a>
  </nav>`;

// What has been asked for stays where it is; only another view moves the focus.
function Content({ view, parts, filters, may }) {
  const [turn, again] = useState(0);
  const first = useRef(true);
  const path = parts.join("/");
  useEffect(() => {
    document.title = `${[c.views[view], ...parts.slice(1)].join(" · ")} · ${c.console}`;
    if (!first.current) {
      document.querySelector("h1").focus();
      scrollTo(0, 0);
    }
    first.current = false;
  }, [path]);
  const [View] = views[view];
  return html`<${View} key=${`${path} ${turn}`} view=${view} parts=${parts} filters=${filters} may=${may} again=${() => again((n) => n + 1)} />`;
}

function Session({ session, signOut }) {
  const online = useOnline();
  const at = usePlace();
  const may = new Set(session.may);
  const names = Object.keys(views).filter((name) => may.has(views[name][1]));
  const view = names.includes(at.parts[0]) ? at.parts[0] : "overview";
  return html`<a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), document.getElementById("main").focus())}>${t.skip}</a>
    <header class="top">
      <div class="top-in">
        <${Brand} /><span class="slash" aria-hidden="true">/</span><span class="org">${c.console}</span>
        <span class="grow"></span>
        <span class="who" title=${t.signedInAs(session.actor)}>${session.actor}</span>
        <button type="button" class="quiet" aria-label=${t.signOut} onClick=${signOut}><${Icon} name="out" /> <span class="wide-only">${t.signOut}</span></button>
      </div>
      <div class="top-in"><${Tabs} names=${names} view=${view} /></div>
    </header>
    <main id="main" tabindex="-1">
      ${!online && html`<${Notice} tone="warn">${t.offline}<//>`}
      <${Content} view=${view} parts=${view === at.parts[0] ? at.parts : [view]} filters=${at.filters} may=${may} />
    </main>
    <${Footer} />`;
}

start(() => html`<${Gate} path="console/session" words=${c} View=${Session} />`);
