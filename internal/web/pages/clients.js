// The organization's clients: what each is, its secret, its versions, who has used them when.
import { useState } from "./hooks.js";
import { absolute, ago, api, daysSince, html, listPages, meta, span, useLoad, who } from "./base.js";
import { Chip, Copy, Empty, Icon, LastUse, More, Notice, Part, Table, Time, Title } from "./parts.js";
import { Credentials } from "./credentials.js";
import { Progress, Rotate } from "./rotate.js";
import { Secret } from "./secret.js";
import { t } from "./texts.js";

const OLD_DAYS = 180;
const UNUSED_DAYS = 30;
const EXPIRING_DAYS = 14;

function pathsOf(organization, id) {
  const base = `admin/organizations/${encodeURIComponent(organization)}/clients/${encodeURIComponent(id)}`;
  return { secret: `${base}/secret`, rotate: `${base}/rotate`, rotation: `${base}/rotation`, credentials: `${base}/credentials` };
}

// ---- warnings ----

const nameOf = (client) => client.name || client.client_id;

function expiry(client) {
  if (!client.secret_expires_at) return null;
  const days = -daysSince(client.secret_expires_at);
  if (new Date(client.secret_expires_at) <= Date.now()) return ["danger", t.warnExpired];
  return days <= EXPIRING_DAYS ? ["warn", t.warnExpiring(ago(client.secret_expires_at))] : null;
}

function age(client) {
  const days = daysSince(client.secret_created_at);
  return days > OLD_DAYS ? ["warn", t.warnOld(days)] : null;
}

function use(client, held) {
  if (!held || daysSince(client.created_at) < 1) return null;
  const all = [...held.secrets, ...held.credentials].map((c) => c.last_use.unknown_until ?? c.last_use.at).filter(Boolean);
  if (all.length === 0) return ["warn", t.warnNeverUsed];
  const days = Math.min(...all.map(daysSince));
  return days > UNUSED_DAYS ? ["warn", t.warnUnused(days)] : null;
}

function Warnings({ client, held }) {
  const all = [expiry(client), age(client), use(client, held)].filter(Boolean);
  if (all.length === 0) return null;
  const tone = all.some(([one]) => one === "danger") ? "danger" : "warn";
  return html`<${Notice} tone=${tone}>${all.map(([, text]) => html`<p key=${text}>${text}</p>`)}<//>`;
}

// ---- tables ----

const versionColumns = (client) => [
  [t.version, (s) => html`${s.version} ${s.version === client.secret_version ? html`<${Chip} tone="good">${t.current}<//>` : html`<${Chip} tone="warn">${t.inGrace}<//>`}`, "nowrap"],
  [t.hint, (s) => s.hint ?? "–", "mono"],
  [t.created, (s) => html`<${Time} at=${s.created_at} />${s.created_by && html`<span class="muted small block clip" title=${s.created_by}>${t.by(who(s.created_by))}</span>`}`],
  [t.lastUsed, (s) => html`<${LastUse} use=${s.last_use} />`],
  [t.ends, (s) => html`<${Time} at=${s.expires_at} otherwise=${t.noEnd} />`],
];

const Versions = ({ client, secrets }) =>
  html`<h3>${t.versions}</h3>
    <${Table} kind="" label=${`${t.versions}, ${nameOf(client)}`} columns=${versionColumns(client)} rows=${[...secrets].sort((a, b) => b.version - a.version)} />`;

// ---- one client ----

const Field = ({ label, children }) => html`<div class="field"><dt>${label}</dt><dd>${children}</dd></div>`;

const Facts = ({ client, paths, may, turn }) =>
  html`<dl>
    <${Field} label=${t.clientId}><code class="mono wrap">${client.client_id}</code><${Copy} text=${client.client_id} what=${t.clientId} /><//>
    <${Field} label=${t.clientSecret}>
      <${Secret} key=${`${client.secret_version} ${turn}`} id=${client.client_id} hint=${client.secret_hint} path=${paths.secret} may=${may} />
    <//>
    <${Field} label=${t.tokenUrl}>
      <code class="mono wrap">${meta("issuer")}/oauth2/token</code><${Copy} text=${`${meta("issuer")}/oauth2/token`} what=${t.tokenUrl} />
    <//>
    <${Field} label=${t.scopes}><span class="words">${client.scopes.map((s) => html`<code class="mono" key=${s}>${s}</code>`)}</span><//>
    <${Field} label=${t.tokenLifetime}>${span(client.token_lifetime)}<//>
  </dl>`;

export function Client({ client, organization, may, changed, turn }) {
  const paths = pathsOf(organization, client.client_id);
  const [rotating, setRotating] = useState(false);
  const load = useLoad(() => api("GET", paths.credentials), [client.client_id], [turn]);
  const held = load.value;
  const current = held?.secrets.find((s) => s.version === client.secret_version);
  return html`<article class="card client" aria-labelledby=${`name-${client.client_id}`}>
    <header class="row between">
      <div>
        <h2 id=${`name-${client.client_id}`}>
          ${nameOf(client)} ${client.default && html`<${Chip} tone="accent">${t.isDefault}<//>`}
          ${client.disabled && html`<${Chip} tone="danger">${t.isDisabled}<//>`}
        </h2>
        <p class="muted small">${t.made(ago(client.created_at))}${current?.created_by && html`. ${t.madeBy(current.version, who(current.created_by), absolute(current.created_at))}`}</p>
      </div>
      ${may.has("rotate") &&
      html`<button type="button" class="primary" onClick=${() => setRotating(true)}><${Icon} name="rotate" /> ${t.rotate}</button>`}
    </header>
    <${Warnings} client=${client} held=${held} />
    <${Facts} client=${client} paths=${paths} may=${may} turn=${turn} />
    <${Progress} name=${nameOf(client)} path=${paths.rotation} may=${may} turn=${turn} changed=${changed} />
    <${Part} of=${load} rows=${2}>
      ${() => html`${held.secrets.length > 0 && html`<${Versions} client=${client} secrets=${held.secrets} />`}
      <${Credentials} name=${nameOf(client)} credentials=${held.credentials} path=${paths.credentials} may=${may} changed=${load.reload} />`}
    <//>
    ${rotating && html`<${Rotate} client=${client} paths=${paths} may=${may} onClose=${() => setRotating(false)} onRotated=${changed} />`}
  </article>`;
}

// ---- all of them ----

// The default client first, which the organization's programs mostly use.
export async function listClients(organization, pages) {
  const found = await listPages(`admin/organizations/${encodeURIComponent(organization)}/clients`, "clients", { page_size: 20 }, pages);
  return { ...found, items: found.items.sort((x, y) => y.default - x.default) };
}

export function Overview({ session }) {
  const organization = session.organization.id;
  const may = new Set(session.may);
  const [pages, setPages] = useState(1);
  const [turn, again] = useState(0);
  const load = useLoad(() => listClients(organization, pages), [organization], [pages, turn]);
  return html`<${Title} title=${t.overviewTitle} text=${t.overviewText(session.organization.name)} />
    <${Part} of=${load} rows=${5}>
      ${({ items, more }) => html`${items.length === 0 && html`<${Empty} title=${t.noClients} text=${t.noClientsText} />`}
      ${items.map(
        (client) =>
          html`<${Client} key=${client.client_id} client=${client} organization=${organization} may=${may} turn=${turn} changed=${() => again((n) => n + 1)} />`,
      )}
      ${more && html`<${More} more=${() => setPages(pages + 1)} />`}`}
    <//>`;
}
