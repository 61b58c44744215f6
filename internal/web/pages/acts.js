// Who did what, when, from where: the acts that the audit has of the organization.
import { useState } from "./hooks.js";
import { absolute, daysAgo, html, listPages, useLoad, who } from "./base.js";
import { Empty, More, Outcome, Part, Table, Title, When } from "./parts.js";
import { listClients } from "./clients.js";
import { Filters, Story } from "./tokens.js";
import { t } from "./texts.js";

const what = (act) => t.actions[act.action] ?? act.action.replaceAll("_", " ");

const rowsOf = (act, name) => [
  [t.when, absolute(act.done_at)],
  [t.actor, who(act.actor)],
  [t.client, name],
  [t.version, act.secret_version],
  [t.outcome, html`<${Outcome} of=${act.outcome} />`],
  ...Object.entries(act.detail ?? {}).map(([field, value]) => [field, typeof value === "object" ? JSON.stringify(value) : String(value)]),
  [t.address, act.remote_addr],
  [t.program, act.user_agent],
  [t.transport, act.transport],
  [t.request, act.request_id, act.request_id],
];

const columnsOf = (nameOf) => [
  [t.when, (act) => html`<${When} at=${act.done_at} />`],
  [t.what, what],
  [t.actor, (act) => who(act.actor), "clip"],
  [t.client, nameOf, "clip"],
  [t.address, (act) => act.remote_addr ?? "–", "mono"],
  [t.outcome, (act) => html`<${Outcome} of=${act.outcome} />`],
];

const all = { days: 30, client: "", action: "", actor: "", outcome: "" };

export function Acts({ session }) {
  const [filters, set] = useState(all);
  const [pages, setPages] = useState(1);
  const [open, setOpen] = useState(null);
  const known = useLoad(() => listClients(session.organization.id, 5), []);
  const fields = { client_id: filters.client, action: filters.action, actor: filters.actor, outcome: filters.outcome, done_after: daysAgo(filters.days) };
  const load = useLoad(() => listPages("m2m/audit/acts", "acts", fields, pages), [filters], [pages]);
  const clients = known.value?.items ?? [];
  const acts = load.value?.items ?? [];
  const nameOf = (act) => clients.find((c) => c.client_id === act.client_id)?.name || act.client_id || "–";
  const actors = [...new Set([filters.actor, ...acts.map((act) => act.actor)])].filter(Boolean);
  const filter = (f) => {
    setPages(1);
    set(f);
  };
  return html`<${Title} title=${t.acts} text=${t.actsText} />
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
    <${Part} of=${load} rows=${6}>
      ${({ more }) => html`${acts.length === 0 && html`<${Empty} icon="clock" title=${t.noActs} text=${t.noActsText} />`}
      ${acts.length > 0 && html`<${Table} label=${t.acts} columns=${columnsOf(nameOf)} rows=${acts} open=${setOpen} />`}
      ${more && html`<${More} more=${() => setPages(pages + 1)} />`}`}
    <//>
    ${open && html`<${Story} title=${what(open)} rows=${rowsOf(open, nameOf(open))} onClose=${() => setOpen(null)} />`}`;
}
