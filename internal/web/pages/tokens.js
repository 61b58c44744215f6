// The tokens that were given: over time, as a list with filters, one by one, as CSV.
import { useEffect, useRef, useState } from "./hooks.js";
import { absolute, ago, api, html, query, save, useLoad } from "./base.js";
import { Copy, Dialog, Empty, Icon, Problem, Skeleton } from "./parts.js";
import { listClients } from "./clients.js";
import { t } from "./texts.js";

const DAY = 86400000;
const PAGES_FIRST = 3;

async function listTokens(filters, pages) {
  const after = new Date(Math.floor((Date.now() - filters.days * DAY) / 1000) * 1000).toISOString();
  const tokens = [];
  let next;
  for (let i = 0; i < pages && next !== null; i++) {
    const page = await api(
      "GET",
      `m2m/audit/tokens${query({ client_id: filters.client, remote_addr: filters.address, issued_after: after, page_size: 100, page_token: next })}`,
    );
    tokens.push(...page.tokens);
    next = page.next_page_token;
  }
  return { tokens, more: next !== null };
}

// The chart is fetched by those alone who look at it.
function Chart({ tokens, days }) {
  const box = useRef();
  useEffect(() => {
    let ended = false;
    let end = () => {};
    import("./chart.js").then(({ drawTokens }) => {
      if (!ended) end = drawTokens(box.current, tokens, days);
    });
    return () => {
      ended = true;
      end();
    };
  }, [tokens, days]);
  return html`<div class="card chart"><div ref=${box} role="img" aria-label=${t.chartLabel(tokens.length)}></div></div>`;
}

// ---- filters ----

function Filters({ clients, filters, set }) {
  const [address, setAddress] = useState(filters.address);
  const submit = (e) => {
    e.preventDefault();
    set({ ...filters, address: address.trim() });
  };
  return html`<form class="filters" onSubmit=${submit}>
    <label
      >${t.period}<select value=${filters.days} onChange=${(e) => set({ ...filters, days: Number(e.target.value) })}>
        ${Object.entries(t.periods).map(([days, text]) => html`<option key=${days} value=${days} selected=${filters.days === Number(days)}>${text}</option>`)}
      </select></label
    >
    <label
      >${t.client}<select value=${filters.client} onChange=${(e) => set({ ...filters, client: e.target.value })}>
        <option value="">${t.allClients}</option>
        ${clients.map((c) => html`<option key=${c.client_id} value=${c.client_id}>${c.name || c.client_id}</option>`)}
      </select></label
    >
    <label>${t.address}<input type="text" value=${address} placeholder=${t.anyAddress} spellcheck="false" onInput=${(e) => setAddress(e.target.value)} /></label>
    <button type="submit">${t.apply}</button>
  </form>`;
}

// ---- the list ----

const columns = ["issued_at", "expires_at", "jti", "client_id", "auth_method", "secret_version", "credential", "scope", "audience", "remote_addr",
  "user_agent", "caller", "kid", "bound_to", "transport", "request_id"];

// A spreadsheet takes a cell that begins so for a formula.
export const cell = (v) => `"${String(v ?? "").replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;

const csv = (tokens) => [columns.join(","), ...tokens.map((token) => columns.map((c) => cell(token[c])).join(","))].join("\r\n") + "\r\n";

const methodOf = (token) => (token.auth_method ? (t.methods[token.auth_method] ?? token.auth_method) : "–");

const Row = ({ token, name, open }) =>
  html`<tr>
    <td><button type="button" class="link" onClick=${open} aria-haspopup="dialog"><time datetime=${token.issued_at} title=${ago(token.issued_at)}>${absolute(token.issued_at)}</time></button></td>
    <td>${name}</td>
    <td class="nowrap">${methodOf(token)}${token.secret_version ? html` <span class="muted">v${token.secret_version}</span>` : ""}</td>
    <td class="mono">${token.remote_addr ?? "–"}</td>
    <td class="clip" title=${token.user_agent ?? ""}>${token.user_agent ?? "–"}</td>
    <td class="mono clip" title=${token.scope}>${token.scope}</td>
  </tr>`;

const Story = ({ token, name, onClose }) =>
  html`<${Dialog} title=${t.story} onClose=${onClose}>
    <dl class="story">
      ${[
        [t.jti, token.jti, true],
        [t.issued, absolute(token.issued_at)],
        [t.expires, absolute(token.expires_at)],
        [t.client, name],
        [t.method, methodOf(token)],
        [t.version, token.secret_version ?? token.credential],
        [t.scope, token.scope],
        [t.audience, token.audience],
        [t.address, token.remote_addr],
        [t.program, token.user_agent],
        [t.caller, token.caller],
        [t.bound, token.bound_to ?? t.bearer],
        [t.key, token.kid],
        [t.transport, token.transport],
        [t.request, token.request_id, true],
      ].map(
        ([label, text, copies]) =>
          html`<div class="field" key=${label}>
            <dt>${label}</dt>
            <dd><span class="wrap">${text ?? "–"}</span>${copies && html`<${Copy} text=${text} what=${label} />`}</dd>
          </div>`,
      )}
    </dl>
  <//>`;

function List({ value, nameOf, more }) {
  const [open, set] = useState(null);
  return html`<div class="row between">
      <p class="muted">${t.shown(value.tokens.length, !value.more)}</p>
      <button type="button" onClick=${() => save("tokens.csv", "text/csv", csv(value.tokens))}><${Icon} name="down" /> ${t.csv}</button>
    </div>
    <div class="card flush scroll" tabindex="0" role="region" aria-label=${t.tokens}>
      <table>
        <thead>
          <tr><th>${t.issued}</th><th>${t.client}</th><th>${t.method}</th><th>${t.address}</th><th>${t.program}</th><th>${t.scope}</th></tr>
        </thead>
        <tbody>
          ${value.tokens.map((token) => html`<${Row} key=${token.jti} token=${token} name=${nameOf(token)} open=${() => set(token)} />`)}
        </tbody>
      </table>
    </div>
    ${value.more && html`<button type="button" class="wide" onClick=${more}>${t.more}</button>`}
    ${open && html`<${Story} token=${open} name=${nameOf(open)} onClose=${() => set(null)} />`}`;
}

export function Tokens({ session }) {
  const [filters, setFilters] = useState({ days: 7, client: "", address: "" });
  const [pages, setPages] = useState(PAGES_FIRST);
  const known = useLoad(() => listClients(session.organization.id, 5), []);
  const { value, error, slow, reload } = useLoad(() => listTokens(filters, pages), [filters, pages]);
  const clients = known.value?.clients ?? [];
  const nameOf = (token) => clients.find((c) => c.client_id === token.client_id)?.name || token.client_id || "–";
  const filter = (f) => {
    setPages(PAGES_FIRST);
    setFilters(f);
  };
  return html`<div class="title">
      <h1>${t.tokensTitle}</h1>
      <p class="muted">${t.tokensText}</p>
    </div>
    <${Filters} clients=${clients} filters=${filters} set=${filter} />
    ${error && html`<${Problem} error=${error} retry=${reload} />`} ${!value && !error && html`<${Skeleton} slow=${slow} rows=${6} />`}
    ${value?.tokens.length === 0 && html`<${Empty} icon="clock" title=${t.noTokens} text=${t.noTokensText} />`}
    ${value?.tokens.length > 0 &&
    html`<${Chart} tokens=${value.tokens} days=${filters.days} /><${List} value=${value} nameOf=${nameOf} more=${() => setPages(pages + 5)} />`}`;
}
