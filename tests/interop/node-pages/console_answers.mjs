// What the API answers to the console under test: some thousand organizations, a rotation under way.
import { client, held, MAIN, problem, SECRET, tokens as issued } from "./answers.mjs";

const DAY = 86400000;
const at = (days) => new Date(Date.now() + days * DAY).toISOString();
const uuid = (i) => `01a20a83-9466-73f3-9515-${String(i).padStart(12, "0")}`;

export const ORGANIZATIONS = 3217;
export const CLIENTS = 1000000;
export const NEXT_KID = "mJ3kq0b2Zt9sXy1A";
export const ACTIVE_KID = "Qp7vT2nLw8RzKc5E";
export const LINK = "https://id.example.com/portal#Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF";
export const CODE = "b3BlbnMtb25lLWNvbnNvbGUtc2Vzc2lvbi1hbmQtbm8";

const names = ["Acme Industries", "Borealis Logistics", "Cobalt Health", "Delta Grid", "Evergreen Foods", "Fjord Shipping", "Granite Insurance"];

const organization = (i) => ({
  organization_id: uuid(i),
  slug: i === 0 ? "acme" : `${names[i % 7].split(" ")[0].toLowerCase()}-${i}`,
  name: i === 0 ? names[0] : `${names[i % 7]} ${i}`,
  issuer: i % 3 ? null : "https://login.example.com",
  external_id: i % 3 ? null : `org_${i}`,
  client_id: MAIN,
  clients: i === 0 ? 10000 : (i * 37) % 211,
  allowed_networks: i === 0 ? ["192.0.2.0/24", "2001:db8::/32"] : null,
  secret_max_age: i === 0 ? 90 * 86400 : null,
  created_at: at(-i / 3 - 2),
  disabled: i % 11 === 4,
  disabled_at: i % 11 === 4 ? at(-1) : null,
});

const ref = (i) => ({ id: uuid(i), slug: organization(i).slug, name: organization(i).name });

const clientOf = (i) =>
  client({
    client_id: i === 0 ? MAIN : `m2m_${String(i).padStart(7, "0")}xYzAbCdEfGhIjKl`,
    name: i === 0 ? "Production backend" : ["Nightly sync", "Billing export", "Warehouse", "Reports"][i % 4] + ` ${i}`,
    default: i === 0,
    secret_version: i === 0 ? 3 : 1,
    disabled: i % 9 === 5,
    created_at: at(-i - 1),
    secret_expires_at: i % 4 === 1 ? at(9) : null,
  });

// One page of n things, by cursor; `of` makes the i-th.
function page(url, field, n, of) {
  const size = Number(url.searchParams.get("page_size") ?? 50);
  const from = Number(url.searchParams.get("page_token") ?? 0);
  const rows = Array.from({ length: Math.max(0, Math.min(size, n - from)) }, (_, i) => of(from + i));
  return { status: 200, body: { [field]: rows, next_page_token: from + size < n ? String(from + size) : null } };
}

const searched = (url, n, of, texts) => {
  const search = url.searchParams.get("search")?.toLowerCase();
  const state = url.searchParams.get("state");
  const all = Array.from({ length: search || state ? Math.min(n, 20000) : 0 }, (_, i) => of(i)).filter(
    (one) => (!search || texts(one).some((text) => text.toLowerCase().startsWith(search))) && (!state || one.disabled === (state === "disabled")),
  );
  return search || state ? [all.length, (i) => all[i]] : [n, of];
};

export const session = (may = ["read", "organizations", "clients", "reveal", "keys", "audit"]) => ({
  actor: "grace@example.com",
  may,
  expires_at: at(1),
  idle_expires_at: at(1 / 24),
});

const keys = () => [
  { kid: NEXT_KID, alg: "ES256", state: "next", created_at: at(-0.003), active_from: at(0.012), retired_at: null, revoked_at: null, published_until: null },
  { kid: ACTIVE_KID, alg: "ES256", state: "active", created_at: at(-88), active_from: at(-87.9), retired_at: null, revoked_at: null, published_until: null },
  { kid: "Hd4xBn6Yq1SgVu3J", alg: "RS256", state: "retired", created_at: at(-180), active_from: at(-179), retired_at: at(-87.9), revoked_at: null, published_until: at(2) },
  { kid: "Lw9cMf2Tk7PoRe5Z", alg: "RS256", state: "revoked", created_at: at(-400), active_from: at(-399), retired_at: at(-300), revoked_at: at(-300), published_until: null },
];

