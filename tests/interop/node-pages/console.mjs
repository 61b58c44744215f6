// Drives the console in Chromium, against console_answers.mjs; pages.mjs gives it the tools.
import { readFileSync } from "node:fs";
import { problem, SECRET } from "./answers.mjs";
import { ACTIVE_KID, answerConsole, CODE, LINK, NEXT_KID, ORGANIZATIONS } from "./console_answers.mjs";

let tools;
const check = (...args) => tools.check(...args);
const look = (...args) => tools.look(...args);
const lookInBoth = (...args) => tools.lookInBoth(...args);

const open = (page, fragment) => page.goto(`${tools.base}/console${fragment ? `#${fragment}` : ""}`);
const heading = (page, name) => page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
const button = (page, name) => page.getByRole("button", { name, exact: true });
const dialog = (page) => page.getByRole("dialog");
const submit = (page) => page.locator("dialog button[type=submit]").click();
// Not in what screen readers are told, which has the same words.
const shown = (page, text) => page.getByRole("main").getByText(text, { exact: typeof text === "string" }).first().waitFor();
const gone = (page) => page.locator("dialog").waitFor({ state: "detached" });

// The form has each member that the contract's `schema` has, but those that buttons of their own set.
async function hasAllOf(page, schema, ...buttons) {
  const contract = await (await fetch(`${tools.base}/openapi.json`)).json();
  const fields = await page.locator("dialog [name]").evaluateAll((all) => [...new Set(all.map((one) => one.name))]);
  const wanted = Object.keys(contract.components.schemas[schema].properties);
  check([...fields, ...buttons].sort().join() === wanted.sort().join(), `the form has ${fields}, ${schema} ${wanted}`);
}

// Every row of every list is one that was asked for.
const rows = (page, label) => page.getByRole("region", { name: label, exact: true }).locator("tbody tr");

// ---- the views, in both themes and two sizes ----

const VIEWS = {
  overview: ["Overview", "Denied lately"],
  organizations: ["Organizations", "Acme Industries"],
  "organizations/acme": ["Acme Industries", "Alan Turing"],
  "organizations/acme/m2m_3lMxvAWyTFiUZLlMwedMOF": ["Production backend", "Build server"],
  clients: ["Clients", "Billing export 1"],
  keys: ["Signing keys", "May it go?"],
  tokens: ["Tokens", "billing/1.9"],
  acts: ["Acts", "rotate_secret"],
  denied: ["Denied attempts", "203.0.113.7"],
  sessions: ["Sessions", "Edsger Dijkstra"],
};

const nameOf = (view) => view.replace(/\/m2m_.*/, "-client").replaceAll("/", "-");

async function every_view(page, size) {
  for (const [view, [title, text]] of Object.entries(VIEWS)) {
    await open(page, view);
    await heading(page, title);
    await page.getByRole("main").getByText(text).first().waitFor();
    await lookInBoth(page, `console-${nameOf(view)}-${size}`);
  }
}

// ---- the session and the address ----

async function code_leaves_the_url(page, world) {
  await open(page, CODE);
  await heading(page, "Overview");
  check(!page.url().includes("#"), `the address still has the code: ${page.url()}`);
  check((await page.evaluate(() => history.length)) <= 2, "the code has an entry in the history");
  check((await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))) === "{}", "something is stored");
  check(!(await page.content()).includes(CODE), "the code is in the page");
  await page.getByRole("link", { name: "Keys" }).first().click();
  await heading(page, "Signing keys");
  await page.evaluate((code) => location.replace(`#${code}`), CODE);
  await heading(page, "Overview");
  check(world.asked.filter((a) => a === "POST /console/session").length === 2, "a second link opens a session in the same tab");
  check(!page.url().includes(CODE), "and its code leaves the address");
}

async function views_have_addresses(page) {
  await open(page, "organizations?search=fjord&state=enabled");
  await heading(page, "Organizations");
  await page.getByText("Fjord Shipping 5", { exact: true }).waitFor();
  check((await page.getByRole("searchbox").inputValue()) === "fjord", "the filter stands in its field");
  await page.getByRole("link", { name: "Fjord Shipping 5", exact: true }).click();
  await page.getByRole("button", { name: "Portal link" }).or(page.getByText("There is no such")).or(page.getByText("The answer is")).first().waitFor();
  check(page.url().endsWith("#organizations/fjord-5"), `the address names the view: ${page.url()}`);
  await page.goBack();
  await heading(page, "Organizations");
  check((await page.getByRole("searchbox").inputValue()) === "fjord", "the way back has the filter");
  check(page.url().endsWith("#organizations?search=fjord&state=enabled"), `and its address: ${page.url()}`);
  await open(page, "nothing/%zz");
  await heading(page, "Overview");
  await open(page, "tokens?after=yesterday");
  await heading(page, "Tokens");
  await shown(page, "The first 50");
}

