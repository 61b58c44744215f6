// Drives the pages in Chromium against a real gateway on a real PostgreSQL: every answer is the
// service's own, and what the pages have done is looked up in the database and tried as a client
// would. tap.sh says what is printed; stack.sh, and run_pages_real, what is in the environment.
//
//   node real.mjs CHROMIUM FOLDER   screenshots go to FOLDER
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { launchForTests, withoutBlur } from "./browser.mjs";
import { consoleTests } from "./real_console.mjs";

const [executablePath, folder] = process.argv.slice(2);
const { M2M_URL: url, M2M_CLIENT_ID: id, M2M_ADMIN_TOKEN: admin, M2MCTL, PSQL, M2M_ADMIN_DATABASE_URL: database, GATEWAY_LOG } = process.env;
const ADA = "Ada Lovelace <ada@example.com>";
const RIGHTS = ["reveal", "rotate", "clients", "audit"];

// The secret that works now; and all that ever did, with all codes and session tokens: none of them
// may stand where it doesn't belong.
let secret = process.env.M2M_CLIENT_SECRET;
const confidential = new Set([secret]);
const asked = [];

// ---- words ----

const m2mctl = (...words) => execFileSync(M2MCTL, words, { encoding: "utf8" });

const sql = (text) => execFileSync(PSQL, ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text], { encoding: "utf8" }).trim();

const acts = (action, outcome = "granted") =>
  Number(sql(`select count(*) from m2m.admin_audit where action = '${action}' and outcome = '${outcome}' and actor = 'portal:${ADA}'`));

