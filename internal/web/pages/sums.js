// How many tokens were given: over time, and by client, address and version, as the database counts.
import { useEffect, useRef, useState } from "./hooks.js";
import { api, daysAgo, html, query, useLoad } from "./base.js";
import { Part } from "./parts.js";
import { locale, t } from "./texts.js";

// The chart is fetched by those alone who look at it.
function Chart({ sums, by }) {
  const box = useRef();
  useEffect(() => {
    let ended = false;
    let end = () => {};
    import("./chart.js").then(({ drawSums }) => {
      if (!ended) end = drawSums(box.current, sums, by);
    });
    return () => {
      ended = true;
      end();
    };
  }, [sums]);
  return html`<div class="chart"><div ref=${box} role="img" aria-label=${t.chartLabel(sums.reduce((n, s) => n + s.tokens, 0))}></div></div>`;
}

function Largest({ value, labelOf }) {
  const rows = [...value.sums.map((s) => [labelOf(s), s.tokens]), ...(value.others ? [[t.restOf, value.others]] : [])];
  const most = Math.max(1, ...rows.map(([, n]) => n));
  return html`<div class="scroll sums" tabindex="0" role="region" aria-label=${t.sums}>
    <table>
      <tbody>
        ${rows.map(
          ([label, n]) => html`<tr key=${label}>
            <td>${label}</td>
            <td class="num">${n.toLocaleString(locale)}</td>
            <td aria-hidden="true"><progress max=${most} value=${n}></progress></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

export function Sums({ filters, nameOf }) {
  const [chosen, set] = useState("time");
  // a version is a client's
  const offered = Object.keys(t.sumsBy).filter((by) => by !== "version" || filters.client);
  const shown = offered.includes(chosen) ? chosen : "time";
  const by = shown !== "time" ? shown : filters.days <= 2 ? "hour" : "day";
  const fields = { by, client_id: filters.client, issued_after: daysAgo(filters.days), time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
  const load = useLoad(() => api("GET", `m2m/audit/token-sums${query(fields)}`), [by, filters.client, filters.days]);
  const labelOf = (s) => (by === "client" ? nameOf(s) : by === "address" ? (s.remote_addr ?? "–") : s.secret_version ? t.versionN(s.secret_version) : "–");
  return html`<section class="card client">
    <div class="row">
      ${offered.map((one) => html`<button type="button" key=${one} aria-pressed=${one === shown} class=${one === shown ? "chosen" : "quiet"} onClick=${() => set(one)}>${t.sumsBy[one]}</button>`)}
    </div>
    <${Part} of=${load}>
      ${(value) => value.by === by && (shown === "time" ? html`<${Chart} sums=${value.sums} by=${by} />` : html`<${Largest} value=${value} labelOf=${labelOf} />`)}
    <//>
  </section>`;
}
