// Drives the pages of a running gateway in Chromium. The pages, their assets, their headers and the
// contract are the gateway's own; the rest of the API is answers.mjs, so that each state can be had.
//
//   node pages.mjs URL CHROMIUM FOLDER SOURCES [WORDS]
//
// Screenshots go to FOLDER, SOURCES has the pages' modules. WORDS: only what has them in its name.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { answer, NEW_SECRET, problem, SECRET } from "./answers.mjs";
import { launchForTests, withoutBlur } from "./browser.mjs";
import { consoleTests } from "./console.mjs";
import { wrongSources } from "./sources.mjs";

const [base, executablePath, folder, sources, only = ""] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const origin = new URL(base).origin;
const prefix = new URL(base).pathname.replace(/\/$/, "");
const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 390, height: 844 } };

const failures = [];
let checks = 0;
let name = "";

function check(good, what) {
  checks++;
  if (!good) failures.push(`${name}: ${what}`);
}

// What the gateway answers itself; Chromium keeps assets from page to page, as it does for anyone.
// Everything else is made up.
const OWN = /^\/(portal|console|docs|openapi\.json|assets\/[^/]+)$/;
const MADE_UP = ["portal/*", "console/*", "m2m/*", "admin/*", "nothing-here"];

const isMadeUp = (path) => MADE_UP.some((pattern) => (pattern.endsWith("*") ? path.startsWith(`/${pattern.slice(0, -1)}`) : path === `/${pattern}`));

function asksOnlyForOurs(request) {
  const url = new URL(request.url());
  const path = url.pathname.slice(prefix.length);
  if (/^(data|blob):/.test(url.protocol)) return;
  if (url.origin !== origin) failures.push(`${name}: asks ${url.origin}`);
  else if (!OWN.test(path) && !isMadeUp(path)) failures.push(`${name}: asks for ${path}`);
}

// What answers.mjs and its like say of a request, as [status, headers, body].
async function madeUp(world, request) {
  const url = new URL(request.url);
  const path = url.pathname.slice(prefix.length);
  if (path === REST) return [200, restHeaders, ""];
  const asked = Object.fromEntries(Object.entries(request.headers).map(([field, value]) => [field.toLowerCase(), value]));
  check(asked[`x-m2m-${world.page ?? "portal"}`] === "1", `${path} is asked without the header`);
  if (world.slow) await new Promise((done) => setTimeout(done, world.slow));
  const body = request.postData ? JSON.parse(request.postData) : null;
  const answered = (world.answer ?? answer)(world, request.method, path, url, body, asked);
  return [answered.status, { ...answered.headers, "content-type": "application/json" }, answered.body === undefined ? "" : JSON.stringify(answered.body)];
}

// Chromium is told itself which requests stop here: page.route() stops all, and keeps nothing.
async function answerFor(page) {
  const devtools = await page.context().newCDPSession(page);
  devtools.on("Fetch.requestPaused", async ({ requestId, request }) => {
    const [responseCode, headers, body] = await madeUp(world, request);
    const responseHeaders = Object.entries(headers).map(([field, value]) => ({ name: field, value }));
    await devtools.send("Fetch.fulfillRequest", { requestId, responseCode, responseHeaders, body: Buffer.from(body).toString("base64") }).catch(() => {}); // the page may be gone
  });
  await devtools.send("Fetch.enable", { patterns: MADE_UP.map((pattern) => ({ urlPattern: `${base}/${pattern}` })) });
}

// Where a page rests between two tests: an empty one of the same origin and with the same headers, so
// that Chromium goes on with the process that it has. A new one costs as much as three pages.
const REST = "/nothing-here";
const like = (await fetch(`${base}/portal`)).headers;
const restHeaders = Object.fromEntries(["content-type", "cross-origin-opener-policy"].flatMap((one) => (like.has(one) ? [[one, like.get(one)]] : [])));

