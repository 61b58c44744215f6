// Organizations: all of them, one with its clients and sessions, one client.
import { useState } from "./hooks.js";
import { absolute, api, html, span, useLoad } from "./base.js";
import { Chip, Copy, Notice, Part, Time, Title } from "./parts.js";
import { Sessions } from "./audit.js";
import { Client } from "./clients.js";
import { AskButton, ClientLink, Filters, link, List, MOST, OrganizationLink, standing, Tiles } from "./lists.js";
import { Secret } from "./secret.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

const pathOf = (organization) => `admin/organizations/${encodeURIComponent(organization)}`;
const clientPathOf = (organization, id) => `${pathOf(organization)}/clients/${encodeURIComponent(id)}`;

const State = ({ of }) =>
  of.disabled ? html`<span title=${of.disabled_at && absolute(of.disabled_at)}><${Chip} tone="danger">${t.isDisabled}<//></span>` : html`<${Chip} tone="good">${c.enabled}<//>`;

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

// ---- settings ----

const networks = { name: "allowed_networks", label: c.networks, list: true, none: null, empty: c.any, hint: c.networksHint };

const withValues = (of, fields) => fields.map((f) => ({ ...f, value: of[f.name] }));

const organizationSettings = (of) =>
  withValues(of, [
    { name: "name", label: t.name, required: true },
    { name: "issuer", label: c.issuer, none: null, hint: c.issuerHint },
    { name: "external_id", label: c.externalId, none: null },
    networks,
    { name: "secret_max_age", label: c.longestAge, type: "number", none: null, hint: c.longestAgeHint },
  ]);

const clientSettings = (of) =>
  withValues(of, [
    { name: "name", label: t.name },
    { name: "scopes", label: t.scopes, list: true, hint: c.wordsHint },
    { name: "token_lifetime", label: t.tokenLifetime, type: "number", required: true },
    { name: "audiences", label: t.audience, list: true, required: true, hint: c.audiencesHint },
    { name: "roles", label: c.roles, many: c.roleNames },
    networks,
    { name: "auth_methods", label: c.authMethods, many: c.authMethodNames },
    { name: "token_binding", label: c.tokenBinding, none: null, options: c.tokenBindings },
    { name: "token_type", label: c.tokenType, none: null, options: c.tokenTypes },
    { name: "profile", label: c.profile, none: null, options: c.profiles },
  ]);

const values = (fields) => fields.map((f) => [f.label, standing(f)]);

// `fields` makes them of what the API has. What is saved is what was read, or it is read again.
const Edit = ({ of, fields, path, happens, changed, whole = (given) => given }) =>
  html`<${AskButton}
    label=${c.edit}
    doIt=${c.save}
    what=${of.name}
    load=${() => api("GET", path)}
    fields=${fields}
    happens=${[happens]}
    changes
    act=${(given, now) => api("PATCH", path, whole(given, now), { match: now.etag }).then(changed)}
  />`;

// The API takes both or none.
const withIssuer = (given, { issuer, external_id }) => ("issuer" in given || "external_id" in given ? { issuer, external_id, ...given } : given);

// ---- ends ----

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
    act=${(given) => api("POST", "admin/organizations", given).then((answer) => (made(), answer))}
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

const PortalLink = ({ organization, has }) =>
  html`<${AskButton}
    label=${c.portalLink}
    doIt=${c.makeLink}
    fields=${[
      { name: "actor", label: c.actor, required: true, maxlength: 200, hint: c.actorHint },
      { name: "return_url", label: c.returnUrl, type: "url", placeholder: "https://" },
      { name: "ttl", label: c.goodFor, type: "number", value: 120, options: { 60: span(60), 120: span(120), 300: span(300) } },
      { name: "may", label: c.rights, value: ["read"], many: c.portalRights, fixed: (right) => !has.has(needs[right]) },
    ]}
    act=${(given) => api("POST", `${pathOf(organization)}/portal-links`, { may: ["read"], ttl: 120, ...given })}
    Done=${({ made }) => html`<p>${c.linkText(absolute(made.expires_at))}</p>
      <div class="secret shown"><code class="mono wrap" data-link>${made.url}</code><${Copy} text=${made.url} what=${c.portalLink} /></div>`}
  />`;

