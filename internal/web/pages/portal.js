// The portal: the session of a link shows an organization's credentials.
import { useEffect, useState } from "./hooks.js";
import { html } from "./base.js";
import { Brand, Chip, Footer, Icon, Notice, start, useOnline } from "./parts.js";
import { Acts } from "./acts.js";
import { Overview } from "./clients.js";
import { Gate } from "./session.js";
import { Tokens } from "./tokens.js";
import { t } from "./texts.js";

// A link may name any URL; only a web page is gone to.
function webUrl(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

const Back = ({ session }) => {
  const url = session && webUrl(session.return_url);
  return url && html`<a class="button quiet" href=${url.href}><${Icon} name="left" /> ${t.back(url.host)}</a>`;
};

const Tabs = ({ tabs, tab, set }) =>
  html`<nav aria-label=${t.sections}>
    ${tabs.map(
      ([id, text]) =>
        html`<button type="button" key=${id} class="tab" aria-current=${tab === id ? "page" : undefined} onClick=${() => set(id)}>${text}</button>`,
    )}
    <a class="tab" href="docs">${t.docs}</a>
  </nav>`;

function Session({ session, signOut }) {
  const [tab, set] = useState("credentials");
  const online = useOnline();
  const may = new Set(session.may);
  const tabs = [["credentials", t.credentials], ...(may.has("audit") ? [["tokens", t.tokens], ["acts", t.acts]] : [])];
  const looksOnly = !["reveal", "rotate", "clients"].some((m) => may.has(m));
  useEffect(() => {
    document.title = `${t[tab]} · ${session.organization.name}`;
  }, [tab]);
  return html`<a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), document.getElementById("main").focus())}>${t.skip}</a>
    <header class="top">
      <div class="top-in">
        <${Brand} /><span class="slash" aria-hidden="true">/</span><span class="org">${session.organization.name}</span>
        <span class="grow"></span>
        ${looksOnly && html`<span title=${t.readOnlyWhy}><${Chip}>${t.readOnly}<//></span>`}
        <${Back} session=${session} />
        <span class="who" title=${t.signedInAs(session.actor)}>${session.actor.replace(/ *<.*/, "")}</span>
        <button type="button" class="quiet" aria-label=${t.signOut} onClick=${signOut}><${Icon} name="out" /> <span class="wide-only">${t.signOut}</span></button>
      </div>
      <div class="top-in"><${Tabs} tabs=${tabs} tab=${tab} set=${set} /></div>
    </header>
    <main id="main" tabindex="-1">
      ${!online && html`<${Notice} tone="warn">${t.offline}<//>`}
      <${{ tokens: Tokens, acts: Acts, credentials: Overview }[tab]} session=${session} />
    </main>
    <${Footer} />`;
}

start(() => html`<${Gate} path="portal/session" words=${t} View=${Session} Back=${Back} />`);
