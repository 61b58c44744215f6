// The portal: a link's code becomes a session, the session shows the organization's credentials.
import { firstCode, takeCode } from "./code.js";
import { useEffect, useState } from "./hooks.js";
import { api, ApiError, html, whenSessionEnds } from "./base.js";
import { Brand, Chip, Footer, Icon, Notice, start, useOnline, Whole } from "./parts.js";
import { Acts } from "./acts.js";
import { Overview } from "./clients.js";
import { Tokens } from "./tokens.js";
import { t } from "./texts.js";

const open = (code) => (code ? api("POST", "portal/session", { code }, { quiet: true }) : api("GET", "portal/session", undefined, { quiet: true }));

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

const why = (error, code) => {
  if (error.status !== 401 && error.status !== 404) return [t.errorTitle, error.words];
  return code ? [t.badCodeTitle, t.badCodeText] : [t.noCodeTitle, t.noCodeText];
};

function Portal() {
  const [code, setCode] = useState(firstCode);
  const [state, set] = useState({});
  const [turn, again] = useState(0);
  useEffect(() => {
    open(code)
      .then((session) => set({ session }))
      .catch((error) => set({ error: error instanceof ApiError ? error : new ApiError(0) }));
  }, [code, turn]);
  useEffect(() => {
    whenSessionEnds(() => set((s) => ({ ended: true, last: s.session ?? s.last })));
    const another = () => {
      const next = takeCode();
      if (!next) return;
      set({});
      setCode(next);
    };
    addEventListener("hashchange", another);
    return () => removeEventListener("hashchange", another);
  }, []);
  const signOut = async () => {
    const last = state.session;
    try {
      await api("DELETE", "portal/session", undefined, { quiet: true });
    } catch (error) {
      if (error.status !== 401) {
        set({ error });
        return;
      }
    }
    set({ signedOut: true, last });
  };
  if (state.session) return html`<${Session} session=${state.session} signOut=${signOut} />`;
  if (state.ended) return html`<${Whole} title=${t.endedTitle} text=${t.endedText}><${Back} session=${state.last} /><//>`;
  if (state.signedOut) return html`<${Whole} title=${t.signedOutTitle} text=${t.signedOutText}><${Back} session=${state.last} /><//>`;
  if (!state.error) return html`<${Whole} title=${t.opening} text="" busy />`;
  const [title, text] = why(state.error, code);
  const retry = state.error.status !== 401 && state.error.status !== 404;
  return html`<${Whole} title=${title} text=${text}>
    ${retry && html`<button type="button" class="primary" onClick=${() => (set({}), again((n) => n + 1))}>${t.retry}</button>`}
  <//>`;
}

start(Portal);