async function keyboard(page) {
  await open(page);
  await heading(page, "Overview");
  await page.keyboard.press("Tab");
  check((await page.evaluate(() => document.activeElement.className)) === "skip", "the first stop skips to the content");
  await page.keyboard.press("Enter");
  check((await page.evaluate(() => document.activeElement.id)) === "main", "and does");
  await page.getByRole("link", { name: "Keys" }).first().focus();
  await page.keyboard.press("Enter");
  await heading(page, "Signing keys");
  await page.waitForFunction(() => document.activeElement.tagName === "H1");
  check((await page.title()).startsWith("Keys"), "the title names the view");
  const rotate = button(page, "Rotate key");
  await rotate.waitFor();
  await rotate.focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.press("Escape");
  await gone(page);
  check(await rotate.evaluate((b) => b === document.activeElement), "the focus returns");
}

async function rights(page) {
  await open(page);
  await heading(page, "Overview");
  for (const view of ["Tokens", "Acts", "Denied"]) check((await page.getByRole("link", { name: view, exact: true }).count()) === 0, `there is a view ${view}`);
  check((await page.getByText("Denied lately").count()) === 0, "denied attempts are shown");
  await open(page, "acts");
  await heading(page, "Overview");
  for (const [view, title] of [["organizations", "Organizations"], ["organizations/acme", "Acme Industries"], ["organizations/acme/m2m_3lMxvAWyTFiUZLlMwedMOF", "Production backend"], ["keys", "Signing keys"], ["sessions", "Sessions"]]) {
    await open(page, view);
    await heading(page, title);
    await page.getByRole("main").getByText(VIEWS[view][1]).first().waitFor();
    for (const name of ["New organization", "New client", "Portal link", "Edit", "Disable", "Delete", "Rotate key", "Rotate secret", "Revoke", "Reveal", "End", "Add", "Remove"])
      check((await button(page, name).count()) === 0, `${view} offers ${name}`);
  }
  await look(page, "console-read-only");
  await open(page, "organizations/acme/m2m_3lMxvAWyTFiUZLlMwedMOF");
  for (const [label, value] of [["Roles", "Member"], ["Allowed networks", "Any"], ["Authenticates with", "Secret"], ["Tokens must be bound to", "Nothing"], ["Token type", "As the service is set"], ["Profile", "None"]])
    await page.locator(".tiles div", { hasText: label }).getByText(value, { exact: true }).waitFor();
  await look(page, "console-read-only-client");
}

async function signs_out(page, world) {
  await open(page);
  await button(page, "Sign out").click();
  await heading(page, "You are signed out");
  check(world.asked.includes("DELETE /console/session"), "the session is ended");
}

async function ends(page, world) {
  await open(page, "organizations");
  await heading(page, "Organizations");
  await page.waitForLoadState("networkidle"); // else the list under way ends the session first
  world.special = () => problem(401, "invalid_token");
  await page.getByRole("link", { name: "Keys" }).click();
  await heading(page, "Your session has ended");
  await page.getByText("m2mctl console").waitFor();
  await look(page, "console-ended");
}

// ---- organizations ----

async function thousands(page, world) {
  await open(page, "organizations");
  await shown(page, "The first 50");
  for (let n = 100; n <= 300; n += 50) {
    await button(page, "Load more").click();
    await shown(page, `The first ${n}`);
  }
  check((await rows(page, "Organizations").count()) === 300, "the pages stand one below the other");
  check(world.asked.some((a) => a.includes("page_token=250")), "the cursor is the server's");
  await page.getByRole("searchbox").pressSequentially("delta", { delay: 20 });
  await page.waitForURL(/search=delta/);
  await page.waitForFunction(() => [...document.querySelectorAll("tbody tr")].every((row) => row.textContent.startsWith("Delta")));
  check(!world.asked.some((a) => a.includes("search=d&")), "each letter is asked for");
  await page.getByLabel("Status").selectOption("disabled");
  await page.waitForFunction(() => [...document.querySelectorAll("tbody tr")].every((row) => row.textContent.includes("Disabled")));
  check(await page.getByRole("searchbox").evaluate((s) => s.value === "delta"), "the search stays");
  await look(page, "console-search");
  await page.getByRole("searchbox").fill("nobody");
  await page.getByText("Nothing matches these filters.").waitFor();
  await look(page, "console-search-nothing");
  await button(page, "Clear").click();
  await shown(page, "The first 50");
  check(ORGANIZATIONS > 3000, "there are thousands");
}

async function makes_an_organization(page, world) {
  await open(page, "organizations");
  await button(page, "New organization").click();
  await dialog(page).getByLabel("Slug").fill("hydra");
  await dialog(page).getByLabel("Name").fill("Hydra Works");
  await look(page, "console-new-organization");
  await submit(page);
  await page.locator("[data-secret]").waitFor();
  check((await page.locator("[data-secret]").textContent()) === SECRET, "the secret is shown");
  check(JSON.stringify(world.changed.body) === '{"slug":"hydra","name":"Hydra Works"}', JSON.stringify(world.changed));
  await look(page, "console-made-organization");
  await page.getByRole("link", { name: "Open Hydra Works" }).click();
  await gone(page);
}