let world = {};
async function newPage(browser) {
  const context = await browser.newContext({
    viewport: SIZES.wide,
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
    timezoneId: "Europe/Berlin",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on("pageerror", (error) => failures.push(`${name}: ${error.message}`));
  page.on("console", (m) => {
    const expected = /Failed to load resource.*(400|401|403|404|409|412|429|500|502|503|504|ERR_INTERNET_DISCONNECTED)/.test(m.text());
    if (m.type() === "error" && !expected) failures.push(`${name}: console: ${m.text()}`);
  });
  await page.addInitScript(() => {
    window.violations = [];
    addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
  });
  await page.addInitScript(withoutBlur);
  page.on("request", asksOnlyForOurs);
  await answerFor(page);
  return page;
}

// Tests share a page, whose documents are each test's own; nothing is stored, which a test looks at.
// `fresh`: a page in a context of its own. Whatever the console says of an error, the policy's too,
// fails.
let shared = null;
async function withPage(browser, what, { world: given = {}, size = "wide", dark = false, fresh = false } = {}, act) {
  if (!what.includes(only)) return;
  name = what;
  world = { asked: [], may: undefined, ...given };
  const page = fresh ? await newPage(browser) : (shared ??= await newPage(browser));
  try {
    await page.setViewportSize(SIZES[size]);
    await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
    await act(page, world);
    check((await page.evaluate(() => window.violations)).length === 0, `policy: ${await page.evaluate(() => window.violations.join(", "))}`);
    if (!fresh) await page.goto(base + REST);
  } catch (error) {
    failures.push(`${what}: ${error.message}`);
    await page.screenshot({ path: `${folder}/failed-${failures.length}.png`, fullPage: true }).catch(() => {});
    if (!fresh) await page.context().close();
    shared = fresh ? shared : null;
  }
  if (fresh) await page.context().close();
}

// The rules of axe that look at colours.
const COLOURS = ["color-contrast", "link-in-text-block"];

// axe in the page's own world, past the policy: through the debugger, once a document.
async function accessible(page, what, rules) {
  if (await page.evaluate(() => !window.axe)) await page.evaluate(`{ const module = undefined, define = undefined; ${axe}; }`);
  const found = await page.evaluate(async (values) => {
    const r = await axe.run(document, { resultTypes: ["violations"], ...(values && { runOnly: { type: "rule", values } }) });
    return r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.target + " " + (n.any[0]?.message ?? "")).slice(0, 3).join(" | "));
  }, rules);
  check(found.length === 0, `${what}: axe: ${found.join("; ")}`);
}

async function fits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(over <= 0, `${what}: the page is ${over} pixels too wide`);
}

// Of what a person sees without scrolling: the whole page is laid out anew for it, which costs as much
// as axe.
async function look(page, file, rules) {
  await fits(page, file);
  await accessible(page, file, rules);
  await page.screenshot({ path: `${folder}/${file}.jpeg`, type: "jpeg", quality: 40, caret: "initial" });
}

// In the theme that it was loaded in, and changed to the other: what has no colours is looked at
// once.
async function lookInBoth(page, file) {
  for (const rules of [undefined, COLOURS]) {
    const dark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
    await look(page, `${file}-${dark ? "dark" : "light"}`, rules);
    await page.emulateMedia({ colorScheme: dark ? "light" : "dark" });
  }
}

const portal = async (page, code = "good") => {
  await page.goto(`${base}/portal#${code}`);
};

const signedIn = async (page) => {
  await portal(page);
  await page.getByRole("heading", { name: "Versions" }).first().waitFor();
};

// ---- what the gateway serves ----

async function headers() {
  name = "headers";
  const page = await fetch(`${base}/portal`);
  const html = await page.text();
  check(page.headers.get("content-security-policy").startsWith("default-src 'self'; frame-ancestors 'none'; base-uri 'none'"), "the policy");
  check(page.headers.get("cache-control") === "no-cache" && page.headers.get("referrer-policy") === "no-referrer", "a page's headers");
  const again = await fetch(`${base}/portal`, { headers: { "If-None-Match": page.headers.get("etag") } });
  check(again.status === 304 && (await again.text()) === "", "an unchanged page is 304");
  const asset = `${base}/${html.match(/src="(assets\/portal-[^"]+)"/)[1]}`;
  const head = await fetch(asset, { method: "HEAD", headers: { "Accept-Encoding": "gzip" } });
  check(head.headers.get("content-encoding") === "gzip" && head.headers.get("vary") === "Accept-Encoding", "HEAD says gzip");
  check(head.headers.get("cache-control") === "public, max-age=31536000, immutable", "an asset is immutable");
  const plain = await fetch(asset, { headers: { "Accept-Encoding": "identity" } });
  check(plain.headers.get("etag") !== head.headers.get("etag") && (await plain.text()).includes("import"), "the plain form is another representation");
  check((await fetch(asset, { method: "POST" })).status === 405, "an asset takes no POST");
  check((await fetch(`${base}/assets/nothing.js`)).status === 404, "what isn't there is 404");
  check(!html.includes("modulepreload"), "nothing is read before the first paint but the style sheet and the page's script");
}

