// Organizations: all of them, one with its clients and sessions, one client.
import { useState } from "./hooks.js";
import { absolute, api, html, span, useLoad } from "./base.js";
import { Chip, Copy, Notice, Time } from "./parts.js";
import { Sessions } from "./audit.js";
import { Client } from "./clients.js";
import { AskButton, ClientLink, Filters, link, List, MOST, OrganizationLink, Part, Tiles, Title } from "./lists.js";
import { Secret } from "./secret.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

const pathOf = (organization) => `admin/organizations/${encodeURIComponent(organization)}`;
const clientPathOf = (organization, id) => `${pathOf(organization)}/clients/${encodeURIComponent(id)}`;

const State = ({ of }) =>
  of.disabled ? html`<span title=${of.disabled_at && absolute(of.disabled_at)}><${Chip} tone="danger">${t.isDisabled}<//></span>` : html`<${Chip} tone="good">${c.enabled}<//>`;

const words = (text) => text.split(/[\s,]+/).filter(Boolean);

// What has just been made, with the first secret.
const Made = ({ made, path }) =>
  html`<p>${c.madeText}</p>
    <div class="row"><code class="mono wrap">${made.client_id}</code><${Copy} text=${made.client_id} what=${t.clientId} /></div>
    <${Secret} id=${made.client_id} path=${path} may=${new Set()} first=${made.client_secret} />`;

// Disabled or enabled again, at `path`.
const Disable = ({ of, path, happens, changed }) =>
  html`<${AskButton}
    label=${of.disabled ? c.enable : c.disable}
    what=${of.name}
    danger=${!of.disabled}
    happens=${[of.disabled ? c.enableHappens : happens]}
    act=${() => api("PATCH", path, { disabled: !of.disabled }).then(changed)}
  />`;

const Rename = ({ of, path, changed }) =>
  html`<${AskButton}
    label=${c.rename}
    what=${of.name}
    fields=${[{ name: "name", label: t.name, required: true, maxlength: 200, value: of.name }]}
    act=${(values) => api("PATCH", path, values).then(changed)}
  />`;

const Delete = ({ of, path, typed, happens, back }) =>
  html`<${AskButton}
    label=${c.delete}
    what=${of.name}
    kind="danger-quiet"
    danger
    typed=${typed}
    happens=${[happens, c.forGood]}
    act=${() => api("DELETE", path).then(() => (location.hash = link(back)))}
  />`;

// ---- all ----

const NewOrganization = ({ made }) =>
  html`<${AskButton}
    label=${c.newOrganization}
    kind="primary"
    fields=${[
      { name: "slug", label: c.slug, required: true, hint: c.slugHint },
      { name: "name", label: t.name, maxlength: 200 },
    ]}
    act=${({ slug, name }) => api("POST", "admin/organizations", { slug, ...(name && { name }) }).then((answer) => (made(), answer))}
    Done=${({ made: o }) =>
      html`<${Made} made=${o} path=${`${clientPathOf(o.slug, o.client_id)}/secret`} /><a href=${link(["organizations", o.slug])}>${c.openIt(o.name)}</a>`}
  />`;

const columns = [
  [t.name, (o) => html`<a href=${link(["organizations", o.slug])}>${o.name}</a>`],
  [c.slug, (o) => o.slug, "mono"],
  [c.clients, (o) => c.atMost(o.clients, MOST), "num"],
  [t.status, (o) => html`<${State} of=${o} />`],
  [t.created, (o) => html`<${Time} at=${o.created_at} />`],
];

export function Organizations({ filters, may }) {
  const [turn, again] = useState(0);
  return html`<${Title} title=${c.organizations} text=${c.organizationsText}>
      ${may.has("organizations") && html`<${NewOrganization} made=${() => again((n) => n + 1)} />`}
    <//>
    <${Filters}
      live
      values=${filters}
      fields=${[
        ["search", c.searchOrganizations, "search"],
        ["state", t.status, c.states],
      ]}
    />
    <${List} path="admin/organizations" field="organizations" filters=${filters} label=${c.organizations} columns=${columns} turn=${turn} />`;
}

// ---- one ----

// What a console session must have to give a right of the portal.
const needs = { reveal: "reveal", rotate: "clients", clients: "clients", audit: "audit" };

const PortalLink = ({ organization, has }) => {
  const [may, set] = useState(["read"]);
  const toggle = (right) => set((s) => (s.includes(right) ? s.filter((r) => r !== right) : [...s, right]));
  return html`<${AskButton}
    label=${c.portalLink}
    doIt=${c.makeLink}
    fields=${[
      { name: "actor", label: c.actor, required: true, maxlength: 200, hint: c.actorHint },
      { name: "return_url", label: c.returnUrl, type: "url", placeholder: "https://" },
      { name: "ttl", label: c.goodFor, value: "120", options: { 60: span(60), 120: span(120), 300: span(300) } },
    ]}
    act=${({ actor, return_url, ttl }) => api("POST", `${pathOf(organization)}/portal-links`, { actor, may, return_url: return_url || null, ttl: Number(ttl) })}
    Done=${({ made }) => html`<p>${c.linkText(absolute(made.expires_at))}</p>
      <div class="secret shown"><code class="mono wrap" data-link>${made.url}</code><${Copy} text=${made.url} what=${c.portalLink} /></div>`}
  >
    <fieldset>
      <legend>${c.rights}</legend>
      ${Object.entries(c.portalRights).map(
        ([right, text]) => html`<label class="check" key=${right}>
          <input type="checkbox" checked=${may.includes(right)} disabled=${!has.has(needs[right])} onChange=${() => toggle(right)} /> ${text}
        </label>`,
      )}
    </fieldset>
  <//>`;
};

