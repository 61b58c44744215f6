// What the audit has over all organizations: tokens, acts, denied attempts. And who is signed in.
import { useState } from "./hooks.js";
import { api, html } from "./base.js";
import { Chip, Outcome, Time, Title, When } from "./parts.js";
import { AskButton, ClientLink, Filters, List, OrganizationLink, times } from "./lists.js";
import { methodAndVersion } from "./tokens.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

const at = (name) => (row) => html`<${When} at=${row[name]} />`;
const organization = [c.organization, (row) => html`<${OrganizationLink} of=${row.organization} />`];
const client = [t.client, (row) => html`<${ClientLink} id=${row.client_id} of=${row.organization} />`, "mono"];
const address = [t.address, (row) => row.remote_addr ?? "–", "mono"];
const program = [t.program, (row) => row.user_agent ?? "–", "clip"];

const whose = [
  ["organization", c.organization, "search"],
  ["client_id", t.clientId, "search"],
];
const where = ["remote_addr", t.address, "search"];
const when = [
  ["after", c.after, "datetime-local"],
  ["before", c.before, "datetime-local"],
];

export const deniedColumns = [
  [c.time, at("denied_at")],
  [c.reason, (row) => html`<${Chip} tone="warn">${c.reasons[row.reason] ?? row.reason}<//>`],
  [c.attempts, (row) => row.attempts, "num"],
  organization,
  client,
  address,
];

// view -> path, the list's field, the prefix of its times, filters, columns
const lists = {
  tokens: [
    "admin/audit/tokens",
    "tokens",
    "issued",
    [...whose, ["jti", t.jti, "search"], where, ["auth_method", t.method, { "": c.any, ...t.methods }], ...when],
    [
      [t.issued, at("issued_at")],
      organization,
      client,
      [t.method, methodAndVersion],
      address,
      program,
    ],
  ],
  acts: [
    "admin/audit/acts",
    "acts",
    "done",
    [...whose, ["action", c.action, "search"], ["actor", c.by, "search"], ["outcome", c.outcome, "search"], ...when],
    [
      [c.time, at("done_at")],
      [c.action, (row) => row.action, "mono"],
      [c.outcome, (row) => html`<${Outcome} of=${row.outcome} />`],
      [c.by, (row) => row.actor ?? "–", "clip"],
      organization,
      client,
    ],
  ],
  denied: ["admin/audit/denied", "denied", "denied", [...whose, ["reason", c.reason, { "": c.any, ...c.reasons }], where, ...when], deniedColumns],
};

export function Audit({ view, filters }) {
  const [path, field, prefix, fields, columns] = lists[view];
  const [title, text, story] = c.audits[view];
  return html`<${Title} title=${title} text=${text} />
    <${Filters} values=${filters} fields=${fields} />
    <${List} path=${path} field=${field} filters=${times(filters, prefix)} label=${title} columns=${columns} story=${story} />`;
}

// ---- sessions of the portal and of the console ----

const endOf = (s) =>
  s.organization ? `admin/organizations/${s.organization.id}/portal-sessions/${s.session_id}` : `admin/console-sessions/${s.session_id}`;

const End = ({ session, changed }) =>
  html`<${AskButton} label=${c.end} kind="link" title=${c.endTitle(session.actor)} danger happens=${[c.endHappens]} act=${() => api("DELETE", endOf(session)).then(changed)} />`;

export function Sessions({ path, filters, may, all }) {
  const [turn, again] = useState(0);
  const columns = [
    [c.person, (s) => s.actor],
    ...(all && filters.kind !== "console" ? [[c.organization, (s) => html`<${OrganizationLink} of=${s.organization} />`]] : []),
    [c.rights, (s) => s.may.join(", "), "small"],
    [t.created, (s) => html`<${Time} at=${s.made_at} />`],
    [t.lastUsed, (s) => html`<${Time} at=${s.last_used_at} />`],
    [t.ends, (s) => html`<${Time} at=${s.expires_at} />`],
    ...(may.has("organizations") ? [["", (s) => html`<${End} session=${s} changed=${() => again((n) => n + 1)} />`, "num"]] : []),
  ];
  return html`<${List} path=${path} field="sessions" filters=${filters} size=${all ? 50 : 0} label=${c.sessions} columns=${columns} turn=${turn} />`;
}

export const AllSessions = ({ filters, may }) =>
  html`<${Title} title=${c.sessions} text=${c.sessionsText} />
    <${Filters} live values=${filters} fields=${[["kind", t.kind, c.sessionKinds]]} />
    <${Sessions} path="admin/portal-sessions" filters=${filters} may=${may} all />`;