async function changes_an_organization(page, world) {
  await open(page, "organizations/acme");
  await button(page, "Edit").click();
  await dialog(page).getByText("What will happen").waitFor();
  await look(page, "console-edit-organization");
  await hasAllOf(page, "OrganizationChange", "disabled");
  check((await dialog(page).getByLabel("Allowed networks").inputValue()) === "192.0.2.0/24 2001:db8::/32", "the form has the networks");
  check((await dialog(page).getByLabel("Longest age").inputValue()) === "7776000", "and the age");
  check(await page.locator("dialog button[type=submit]").isDisabled(), "what is unchanged can be saved");
  await dialog(page).getByLabel("Name").fill("Acme Holding");
  await submit(page);
  await heading(page, "Acme Holding");
  check(JSON.stringify(world.changed.body) === '{"name":"Acme Holding"}', JSON.stringify(world.changed));
  await button(page, "Edit").click();
  await dialog(page).getByLabel("External ID").fill("org_7");
  await dialog(page).getByLabel("Allowed networks").fill("");
  await dialog(page).getByLabel("Longest age").fill("86400");
  await dialog(page).getByText("1 day").waitFor();
  await submit(page);
  await gone(page);
  check(JSON.stringify(world.changed.body) === '{"issuer":"https://login.example.com","external_id":"org_7","allowed_networks":null,"secret_max_age":86400}', JSON.stringify(world.changed));
  await button(page, "Disable").click();
  await page.getByText("get no more tokens").waitFor();
  await look(page, "console-disable");
  await submit(page);
  await button(page, "Enable").waitFor();
  check(JSON.stringify(world.changed) === '{"method":"PATCH","path":"/admin/organizations/acme","body":{"disabled":true}}', JSON.stringify(world.changed));
  await button(page, "Enable").click();
  await submit(page);
  await button(page, "Disable").waitFor();
  await button(page, "Delete").click();
  check(await page.locator("dialog button[type=submit]").isDisabled(), "it can be deleted without its name");
  await dialog(page).getByLabel("Type acme to go on").fill("acm");
  await page.keyboard.press("Enter");
  check(world.changed.method === "PATCH", "a part of the name is enough");
  await dialog(page).getByLabel("Type acme to go on").fill("acme");
  await look(page, "console-delete");
  await page.keyboard.press("Enter");
  await heading(page, "Organizations");
  check(world.changed.method === "DELETE" && world.changed.path === "/admin/organizations/acme", JSON.stringify(world.changed));
}

async function portal_link(page, world) {
  await open(page, "organizations/acme");
  await button(page, "Portal link").click();
  await dialog(page).getByLabel("For whom").fill("Ada Lovelace");
  await dialog(page).getByLabel("Reveal secrets").check();
  check(await dialog(page).getByLabel("See clients").isDisabled(), "reading can be left out");
  check(await dialog(page).getByLabel("See clients").isChecked(), "reading is left out");
  await dialog(page).getByLabel("Return URL").fill("https://app.example.com/");
  await look(page, "console-portal-link");
  await submit(page);
  await page.locator("[data-link]").waitFor();
  check(JSON.stringify(world.changed.body) === '{"may":["read","reveal"],"ttl":120,"actor":"Ada Lovelace","return_url":"https://app.example.com/"}', JSON.stringify(world.changed));
  await button(page, "Copy Portal link").click();
  check((await page.evaluate(() => navigator.clipboard.readText())) === LINK, "the link is copied");
  await look(page, "console-portal-link-made");
  await page.keyboard.press("Escape");
  await gone(page);
  check(!(await page.content()).includes(LINK), "the link is still in the page");
}

// ---- clients ----

async function clients(page, world) {
  await open(page, "organizations/acme");
  await button(page, "New client").click();
  await dialog(page).getByLabel("Name").fill("Reports");
  await dialog(page).getByLabel("Scopes").fill("orders:read, orders:write");
  await submit(page);
  await page.locator("[data-secret]").waitFor();
  check(JSON.stringify(world.changed.body) === '{"name":"Reports","scopes":["orders:read","orders:write"]}', JSON.stringify(world.changed));
  await button(page, "Close").last().click();
  await gone(page);
  await page.getByRole("searchbox").fill("ware");
  await page.waitForFunction(() => [...document.querySelectorAll("[aria-label=Clients] tbody tr")].every((row) => row.textContent.startsWith("Warehouse")));
  await page.getByRole("link", { name: /Warehouse/ }).first().click();
  await button(page, "Reveal").waitFor();
  check(!world.asked.some((a) => a.endsWith("/secret")), "the secret is fetched before it was asked for");
  await button(page, "Reveal").click();
  await page.locator("[data-secret]").waitFor();
  await button(page, "Rotate secret").click();
  await page.getByText("What will happen").waitFor();
  await page.keyboard.press("Escape");
  await gone(page);
  await button(page, "Delete").count();
}