const masters = [
  { key_id: "k2", primary: true, loaded: true, registered_at: at(-30), secrets: 48211, signing_keys: 3 },
  { key_id: "k1", primary: false, loaded: true, registered_at: at(-500), secrets: 912, signing_keys: 0 },
  { key_id: "k0", primary: false, loaded: false, registered_at: at(-900), secrets: 0, signing_keys: 0 },
];

const health = (status = "warning") => ({
  status,
  version: "2.4.0",
  revision: "63f43f8c1d2e4f5a6b7c8d9e0f1a2b3c4d5e6f70",
  started_at: at(-6.2),
  workers: 4,
  database: { server_version: "17.6", primary: true, round_trip_ms: 0.41, connections: 12 },
  checks: [
    { name: "database", state: "ok", detail: "It answers in 0.41 ms." },
    { name: "durability", state: "ok", detail: "fsync, full_page_writes and synchronous_commit are on." },
    { name: "schema", state: "ok", detail: "Version 20, as this gateway expects." },
    { name: "signing_key", state: "warning", detail: "The key that signs is 88 days old. The next one takes over in 17 minutes." },
    { name: "certificate", state: status === "failing" ? "failing" : "ok", detail: "It ends on 2027-02-27." },
    { name: "partitions", state: "ok", detail: "There are audit partitions for the next 28 days." },
  ],
});

const reasons = ["invalid_client", "network_not_allowed", "invalid_token", "assertion_replayed", "rate_limited"];
const denied = (i) => ({
  denied_at: at(-i / 200),
  reason: reasons[i % 5],
  client_id: i % 4 === 3 ? "m2m_nobody" : MAIN,
  organization: i % 4 === 3 ? null : ref(i % 7),
  remote_addr: `203.0.113.${(i * 7) % 250}`,
  user_agent: null,
  request_id: null,
  attempts: ((i * 13) % 40) + 1,
});

const actions = ["rotate_secret", "read_secret", "create_client", "update_organization", "create_portal_link", "add_credential"];
const act = (i) => ({
  act_id: uuid(i + 500),
  done_at: at(-i / 40),
  action: actions[i % 6],
  outcome: i % 8 === 7 ? "conflict" : "granted",
  actor: i % 3 ? "portal:Ada Lovelace <ada@example.com>" : "console:grace@example.com",
  client_id: i % 4 === 3 ? null : MAIN,
  secret_version: i % 6 === 0 ? 3 : null,
  detail: i % 6 === 3 ? { name: "=Acme", disabled: true } : {},
  remote_addr: "192.0.2.7",
  user_agent: "Mozilla/5.0",
  request_id: uuid(i + 900),
  transport: "rest",
  organization: i % 9 === 8 ? null : ref(i % 7),
});

const seat = (i, kind) => ({
  session_id: uuid(700 + i),
  organization: kind === "console" ? null : ref(i),
  actor: kind === "console" ? "grace@example.com" : ["Ada Lovelace <ada@example.com>", "Alan Turing <alan@example.com>", "Edsger Dijkstra"][i % 3],
  may: kind === "console" ? ["read", "audit"] : ["read", "reveal", "rotate"].slice(0, 1 + (i % 3)),
  return_url: null,
  made_at: at(-0.2),
  last_used_at: at(-0.01 * (i + 1)),
  expires_at: at(0.8),
  idle_expires_at: at(0.03),
});

const ok = (body, status = 200) => ({ status, body });
const none = { status: 204 };

function audit(what, url) {
  const client_id = url.searchParams.get("client_id");
  const slug = url.searchParams.get("organization");
  const mine = (row) => (!client_id || row.client_id === client_id) && (!slug || row.organization?.slug === slug);
  const make = { tokens: (i) => ({ ...issued[i % issued.length], jti: uuid(i + 2000), organization: ref(i % 7) }), acts: act, denied }[what];
  const rows = Array.from({ length: 230 }, (_, i) => make(i)).filter(mine);
  return page(url, what, rows.length, (i) => rows[i]);
}