const NewClient = ({ organization, made }) =>
  html`<${AskButton}
    label=${c.newClient}
    fields=${[
      { name: "name", label: t.name, required: true, maxlength: 200 },
      { name: "scopes", label: t.scopes, list: true, hint: c.newWordsHint },
      { name: "audiences", label: t.audience, list: true, hint: c.newWordsHint },
    ]}
    act=${(given) => api("POST", `${pathOf(organization)}/clients`, given).then((answer) => (made(), answer))}
    Done=${({ made: m }) => html`<${Made} made=${m} path=${`${clientPathOf(organization, m.client_id)}/secret`} />`}
  />`;

const Facts = ({ of }) =>
  html`<${Tiles} rows=${[[c.slug, of.slug], [c.id, of.organization_id], ...values(organizationSettings(of).slice(1)), [t.created, absolute(of.created_at)]]} />`;

const clientColumns = (of) => [
  [t.client, (m) => html`<${ClientLink} id=${m.client_id} name=${m.name} of=${of ?? m.organization} /> ${m.default && html`<${Chip} tone="accent">${t.isDefault}<//>`}`],
  [t.clientId, (m) => m.client_id, "mono"],
  ...(of ? [] : [[c.organization, (m) => html`<${OrganizationLink} of=${m.organization} />`]]),
  [t.status, (m) => html`<${State} of=${m} />`],
  [t.created, (m) => html`<${Time} at=${m.created_at} />`],
  of ? [t.ends, (m) => html`<${Time} at=${m.secret_expires_at} otherwise=${t.noEnd} />`] : [t.lastUsed, (m) => html`<${Time} at=${m.last_used_at} otherwise="—" />`],
];

const searchClients = [["search", c.searchClients, "search"]];

export function Organization({ id, filters, may }) {
  const [turn, again] = useState(0);
  const changed = () => again((n) => n + 1);
  const path = pathOf(id);
  const load = useLoad(() => api("GET", path), [path], [turn]);
  const of = load.value;
  return html`<p class="small above"><a href="#organizations">${c.organizations}</a></p>
    <${Title} title=${of?.name ?? id} text=${of ? html`<${State} of=${of} />` : ""}>
      ${of &&
      may.has("organizations") &&
      html`<${PortalLink} organization=${id} has=${may} /><${Edit} of=${of} fields=${organizationSettings} path=${path} happens=${c.editOrganizationHappens} whole=${withIssuer} changed=${changed} />
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
  const load = useLoad(() => api("GET", path), [path], [turn]);
  const of = load.value;
  return html`<p class="small above">
      <a href="#organizations">${c.organizations}</a> / <a href=${link(["organizations", organization])}>${organization}</a>
    </p>
    <${Title} title=${of?.name || id} text=${id}>
      ${of &&
      may.has("clients") &&
      html`<${Edit} of=${of} fields=${clientSettings} path=${path} happens=${c.editClientHappens} changed=${changed} />
        ${!of.default &&
        html`<${AskButton} label=${c.makeDefault} what=${of.name} happens=${[c.defaultHappens]} act=${() => api("PATCH", path, { default: true }).then(changed)} />`}
        <${Disable} of=${of} path=${path} happens=${c.disableClientHappens} changed=${changed} />
        ${!of.default && html`<${Delete} of=${of} path=${path} typed=${id} happens=${c.deleteClientHappens} back=${["organizations", organization]} />`}`}
    <//>
    ${of?.default && may.has("clients") && html`<${Notice} tone="info">${c.isDefaultText}<//>`}
    <${Part} of=${load}>
      ${() => html`<${Client} client=${of} organization=${organization} may=${portalRights(may)} changed=${changed} turn=${turn} />
      <h2>${c.settings}</h2>
      <${Tiles} rows=${values(clientSettings(of).slice(3))} />`}
    <//>`;
}
