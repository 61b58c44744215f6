// The console of operators: a frame, and the view that the address names.
import { useEffect, useRef, useState } from "./hooks.js";
import { html } from "./base.js";
import { Brand, Footer, Icon, Notice, start, useOnline } from "./parts.js";
import { AllSessions, Audit } from "./audit.js";
import { Health } from "./health.js";
import { place } from "./lists.js";
import { Clients, OneClient, Organization, Organizations } from "./organizations.js";
import { Gate } from "./session.js";
import { Keys } from "./signing.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

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