// ---- flows ----

async function code_leaves_the_url(page) {
  await signedIn(page);
  check(!page.url().includes("#"), `the address still has the code: ${page.url()}`);
  check((await page.evaluate(() => history.length)) <= 2, "the code has an entry in the history");
  check((await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))) === "{}", "something is stored");
}

async function reveal(page, world) {
  await signedIn(page);
  check(!(await page.content()).includes(SECRET), "the secret is there before it was asked for");
  check(!world.asked.some((a) => a.endsWith("/secret")), "the secret is fetched before it was asked for");
  await page.getByRole("button", { name: "Reveal" }).first().click();
  await page.locator("[data-secret]").waitFor();
  check((await page.locator("[data-secret]").textContent()) === SECRET, "the secret is shown");
  await page.getByRole("button", { name: "Copy Client secret" }).click();
  check((await page.evaluate(() => navigator.clipboard.readText())) === SECRET, "the secret is copied");
  await page.getByRole("button", { name: "Download" }).click();
  await look(page, "portal-revealed");
  for (const [kind, wanted] of [[".env file", `M2M_CLIENT_SECRET='${SECRET}'`], ["JSON", `"client_secret": "${SECRET}"`], ["Kubernetes Secret", Buffer.from(SECRET).toString("base64")]]) {
    if (!(await page.getByRole("menu").isVisible())) await page.getByRole("button", { name: "Download" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: kind }).click()]);
    check(readFileSync(await download.path(), "utf8").includes(wanted), `${kind} has the secret`);
  }
  await page.evaluate(() => dispatchEvent(new Event("blur")));
  await page.locator("[data-secret]").waitFor({ state: "detached" });
  check(!(await page.content()).includes(SECRET), "the secret is still in the page");
}

async function hides_after_a_minute(page) {
  await page.clock.install();
  await signedIn(page);
  await page.getByRole("button", { name: "Reveal" }).first().click();
  await page.locator("[data-secret]").waitFor();
  await page.clock.runFor(59000);
  check(await page.locator("[data-secret]").isVisible(), "it is hidden before the minute is over");
  await page.clock.runFor(2500);
  await page.locator("[data-secret]").waitFor({ state: "detached" });
}

async function rotate(page, world) {
  await signedIn(page);
  await page.getByRole("button", { name: "Rotate secret" }).first().click();
  await page.getByText("What will happen").waitFor();
  check((await page.locator(".happens").textContent()).includes("Version 3 works until"), "the consequence is said");
  await look(page, "portal-rotate");
  await page.getByRole("radio", { name: /Right away/ }).check();
  check((await page.locator(".happens").textContent()).includes("stops working at once"), "the consequence follows the choice");
  await page.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Rotate now" }).click();
  await page.locator("[data-secret]").waitFor();
  check((await page.locator("[data-secret]").textContent()) === NEW_SECRET, "the new secret is shown");
  check(JSON.stringify(world.rotated) === '{"grace_seconds":0,"revoke_tokens":true}', `asked: ${JSON.stringify(world.rotated)}`);
  await look(page, "portal-rotated");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}

// Whatever reads the list again: the secret that was made can't be had from this link once more.
async function rotated_stays(page, world) {
  for (const status of [429, 503, 404, 401]) {
    world.special = null;
    await signedIn(page);
    await page.getByRole("button", { name: "Rotate secret" }).first().click();
    await page.getByText("What will happen").waitFor();
    const asked = page.waitForResponse((r) => r.request().method() === "GET" && r.url().endsWith("/clients?page_size=20") && r.status() === status);
    world.special = (method, path) => (path.endsWith("/clients") ? problem(status, "overloaded") : null);
    await page.getByRole("button", { name: "Rotate now" }).click();
    await asked;
    await page.locator(status === 401 ? "[data-secret]" : "main > .notice").waitFor();
    check((await page.locator("[data-secret]").textContent({ timeout: 1000 }).catch(() => null)) === NEW_SECRET, `the new secret is gone after ${status}`);
    if (status === 503) await lookInBoth(page, "portal-rotated-unread");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    if (status === 401) await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
    else check((await page.locator("article").count()) === 2, `the clients are gone after ${status}`);
    if (status === 503) await lookInBoth(page, "portal-unread");
    if (status !== 503) continue;
    world.special = null;
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator("main > .notice").waitFor({ state: "detached" });
  }
}

