// The keys that sign tokens, on a line of their times, and the master keys below them.
import { useState } from "./hooks.js";
import { api, html, useLoad } from "./base.js";
import { Chip, Part, Table, Time, Title, When } from "./parts.js";
import { AskButton, MOST } from "./lists.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

const tones = { next: "accent", active: "good", retired: "", revoked: "danger" };

const steps = (key) =>
  ["created_at", "active_from", "retired_at", "revoked_at", "published_until"].filter((name) => key[name]).map((name) => [name, key[name]]);

const Revoke = ({ signing, changed }) =>
  html`<${AskButton}
    label=${c.revoke}
    kind="danger-quiet"
    title=${c.revokeTitle}
    danger
    typed=${signing.kid}
    happens=${[c.revokeHappens, ...(signing.state === "active" ? [c.revokeActive] : []), c.forGood]}
    fields=${signing.state === "active" ? [{ name: "now", label: c.revokeWhen, options: c.revokeWhens }] : []}
    act=${({ now }) => api("POST", `admin/signing-keys/${encodeURIComponent(signing.kid)}/revoke`, { now: now === "now" }).then(changed)}
  />`;

const Key = ({ signing, may, changed }) =>
  html`<li class=${tones[signing.state]}>
    <div class="row between">
      <h2><code>${signing.kid}</code> <${Chip}>${signing.alg}<//> <${Chip} tone=${tones[signing.state]}>${c.keyStates[signing.state]}<//></h2>
      ${may.has("keys") && signing.state !== "revoked" && html`<${Revoke} signing=${signing} changed=${changed} />`}
    </div>
    <dl class="steps">
      ${steps(signing).map(
        ([name, at]) => html`<div key=${name}>
          <dt>${c.fields[name]}</dt>
          <dd><${When} at=${at} /></dd>
        </div>`,
      )}
    </dl>
  </li>`;

const Rotate = ({ keys, changed }) => {
  const active = keys.find((k) => k.state === "active");
  return html`<${AskButton}
    label=${c.rotateKey}
    icon="rotate"
    kind="primary"
    fields=${[{ name: "alg", label: c.alg, options: { "": c.algAsSet, RS256: "RS256", ES256: "ES256", PS256: "PS256", EdDSA: "EdDSA" } }]}
    happens=${[c.rotateKeyHappens, active ? c.rotateKeyOld(active.kid) : "", c.rotateKeyGood].filter(Boolean)}
    act=${(given) => api("POST", "admin/signing-keys/rotate", given).then(changed)}
  />`;
};

// A key's place: that of the time from which it signs, the youngest first.
const byTime = (a, b) => new Date(b.active_from ?? b.created_at) - new Date(a.active_from ?? a.created_at);

const mayGo = (k) => (k.primary ? c.keyPrimary : k.secrets + k.signing_keys > 0 ? c.keyNeeded : c.keyMayGo);

const masterColumns = [
  [c.masterKey, (k) => k.key_id, "mono"],
  [t.status, (k) => html`${k.primary && html`<${Chip} tone="accent">${c.primary}<//> `}${k.loaded ? html`<${Chip} tone="good">${c.loaded}<//>` : html`<${Chip} tone="warn">${c.notLoaded}<//>`}`],
  [c.secrets, (k) => c.atMost(k.secrets, MOST), "num"],
  [c.signingKeys, (k) => k.signing_keys, "num"],
  [c.registered, (k) => html`<${Time} at=${k.registered_at} />`],
  [c.mayGo, mayGo],
];

export function Keys({ may }) {
  const [turn, again] = useState(0);
  const changed = () => again((n) => n + 1);
  const signing = useLoad(() => api("GET", "admin/signing-keys"), [], [turn]);
  const master = useLoad(() => api("GET", "admin/master-keys"), [], [turn]);
  const keys = signing.value?.keys;
  return html`<${Title} title=${c.signingKeys} text=${c.signingKeysText}>
      ${keys && may.has("keys") && html`<${Rotate} keys=${keys} changed=${changed} />`}
    <//>
    <${Part} of=${signing}>
      ${() => html`<ol class="card line">${[...keys].sort(byTime).map((k) => html`<${Key} key=${k.kid} signing=${k} may=${may} changed=${changed} />`)}</ol>`}
    <//>
    <div class="title"><h2>${c.masterKeys}</h2><p class="muted">${c.masterKeysText}</p></div>
    <${Part} of=${master}>${(value) => html`<${Table} label=${c.masterKeys} columns=${masterColumns} rows=${value.keys} />`}<//>`;
}