const CLIENT = "organizations/acme/m2m_3lMxvAWyTFiUZLlMwedMOF";
const HELD = {
  audiences: ["public-api", "https://api.example.com"],
  allowed_networks: ["192.0.2.0/24"],
  auth_methods: ["certificate", "key"],
  token_binding: "any",
  profile: "fapi2",
};

// Only what was changed is sent, each as the API has it.
async function edits_a_client(page, world) {
  world.client = { ...HELD };
  await open(page, CLIENT);
  const edit = async (...acts) => {
    await button(page, "Edit").click();
    for (const act of acts) await act(dialog(page));
    await submit(page);
    await gone(page);
    return JSON.stringify(world.changed);
  };
  const sent = (body) => JSON.stringify({ method: "PATCH", path: "/admin/organizations/acme/clients/m2m_3lMxvAWyTFiUZLlMwedMOF", body });
  const each = [
    ["name", (d) => d.getByLabel("Name", { exact: true }).fill("Backend"), "Backend"],
    ["scopes", (d) => d.getByLabel("Scopes").fill(""), []],
    ["scopes", (d) => d.getByLabel("Scopes").fill(" orders:read,  orders:write "), ["orders:read", "orders:write"]],
    ["token_lifetime", (d) => d.getByLabel("Token lifetime").fill("600"), 600],
    ["audiences", (d) => d.getByLabel("Audience").fill("public-api"), ["public-api"]],
    ["roles", (d) => d.getByLabel("Resource server").check(), ["member", "resource_server"]],
    ["allowed_networks", (d) => d.getByLabel("Allowed networks").fill(""), null],
    ["allowed_networks", (d) => d.getByLabel("Allowed networks").fill("198.51.100.0/24 2001:db8::/32"), ["198.51.100.0/24", "2001:db8::/32"]],
    ["profile", (d) => d.getByLabel("Profile").selectOption(""), null],
    ["auth_methods", (d) => d.getByLabel("Workload").check(), ["key", "certificate", "workload"]],
    ["token_binding", (d) => d.getByLabel("Tokens must be bound to").selectOption("dpop"), "dpop"],
    ["token_type", (d) => d.getByLabel("Token type").selectOption("at+jwt"), "at+jwt"],
  ];
  for (const [name, act, value] of each) {
    const changed = await edit(act);
    check(changed === sent({ [name]: value }), `${name}: ${changed}`);
  }
  await page.locator(".tiles").getByText("at+jwt").waitFor();
  await button(page, "Edit").click();
  await dialog(page).getByText("What will happen").waitFor();
  await hasAllOf(page, "ClientChange", "disabled", "default");
  check(await dialog(page).getByLabel("Key", { exact: true }).isChecked(), "the form has the methods");
  check((await dialog(page).getByLabel("Tokens must be bound to").inputValue()) === "dpop", "and the binding");
  await dialog(page).getByLabel("Scopes").fill(" orders:read   orders:write");
  await dialog(page).getByLabel("Workload").uncheck();
  await dialog(page).getByLabel("Workload").check();
  check(await page.locator("dialog button[type=submit]").isDisabled(), "the same in other words can be saved");
}