// What can be changed has a tag, of what was changed so far, and may be changed on condition of it.
function tagged(world, name, given, method, body, whole) {
  const tag = () => `"${Buffer.from(JSON.stringify(world[name] ?? {})).toString("hex")}"`;
  if (given["if-match"] && given["if-match"] !== tag()) return problem(412, "precondition_failed");
  if (method !== "GET") world.changed = { method, path: world.path, body };
  if (method === "DELETE") return none;
  if (method === "PATCH") world[name] = { ...world[name], ...body };
  return { ...ok({ ...whole, ...world[name] }), headers: { etag: tag() } };
}

function below(world, method, path, url, body, given) {
  const [, slug, what, id, part] = path.match(/^\/admin\/organizations\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?(?:\/(\w+))?/);
  const one = { ...organization(0), ...world.organization };
  if (!what) return slug === one.slug || slug === one.organization_id ? tagged(world, "organization", given, method, body, one) : problem(404, "organization_not_found");
  if (what === "portal-links") return ok({ url: LINK, expires_at: at(0.002) }, 201);
  if (what === "portal-sessions") return method === "DELETE" ? none : ok({ sessions: world.empty ? [] : [0, 1].map((i) => seat(i, "portal")) });
  if (!id && method === "POST") return ok({ ...clientOf(7), ...body, client_secret: SECRET }, 201);
  if (!id) return page(url, "clients", ...searched(url, world.empty ? 0 : 120, clientOf, (m) => [m.client_id, m.name]));
  if (!part) return tagged(world, "client", given, method, body, { ...clientOf(0), client_id: id });
  if (part === "secret") return ok({ client_id: id, client_secret: SECRET, version: 3, created_at: at(-0.2), expires_at: null });
  if (part === "credentials") return ok(held[MAIN]);
  return ok({ client_id: id, previous_secrets: [] });
}

export function answerConsole(world, method, path, url, body, given) {
  const settings = method !== "POST" && /^\/admin\/organizations\/[^/]+(\/clients\/[^/]+)?$/.test(path);
  world.asked.push(`${method} ${path}${url.search}`);
  world.path = path;
  if (method !== "GET" && !settings) world.changed = { method, path, body };
  const special = world.special?.(method, path);
  if (special) return special;
  switch (path) {
    case "/console/session":
      if (method === "DELETE") return none;
      if (method === "POST") world.signedIn = body?.code === CODE;
      return world.signedIn ? ok(session(world.may), method === "POST" ? 201 : 200) : problem(401, "invalid_token");
    case "/admin/health":
      return ok(health(world.health));
    case "/admin/organizations":
      if (method === "POST") return ok({ ...organization(1), ...body, name: body.name ?? body.slug, client_secret: SECRET }, 201);
      return page(url, "organizations", ...searched(url, world.empty ? 0 : ORGANIZATIONS, organization, (o) => [o.slug, o.organization_id, ...o.name.split(" ")]));
    case "/admin/clients":
      return page(url, "clients", ...searched(url, CLIENTS, (i) => ({ ...clientOf(i), organization: ref(i % 7), last_used_at: i % 5 ? at(-i / 50) : null }), (m) => [m.client_id, m.name]));
    case "/admin/signing-keys":
      return ok({ keys: keys() });
    case "/admin/signing-keys/rotate":
      return ok(keys()[0], 201);
    case "/admin/master-keys":
      return ok({ keys: masters });
    case "/admin/portal-sessions":
      return page(url, "sessions", 3, (i) => seat(i, url.searchParams.get("kind") ?? "portal"));
    default:
  }
  if (path.startsWith("/admin/audit/")) return world.empty ? ok({ [path.slice(13)]: [], next_page_token: null }) : audit(path.slice(13), url);
  if (path.startsWith("/admin/organizations/")) return below(world, method, path, url, body, given);
  if (/^\/admin\/signing-keys\/[^/]+\/revoke$/.test(path)) return ok({ ...keys()[1], state: "revoked" });
  if (path.startsWith("/admin/console-sessions/")) return none;
  return problem(404, "not_found");
}
