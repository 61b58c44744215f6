// What else a client authenticates with: keys, certificates and workloads; added and removed by those
// whose link lets them.
import { useState } from "./hooks.js";
import { api, html, useAct } from "./base.js";
import { Chip, Dialog, LastUse, Notice, Problem, Table, Time } from "./parts.js";
import { t } from "./texts.js";

// A key's private part never leaves the browser.
const isPrivate = (text) => /PRIVATE KEY/.test(text) || /"(d|k)"\s*:/.test(text);

function specOf(name, text) {
  if (text.startsWith("{")) return { kind: "key", name, public_key: JSON.parse(text) };
  return /BEGIN CERTIFICATE/.test(text) ? { kind: "certificate", name, certificate: text } : { kind: "key", name, public_key: text };
}

function Add({ path, changed, onClose }) {
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const { busy, error, run } = useAct(async () => {
    await api("POST", path, specOf(name, text.trim()));
    changed();
    onClose();
  });
  const secret = isPrivate(text);
  const add = (e) => {
    e.preventDefault();
    if (!secret) run();
  };
  return html`<${Dialog} title=${t.addTitle} onClose=${onClose}>
    <form onSubmit=${add}>
      <p class="muted">${t.addText}</p>
      <label>${t.name}<input type="text" required maxlength="200" value=${name} onInput=${(e) => setName(e.target.value)} /></label>
      <label>${t.publicPart}<textarea required spellcheck="false" value=${text} onInput=${(e) => setText(e.target.value)}></textarea></label>
      ${secret && html`<${Notice} tone="danger">${t.isPrivate}<//>`} ${error && html`<${Problem} error=${error} />`}
      <div class="dialog-foot">
        <button type="button" onClick=${onClose}>${t.cancel}</button>
        <button type="submit" class="primary" disabled=${busy || secret}>${t.add}</button>
      </div>
    </form>
  <//>`;
}

function Remove({ credential, path, changed, onClose }) {
  const { busy, error, run } = useAct(async () => {
    await api("DELETE", `${path}/${encodeURIComponent(credential.credential_id)}`);
    changed();
    onClose();
  });
  return html`<${Dialog} title=${t.removeTitle(credential.name || credential.credential_id)} onClose=${onClose}>
    <p>${t.removeText}</p>
    ${error && html`<${Problem} error=${error} />`}
    <div class="dialog-foot">
      <button type="button" onClick=${onClose}>${t.cancel}</button>
      <button type="button" class="danger" disabled=${busy} onClick=${run}>${t.remove}</button>
    </div>
  <//>`;
}

const columns = [
  [t.kind, (c) => html`<${Chip}>${t.kinds[c.kind] ?? c.kind}<//>`],
  [t.name, (c) => html`${c.name || "–"}<span class="muted mono small block clip" title=${c.credential_id}>${c.credential_id}</span>`],
  [t.created, (c) => html`<${Time} at=${c.created_at} />`],
  [t.lastUsed, (c) => html`<${LastUse} use=${c.last_use} />`],
  [t.ends, (c) => html`<${Time} at=${c.expires_at} otherwise=${t.noEnd} />`],
];

export function Credentials({ name, credentials, path, may, changed }) {
  const [adding, setAdding] = useState(false);
  const [removing, remove] = useState(null);
  const mayChange = may.has("clients");
  const removal = ["", (c) => html`<button type="button" class="link" onClick=${() => remove(c)}>${t.remove}</button>`, "num"];
  if (!mayChange && credentials.length === 0) return null;
  return html`<div class="row between head">
      <h3>${t.others}</h3>
      ${mayChange && html`<button type="button" aria-haspopup="dialog" onClick=${() => setAdding(true)}>${t.add}</button>`}
    </div>
    ${credentials.length > 0
      ? html`<${Table} kind="" label=${`${t.others}, ${name}`} columns=${mayChange ? [...columns, removal] : columns} rows=${credentials} />`
      : html`<p class="muted small">${t.noOthers}</p>`}
    ${adding && html`<${Add} path=${path} changed=${changed} onClose=${() => setAdding(false)} />`}
    ${removing && html`<${Remove} credential=${removing} path=${path} changed=${changed} onClose=${() => remove(null)} />`}`;
}