// What another operator changes between the page, the form and the save is neither undone nor hidden.
async function another_changes_it(page, world) {
  const save = async (body) => {
    await submit(page);
    await gone(page);
    check(JSON.stringify(world.changed.body) === JSON.stringify(body), `${JSON.stringify(world.changed.body)} is sent, not ${JSON.stringify(body)}`);
    world.changed = null;
  };
  const field = (label) => dialog(page).getByLabel(label, { exact: label !== "Scopes" }); // which has a hint
  world.client = { ...HELD };
  await open(page, CLIENT);
  await button(page, "Edit").waitFor();
  // before the form opens
  world.client = { ...HELD, roles: ["admin"], scopes: ["theirs:read"] };
  world.slow = 3000;
  await button(page, "Edit").click();
  await dialog(page).getByRole("status", { name: "Loading" }).waitFor();
  check((await page.locator("dialog form").count()) === 0, "the form is there before what it is of");
  await look(page, "console-edit-loading");
  await page.locator("dialog form").waitFor();
  world.slow = 0;
  check((await field("Scopes").inputValue()) === "theirs:read", "the form has what the page had");
  await field("Resource server").check();
  await save({ roles: ["admin", "resource_server"] });
  // while it is open, in other members than the person's
  await button(page, "Edit").click();
  await field("Name").fill("Backend");
  world.client = { ...world.client, token_lifetime: 1200 };
  await save({ name: "Backend" });
  // and in the same ones
  await button(page, "Edit").click();
  await field("Scopes").fill("mine:read");
  await field("Certificate").uncheck();
  await field("Name").fill("Frontend");
  world.client = { ...world.client, scopes: ["others:read", "others:write"], auth_methods: ["key", "certificate", "workload"], token_lifetime: 60 };
  await submit(page);
  await dialog(page).getByRole("alert").getByText("Somebody else has just changed this. Now: others:read, others:write.").waitFor();
  await dialog(page).getByRole("alert").getByText("Now: Key, Certificate, Workload.").waitFor();
  await page.waitForFunction(() => document.activeElement.name === "scopes");
  check((await page.getByRole("alert").count()) === 2, "a member that nobody else changed is said to be");
  check(world.changed === null, `it is sent all the same: ${JSON.stringify(world.changed)}`);
  check((await field("Scopes").inputValue()) === "mine:read" && (await field("Name").inputValue()) === "Frontend", "what was typed is lost");
  check((await dialog(page).getByLabel("Token lifetime").inputValue()) === "60", "the rest is as old as before");
  await look(page, "console-edit-clash");
  await field("Workload").uncheck();
  await save({ name: "Frontend", scopes: ["mine:read"], auth_methods: ["key"] });
  // to what the person wants, too: nothing is left to send
  await button(page, "Edit").click();
  await field("Name").fill("Core");
  world.client = { ...world.client, name: "Core" };
  await submit(page);
  await dialog(page).getByRole("alert").getByText("Now: Core.").waitFor();
  check(await page.locator("dialog button[type=submit]").isDisabled(), "what is unchanged can be saved");
  check(world.changed === null, "it is sent");
  await page.keyboard.press("Escape");
  await gone(page);
  // in the moment before the change arrives, in one of the person's members and in another
  for (const [theirs, body] of [[{ scopes: ["theirs:read"] }, { scopes: ["late:read"] }], [{ token_lifetime: 77 }, { scopes: ["last:read"] }]]) {
    await button(page, "Edit").click();
    await field("Scopes").fill(body.scopes[0]);
    world.special = (method) => {
      if (method === "PATCH") [world.client, world.special] = [{ ...world.client, ...theirs }, null];
    };
    await submit(page);
    if (theirs.scopes) {
      await dialog(page).getByRole("alert").getByText("Now: theirs:read.").waitFor();
      check(world.changed === null, `it is put in the other's place: ${JSON.stringify(world.changed)}`);
      await submit(page);
    }
    await gone(page);
    check(JSON.stringify(world.changed.body) === JSON.stringify(body), JSON.stringify(world.changed));
    world.changed = null;
  }
  check(world.client.token_lifetime === 77, "what the other has changed is lost");
  // the other try fails: the form has what was read before it
  await button(page, "Edit").click();
  await field("Scopes").fill("mine:again");
  let tries = 0;
  world.special = (method) => {
    if (method !== "PATCH") return null;
    if (tries++ === 0) world.client = { ...world.client, token_lifetime: 88 };
    return tries === 2 ? problem(503, "overloaded") : null;
  };
  await submit(page);
  await dialog(page).getByText("It isn’t known whether this was done").waitFor();
  world.special = null;
  check(tries === 2 && world.changed === null, "it isn't tried again");
  check((await dialog(page).getByLabel("Token lifetime").inputValue()) === "88", "what the other has changed isn't shown");
  check((await field("Scopes").inputValue()) === "mine:again", "what was typed is lost");
  await save({ scopes: ["mine:again"] });
  check(world.client.token_lifetime === 88, "what the other has changed is overwritten");
  // it can't be read again
  await button(page, "Edit").click();
  await field("Name").fill("Gone");
  world.client = { ...world.client, name: "Theirs" };
  world.special = (method) => (method === "GET" ? problem(404, "client_not_found") : null);
  await submit(page);
  await dialog(page).getByRole("alert").first().waitFor();
  check(world.changed === null, "it is sent unseen");
  world.special = null;
  await page.keyboard.press("Escape");
  await gone(page);
  // the half of the pair that the person leaves is the server's
  await open(page, "organizations/acme");
  await button(page, "Edit").click();
  await field("External ID").fill("org_7");
  world.organization = { issuer: "https://new.example.com" };
  await save({ issuer: "https://new.example.com", external_id: "org_7" });
}

const REFUSALS = {
  scopes: ["Scopes", "scopes must be a list of at most 64 different scope tokens (RFC 6749 section 3.3), 1024 bytes in all."],
  allowed_networks: ["Allowed networks", "allowed_networks: 192.0.2.1/24 has bits set behind its prefix; the network is 192.0.2.0/24."],
  roles: ["Admin", "roles must be a list of admin, member and resource_server, each at most once."],
  profile: ["Profile", "Profile fapi2 wants a token_binding, and no auth_methods but key and certificate."],
};

