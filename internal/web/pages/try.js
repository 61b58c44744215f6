// A request sent from the documentation, with the portal session that the browser has.
import { useState } from "./hooks.js";
import { ApiError, html } from "./base.js";
import { Chip, Copy, Dialog, Icon, Notice, Problem, say } from "./parts.js";
import { useHiding } from "./secret.js";
import { exampleOf, exampleValue, parametersOf, resolve, schemesOf } from "./snippets.js";
import { t } from "./texts.js";

// A session shows no proof of a key, and the page itself says that it asks.
const OWN = ["DPoP", "X-M2M-Portal"];

const isPublic = (op) => op.method === "GET" && schemesOf(op).length === 0;

const pretty = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

// What a field has at first: the person's own ids, and an example of what can't be left out.
function firstValue(doc, p, reader) {
  const own = { organization: reader?.session.organization.id, client_id: reader?.clientId }[p.name];
  return own ?? (p.required ? String(p.example ?? exampleValue(doc, p.schema) ?? "") : "");
}

function requestOf(op, parameters, values, body) {
  const given = (place) => parameters.filter((p) => p.in === place && values[p.name] !== "").map((p) => [p.name, values[p.name]]);
  const path = given("path").reduce((at, [name, value]) => at.replace(`{${name}}`, encodeURIComponent(value)), op.path.slice(1));
  const query = new URLSearchParams(given("query")).toString();
  const headers = { "X-M2M-Portal": "1", ...Object.fromEntries(given("header")), ...(body.text.trim() && { "Content-Type": body.type }) };
  return [query ? `${path}?${query}` : path, { method: op.method, headers, body: body.text.trim() || undefined, cache: "no-store", redirect: "error" }];
}

async function send(url, options) {
  const begun = performance.now();
  const answer = await fetch(url, options);
  const text = await answer.text();
  return { status: answer.status, phrase: answer.statusText, ms: Math.round(performance.now() - begun), headers: [...answer.headers], text: pretty(text) };
}

const Answer = ({ answer }) =>
  html`<div class="row">
      <${Chip} tone=${answer.status < 300 ? "good" : "danger"}>${answer.status} ${answer.phrase}<//><span class="muted small">${answer.ms} ms</span>
      <span class="grow"></span>${answer.text && html`<${Copy} text=${answer.text} what=${t.tryAnswer} />`}
    </div>
    <details>
      <summary>${t.tryHeaders(answer.headers.length)}</summary>
      <pre class="mono small wrap">${answer.headers.map((h) => h.join(": ")).join("\n")}</pre>
    </details>
    ${answer.text && html`<div class="snippet"><pre tabindex="0" role="region" aria-label=${t.tryAnswer}><code>${answer.text}</code></pre></div>`}`;

function Form({ doc, op, reader }) {
  const places = ["path", "query", "header"];
  const parameters = parametersOf(doc, op)
    .filter((p) => !OWN.includes(p.name))
    .sort((a, b) => places.indexOf(a.in) - places.indexOf(b.in));
  const example = exampleOf(doc, op);
  const [values, set] = useState(() => Object.fromEntries(parameters.map((p) => [p.name, firstValue(doc, p, reader)])));
  const [text, setText] = useState(example ? JSON.stringify(example.fields, null, 2) : "");
  const [busy, setBusy] = useState(false);
  const [asks, ask] = useState(false);
  const [answer, setAnswer] = useState(null);
  // An answer with a secret is kept as briefly as the portal keeps one.
  const secret = answer?.text?.includes('"client_secret"') ?? false;
  const left = useHiding(secret, () => setAnswer(null));
  const run = async () => {
    ask(false);
    setBusy(true);
    try {
      const got = await send(...requestOf(op, parameters, values, { text, type: example?.type }));
      setAnswer(got);
      say(`${got.status} ${got.phrase}`);
    } catch {
      setAnswer({ error: new ApiError(0, null, { changes: op.method !== "GET", once: values["Idempotency-Key"] }) });
    }
    setBusy(false);
  };
  const submit = (e) => {
    e.preventDefault();
    if (op.method === "GET") run();
    else ask(true);
  };
  return html`<form class="card client" onSubmit=${submit}>
      ${parameters.length > 0 &&
      html`<div class="filters">
        ${parameters.map(
          (p) =>
            html`<label key=${p.name}
              >${p.name}<input type="text" spellcheck="false" required=${p.required} value=${values[p.name]} placeholder=${resolve(doc, p.schema).enum?.join(" | ") ?? ""} onInput=${(e) => set({ ...values, [p.name]: e.target.value })}
            /></label>`,
        )}
      </div>`}
      ${example && html`<label>${t.body}<textarea spellcheck="false" value=${text} onInput=${(e) => setText(e.target.value)}></textarea></label>`}
      <div class="row">
        <button type="submit" class="primary" disabled=${busy}>${busy ? t.trySending : t.trySend}</button>
        ${secret && html`<span class="muted small"><${Icon} name="clock" /> ${t.hidesIn(left)}</span>`}
      </div>
      ${answer && (answer.error ? html`<${Problem} error=${answer.error} />` : html`<${Answer} answer=${answer} />`)}
    </form>
    ${asks &&
    html`<${Dialog} title=${t.tryAsk} onClose=${() => ask(false)}>
      <p>${t.tryChanges} <code class="mono wrap">${op.method} ${op.path}</code></p>
      <div class="dialog-foot">
        <button type="button" onClick=${() => ask(false)}>${t.cancel}</button>
        <button type="button" class="danger" onClick=${run}>${t.trySend}</button>
      </div>
    <//>`}`;
}

export function Try({ doc, op, reader }) {
  const bySession = schemesOf(op).includes("portal_session");
  const can = isPublic(op) || (bySession && reader);
  return html`<section>
    <h2>${t.tryTitle}</h2>
    ${can ? html`<${Form} doc=${doc} op=${op} reader=${reader} />` : html`<${Notice} tone="info">${bySession ? t.tryNoSession : t.tryNotHere}<//>`}
  </section>`;
}