// Whether the database has committed isn't known; the same request once more is safe.
async function rotation_in_doubt(page, world) {
  await signedIn(page);
  await page.getByRole("button", { name: "Rotate secret" }).first().click();
  world.special = (method, path) => (path.endsWith("/rotate") ? problem(429, "rate_limited") : null);
  await page.getByRole("button", { name: "Rotate now" }).click();
  await page.getByText("Nothing was changed.").waitFor();
  world.special = null;
  world.lost = true;
  const reads = () => world.asked.filter((a) => /^GET .*\/clients$/.test(a)).length;
  const before = reads();
  await page.getByRole("button", { name: "Rotate now" }).click();
  await page.getByText("Try again: it is done once at most.").waitFor();
  // another choice would be a second rotation
  check(await page.getByRole("radio").first().isDisabled(), "another choice may be made");
  check((await page.getByText("Nothing was changed").count()) + (await page.getByText("That didn’t work").count()) === 0, "it says what it can't know");
  await page.waitForFunction(() => !document.querySelector("dialog button[type=submit]").disabled);
  check(reads() > before, "the list isn't read again");
  await lookInBoth(page, "portal-rotation-in-doubt");
  world.lost = false;
  await page.getByRole("button", { name: "Rotate now" }).click();
  await page.locator("[data-secret]").waitFor();
  check(world.keys.length === 2 && world.keys[0] === world.keys[1], `the repeat has another key: ${world.keys}`);
}

// A filter's failure leaves no answer to another filter behind, and no old one is taken along.
async function no_rows_of_another_question(page, world) {
  await signedIn(page);
  await page.getByRole("button", { name: "Tokens" }).click();
  await page.getByRole("button", { name: "Download CSV" }).waitFor();
  world.special = (method, path) => (path === "/m2m/audit/tokens" ? problem(503, "store_unavailable") : null);
  await page.getByLabel("Address").fill("192.0.2.9");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("The service is busy. Try again in a moment.").waitFor();
  check((await page.getByRole("region", { name: "Tokens", exact: true }).count()) === 0, "the old rows stand there");
  check((await page.getByRole("button", { name: "Download CSV" }).count()) === 0, "and can be taken along");
  world.special = null;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("button", { name: "Download CSV" }).waitFor();
  // while the answer is on its way
  world.slow = 1500;
  await page.getByLabel("Address").fill("");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForFunction(() => document.querySelector("main [aria-busy=true]"));
  check(await page.getByRole("button", { name: "Download CSV" }).isDisabled(), "the old rows can be taken along under another filter");
}

// What a setting may give, each with the text that the gateway gives it then.
const ACCENTS = { "#2ecc71": "#000", "#1da1f2": "#000", "#ff6600": "#000", "#ffd43b": "#000", "#ffffff": "#000", "#000000": "#fff", "#0000ff": "#fff", "#757575": "#fff" };
async function any_accent(page) {
  await signedIn(page);
  for (const [accent, text] of Object.entries(ACCENTS)) {
    await page.evaluate((css) => {
      window.theme ??= document.adoptedStyleSheets[document.adoptedStyleSheets.push(new CSSStyleSheet()) - 1];
      window.theme.replaceSync(css);
    }, `:root { --accent: ${accent}; --on-accent: ${text}; --off-accent: ${text === "#000" ? "#fff" : "#000"} }`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await accessible(page, `${accent} ${colorScheme}`, COLOURS);
      await page.getByRole("button", { name: "Rotate secret" }).first().hover();
      await accessible(page, `${accent} ${colorScheme}, pointed at`, COLOURS);
      await page.mouse.move(0, 0);
      if (accent === "#2ecc71") await page.screenshot({ path: `${folder}/accent-${colorScheme}.jpeg`, type: "jpeg", quality: 40 });
    }
  }
}

async function keyboard(page) {
  await signedIn(page);
  await page.keyboard.press("Tab");
  check((await page.evaluate(() => document.activeElement.className)) === "skip", "the first stop skips to the content");
  await page.keyboard.press("Enter");
  check((await page.evaluate(() => document.activeElement.id)) === "main", "and does");
  const button = page.getByRole("button", { name: "Rotate secret" }).first();
  await button.focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  check(await button.evaluate((b) => b === document.activeElement), "the focus returns");
}

