// The tokens that were given: over time, as a list with filters, one by one, as CSV.
import { useState } from "./hooks.js";
import { absolute, daysAgo, html, listPages, save, useLoad, who } from "./base.js";
import { Chip, Copy, Dialog, Empty, Icon, More, Part, Table, Title, When } from "./parts.js";
import { listClients } from "./clients.js";
import { Sums } from "./sums.js";
import { t } from "./texts.js";

const PAGES_FIRST = 3;

// ---- filters ----

const Select = ({ label, value, set, options, any }) =>
  html`<label
    >${label}<select value=${value} onChange=${(e) => set(e.target.value)}>
      ${any && html`<option value="">${any}</option>`}
      ${options.map(([id, text]) => html`<option key=${id} value=${id} selected=${String(value) === id}>${text}</option>`)}
    </select></label
  >`;

// `more`: further selections, as [field, label, options, what none of them is called].
export function Filters({ clients, filters, set, more = [], children }) {
  const change = (field) => (value) => set({ ...filters, [field]: value });
  return html`<form class="filters" onSubmit=${(e) => e.preventDefault()}>
    <${Select} label=${t.period} value=${filters.days} set=${(days) => set({ ...filters, days: Number(days) })} options=${Object.entries(t.periods)} />
    <${Select} label=${t.client} value=${filters.client} set=${change("client")} options=${clients.map((c) => [c.client_id, c.name || c.client_id])} any=${t.allClients} />
    ${more.map(([field, label, options, any]) => html`<${Select} key=${field} label=${label} value=${filters[field]} set=${change(field)} options=${options} any=${any} />`)}
    ${children}
  </form>`;
}

function Address({ filters, set }) {
  const [address, setAddress] = useState(filters.address);
  return html`<label>${t.address}<input type="text" value=${address} placeholder=${t.anyAddress} spellcheck="false" onInput=${(e) => setAddress(e.target.value)} /></label>
    <button type="submit" onClick=${() => set({ ...filters, address: address.trim() })}>${t.apply}</button>`;
}

// ---- the list ----

const inCsv = ["issued_at", "expires_at", "jti", "client_id", "auth_method", "secret_version", "credential", "scope", "audience", "remote_addr",
  "user_agent", "caller", "kid", "bound_to", "transport", "request_id"];

// A spreadsheet takes a cell that begins so for a formula.
export const cell = (v) => `"${String(v ?? "").replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;

const csv = (tokens) => [inCsv.join(","), ...tokens.map((token) => inCsv.map((c) => cell(token[c])).join(","))].join("\r\n") + "\r\n";

const methodOf = ({ auth_method: by }) => t.methods[by] ?? by ?? "–";

export const methodAndVersion = (token) => html`${methodOf(token)}${token.secret_version ? html` <span class="muted">v${token.secret_version}</span>` : ""}`;

const columnsOf = (nameOf) => [
  [t.issued, (token) => html`<${When} at=${token.issued_at} />`],
  [t.client, nameOf],
  [t.method, methodAndVersion],
  [t.address, (token) => token.remote_addr ?? "–", "mono"],
  [t.program, (token) => token.user_agent ?? "–", "clip"],
  [t.scope, (token) => token.scope, "clip"],
];

// `rows`: [label, what stands there, what is copied]. A link in it closes it.
export const Story = ({ title, rows, onClose }) =>
  html`<${Dialog} title=${title} onClose=${onClose}>
    <dl class="story" onClick=${(e) => e.target.href && onClose()}>
      ${rows.map(
        ([label, text, copied]) =>
          html`<div class="field" key=${label}>
            <dt>${label}</dt>
            <dd><span class="wrap">${text ?? "–"}</span>${copied && html`<${Copy} text=${copied} what=${label} />`}</dd>
          </div>`,
      )}
    </dl>
  <//>`;

// Of the acts that end tokens: of this one, of its version, of all.
const ends = (token, act) =>
  act.outcome === "granted" &&
  {
    revoke_token: act.detail?.jti === token.jti,
    revoke_tokens: (!act.client_id || act.client_id === token.client_id) && (!act.secret_version || act.secret_version === token.secret_version),
    rotate_secret: act.detail?.revoke_tokens && act.client_id === token.client_id && token.secret_version < act.secret_version,
  }[act.action];