// A refusal stands at the field that it names, which has the focus and says so to screen readers.
async function refuses_a_field(page, world) {
  await open(page, CLIENT);
  await button(page, "Edit").click();
  await dialog(page).getByLabel("Name", { exact: true }).fill("Backend");
  for (const [name, [label, detail]] of Object.entries(REFUSALS)) {
    world.special = (method) => (method === "PATCH" ? { status: name === "profile" ? 409 : 400, body: { code: name === "profile" ? "profile_unmet" : "invalid_request", detail } } : null);
    await submit(page);
    await dialog(page).getByRole("alert").getByText(detail).waitFor();
    await page.waitForFunction((n) => document.activeElement.name === n, name);
    const field = dialog(page).getByLabel(label, { exact: label === "Admin" }).first();
    check((await field.getAttribute("aria-describedby")) === (await dialog(page).getByRole("alert").getAttribute("id")), `${name} is described by the refusal`);
    check((await field.getAttribute("aria-invalid")) === "true", `${name} is invalid`);
    check((await page.locator("[aria-invalid=true]").count()) === (name === "roles" ? 3 : 1), `${name} alone is`);
    await look(page, `console-refused-${name}`);
  }
  world.special = (method) => (method === "PATCH" ? { status: 503, body: { code: "organization_moving", detail: "scopes are many" } } : null);
  await submit(page);
  await dialog(page).getByText("The service is busy. Nothing was changed.").waitFor();
  check((await page.locator("[aria-invalid=true]").count()) === 0, "a moment's fault is no field's");
  world.special = null;
  await page.keyboard.press("Escape");
  await gone(page);
  check(await button(page, "Edit").evaluate((b) => b === document.activeElement), "the focus returns");
}

// From the button to what is saved, by keys alone.
async function edits_by_keyboard(page, world) {
  await open(page, CLIENT);
  await button(page, "Edit").focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog[open] form").waitFor();
  const seen = [];
  for (let i = 0; i < 30 && seen.at(-1) !== "profile"; i++) {
    await page.keyboard.press("Tab");
    seen.push(await page.evaluate(() => document.activeElement.name));
    if (seen.at(-1) === "token_lifetime") await page.keyboard.type("900");
    if (seen.at(-1) === "roles" && seen.at(-2) !== "roles") await page.keyboard.press("Space");
  }
  check([...new Set(seen.filter(Boolean))].join(" ") === "name scopes token_lifetime audiences roles allowed_networks auth_methods token_binding token_type profile", `tab goes to ${seen}`);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await gone(page);
  check(JSON.stringify(world.changed?.body) === '{"token_lifetime":900,"roles":["admin","member"]}', JSON.stringify(world.changed));
}

async function the_form(page, size) {
  await open(page, CLIENT);
  await button(page, "Edit").click();
  await dialog(page).getByText("What will happen").waitFor();
  await lookInBoth(page, `console-edit-client-${size}`);
  await page.locator("dialog").evaluate((d) => d.scrollTo(0, d.scrollHeight));
  await lookInBoth(page, `console-edit-client-end-${size}`);
  check(await page.locator("dialog").evaluate((d) => d.scrollWidth <= d.clientWidth), "the form is too wide");
}