async function tokens(page, world) {
  await signedIn(page);
  await page.getByRole("button", { name: "Tokens" }).click();
  await page.locator(".chart canvas").waitFor();
  await page.waitForTimeout(200);
  await look(page, "portal-tokens");
  check(world.zone === "Europe/Berlin", `the days are those of ${world.zone}`);
  for (const [by, wanted] of [["By client", "Production backend48,211"], ["By address", "192.0.2.2312,052"]]) {
    await page.getByRole("button", { name: by }).click();
    await page.locator(".sums").waitFor();
    check((await page.locator(".sums").textContent()).includes(wanted), `${by}: ${await page.locator(".sums").textContent()}`);
  }
  check((await page.locator(".sums").textContent()).includes("All others318"), "the rest is told");
  await look(page, "tokens-by-address");
  check((await page.getByRole("button", { name: "By version" }).count()) === 0, "versions are a client's");
  await page.getByLabel("Client").selectOption({ label: "Production backend" });
  await page.getByRole("button", { name: "By version" }).click();
  await page.getByText("Version 3").waitFor();
  await page.getByLabel("Client").selectOption("");
  await page.locator(".chart canvas").waitFor();
  await page.getByLabel("Address").fill("192.0.2.8");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("12 tokens", { exact: true }).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download CSV" }).click()]);
  const csv = readFileSync(await download.path(), "utf8");
  check(csv.split("\r\n").length === 14, "the CSV has a line each");
  check(!/(^|,)"[=+@]/m.test(csv), "no cell of the CSV is a formula");
  await page.locator("tbody button").first().click();
  await page.getByText("One token’s story").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByLabel("Address").fill("");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("60 tokens", { exact: true }).waitFor();
  for (const [i, wanted] of [[4, /Revoked.*by Ada Lovelace/], [0, /^Good|Expired/]]) {
    await page.locator("tbody button").nth(i).click();
    // an expired one says so while it is asked what ended it before
    const state = page.locator("dialog [aria-live]");
    await state.filter({ hasText: wanted }).waitFor({ timeout: 10000 }).catch(() => null);
    check(wanted.test(await state.textContent()), `token ${i}: ${await state.textContent()}`);
    await look(page, `portal-story-${i}`);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }
}

async function acts(page) {
  await signedIn(page);
  check((await page.getByText(/Version 3 was made by Ada Lovelace/).count()) === 1, "it is told who made the version");
  await page.getByRole("button", { name: "Activity" }).click();
  await page.getByText("Rotated the secret").nth(1).waitFor();
  await look(page, "portal-acts");
  check((await page.locator("tbody tr").count()) === 15, "a page of acts");
  await page.getByRole("button", { name: "Load more" }).click();
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 26);
  await page.getByLabel("Outcome").selectOption({ label: "Done" });
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 15);
  await page.getByLabel("Who").selectOption("operator:root");
  await page.waitForFunction(() => [...document.querySelectorAll("tbody tr")].every((tr) => tr.textContent.includes("operator:root")));
  await page.getByLabel("What").selectOption({ label: "Read the secret" });
  await page.locator("tbody button").first().click();
  await page.locator("dialog").getByText("operator:root").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByLabel("Who").selectOption("");
  await page.getByLabel("What").selectOption({ label: "Rotated the secret" });
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await page.locator("tbody button").first().click();
  await page.getByText("grace_seconds").waitFor();
  await look(page, "portal-act");
  await page.keyboard.press("Escape");
  await page.getByLabel("What").selectOption({ label: "Revoked tokens" });
  await page.getByText("No activity matches").waitFor();
}

async function keys(page, world) {
  await signedIn(page);
  await page.getByRole("button", { name: "Add", exact: true }).first().click();
  await page.getByLabel("Name").fill("build server");
  await page.getByLabel("Public key or certificate").fill('{"kty":"EC","d":"x"}');
  await page.getByText("This is a private key").waitFor();
  check(await page.locator("dialog button[type=submit]").isDisabled(), "a private key can't be sent");
  await look(page, "portal-add-key");
  await page.getByLabel("Public key or certificate").fill('{"kty":"EC","x":"y"}');
  await page.locator("dialog button[type=submit]").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  check(JSON.stringify(world.changed.body) === '{"kind":"key","name":"build server","public_key":{"kty":"EC","x":"y"}}', JSON.stringify(world.changed));
  await page.getByRole("button", { name: "Remove" }).first().click();
  await page.locator("dialog button.danger").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  check(world.changed.method === "DELETE" && world.changed.path.endsWith("/credentials/oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"), JSON.stringify(world.changed));
}

