// What this gateway sees: itself, its database, its checks, the signing key, who was refused lately.
import { absolute, api, html, useLoad } from "./base.js";
import { Chip, Icon, Time } from "./parts.js";
import { deniedColumns } from "./audit.js";
import { Part, Table, Tiles, Title } from "./lists.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

const tones = { ok: "good", warning: "warn", failing: "danger" };
const State = ({ of }) => html`<${Chip} tone=${tones[of]}>${c.health[of] ?? of}<//>`;

const facts = ({ status, version, revision, started_at, workers, database: d }) => [
  [t.status, html`<${State} of=${status} />`],
  [c.version, `${version} ${revision ? `(${revision.slice(0, 12)})` : ""}`],
  [c.running, html`<${Time} at=${started_at} />`],
  [c.workers, workers],
  [c.database, `PostgreSQL ${d.server_version}, ${d.primary ? c.isPrimary : c.isStandby}`],
  [c.roundTrip, `${d.round_trip_ms} ms`],
  [c.connections, d.connections],
];

const checkColumns = [
  [c.check, (one) => one.name.replaceAll("_", " ")],
  [t.status, (one) => html`<${State} of=${one.state} />`],
  [c.detail, (one) => one.detail, "words"],
];

// What needs someone stands first.
const order = ["failing", "warning", "ok"];
const sorted = (checks) => [...checks].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));

const signs = ({ keys }) => {
  const active = keys.find((k) => k.state === "active");
  const next = keys.find((k) => k.state === "next");
  return html`<div class="card row between">
    <p>${active ? html`<code class="mono">${active.kid}</code> ${c.signsSince(active.alg, absolute(active.active_from))}` : c.nothingSigns} ${next && c.nextKey(next.kid)}</p>
    <a href="#keys">${c.keys}</a>
  </div>`;
};

const Denied = () => html`<h2>${c.deniedLately}</h2>
  <${Part} of=${useLoad(() => api("GET", "admin/audit/denied?page_size=5"), [])}>
    ${({ denied }) =>
      denied.length
        ? html`<${Table} label=${c.deniedLately} columns=${deniedColumns} rows=${denied} /><a href="#denied">${c.allDenied}</a>`
        : html`<p class="good"><${Icon} name="check" /> ${c.noDenied}</p>`}
  <//>`;

export const Health = ({ may, again }) =>
  html`<${Title} title=${c.overview} text=${c.overviewText}>
      <button type="button" onClick=${again}><${Icon} name="rotate" /> ${c.checkAgain}</button>
    <//>
    <${Part} of=${useLoad(() => api("GET", "admin/health"), [])}>
      ${(h) => html`<${Tiles} rows=${facts(h)} />
        <${Table} label=${c.checksOf} columns=${checkColumns} rows=${sorted(h.checks)} />`}
    <//>
    <h2>${c.signingKey}</h2>
    <${Part} of=${useLoad(() => api("GET", "admin/signing-keys"), [])}>${signs}<//>
    ${may.has("audit") && html`<${Denied} />`}`;