async function endOf(token) {
  const found = await Promise.all(
    ["revoke_token", "revoke_tokens", "rotate_secret"].map((action) => listPages("m2m/audit/acts", "acts", { action, done_after: token.issued_at, page_size: 100 }, 5)),
  );
  return found.flatMap(({ items }) => items.filter((act) => ends(token, act))).at(-1);
}

function stateOf(token, end) {
  const expired = new Date(token.expires_at) < Date.now();
  if (end.value && new Date(end.value.done_at) < new Date(token.expires_at)) return html`<${Chip} tone="danger">${t.revoked}<//> ${t.revokedBy(absolute(end.value.done_at), who(end.value.actor))}`;
  if (expired) return html`<${Chip}>${t.expired}<//>`;
  if (end.error) return end.error.words;
  return end.value === null ? html`<${Chip} tone="good">${t.good}<//>` : t.loading;
}

function Token({ token, name, onClose }) {
  const end = useLoad(async () => (await endOf(token)) ?? null, [token]);
  const rows = [
    [t.jti, token.jti, token.jti],
    [t.state, html`<span aria-live="polite">${stateOf(token, end)}</span>`],
    [t.issued, absolute(token.issued_at)],
    [t.expires, absolute(token.expires_at)],
    [t.client, name],
    [t.method, methodOf(token)],
    [token.credential ? t.credential : t.version, token.credential ?? token.secret_version],
    [t.scope, token.scope],
    [t.audience, token.audience],
    [t.address, token.remote_addr],
    [t.program, token.user_agent],
    [t.caller, token.caller],
    [t.bound, token.bound_to ?? t.bearer],
    [t.key, token.kid],
    [t.transport, token.transport],
    [t.request, token.request_id, token.request_id],
  ];
  return html`<${Story} title=${t.story} rows=${rows} onClose=${onClose} />`;
}

function List({ value, nameOf, busy, more }) {
  const [open, set] = useState(null);
  return html`<div class="row between">
      <p class="muted">${t.shown(value.items.length, !value.more)}</p>
      <button type="button" disabled=${busy} onClick=${() => save("tokens.csv", "text/csv", csv(value.items))}><${Icon} name="down" /> ${t.csv}</button>
    </div>
    <${Table} label=${t.tokens} columns=${columnsOf(nameOf)} rows=${value.items} busy=${busy} open=${set} />
    ${value.more && html`<${More} more=${more} />`}
    ${open && html`<${Token} token=${open} name=${nameOf(open)} onClose=${() => set(null)} />`}`;
}

export function Tokens({ session }) {
  const [filters, setFilters] = useState({ days: 7, client: "", address: "" });
  const [pages, setPages] = useState(PAGES_FIRST);
  const known = useLoad(() => listClients(session.organization.id, 5), []);
  const load = useLoad(
    () => listPages("m2m/audit/tokens", "tokens", { client_id: filters.client, remote_addr: filters.address, issued_after: daysAgo(filters.days), page_size: 100 }, pages),
    [filters],
    [pages],
  );
  const clients = known.value?.items ?? [];
  const nameOf = (token) => clients.find((c) => c.client_id === token.client_id)?.name || token.client_id || "–";
  const filter = (f) => {
    setPages(PAGES_FIRST);
    setFilters(f);
  };
  return html`<${Title} title=${t.tokensTitle} text=${t.tokensText} />
    <${Filters} clients=${clients} filters=${filters} set=${filter}><${Address} filters=${filters} set=${filter} /><//>
    ${!filters.address && html`<${Sums} filters=${filters} nameOf=${nameOf} />`}
    <${Part} of=${load} rows=${6}>
      ${(value) =>
        value.items.length === 0
          ? html`<${Empty} icon="clock" title=${t.noTokens} text=${t.noTokensText} />`
          : html`<${List} value=${value} nameOf=${nameOf} busy=${load.of[0] !== filters} more=${() => setPages(pages + 5)} />`}
    <//>`;
}