async function read_only(page) {
  await signedIn(page);
  for (const button of ["Reveal", "Rotate secret", "End it now", "Tokens", "Activity", "Add", "Remove"])
    check((await page.getByRole("button", { name: button }).count()) === 0, `there is a button ${button}`);
  await look(page, "portal-read-only");
}

async function ends(page, world) {
  await signedIn(page);
  world.special = () => problem(401, "invalid_token");
  await page.getByRole("button", { name: "Reveal" }).first().click();
  await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
  await look(page, "portal-ended");
}

async function signs_out(page, world) {
  await signedIn(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  check(world.asked.includes("DELETE /portal/session"), "the session is ended");
}

async function errors(page, world) {
  world.special = (method, path) => (path.endsWith("/clients") ? problem(503, "overloaded") : null);
  await portal(page);
  await page.getByText("The service is busy").waitFor();
  await look(page, "portal-error");
  world.special = null;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Versions" }).first().waitFor();
}

async function offline(page) {
  await signedIn(page);
  await page.context().setOffline(true);
  await page.getByText("You are offline").waitFor();
  await look(page, "portal-offline");
}

async function slow(page, world) {
  world.slow = 4500;
  await portal(page);
  await page.getByText("This takes longer than usual").first().waitFor();
  await look(page, "portal-slow");
}

async function docs(page, file) {
  await page.goto(`${base}/docs`);
  await page.locator("#op-title").waitFor();
  for (const language of ["curl", "Python", "Go", "JavaScript", "Java", "C#"]) {
    await page.getByRole("tab", { name: language, exact: true }).click();
    check((await page.locator("#snippet").textContent()).includes("/oauth2/token"), `${language} names the URL`);
  }
  await page.getByRole("tab", { name: "Python" }).click();
  await lookInBoth(page, file);
  await page.goto(`${base}/docs#rotate_secret`);
  await page.getByRole("tab", { name: "gRPC" }).click();
  check((await page.locator("#snippet").textContent()).includes("RotateClientSecret"), "gRPC has its method");
}

async function try_it(page, world) {
  await page.goto(`${base}/docs#list_token_audit`);
  await page.locator("#op-title").waitFor();
  check((await page.getByLabel("client_id", { exact: true }).inputValue()) === "m2m_3lMxvAWyTFiUZLlMwedMOF", "the person's own id is there");
  await page.getByLabel("remote_addr").fill("192.0.2.8");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText(/^200/).nth(1).waitFor();
  check(/"remote_addr": "192.0.2.8"/.test(await page.getByRole("region", { name: "What it answered" }).textContent()), "the answer is shown");
  await look(page, "docs-tried");
  await page.goto(`${base}/docs#rotate_client`);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("It is a real one").waitFor();
  check(!world.rotated, "it is asked before something changes");
  await look(page, "docs-ask");
  await page.locator("dialog button.danger").click();
  await page.getByText(NEW_SECRET).waitFor();
  check(JSON.stringify(world.rotated) === '{"grace_seconds":3600}', `sent: ${JSON.stringify(world.rotated)}`);
  await look(page, "docs-changed");
  await page.evaluate(() => dispatchEvent(new Event("blur")));
  await page.getByText(NEW_SECRET).waitFor({ state: "detached" });
  await page.goto(`${base}/docs#oauth_token`);
  await page.getByText("which this page never has").waitFor();
  check((await page.getByRole("button", { name: "Send" }).count()) === 0, "what a session can't call isn't sent");
}

async function try_without_session(page) {
  await page.goto(`${base}/docs#get_client_id`);
  await page.getByText("Open the portal from your product").waitFor();
  await page.goto(`${base}/docs#openapi_json`);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText('"openapi": "3.1').waitFor();
  await look(page, "docs-public");
}

async function every_operation(page) {
  await page.goto(`${base}/docs`);
  await page.locator("#op-title").waitFor();
  // all within the page: each click and look of Playwright's costs more than what it leads to
  const told = await page.evaluate(async () => {
    const wrong = [];
    const links = [...document.querySelectorAll(".side li a")];
    for (const link of links) {
      link.scrollIntoView({ block: "nearest" });
      const box = link.getBoundingClientRect();
      if (!link.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2))) wrong.push(`${link.textContent} can't be clicked`);
      link.click();
      const until = performance.now() + 20000;
      while (document.getElementById("op-title").textContent !== link.textContent && performance.now() < until) await new Promise(requestAnimationFrame);
      if (document.getElementById("op-title").textContent !== link.textContent) wrong.push(`${link.textContent} has no page`);
      const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      if (over > 0) wrong.push(`${link.textContent}: the page is ${over} pixels too wide`);
    }
    return { wrong, links: links.length };
  });
  check(told.links > 40 && told.wrong.length === 0, `${told.links} operations: ${told.wrong.join("; ")}`);
}