function link(...may) {
  const made = m2mctl("portal", "link", "demo", "--actor", ADA, ...may.flatMap((right) => ["--may", right])).match(/http\S+\/portal#\S+/)[0];
  confidential.add(made.split("#")[1]);
  return made;
}

async function token(withSecret, agent = "orders/4.2", client = id) {
  return fetch(`${url}/oauth2/token`, {
    method: "POST",
    headers: {
      Authorization: `Basic ${Buffer.from(`${client}:${withSecret}`).toString("base64")}`,
      "Content-Type": "application/x-www-form-urlencoded",
      "User-Agent": agent,
    },
    body: "grant_type=client_credentials",
  });
}

const gives = async (withSecret, status, agent, client) => assert.equal((await token(withSecret, agent, client)).status, status);

// RFC 7523 section 3
async function tokenByKey(privateKey) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: "ES256" })}.${part({ iss: id, sub: id, aud: url, exp: now + 60, iat: now, jti: randomUUID() })}`;
  const signature = sign("sha256", Buffer.from(signed), { key: createPrivateKey(privateKey), dsaEncoding: "ieee-p1363" }).toString("base64url");
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: `${signed}.${signature}`,
  });
  return fetch(`${url}/oauth2/token`, { method: "POST", body });
}

// ---- pages ----

const browser = await launchForTests(executablePath);

let faults = [];

// A line of the console that tells of an error, the policy's too, fails the test.
async function newPage() {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
    timezoneId: "Europe/Berlin",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  await page.addInitScript(withoutBlur);
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (m) => {
    if (m.type() === "error" && !/Failed to load resource.*(400|401|403|404|409|412)/.test(m.text())) faults.push(m.text());
  });
  page.on("request", (request) => asked.push(request.url()));
  return page;
}

// Tests share a page, since a new one costs as much as three loads of it; it rests without a session
// at another document of the same origin. What one of them leaves to the next are the addresses that
// it was on, which all are looked at.
let shared = null;
async function test(name, act) {
  const page = (shared ??= await newPage());
  const context = page.context();
  faults = [];
  try {
    await act(page, context);
    assert.deepEqual(faults, []);
    await nothing_is_left(page, context);
    await context.clearCookies();
    for (const other of context.pages()) if (other !== page) await other.close();
    await page.goto(`${url}/docs`);
    console.log(`ok - ${name}`);
  } catch (error) {
    await page.screenshot({ path: `${folder}/failed-${name.replaceAll(" ", "-")}.png`, fullPage: true }).catch(() => {});
    console.log(error.message, faults);
    console.log(`not ok - ${name}`);
    process.exitCode = 1;
    shared = null;
    await context.close();
  }
}

// A browser keeps nothing of it: neither where scripts store, nor among the pages that one was on.
async function nothing_is_left(page, context) {
  const cookies = await context.cookies();
  for (const cookie of cookies) confidential.add(cookie.value);
  const stored = await page.evaluate(async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state, await caches?.keys(), await indexedDB.databases()]));
  assert.equal(stored, '[{},{},"",null,[],[]]');
  const { entries } = await (await context.newCDPSession(page)).send("Page.getNavigationHistory");
  const history = entries.map((entry) => `${entry.url} ${entry.title}`).join("\n");
  for (const value of confidential) assert.ok(!history.includes(value), "the history has something confidential");
  for (const cookie of cookies) assert.ok(cookie.name.startsWith("__Host-") && cookie.httpOnly && cookie.secure && cookie.sameSite === "Strict", JSON.stringify(cookie));
}

const shot = (page, file) => page.screenshot({ path: `${folder}/${file}.jpeg`, type: "jpeg", quality: 40, caret: "initial" });

async function open(page, ...may) {
  await page.goto(link(...may));
  await page.getByRole("heading", { name: "Versions" }).waitFor();
}

const button = (page, name) => page.getByRole("button", { name, exact: true });

async function reveal(page) {
  await button(page, "Reveal").click();
  return page.locator("[data-secret]").textContent();
}

async function file(page, kind) {
  await button(page, "Download").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: kind }).click()]);
  return readFileSync(await download.path(), "utf8");
}

// Chooses, rotates, and takes the new secret from the page: it has to give tokens.
async function rotate(page, choice) {
  const old = secret;
  await button(page, "Rotate secret").click();
  await page.getByRole("radio", { name: choice }).check();
  const said = await page.locator(".happens").textContent();
  await button(page, "Rotate now").click();
  secret = await page.locator("[data-secret]").textContent();
  confidential.add(secret);
  assert.notEqual(secret, old);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await gives(secret, 200);
  return { old, said };
}

const version = () => Number(sql(`select max(version) from m2m.client_secret where client_id = '${id}'`));

async function again(page) {
  await page.reload();
  await page.getByRole("heading", { name: "Versions" }).waitFor();
}

const tab = (page, name) => page.locator("header").getByRole("button", { name, exact: true }).click();

const contract = await (await fetch(`${url}/openapi.json`)).json();

// ---- the tests ----

await test("a link opens the overview, and leaves the address", async (page) => {
  await open(page, ...RIGHTS);
  assert.equal(page.url(), `${url}/portal`);
  assert.ok((await page.evaluate(() => history.length)) <= 2);
  assert.ok((await page.getByText(id).count()) > 0);
  assert.ok((await page.getByText(`${url}/oauth2/token`).count()) > 0);
  const source = await page.content();
  for (const value of confidential) assert.ok(!source.includes(value), "the page has something confidential");
  assert.equal(acts("open_portal_session"), 1);
  await shot(page, "real-overview");
});

await test("a secret is shown when asked for, recorded, copied and taken along", async (page) => {
  await open(page, "reveal");
  const before = acts("read_secret");
  assert.ok(!(await page.content()).includes(secret));
  assert.equal(await reveal(page), secret);
  assert.equal(acts("read_secret"), before + 1);
  await page.getByRole("button", { name: "Copy Client secret" }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  const env = await file(page, ".env file");
  const read = execFileSync("bash", ["-c", 'eval "$1"; printf "%s %s %s" "$M2M_CLIENT_ID" "$M2M_CLIENT_SECRET" "$M2M_TOKEN_URL"', "env", env], { encoding: "utf8" });
  assert.equal(read, `${id} ${secret} ${url}/oauth2/token`);
  assert.deepEqual(JSON.parse(await file(page, "JSON")), { client_id: id, client_secret: secret, token_url: `${url}/oauth2/token` });
  const data = (await file(page, "Kubernetes Secret")).match(/client-secret: (\S+)/)[1];
  assert.equal(Buffer.from(data, "base64").toString(), secret);
  await button(page, "Hide").click();
  await page.locator("[data-secret]").waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(secret));
});

await test("after a rotation with overlap both secrets work, and the page shows who uses the old one", async (page) => {
  await open(page, ...RIGHTS);
  const n = version();
  const { old, said } = await rotate(page, /In a day/);
  assert.match(said, new RegExp(`Version ${n} works until`));
  await page.getByText("Nothing has used it since the rotation").waitFor();
  await gives(old, 200, "billing/1.9");
  await again(page);
  const row = page.locator(".grace tbody tr");
  assert.match(await row.textContent(), /127\.0\.0\.1\s*billing\/1\.9\s*1/);
  await shot(page, "real-grace");
  await button(page, "Keep it a week longer").click();
  await page.getByText(/in (6|7) days/).first().waitFor();
  await button(page, "End it now").click();
  await page.locator(".grace").waitFor({ state: "detached" });
  await gives(old, 401);
  assert.equal(acts("rotate_secret"), 1);
});

await test("a rotation right away refuses the old secret at once, and ends its tokens if asked to", async (page) => {
  await open(page, ...RIGHTS);
  const { access_token } = await (await token(secret)).json();
  const active = async () => {
    const answer = await fetch(`${url}/oauth2/introspect`, { method: "POST", headers: { Authorization: `Bearer ${admin}` }, body: new URLSearchParams({ token: access_token }) });
    return (await answer.json()).active;
  };
  assert.equal(await active(), true);
  const old = secret;
  await button(page, "Rotate secret").click();
  await page.getByRole("radio", { name: /Right away/ }).check();
  await page.getByRole("checkbox").check();
  await button(page, "Rotate now").click();
  secret = await page.locator("[data-secret]").textContent();
  confidential.add(secret);
  await gives(old, 401);
  await gives(secret, 200);
  assert.equal(await active(), false);
});

await test("a rotation until unused says so, and keeps the old secret", async (page) => {
  await open(page, ...RIGHTS);
  const { old } = await rotate(page, /When nothing uses it/);
  await page.getByText(/until it has been unused for 2 days/).waitFor();
  await gives(old, 200);
});

await test("a key is added, gives tokens, and gives none once it is removed", async (page) => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256", publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } });
  await open(page, ...RIGHTS);
  await button(page, "Add").click();
  await page.getByLabel("Name").fill("Build server");
  await page.getByLabel("Public key or certificate").fill(pair.publicKey);
  await page.locator("dialog button[type=submit]").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByText("Build server").waitFor();
  assert.equal((await tokenByKey(pair.privateKey)).status, 200);
  await button(page, "Remove").click();
  await page.locator("dialog button.danger").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.equal((await tokenByKey(pair.privateKey)).status, 401);
});

await test("the tokens are listed, filtered and taken along, and one tells its story", async (page) => {
  await open(page, "audit");
  await tab(page, "Tokens");
  await page.getByText(/^\d+ tokens$/).waitFor();
  const n = Number(sql("select count(*) from m2m.token_audit where client_id is not null"));
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Download CSV").click()]);
  const csv = readFileSync(await download.path(), "utf8");
  const ids = sql("select jti from m2m.token_audit where client_id is not null").split("\n");
  for (const jti of ids) assert.ok(csv.includes(jti), `the CSV lacks ${jti}`);
  await shot(page, "real-tokens");
  await page.getByLabel("Client").selectOption(id);
  await page.getByText(`${n} tokens`, { exact: true }).waitFor();
  await page.getByLabel("Address").fill("192.0.2.1");
  await button(page, "Apply").click();
  await page.getByText("No token matches").waitFor();
  await page.getByLabel("Address").fill("127.0.0.0/8");
  await button(page, "Apply").click();
  await page.locator("tbody tr", { hasText: "billing/1.9" }).first().getByRole("button").click();
  const story = await page.locator("dialog").textContent();
  for (const word of ["billing/1.9", "127.0.0.1", "Secret (Basic)", id]) assert.ok(story.includes(word), word);
  await shot(page, "real-story");
});

async function served(name, path, act) {
  if (contract.paths[path]) await test(name, act);
  else console.log(`ok - ${name} # SKIP this gateway has no ${path}`);
}

