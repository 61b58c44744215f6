// What the API answers to the pages under test: one organization with a full life.
const DAY = 86400000;
const at = (days) => new Date(Date.now() + days * DAY).toISOString();

export const client = (fields) => ({
  organization_id: "01a20a83-9466-73f3-9515-bc9e4ab57663",
  organization: "acme",
  default: false,
  roles: ["member"],
  scopes: ["orders:read", "orders:write"],
  audiences: ["public-api"],
  token_lifetime: 3600,
  token_type: null,
  allowed_networks: null,
  auth_methods: ["secret"],
  token_binding: null,
  profile: null,
  secret_version: 1,
  secret_hint: "RH3m",
  secret_created_at: at(-40),
  secret_expires_at: null,
  created_at: at(-300),
  disabled: false,
  disabled_at: null,
  ...fields,
});

export const SECRET = "m2ms_OucJKrcTcDRChHZP2u3ZaUGesKbGjDR6iXA3g0iRH3m_2wtvsp";
export const NEW_SECRET = "m2ms_9fGh2LmQpZxVbN4rTyUiWoEaSd7kJhGfCqXzMnBvLrT_8hjKlw";

export const MAIN = "m2m_3lMxvAWyTFiUZLlMwedMOF";
const SYNC = "m2m_7kPqRsTuVwXyZaBcDeFgHi";

const clients = () => [
  client({ client_id: SYNC, name: "Nightly sync", secret_version: 1, secret_hint: "Qw9z", secret_created_at: at(-290), secret_expires_at: at(9.5) }),
  client({ client_id: MAIN, name: "Production backend", default: true, secret_version: 3, secret_hint: "RH3m", secret_created_at: at(-0.2) }),
];

const use = (days, remote_addr, user_agent) => ({ at: at(days), remote_addr, user_agent, unknown_until: null });

export const held = {
  [MAIN]: {
    secrets: [
      { version: 3, hint: "RH3m", created_by: "portal:Ada Lovelace <ada@example.com>", created_at: at(-0.2), expires_at: null, last_use: use(-0.003, "192.0.2.7", "orders/4.2") },
      { version: 2, hint: "k2Lp", created_by: "operator:root", created_at: at(-91), expires_at: at(0.8), last_use: use(-0.05, "192.0.2.23", "billing/1.9") },
    ],
    credentials: [
      { credential_id: "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", kind: "key", name: "Build server", created_at: at(-60), expires_at: at(300), last_use: use(-2, "198.51.100.4", "deploy") },
      { credential_id: "w:github:acme/shop", kind: "workload", name: "Release workflow", created_at: at(-20), expires_at: null, last_use: { at: null, remote_addr: null, user_agent: null, unknown_until: null } },
    ],
  },
  [SYNC]: {
    secrets: [{ version: 1, hint: "Qw9z", created_by: null, created_at: at(-290), expires_at: at(9.5), last_use: use(-41, "203.0.113.80", "curl/8.5.0") }],
    credentials: [],
  },
};

const rotation = {
  [MAIN]: [
    {
      version: 2,
      hint: "k2Lp",
      created_at: at(-91),
      replaced_at: at(-0.2),
      expires_at: at(0.8),
      unused_for: null,
      counted_since: null,
      used_by: [
        { remote_addr: "192.0.2.23", user_agent: "billing/1.9", tokens: 14, first_issued_at: at(-0.19), last_issued_at: at(-0.05) },
        { remote_addr: "192.0.2.31", user_agent: "python-requests/2.31.0", tokens: 2, first_issued_at: at(-0.18), last_issued_at: at(-0.12) },
      ],
    },
  ],
  [SYNC]: [],
};

const token = (i) => ({
  jti: `01a227a8-b3b8-7b74-8e03-${String(i).padStart(12, "0")}`,
  issued_at: at(-((i * i) % 97) / 14 - i / 600),
  expires_at: at(0.04 - i / 40),
  client_id: i % 4 ? MAIN : SYNC,
  secret_version: i % 5 ? 3 : null,
  auth_method: i % 5 ? "client_secret_basic" : "private_key_jwt",
  credential: i % 5 ? null : "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
  bound_to: null,
  kid: "2026-11-a",
  caller: "client",
  scope: "orders:read orders:write",
  audience: "public-api",
  transport: i % 7 ? "rest" : "grpc",
  remote_addr: `192.0.2.${7 + (i % 5)}`,
  user_agent: i === 21 ? '=HYPERLINK("x")' : i % 3 ? "orders/4.2" : "billing/1.9",
  request_id: `01a227a8-b3cc-7ced-917c-${String(i).padStart(12, "0")}`,
});

export const tokens = Array.from({ length: 60 }, (_, i) => token(i)).sort((a, b) => (a.issued_at < b.issued_at ? 1 : -1));

const act = (i, fields) => ({
  act_id: `01a227a9-0000-7b74-8e03-${String(i).padStart(12, "0")}`,
  done_at: at(-i / 3 - 0.01),
  action: "read_secret",
  outcome: "granted",
  actor: i % 3 ? "portal:Ada Lovelace <ada@example.com>" : "operator:root",
  client_id: i % 4 ? MAIN : SYNC,
  secret_version: 3,
  detail: {},
  remote_addr: `192.0.2.${7 + (i % 5)}`,
  user_agent: "Mozilla/5.0",
  request_id: `01a227a9-b3cc-7ced-917c-${String(i).padStart(12, "0")}`,
  transport: i % 3 ? "rest" : "m2mctl",
  ...fields,
});