async function every_client(page, world) {
  await open(page, "clients");
  await shown(page, "The first 50");
  await page.getByRole("searchbox").fill("m2m_0000042");
  await shown(page, "1 in all");
  check(world.asked.some((a) => a === "GET /admin/clients?search=m2m_0000042&page_size=50"), "the server searches");
  await page.getByRole("link", { name: "Warehouse 42" }).click();
  await page.waitForURL(/#organizations\/acme\/m2m_0000042/);
}

// ---- keys ----

async function keys(page, world) {
  await open(page, "keys");
  await button(page, "Rotate key").click();
  await page.getByText(`${ACTIVE_KID} signs until then`).waitFor();
  await look(page, "console-rotate-key");
  await dialog(page).getByLabel("Algorithm").selectOption("EdDSA");
  await submit(page);
  await gone(page);
  check(JSON.stringify(world.changed) === '{"method":"POST","path":"/admin/signing-keys/rotate","body":{"alg":"EdDSA"}}', JSON.stringify(world.changed));
  await button(page, "Revoke").nth(1).click();
  await page.getByText("Every token that it signed stops verifying").waitFor();
  check(await page.locator("dialog button[type=submit]").isDisabled(), "it can be revoked without its kid");
  await dialog(page).getByLabel(`Type ${ACTIVE_KID} to go on`).fill(ACTIVE_KID);
  await look(page, "console-revoke");
  await submit(page);
  await gone(page);
  check(world.changed.path === `/admin/signing-keys/${ACTIVE_KID}/revoke`, JSON.stringify(world.changed));
  check((await page.getByText(NEXT_KID).count()) > 0, "the next key is there");
}

// ---- the audit ----

async function audit(page, world) {
  await open(page, "tokens");
  await shown(page, "The first 50");
  await page.getByLabel("Organization", { exact: true }).fill("acme");
  await page.getByLabel("Method").selectOption("client_secret_basic");
  await page.getByLabel("From").fill("2026-01-02T03:04");
  await button(page, "Apply").click();
  await shown(page, /\d+ in all/);
  const asked = new URLSearchParams(world.asked.findLast((a) => a.startsWith("GET /admin/audit/tokens")).split("?")[1]);
  check(asked.get("organization") === "acme" && asked.get("auth_method") === "client_secret_basic", `asked: ${asked}`);
  check(new Date(asked.get("issued_after")).getTime() === Date.UTC(2026, 0, 2, 2, 4) && !asked.has("after"), `asked: ${asked}`);
  const n = await rows(page, "Tokens").count();
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Download CSV").click()]);
  const csv = readFileSync(await download.path(), "utf8");
  check(csv.split("\r\n").length === n + 2, "the CSV has a line each");
  check(csv.includes('"acme"') && !/(^|,)"[=+@]/m.test(csv), "no cell of the CSV is a formula");
  await rows(page, "Tokens").first().getByRole("button").click();
  await page.getByText("One token’s story").waitFor();
  await button(page, "Copy Token ID").click();
  check(/^01a20a83-/.test(await page.evaluate(() => navigator.clipboard.readText())), "the token's id is copied");
  await look(page, "console-story");
  await dialog(page).getByRole("link", { name: "Acme Industries" }).click();
  await heading(page, "Acme Industries");
  await gone(page);
  await open(page, "acts?actor=portal");
  await shown(page, "The first 50");
  check((await page.getByLabel("By", { exact: true }).inputValue()) === "portal", "the address has the filter");
  await rows(page, "Acts").nth(3).getByRole("button").click();
  await dialog(page).getByText('"disabled":true').waitFor();
  await look(page, "console-act");
}

// ---- sessions ----

async function sessions(page, world) {
  await open(page, "sessions");
  await page.getByRole("link", { name: "Acme Industries" }).waitFor();
  await page.getByLabel("Kind").selectOption("console");
  await shown(page, "grace@example.com");
  await button(page, "End").first().click();
  await page.getByText("signed out at once").waitFor();
  await look(page, "console-end-session");
  await submit(page);
  await gone(page);
  check(world.changed.method === "DELETE" && world.changed.path.startsWith("/admin/console-sessions/"), JSON.stringify(world.changed));
  await open(page, "organizations/acme");
  await button(page, "End").first().click();
  await submit(page);
  await gone(page);
  check(/^\/admin\/organizations\/[^/]+\/portal-sessions\//.test(world.changed.path), JSON.stringify(world.changed));
}

// ---- states ----

async function errors(page, world) {
  world.special = (method, path) => (path === "/admin/organizations" ? problem(503, "overloaded") : null);
  await open(page, "organizations");
  await page.getByText("The service is busy").waitFor();
  await look(page, "console-error");
  world.special = null;
  await button(page, "Try again").click();
  await shown(page, "The first 50");
  world.special = (method) => (method === "POST" ? problem(409, "already_exists") : null);
  await button(page, "New organization").click();
  await dialog(page).getByLabel("Slug").fill("acme");
  await submit(page);
  await dialog(page).getByText("The answer is already_exists.").waitFor();
  await look(page, "console-error-dialog");
}

// A question that fails has no rows, and what failed to go on keeps those that it goes on from.
async function rows_of_the_question(page, world) {
  const fail = () => (world.special = (method, path) => (path === "/admin/audit/tokens" ? problem(503, "store_unavailable") : null));
  await open(page, "tokens");
  await shown(page, "The first 50");
  fail();
  await button(page, "Load more").click();
  await page.getByText("The service is busy. Try again in a moment.").waitFor();
  check((await rows(page, "Tokens").count()) === 50, "a further page that fails takes the others along");
  check(await button(page, "Download CSV").isEnabled(), "they can't be taken along");
  world.special = null;
  await button(page, "Try again").click();
  await shown(page, "The first 100");
  fail();
  await page.getByLabel("Organization", { exact: true }).fill("acme");
  await button(page, "Apply").click();
  await page.getByText("The service is busy. Try again in a moment.").waitFor();
  check((await page.locator("main table").count()) === 0, "another question's rows stand there");
  check((await button(page, "Download CSV").count()) === 0, "and can be taken along");
  check((await button(page, "Load more").count()) === 0 && (await page.getByRole("main").getByText("The first 100").count()) === 0, "and are counted");
  await lookInBoth(page, "console-filter-error");
  world.special = null;
  await button(page, "Try again").click();
  await shown(page, /\d+ in all/);
  check(new URLSearchParams(world.asked.at(-1).split("?")[1]).get("organization") === "acme", `it asks something else again: ${world.asked.at(-1)}`);
  // while the answer is on its way
  world.slow = 1500;
  await button(page, "Clear").click();
  await page.waitForFunction(() => document.querySelector("main [aria-busy=true]"));
  check(await button(page, "Download CSV").isDisabled(), "the old rows can be taken along under another filter");
}

// The first secret of a client can't be shown again by who may not reveal it.
async function made_stays(page, world) {
  await open(page, "organizations/acme");
  for (const status of [429, 503]) {
    await button(page, "New client").click();
    await dialog(page).getByLabel("Name").fill("Reports");
    world.special = (method, path) => (method === "GET" && /^\/admin\/organizations\/acme(\/clients)?$/.test(path) ? problem(status, "rate_limited") : null);
    await submit(page);
    await page.locator("main > .notice").first().waitFor();
    check((await page.locator("[data-secret]").textContent({ timeout: 1000 }).catch(() => null)) === SECRET, `the secret is gone after ${status}`);
    await look(page, `console-made-unread-${status}`);
    await page.keyboard.press("Escape");
    await gone(page);
    world.special = null;
    await open(page);
    await heading(page, "Overview");
    await open(page, "organizations/acme");
  }
}

// What may have been done isn't said to be undone: the page is read anew first.
const DOUBTFUL = [["store_unavailable", 503], ["overloaded", 503], ["internal", 500], [undefined, 502], [undefined, 504]];
async function in_doubt(page, world) {
  await open(page, "organizations/acme");
  for (const [code, status] of DOUBTFUL) {
    await button(page, "Disable").click();
    world.special = (method) => (method === "PATCH" ? { status, body: code && { code } } : null);
    await submit(page);
    await dialog(page).getByText("Look again before you repeat it.").waitFor();
    check((await page.getByText("Nothing was changed").count()) + (await page.getByText("That didn’t work").count()) === 0, `${status} ${code} says what it can't know`);
    world.special = null;
    if (status !== 504) {
      await page.keyboard.press("Escape");
      await gone(page);
    }
  }
  await lookInBoth(page, "console-in-doubt");
  world.organization = { disabled: true }; // it was done
  await dialog(page).getByRole("button", { name: "Look again" }).click();
  await button(page, "Enable").waitFor();
  await gone(page);
  await button(page, "Enable").click();
  for (const [code, status] of [["organization_moving", 503], ["rate_limited", 429]]) {
    world.special = (method) => (method === "PATCH" ? problem(status, code) : null);
    await submit(page);
    await dialog(page).getByText("The service is busy. Nothing was changed. Try again in a moment.").waitFor();
    check((await button(page, "Look again").count()) === 0, `${code} is in doubt`);
  }
}

async function empty(page) {
  await open(page, "organizations");
  await page.getByText("There is nothing to show yet.").waitFor();
  await look(page, "console-empty");
  await open(page);
  await page.getByText("No attempt was denied.").waitFor();
}

async function slow(page, world) {
  await open(page);
  await heading(page, "Overview");
  world.slow = 4500;
  await page.getByRole("link", { name: "Organizations" }).click();
  await page.getByText("This takes longer than usual").first().waitFor();
  await look(page, "console-slow");
}

async function offline(page) {
  await open(page, "organizations");
  await shown(page, "The first 50");
  await page.context().setOffline(true);
  await page.getByText("You are offline").waitFor();
  await look(page, "console-offline");
}

export async function consoleTests(given) {
  tools = given;
  const world = { page: "console", answer: answerConsole };
  const run = (what, act, more = {}, options = {}) => tools.withPage(`console: ${what}`, { ...options, world: { ...world, signedIn: true, ...more } }, act);
  for (const size of Object.keys(tools.SIZES)) {
    await run(`every view ${size}`, (page) => every_view(page, size), {}, { size, dark: size === "narrow" });
    await run(`the form of a client ${size}`, (page) => the_form(page, size), {}, { size, dark: size === "narrow" });
  }
  await run("the code leaves the URL", code_leaves_the_url, { signedIn: false }, { fresh: true });
  await run("views have addresses", views_have_addresses);
  await run("all by keyboard", keyboard);
  await run("a session that only reads", rights, { may: ["read"] });
  await run("signing out", signs_out);
  await run("a session that has ended", ends);
  await run("thousands of organizations", thousands);
  await run("an organization is made", makes_an_organization);
  await run("an organization is changed and deleted", changes_an_organization);
  await run("a portal link", portal_link);
  await run("an organization's clients", clients);
  await run("a client's settings are edited", edits_a_client);
  await run("what another operator changes", another_changes_it);
  await run("a refusal stands at its field", refuses_a_field);
  await run("a client is edited by keyboard", edits_by_keyboard);
  await run("clients of all organizations", every_client);
  await run("signing keys", keys);
  await run("the audit is searched and taken along", audit);
  await run("sessions are ended", sessions);
  await run("an error is told and tried again", errors);
  await run("rows are those of the question", rows_of_the_question);
  await run("a first secret stays whatever is read behind it", made_stays);
  await run("what may have been done", in_doubt);
  await run("nothing there yet", empty, { empty: true });
  await run("slow", slow);
  await run("offline", offline, {}, { fresh: true });
  await run("a failing gateway", async (page) => {
    await open(page);
    await page.getByText("Failing").first().waitFor();
    await look(page, "console-failing");
  }, { health: "failing" });
  await run("a used link", async (page) => {
    await open(page, "a-code-that-was-used-and-can-not-be-used-again");
    await heading(page, "This link has been used, or is too old");
    await look(page, "console-used");
  }, { signedIn: false });
  await run("no link", async (page) => {
    await open(page);
    await heading(page, "Open the console with a link");
    await look(page, "console-no-link");
  }, { signedIn: false });
}
