// The API's reference, from the contract that the service itself serves.
import { useEffect, useState } from "./hooks.js";
import { api, html, meta, useLoad } from "./base.js";
import { Brand, Chip, Copy, Footer, Notice, Part, start } from "./parts.js";
import { exampleOf, members, operationsOf, parametersOf, resolve, snippets } from "./snippets.js";
import { t } from "./texts.js";
import { Try } from "./try.js";

function typeOf(doc, given) {
  const schema = resolve(doc, given);
  if (schema.enum) return schema.enum.map((v) => String(v)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const types = [schema.type ?? "any"].flat();
  return types.map((type) => (type === "array" ? `array of ${typeOf(doc, schema.items ?? {})}` : type)).join(" | ") + (schema.format ? `, ${schema.format}` : "");
}

// Some sentences have `code`, and paragraphs.
const Prose = ({ text }) =>
  text &&
  html`<div class="prose">
    ${text
      .trim()
      .split(/\n\s*\n/)
      .map((p, i) => html`<p key=${i}>${p.split("`").map((part, n) => (n % 2 ? html`<code>${part}</code>` : part))}</p>`)}
  </div>`;

// ---- one operation ----

const Fields = ({ label, head, rows }) =>
  html`<div class="card flush scroll fields" tabindex="0" role="region" aria-label=${label}>
    <table>
      <thead>
        <tr>${head.map((h) => html`<th key=${h}>${h}</th>`)}</tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;

const FieldRow = ({ name, place, required, type, text }) =>
  html`<tr>
    <td><code class="mono">${name}</code>${place && html`<span class="muted small block">${place}</span>`}${required && html`<span class="small block muted">${t.required}</span>`}</td>
    <td class="small">${type}</td>
    <td><${Prose} text=${text} /></td>
  </tr>`;

const HEAD = [t.field, t.type, t.meaning];

function Parameters({ doc, op }) {
  const all = parametersOf(doc, op);
  if (all.length === 0) return null;
  return html`<section>
    <h2>${t.parameters}</h2>
    <${Fields} label=${t.parameters} head=${HEAD} rows=${all.map(
      (p) => html`<${FieldRow} key=${p.name} name=${p.name} place=${p.in} required=${p.required} type=${typeOf(doc, p.schema)} text=${p.description} />`,
    )} />
  </section>`;
}

function Members({ doc, schema, label }) {
  const { properties, required } = members(doc, schema);
  if (Object.keys(properties).length === 0) return null;
  return html`<${Fields} label=${label} head=${HEAD} rows=${Object.entries(properties).map(([name, p]) => {
    const known = resolve(doc, p);
    return html`<${FieldRow} key=${name} name=${name} required=${label === t.body && required.includes(name)} type=${typeOf(doc, p)} text=${p.description ?? known.description} />`;
  })} />`;
}

function Body({ doc, op }) {
  const content = Object.entries(resolve(doc, op.requestBody).content ?? {});
  if (content.length === 0) return null;
  return html`<section>
    <h2>${t.body}</h2>
    <p class="muted small">${content.map(([type]) => html`<code class="mono" key=${type}>${type} </code>`)}</p>
    <${Members} doc=${doc} schema=${content[0][1].schema} label=${t.body} />
  </section>`;
}

function Answers({ doc, op }) {
  const all = Object.entries(op.responses).map(([status, r]) => [status, resolve(doc, r)]);
  const good = all.find(([status, r]) => status[0] === "2" && r.content);
  return html`<section>
    <h2>${t.answers}</h2>
    ${good && html`<${Members} doc=${doc} schema=${Object.values(good[1].content)[0].schema} label=${t.answers} />`}
    <${Fields} label=${t.status} head=${[t.status, t.meaning]} rows=${all.map(
      ([status, r]) => html`<tr key=${status}>
        <td><${Chip} tone=${status[0] === "2" ? "good" : status[0] === "3" ? "" : "warn"}>${status}<//></td>
        <td><${Prose} text=${r.description} /></td>
      </tr>`,
    )} />
  </section>`;
}

function Snippets({ doc, op, reader }) {
  const all = snippets({ op, body: exampleOf(doc, op), url: meta("issuer"), clientId: reader?.clientId, organization: reader?.session.organization.id });
  const [chosen, set] = useState(all[0].language);
  const shown = all.find((s) => s.language === chosen) ?? all[0];
  const move = (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const next = all[(all.indexOf(shown) + step + all.length) % all.length];
    set(next.language);
    document.getElementById(`tab-${next.language}`).focus();
  };
  return html`<section>
    <h2>${t.example}</h2>
    <div class="snippet">
      <div class="tabs">
        <div role="tablist" aria-label=${t.example} class="row" onKeyDown=${move}>
          ${all.map(
            (s) =>
              html`<button type="button" role="tab" key=${s.language} id=${`tab-${s.language}`} aria-controls="snippet" aria-selected=${s === shown} tabindex=${s === shown ? 0 : -1} onClick=${() => set(s.language)}>${s.language}</button>`,
          )}
        </div>
        <span class="grow"></span><${Copy} text=${shown.text} what=${t.example} />
      </div>
      <pre id="snippet" role="tabpanel" tabindex="0" aria-labelledby=${`tab-${shown.language}`}><code>${shown.text}</code></pre>
    </div>
  </section>`;
}

const rolesOf = (op) => [...new Set((op.security ?? []).flatMap((s) => Object.entries(s).flatMap(([scheme, roles]) => (roles.length ? roles : [scheme]))))];

function Operation({ doc, op, reader }) {
  const roles = rolesOf(op);
  return html`<article class="op" aria-labelledby="op-title">
    <div class="title"><h1 id="op-title">${op.summary}</h1></div>
    <div class="route scroll" tabindex="0" role="group" aria-label=${t.route}><span class=${`verb ${op.method}`}>${op.method}</span><code class="mono nowrap">${op.path}</code></div>
    <${Prose} text=${op.description} />
    <p class="small muted">${t.whoMayCall}: ${roles.length ? roles.map((r) => html`<${Chip} key=${r}>${r}<//> `) : t.anyone}</p>
    <${Snippets} key=${op.operationId} doc=${doc} op=${op} reader=${reader} />
    <${Try} key=${`try ${op.operationId}`} doc=${doc} op=${op} reader=${reader} />
    <${Parameters} doc=${doc} op=${op} /><${Body} doc=${doc} op=${op} /><${Answers} doc=${doc} op=${op} />
  </article>`;
}

// ---- the page ----

function Side({ doc, operations, current }) {
  const [wanted, set] = useState("");
  const fits = (op) => `${op.summary} ${op.path} ${op.operationId}`.toLowerCase().includes(wanted.toLowerCase());
  const tags = (doc.tags ?? []).map((tag) => [tag.name, operations.filter((op) => op.tags?.includes(tag.name) && fits(op))]).filter(([, ops]) => ops.length);
  return html`<nav class="side" aria-label=${t.docsTitle}>
    <input type="search" aria-label=${t.docsSearch} placeholder=${t.docsSearch} value=${wanted} onInput=${(e) => set(e.target.value)} />
    ${tags.length === 0 && html`<p class="muted small">${t.docsNothing}</p>`}
    ${tags.map(
      ([name, ops]) => html`<div key=${name}>
        <h2>${name}</h2>
        <ul>
          ${ops.map(
            (op) =>
              html`<li key=${op.operationId}><a href=${`#${op.operationId}`} aria-current=${op === current ? "page" : undefined}>${op.summary}</a></li>`,
          )}
        </ul>
      </div>`,
    )}
  </nav>`;
}

const quietly = (path) => api("GET", path, undefined, { quiet: true }).catch(() => null);

// Whoever has a session reads their own ids in the examples; others don't notice.
async function whoReads() {
  const session = await quietly("portal/session");
  return session && { session, clientId: (await quietly("m2m/client-id"))?.client_id };
}

const idInUrl = () => decodeURIComponent(location.hash.slice(1));

function Reference({ doc, reader, id }) {
  const operations = operationsOf(doc);
  const op = operations.find((o) => o.operationId === id) ?? operations.find((o) => o.operationId === "oauth_token") ?? operations[0];
  return html`${reader?.clientId && html`<${Notice} tone="info">${t.yourClient(reader.clientId)}<//>`}
    <div class="docs"><${Side} doc=${doc} operations=${operations} current=${op} /><${Operation} doc=${doc} op=${op} reader=${reader} /></div>`;
}

function Docs() {
  const load = useLoad(async () => ({ doc: await api("GET", "openapi.json"), reader: await whoReads() }), []);
  const [id, set] = useState(idInUrl);
  useEffect(() => {
    const follow = () => {
      set(idInUrl());
      document.getElementById("main").focus();
      scrollTo(0, 0);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return html`<header class="top">
      <div class="top-in"><${Brand} /><span class="slash" aria-hidden="true">/</span><span class="org">${t.docsTitle}</span></div>
      <div class="top-in">
        <nav aria-label=${t.sections}>
          <a class="tab" href="portal">${t.credentials}</a><a class="tab" href="docs" aria-current="page">${t.docs}</a>
        </nav>
      </div>
    </header>
    <div class="docs-wrap">
      <main id="main" tabindex="-1">
        <${Part} of=${load} rows=${6}>${(value) => html`<${Reference} ...${value} id=${id} />`}<//>
      </main>
    </div>
    <${Footer} />`;
}

document.title = `${t.docsTitle} · ${meta("title")}`;
start(Docs);
