// Who did what, when, from where: the acts that the audit has of the organization.
import { useState } from "./hooks.js";
import { absolute, ago, daysAgo, html, listPages, useLoad, who } from "./base.js";
import { Chip, Empty, Problem, Skeleton } from "./parts.js";
import { listClients } from "./clients.js";
import { Filters, Story } from "./tokens.js";
import { t } from "./texts.js";

const what = (act) => t.actions[act.action] ?? act.action.replaceAll("_", " ");

const Outcome = ({ act }) => html`<${Chip} tone=${act.outcome === "granted" ? "good" : "danger"}>${act.outcome === "granted" ? t.granted : act.outcome}<//>`;

const rowsOf = (act, name) => [
  [t.when, absolute(act.done_at)],
  [t.actor, who(act.actor)],
  [t.client, name],
  [t.version, act.secret_version],
  [t.outcome, html`<${Outcome} act=${act} />`],
  ...Object.entries(act.detail ?? {}).map(([field, value]) => [field, typeof value === "object" ? JSON.stringify(value) : String(value)]),
  [t.address, act.remote_addr],
  [t.program, act.user_agent],
  [t.transport, act.transport],
  [t.request, act.request_id, true],
];

const Table = ({ acts, nameOf, open }) =>
  html`<div class="card flush scroll" tabindex="0" role="region" aria-label=${t.acts}>
    <table>
      <thead>
        <tr><th>${t.when}</th><th>${t.what}</th><th>${t.actor}</th><th>${t.client}</th><th>${t.address}</th><th>${t.outcome}</th></tr>
      </thead>
      <tbody>
        ${acts.map(
          (act) => html`<tr key=${act.act_id}>
            <td><button type="button" class="link" aria-haspopup="dialog" onClick=${() => open(act)}><time datetime=${act.done_at} title=${ago(act.done_at)}>${absolute(act.done_at)}</time></button></td>
            <td>${what(act)}</td>
            <td class="clip" title=${act.actor}>${who(act.actor)}</td>
            <td class="clip">${nameOf(act)}</td>
            <td class="mono">${act.remote_addr ?? "–"}</td>
            <td><${Outcome} act=${act} /></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;

const all = { days: 30, client: "", action: "", actor: "", outcome: "" };

export function Acts({ session }) {
  const [filters, set] = useState(all);
  const [pages, setPages] = useState(1);
  const [open, setOpen] = useState(null);
  const known = useLoad(() => listClients(session.organization.id, 5), []);
  const fields = { client_id: filters.client, action: filters.action, actor: filters.actor, outcome: filters.outcome, done_after: daysAgo(filters.days) };
  const { value, error, slow, reload } = useLoad(() => listPages("m2m/audit/acts", "acts", fields, pages), [filters, pages]);
  const clients = known.value?.items ?? [];
  const acts = value?.items ?? [];
  const nameOf = (act) => clients.find((c) => c.client_id === act.client_id)?.name || act.client_id || "–";
  const actors = [...new Set([filters.actor, ...acts.map((act) => act.actor)])].filter(Boolean);
  const filter = (f) => {
    setPages(1);
    set(f);
  };
  return html`<div class="title">
      <h1>${t.acts}</h1>
      <p class="muted">${t.actsText}</p>
    </div>
    <${Filters}
      clients=${clients}
      filters=${filters}
      set=${filter}
      more=${[
        ["action", t.what, Object.entries(t.actions), t.anything],
        ["actor", t.actor, actors.map((one) => [one, who(one)]), t.anyone],
        ["outcome", t.outcome, [["granted", t.granted]], t.anything],
      ]}
    />
    ${error && html`<${Problem} error=${error} retry=${reload} />`} ${!value && !error && html`<${Skeleton} slow=${slow} rows=${6} />`}
    ${value && acts.length === 0 && html`<${Empty} icon="clock" title=${t.noActs} text=${t.noActsText} />`}
    ${acts.length > 0 && html`<${Table} acts=${acts} nameOf=${nameOf} open=${setOpen} />`}
    ${value?.more && html`<button type="button" class="wide" onClick=${() => setPages(pages + 1)}>${t.more}</button>`}
    ${open && html`<${Story} title=${what(open)} rows=${rowsOf(open, nameOf(open))} onClose=${() => setOpen(null)} />`}`;
}
