// A rotation: chosen in a person's words, its consequence said before, its progress shown after.
import { useState } from "./hooks.js";
import { absolute, ago, api, html, span, useAct, useLoad } from "./base.js";
import { Chip, Dialog, Icon, Problem, Table, Time } from "./parts.js";
import { Secret } from "./secret.js";
import { t } from "./texts.js";

const DAY_S = 86400;
const MONTH_S = 30 * DAY_S;

const bodies = {
  now: { grace_seconds: 0 },
  hour: { grace_seconds: 3600 },
  day: { grace_seconds: DAY_S },
  week: { grace_seconds: 7 * DAY_S },
  unused: { until_unused_seconds: 2 * DAY_S, at_most_seconds: MONTH_S },
};

const at = (seconds) => absolute(Date.now() + seconds * 1000);

function consequence(overlap, version) {
  if (overlap === "now") return t.happensNow(version);
  if (overlap === "unused") return t.happensUnused(version, at(MONTH_S));
  return t.happensAt(version, at(bodies[overlap].grace_seconds));
}

const Choice = ({ name, chosen, choose }) =>
  html`<label class=${`choice ${chosen ? "chosen" : ""}`}>
    <input type="radio" name="overlap" value=${name} checked=${chosen} onChange=${() => choose(name)} />
    <span><strong>${t.overlaps[name][0]}</strong><span class="muted small">${t.overlaps[name][1]}</span></span>
  </label>`;

function Ask({ client, path, onDone, onDoubt, onClose }) {
  const [overlap, choose] = useState("day");
  const [revoke, setRevoke] = useState(false);
  // A repeat after a lost answer rotates nothing, and gets the same answer. Another choice would be a
  // second rotation: there is none then.
  const [key] = useState(() => crypto.randomUUID());
  // The one that is replaced, whatever is read while the dialog is open.
  const [version] = useState(client.secret_version);
  const now = overlap === "now";
  const { busy, error, run } = useAct(async () => {
    try {
      onDone(await api("POST", path, { ...bodies[overlap], ...(now && revoke ? { revoke_tokens: true } : {}) }, { key: `${key}-${overlap}-${revoke}` }));
    } catch (e) {
      if (e.inDoubt) onDoubt();
      throw e;
    }
  });
  return html`<form onSubmit=${(e) => (e.preventDefault(), run())}>
    <fieldset disabled=${error?.inDoubt}>
      <legend>${t.rotateText}</legend>
      ${Object.keys(t.overlaps).map((name) => html`<${Choice} key=${name} name=${name} chosen=${overlap === name} choose=${choose} />`)}
      ${now &&
      html`<label class="check"><input type="checkbox" checked=${revoke} onChange=${(e) => setRevoke(e.target.checked)} /> ${t.alsoRevoke}</label>`}
    </fieldset>
    <div class="happens" aria-live="polite">
      <strong>${t.willHappen}</strong>
      <p>${consequence(overlap, version)} ${now && revoke ? t.happensRevoke : t.happensTokens}</p>
    </div>
    ${error && html`<${Problem} error=${error} />`}
    <div class="dialog-foot">
      <button type="button" onClick=${onClose}>${t.cancel}</button>
      <button type="submit" class=${now ? "danger" : "primary"} disabled=${busy}>${busy ? t.rotating : t.doRotate}</button>
    </div>
  </form>`;
}

const Done = ({ made, may, paths, onClose }) =>
  html`<p>${t.rotatedText(made.version)}</p>
    <${Secret} id=${made.client_id} path=${paths.secret} may=${may} first=${made.client_secret} />
    <div class="dialog-foot"><button type="button" class="primary" onClick=${onClose}>${t.close}</button></div>`;

export function Rotate({ client, paths, may, onClose, onRotated }) {
  const [made, set] = useState(null);
  const done = (answer) => {
    set(answer);
    onRotated();
  };
  return html`<${Dialog} title=${made ? t.rotatedTitle : t.rotateTitle(client.name || client.client_id)} onClose=${onClose}>
    ${made
      ? html`<${Done} made=${made} may=${may} paths=${paths} onClose=${onClose} />`
      : html`<${Ask} client=${client} path=${paths.rotate} onDone=${done} onDoubt=${onRotated} onClose=${onClose} />`}
  <//>`;
}

// ---- what still uses the old version ----

const userColumns = [
  [t.address, (u) => u.remote_addr ?? "–", "mono"],
  [t.program, (u) => u.user_agent ?? "–"],
  [t.count, (u) => u.tokens, "num"],
  [t.lastToken, (u) => html`<${Time} at=${u.last_issued_at} />`],
];

function Grace({ old, name, path, may, changed }) {
  const { busy, error, run } = useAct((...request) => api(...request).then(changed));
  const begun = new Date(old.replaced_at);
  const part = Math.min(1, Math.max(0, (Date.now() - begun) / (new Date(old.expires_at) - begun)));
  return html`<section class="grace">
    <div class="row between">
      <div>
        <h3>${t.graceTitle(old.version)} <${Chip} tone="warn">${t.inGrace}<//></h3>
        <p class="muted small">
          ${old.unused_for
            ? t.graceUnused(span(old.unused_for), absolute(old.expires_at))
            : `${t.graceUntil(absolute(old.expires_at))}, ${ago(old.expires_at)}`}
        </p>
      </div>
      ${may.has("rotate") &&
      html`<div class="row">
        <button type="button" disabled=${busy} onClick=${() => run("PATCH", path, { secret_version: old.version, grace_seconds: 7 * DAY_S })}>${t.prolong}</button>
        <button type="button" class="danger-quiet" disabled=${busy} onClick=${() => run("DELETE", `${path}?secret_version=${old.version}`)}>${t.endNow}</button>
      </div>`}
    </div>
    <progress max="1" value=${part} aria-label=${t.graceTitle(old.version)}></progress>
    ${error && html`<${Problem} error=${error} />`}
    ${old.used_by.length === 0
      ? html`<p class="good"><${Icon} name="check" /> ${t.graceNobody}</p>`
      : html`<p class="small">${t.graceUsed(new Set(old.used_by.map((u) => u.remote_addr)).size)}</p><${Table} kind="" label=${`${t.graceTitle(old.version)}, ${name}`} columns=${userColumns} rows=${old.used_by} />`}
  </section>`;
}

export function Progress({ name, path, may, turn, changed }) {
  const { value, error, reload } = useLoad(() => api("GET", path), [path, turn]);
  if (error) return html`<${Problem} error=${error} retry=${reload} />`;
  return (value?.previous_secrets ?? []).map(
    (old) => html`<${Grace} key=${old.version} old=${old} name=${name} path=${path} may=${may} changed=${changed} />`,
  );
}