await served("the database counts the tokens, over time and by client, address and version", "/m2m/audit/token-sums", async (page) => {
  await open(page, "audit");
  await tab(page, "Tokens");
  await page.locator(".chart canvas").waitFor();
  const n = Number(sql("select count(*) from m2m.token_audit"));
  await page.getByLabel(`Chart: ${n} tokens over time`).waitFor();
  await shot(page, "real-sums");
  await button(page, "By address").click();
  await page.locator(".sums tr", { hasText: "127.0.0.1" }).waitFor();
  await page.getByLabel("Client").selectOption(id);
  await button(page, "By version").click();
  await page.locator(".sums tr", { hasText: "Version" }).first().waitFor();
  const counted = await page.locator(".sums tr").allTextContents();
  const wanted = sql(`select 'Version ' || secret_version || count(*) from m2m.token_audit where secret_version is not null group by secret_version`).split("\n");
  for (const row of wanted) assert.ok(counted.includes(row), `${row} is not among ${counted}`);
  await page.getByLabel("Period").selectOption("1");
  await button(page, "Over time").click();
  await page.locator(".chart canvas").waitFor();
});

await served("the acts tell who did what, and a token's story how it ended", "/m2m/audit/acts", async (page) => {
  await open(page, ...RIGHTS);
  await page.getByText(new RegExp(`Version ${version()} was made by Ada Lovelace`)).waitFor();
  await tab(page, "Activity");
  await page.locator("tr", { hasText: "Rotated the secret" }).first().getByRole("button").click();
  const act = await page.locator("dialog").textContent();
  for (const word of [ADA, id, "127.0.0.1", "Done"]) assert.ok(act.includes(word), word);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByLabel("What").selectOption("read_secret");
  await page.locator("tr", { hasText: "Rotated the secret" }).first().waitFor({ state: "detached" });
  assert.equal(await page.locator("tbody tr").count(), acts("read_secret"));
  await shot(page, "real-acts");
  const { access_token } = await (await token(secret, "ended/1")).json();
  const revoked = await fetch(`${url}/oauth2/revoke`, { method: "POST", headers: { Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` }, body: new URLSearchParams({ token: access_token }) });
  assert.equal(revoked.status, 200);
  await token(secret, "good/1");
  await tab(page, "Tokens");
  for (const [agent, state] of [["ended/1", /^Revoked.*by m2m_/], ["good/1", /^Good$/]]) {
    await page.locator("tbody tr", { hasText: agent }).getByRole("button").click();
    await page.locator("dialog [aria-live]").filter({ hasText: state }).waitFor();
    await shot(page, `real-story-${agent.slice(0, -2)}`);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }
});

await test("a request is sent from the documentation, and its answer is the gateway's", async (page) => {
  await open(page, "reveal", "rotate");
  await page.goto(`${url}/docs#get_client_id`);
  await button(page, "Send").click();
  const answer = page.getByRole("region", { name: "What it answered" });
  assert.deepEqual(JSON.parse(await answer.textContent()), { client_id: id });
  await page.getByText("headers", { exact: false }).first().click();
  await page.getByText("x-request-id:").waitFor();
  assert.ok((await page.locator("#snippet").textContent()).includes(url));
  await page.goto(`${url}/docs#get_client_secret`);
  await button(page, "Send").click();
  assert.equal(JSON.parse(await answer.textContent()).client_secret, secret);
  await shot(page, "real-docs");
  await page.evaluate(() => dispatchEvent(new Event("blur")));
  await answer.waitFor({ state: "detached" });
  const n = version();
  await page.goto(`${url}/docs#rotate_client`);
  await button(page, "Send").click();
  assert.equal(version(), n);
  await page.locator("dialog").getByRole("button", { name: "Send", exact: true }).click();
  const made = JSON.parse(await answer.textContent());
  confidential.add(made.client_secret);
  assert.equal(made.version, n + 1);
  await gives(secret, 200);
  secret = made.client_secret;
  await gives(secret, 200);
  await page.goto(`${url}/docs#list_token_audit`);
  await button(page, "Send").click();
  assert.equal(JSON.parse(await answer.textContent()).status, 403);
});

await test("a link that only reads shows no way to do anything", async (page) => {
  await open(page);
  for (const name of ["Reveal", "Rotate secret", "End it now", "Tokens", "Add", "Remove"]) assert.equal(await button(page, name).count(), 0, name);
  assert.ok(await page.getByText("Read only").isVisible());
  const refused = await page.evaluate(async () => (await fetch("m2m/client-secret", { headers: { "X-M2M-Portal": "1" } })).status);
  assert.equal(refused, 403);
});

await test("a code opens one session", async (page, context) => {
  const made = link();
  await page.goto(made);
  await page.getByRole("heading", { name: "Versions" }).waitFor();
  await context.clearCookies();
  const other = await context.newPage();
  await other.goto(made);
  await other.getByRole("heading", { name: /This link has been used/ }).waitFor();
  assert.equal((await context.cookies()).length, 0);
});

await test("a link that is too old opens nothing", async (page, context) => {
  const made = link();
  sql("update m2m.portal_link set expires_at = clock_timestamp() - interval '1 second' where used_at is null");
  await page.goto(made);
  await page.getByRole("heading", { name: /This link has been used, or is too old/ }).waitFor();
  assert.equal((await context.cookies()).length, 0);
});

await test("a session that m2mctl ends is over at the next request", async (page) => {
  await open(page, ...RIGHTS);
  m2mctl("portal", "end", "demo", "--all");
  await button(page, "Reveal").click();
  await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
  assert.ok(!(await page.content()).includes(id));
});

await test("signing out ends the session", async (page, context) => {
  await open(page, ...RIGHTS);
  const cookies = await context.cookies();
  await button(page, "Sign out").click();
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  assert.equal((await context.cookies()).length, 0);
  await context.addCookies(cookies);
  await page.reload();
  await page.getByRole("heading", { name: "Open the portal from your product" }).waitFor();
  await context.clearCookies();
});

await consoleTests({ test, m2mctl, sql, confidential, shot, url, id, gives });
await browser.close();

// ---- what is left behind ----

function absent(name, text) {
  const found = [...confidential].filter((value) => text.includes(value));
  console.log(`${found.length === 0 ? "ok" : "not ok"} - ${name}`);
  if (found.length > 0) process.exitCode = 1;
}

assert.ok(confidential.size > 15);
absent("nothing confidential is in any URL that was asked for", asked.map((one) => one.split(/\/(?:portal|console)#/)[0]).join("\n"));
absent("nothing confidential is in the gateway's log", readFileSync(GATEWAY_LOG, "utf8"));