const NewClient = ({ organization, made }) =>
  html`<${AskButton}
    label=${c.newClient}
    fields=${[
      { name: "name", label: t.name, required: true, maxlength: 200 },
      { name: "scopes", label: t.scopes, hint: c.wordsHint },
      { name: "audiences", label: t.audience, hint: c.wordsHint },
    ]}
    act=${({ name, scopes, audiences }) =>
      api("POST", `${pathOf(organization)}/clients`, {
        name,
        ...(scopes && { scopes: words(scopes) }),
        ...(audiences && { audiences: words(audiences) }),
      }).then((answer) => (made(), answer))}
    Done=${({ made: m }) => html`<${Made} made=${m} path=${`${clientPathOf(organization, m.client_id)}/secret`} />`}
  />`;

const Facts = ({ of }) =>
  html`<${Tiles}
    rows=${[
      [c.slug, of.slug],
      [c.id, of.organization_id],
      [c.issuer, of.issuer && `${of.issuer}, ${of.external_id}`],
      [c.networks, of.allowed_networks?.join(", ")],
      [c.longestAge, of.secret_max_age && span(of.secret_max_age)],
      [t.created, absolute(of.created_at)],
    ]}
  />`;

const clientColumns = (of) => [
  [t.client, (m) => html`<${ClientLink} id=${m.client_id} name=${m.name} of=${of ?? m.organization} /> ${m.default && html`<${Chip} tone="accent">${t.isDefault}<//>`}`],
  [t.clientId, (m) => m.client_id, "mono"],
  ...(of ? [] : [[c.organization, (m) => html`<${OrganizationLink} of=${m.organization} />`]]),
  [t.status, (m) => html`<${State} of=${m} />`],
  [t.created, (m) => html`<${Time} at=${m.created_at} />`],
  of ? [t.ends, (m) => html`<${Time} at=${m.secret_expires_at} otherwise=${t.noEnd} />`] : [t.lastUsed, (m) => html`<${Time} at=${m.last_used_at} />`],
];

const searchClients = [["search", c.searchClients, "search"]];

export function Organization({ id, filters, may }) {
  const [turn, again] = useState(0);
  const changed = () => again((n) => n + 1);
  const path = pathOf(id);
  const load = useLoad(() => api("GET", path), [path, turn]);
  const of = load.value;
  return html`<p class="small above"><a href="#organizations">${c.organizations}</a></p>
    <${Title} title=${of?.name ?? id} text=${of ? html`<${State} of=${of} />` : ""}>
      ${of &&
      may.has("organizations") &&
      html`<${PortalLink} organization=${id} has=${may} /><${Rename} of=${of} path=${path} changed=${changed} />
        <${Disable} of=${of} path=${path} happens=${c.disableOrganizationHappens} changed=${changed} />
        <${Delete} of=${of} path=${path} typed=${of.slug} happens=${c.deleteOrganizationHappens} back=${["organizations"]} />`}
    <//>
    <${Part} of=${load}>
      ${() => html`<${Facts} of=${of} />
      <div class="row between"><h2>${c.clients}</h2>${may.has("clients") && html`<${NewClient} organization=${id} made=${changed} />`}</div>
      <${Filters} live values=${filters} fields=${searchClients} />
      <${List} path=${`${path}/clients`} field="clients" filters=${filters} size=${20} label=${c.clients} columns=${clientColumns({ slug: id })} turn=${turn} />
      <h2>${c.liveSessions}</h2>
      <${Sessions} path=${`${path}/portal-sessions`} may=${may} />`}
    <//>`;
}

// ---- clients ----

export const Clients = ({ filters }) =>
  html`<${Title} title=${c.clients} text=${c.clientsText} />
    <${Filters} live values=${filters} fields=${searchClients} />
    <${List} path="admin/clients" field="clients" filters=${filters} label=${c.clients} columns=${clientColumns()} />`;

// The portal's rights that a console's come to.
const portalRights = (may) => new Set([...(may.has("clients") ? ["rotate", "clients"] : []), ...(may.has("reveal") ? ["reveal"] : [])]);

export function OneClient({ organization, id, may }) {
  const [turn, again] = useState(0);
  const changed = () => again((n) => n + 1);
  const path = clientPathOf(organization, id);
  const load = useLoad(() => api("GET", path), [path, turn]);
  const of = load.value;
  return html`<p class="small above">
      <a href="#organizations">${c.organizations}</a> / <a href=${link(["organizations", organization])}>${organization}</a>
    </p>
    <${Title} title=${of?.name || id} text=${id}>
      ${of &&
      may.has("clients") &&
      html`<${Rename} of=${of} path=${path} changed=${changed} />
        ${!of.default &&
        html`<${AskButton} label=${c.makeDefault} what=${of.name} happens=${[c.defaultHappens]} act=${() => api("PATCH", path, { default: true }).then(changed)} />`}
        <${Disable} of=${of} path=${path} happens=${c.disableClientHappens} changed=${changed} />
        ${!of.default && html`<${Delete} of=${of} path=${path} typed=${id} happens=${c.deleteClientHappens} back=${["organizations", organization]} />`}`}
    <//>
    ${of?.default && may.has("clients") && html`<${Notice} tone="info">${c.isDefaultText}<//>`}
    <${Part} of=${load}>${() => html`<${Client} client=${of} organization=${organization} may=${portalRights(may)} changed=${changed} turn=${turn} />`}<//>`;
}
