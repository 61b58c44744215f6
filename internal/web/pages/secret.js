// One secret: asked for, shown for a minute, hidden again, copied, taken away in a file.
import { useEffect, useState } from "./hooks.js";
import { api, html, meta, save, useAct, useLasting } from "./base.js";
import { Copy, Icon, Menu, Problem, say } from "./parts.js";
import { t } from "./texts.js";

const SHOWN_S = 60;

const tokenUrl = () => `${meta("issuer")}/oauth2/token`;

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

const kubernetes = (id, secret) =>
  [
    "apiVersion: v1",
    "kind: Secret",
    "metadata:",
    "  name: m2m-credentials",
    "type: Opaque",
    "data:",
    `  client-id: ${base64(id)}`,
    `  client-secret: ${base64(secret)}`,
    `  token-url: ${base64(tokenUrl())}`,
    "",
  ].join("\n");

// Single quotes, which a shell and the readers of .env files take as they stand.
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

const env = (id, secret) =>
  `M2M_CLIENT_ID=${quoted(id)}\nM2M_CLIENT_SECRET=${quoted(secret)}\nM2M_TOKEN_URL=${quoted(tokenUrl())}\n`;

const json = (id, secret) => `${JSON.stringify({ client_id: id, client_secret: secret, token_url: tokenUrl() }, null, 2)}\n`;

const files = (id, secret) => [
  [t.asEnv, () => save("m2m.env", "text/plain", env(id, secret))],
  [t.asJson, () => save("m2m-credentials.json", "application/json", json(id, secret))],
  [t.asKubernetes, () => save("m2m-secret.yaml", "application/yaml", kubernetes(id, secret))],
];

// Calls `hide` after a minute, and as soon as the person leaves the tab. Gives the seconds left.
export function useHiding(shown, hide) {
  const [left, set] = useState(SHOWN_S);
  useEffect(() => {
    if (!shown) return undefined;
    const end = Date.now() + SHOWN_S * 1000;
    const tick = () => {
      const s = Math.ceil((end - Date.now()) / 1000);
      set(s);
      if (s <= 0) hide();
    };
    const away = () => document.visibilityState === "hidden" && hide();
    tick();
    const timer = setInterval(tick, 1000);
    addEventListener("blur", hide);
    addEventListener("pagehide", hide);
    document.addEventListener("visibilitychange", away);
    return () => {
      clearInterval(timer);
      removeEventListener("blur", hide);
      removeEventListener("pagehide", hide);
      document.removeEventListener("visibilitychange", away);
    };
  }, [shown]);
  return left;
}

const Shown = ({ id, secret, left, hide }) =>
  html`<div class="secret shown">
      <code class="mono wrap" data-secret>${secret}</code>
      <${Copy} text=${secret} what=${t.clientSecret} />
      <button type="button" class="quiet icon-only" aria-label=${t.hide} title=${t.hide} onClick=${hide}><${Icon} name="hide" /></button>
    </div>
    <div class="row between">
      <span class="muted small"><${Icon} name="clock" /> ${t.hidesIn(left)}</span>
      <${Menu} label=${t.download} icon="down" items=${files(id, secret)} />
    </div>`;

export const Dots = ({ hint }) =>
  html`<code class="mono"><span class="dots" aria-hidden="true">m2ms_••••••••••••••••••••</span>${hint && html`<span class="hint">${hint}</span>`}</code>`;

// `first`: a secret that has just been made, shown at once.
export function Secret({ id, hint, path, may, first }) {
  const [secret, set] = useState(first ?? null);
  const hide = () => {
    set(null);
    say(t.hidden);
  };
  const left = useHiding(secret !== null, hide);
  useLasting(Boolean(first) && secret !== null);
  const { busy, error, run } = useAct(async () => set((await api("GET", path)).client_secret));
  if (secret !== null) return html`<${Shown} id=${id} secret=${secret} left=${left} hide=${hide} />`;
  if (error?.code === "secret_not_readable") return html`<p class="muted small">${t.notReadable}</p>`;
  return html`<div class="secret">
      <${Dots} hint=${hint} />
      ${may.has("reveal") &&
      html`<button type="button" disabled=${busy} onClick=${() => run()} title=${t.revealIsRecorded}>
        <${Icon} name="eye" /> ${busy ? t.revealing : t.reveal}
      </button>`}
    </div>
    ${error && html`<${Problem} error=${error} retry=${() => run()} />`}`;
}