const acts = [
  act(0, { action: "rotate_secret", detail: { grace_seconds: 86400 }, actor: "portal:Ada Lovelace <ada@example.com>", client_id: MAIN }),
  act(0.1, { action: "revoke_token", detail: { jti: tokens[4].jti }, client_id: tokens[4].client_id }),
  ...Array.from({ length: 24 }, (_, i) => act(i + 1, [{}, { action: "open_portal_session", client_id: null, secret_version: null }, { outcome: "forbidden" }, { action: "add_key", detail: { credential: "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U" } }][i % 4])),
];

function listActs(query) {
  const wanted = ["client_id", "action", "actor", "outcome"].filter((field) => query.get(field));
  const found = acts.filter((one) => wanted.every((field) => one[field] === query.get(field)) && one.done_at >= (query.get("done_after") ?? ""));
  const from = Number(query.get("page_token") ?? 0);
  return { acts: found.slice(from, from + 15), next_page_token: found.length > from + 15 ? String(from + 15) : null };
}

// As the database counts: each hour or day of the browser's time zone, or the largest.
function sumTokens(query) {
  const by = query.get("by");
  const after = new Date(query.get("issued_after"));
  if (by === "hour" || by === "day") {
    const step = by === "hour" ? DAY / 24 : DAY;
    const n = Math.ceil((Date.now() - after) / step);
    return { by, sums: Array.from({ length: n }, (_, i) => ({ at: new Date(Math.floor(after / step) * step + (i + 1) * step).toISOString(), tokens: Math.round(900 + 700 * Math.sin(i * 0.9) ** 2) * (i % 7 === 5 ? 0 : 1) })), others: 0 };
  }
  const field = { client: "client_id", address: "remote_addr", version: "secret_version" }[by];
  const values = { client: [MAIN, SYNC], address: ["192.0.2.7", "192.0.2.23", "2001:db8:7::1"], version: [3, 2, null] }[by];
  return { by, sums: values.map((value, i) => ({ [field]: value, tokens: 48211 >> (i * 2) })), others: by === "address" ? 318 : 0 };
}

export const session = (may = ["read", "reveal", "rotate", "clients", "audit"]) => ({
  organization: { id: "01a20a83-9466-73f3-9515-bc9e4ab57663", name: "Acme Industries" },
  actor: "Ada Lovelace <ada@example.com>",
  may,
  return_url: "https://app.example.com/settings",
  expires_at: at(1),
  idle_expires_at: at(1 / 24),
});

export const problem = (status, code) => ({
  status,
  body: { type: "about:blank", title: "No", status, detail: `The answer is ${code}.`, code, request_id: "01a227a8-b3b8-7b74-8e03-235502287135" },
});

// One answer: {status, body}. `world` is the test's: what the session may, what has been done.
export function answer(world, method, path, url, body, given) {
  world.asked.push(`${method} ${path}`);
  const special = world.special?.(method, path);
  if (special) return special;
  if (path === "/portal/session" && method === "POST") return body?.code === "good" ? { status: 201, body: session(world.may) } : problem(401, "invalid_token");
  if (path === "/portal/session" && method === "GET") return world.signedIn ? { status: 200, body: session(world.may) } : problem(401, "invalid_token");
  if (path === "/portal/session") return { status: 204 };
  if (path === "/m2m/client-id") return { status: 200, body: { client_id: MAIN } };
  if (path === "/m2m/audit/tokens") {
    const address = url.searchParams.get("remote_addr");
    return { status: 200, body: { tokens: tokens.filter((one) => !address || one.remote_addr === address), next_page_token: null } };
  }
  if (path === "/m2m/audit/acts") return { status: 200, body: listActs(url.searchParams) };
  if (path === "/m2m/audit/token-sums") {
    world.zone = url.searchParams.get("time_zone");
    return { status: 200, body: sumTokens(url.searchParams) };
  }
  if (/\/credentials(\/|$)/.test(path) && method !== "GET") {
    world.changed = { method, path, body };
    return { status: method === "POST" ? 201 : 204, body: method === "POST" ? {} : undefined };
  }
  const found = path.match(/^\/admin\/organizations\/[^/]+\/clients(?:\/([^/]+)\/(\w+))?$/);
  if (!found) return problem(404, "not_found");
  const [, id, what] = found;
  if (!id) return { status: 200, body: { clients: world.empty ? [] : clients(), next_page_token: null } };
  switch (what) {
    case "secret":
      return { status: 200, body: { client_id: id, client_secret: SECRET, version: 3, created_at: at(-0.2), expires_at: null } };
    case "credentials":
      return { status: 200, body: held[id] };
    case "rotation":
      return { status: 200, body: { client_id: id, previous_secrets: method === "DELETE" || world.ended ? [] : rotation[id] } };
    case "rotate":
      world.rotated = body;
      world.keys = [...(world.keys ?? []), given["idempotency-key"]];
      if (world.lost) return problem(503, "store_unavailable");
      return {
        status: 200,
        body: { client_id: id, client_secret: NEW_SECRET, version: 4, rotated_at: at(0), expires_at: null, previous_secret_expires_at: at(1), previous_secret_unused_for: null },
      };
    default:
      return problem(404, "not_found");
  }
}