const browser = await launchForTests(executablePath);

await headers();
name = "sources";
for (const wrong of await wrongSources(base, sources)) check(false, wrong);
await withPage(browser, "the code leaves the URL", { fresh: true }, code_leaves_the_url);
for (const size of Object.keys(SIZES)) {
  // each theme is the one that a page is loaded in, once
  const dark = size === "narrow";
  await withPage(browser, `the portal ${size}`, { size, dark }, async (page) => {
    await signedIn(page);
    await lookInBoth(page, `portal-${size}`);
    await page.getByRole("button", { name: "Rotate secret" }).first().click();
    await lookInBoth(page, `rotate-${size}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Tokens" }).click();
    await page.locator(".chart canvas").waitFor();
    await lookInBoth(page, `tokens-${size}`);
    await page.getByRole("button", { name: "Activity" }).click();
    await page.getByText("Rotated the secret").nth(1).waitFor();
    await lookInBoth(page, `acts-${size}`);
  });
  await withPage(browser, `docs ${size}`, { size, dark, world: { signedIn: size === "wide" } }, (page) => docs(page, `docs-${size}`));
}
await withPage(browser, "a secret is shown and hidden", {}, reveal);
await withPage(browser, "a secret is hidden after a minute", { fresh: true }, hides_after_a_minute);
await withPage(browser, "a rotation says what happens", {}, rotate);
await withPage(browser, "a new secret stays whatever is read behind it", { world: { may: ["read", "rotate"] } }, rotated_stays);
await withPage(browser, "a rotation that may have been done", {}, rotation_in_doubt);
await withPage(browser, "a filter that fails has no rows", {}, no_rows_of_another_question);
await withPage(browser, "any accent colour can be read", {}, any_accent);
await withPage(browser, "all by keyboard", {}, keyboard);
await withPage(browser, "tokens are filtered and taken along", {}, tokens);
await withPage(browser, "acts are told", {}, acts);
await withPage(browser, "keys are added and removed", {}, keys);
await withPage(browser, "a link that only reads", { world: { may: ["read"] } }, read_only);
await withPage(browser, "a session that has ended", {}, ends);
await withPage(browser, "signing out", {}, signs_out);
await withPage(browser, "no client", { world: { empty: true } }, async (page) => {
  await portal(page);
  await page.getByText("There is no client yet").waitFor();
  await look(page, "portal-empty");
});
await withPage(browser, "a used link", {}, async (page) => {
  await portal(page, "used");
  await page.getByRole("heading", { name: /This link has been used/ }).waitFor();
  await look(page, "portal-used");
});
await withPage(browser, "no link", {}, async (page) => {
  await page.goto(`${base}/portal`);
  await page.getByRole("heading", { name: "Open the portal from your product" }).waitFor();
});
await withPage(browser, "an error is told and tried again", {}, errors);
await withPage(browser, "offline", { fresh: true }, offline);
await withPage(browser, "slow", {}, slow);
await withPage(browser, "a request is sent from the documentation", { world: { signedIn: true } }, try_it);
await withPage(browser, "a request on a narrow screen", { size: "narrow", dark: true, world: { signedIn: true } }, async (page) => {
  await page.goto(`${base}/docs#add_credential`);
  await page.getByRole("button", { name: "Send" }).waitFor();
  await look(page, "docs-try-narrow");
});
await withPage(browser, "the documentation without a session", {}, try_without_session);
await withPage(browser, "every operation has a page", {}, every_operation);
await consoleTests({ base, SIZES, check, look, lookInBoth, withPage: (...args) => withPage(browser, ...args) });
await browser.close();

for (const failure of failures) console.log(`# ${failure}`);
console.log(`# ${checks} checks`);
process.exit(failures.length ? 1 : 0);
