// The console against a real gateway: each view shows what the database has, and each act is looked
// up there. real.mjs gives it the tools.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const GRACE = "grace@example.com";

export async function consoleTests({ test, m2mctl, sql, confidential, shot, url, id, gives }) {
  const link = (...may) => {
    const made = m2mctl("console", "--actor", GRACE, ...may.flatMap((right) => ["--may", right])).match(/http\S+\/console#\S+/)[0];
    confidential.add(made.split("#")[1]);
    return made;
  };
  const button = (page, name) => page.getByRole("button", { name, exact: true });
  const heading = (page, name) => page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
  const dialog = (page) => page.getByRole("dialog");
  const submit = (page) => page.locator("dialog button[type=submit]").click();
  const gone = (page) => page.locator("dialog").waitFor({ state: "detached" });
  const rows = (page, label) => page.getByRole("region", { name: label, exact: true }).locator("tbody tr");
  const acts = (action, outcome = "granted") =>
    Number(sql(`select count(*) from m2m.admin_audit where action = '${action}' and outcome = '${outcome}' and actor = 'console:${GRACE}'`));
  const open = async (page, ...may) => {
    await page.goto(link(...may));
    await heading(page, "Overview");
  };
  const go = async (page, fragment, title) => {
    await page.goto(`${url}/console#${fragment}`);
    await heading(page, title);
  };
  // A view that shows a problem, or waits for ever, has none of its rows.
  const has = (page, label, text) => rows(page, label).filter({ hasText: text }).first().waitFor();

  await test("console: every view shows what there is", async (page) => {
    await gives("wrong", 401);
    await open(page);
    assert.ok(!page.url().includes("#"));
    await page.getByText(sql("select kid from m2m.signing_keys where current"), { exact: false }).first().waitFor();
    for (const check of ["database", "promises", "schema", "partitions", "clock"]) await has(page, "Checks", check);
    await shot(page, "real-console-overview");
    await go(page, "organizations?search=dem", "Organizations");
    await has(page, "Organizations", "demo");
    await page.getByRole("link", { name: "demo", exact: false }).first().click();
    await has(page, "Clients", id);
    await shot(page, "real-console-organization");
    await go(page, `clients?search=${id.slice(0, 12)}`, "Clients");
    await has(page, "Clients", id);
    await go(page, "tokens?organization=demo", "Tokens");
    await has(page, "Tokens", "127.0.0.1");
    await rows(page, "Tokens").first().getByRole("button").click();
    await dialog(page).getByText(id).first().waitFor();
    await page.keyboard.press("Escape");
    await gone(page);
    const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Download CSV").click()]);
    assert.ok(readFileSync(await download.path(), "utf8").includes(id));
    await go(page, "acts?action=open_console_session", "Acts");
    await has(page, "Acts", GRACE);
    await shot(page, "real-console-acts");
    await go(page, "sessions?kind=console", "Sessions");
    await has(page, "Sessions", GRACE);
  });

  await test("console: denied attempts come, and are filtered", async (page) => {
    await open(page);
    // a gateway writes them once a minute
    for (let n = 0; n < 90 && sql("select count(*) from m2m.denied_audit") === "0"; n++) await new Promise((done) => setTimeout(done, 1000));
    const reason = sql("select reason from m2m.denied_audit limit 1");
    await go(page, `denied?reason=${reason}&remote_addr=127.0.0.0/8`, "Denied attempts");
    await rows(page, "Denied attempts").first().waitFor();
    await shot(page, "real-console-denied");
  });

  await test("console: an organization is made, changed, disabled and deleted", async (page) => {
    await open(page);
    await go(page, "organizations", "Organizations");
    await button(page, "New organization").click();
    await dialog(page).getByLabel("Slug").fill("hydra");
    await dialog(page).getByLabel("Name").fill("Hydra Works");
    await submit(page);
    const secret = await page.locator("[data-secret]").textContent();
    confidential.add(secret);
    const made = sql("select c.client_id from m2m.client c join m2m.organization o using (organization_id) where o.slug = 'hydra' and c.is_default");
    await page.getByRole("link", { name: "Open Hydra Works" }).click();
    await has(page, "Clients", made);
    await gives(secret, 200, "hydra/1", made);
    await button(page, "Edit").click();
    await dialog(page).getByLabel("Name").fill("Hydra Holding");
    await submit(page);
    await heading(page, "Hydra Holding");
    await button(page, "Disable").click();
    await submit(page);
    await button(page, "Enable").waitFor();
    await gives(secret, 401, "hydra/1", made);
    await button(page, "Enable").click();
    await submit(page);
    await button(page, "Disable").waitFor();
    await gives(secret, 200, "hydra/1", made);
    await button(page, "New client").click();
    await dialog(page).getByLabel("Name").fill("Reports");
    await submit(page);
    confidential.add(await page.locator("[data-secret]").textContent());
    await button(page, "Close").last().click();
    await gone(page);
    await page.getByRole("link", { name: "Reports" }).click();
    await button(page, "Reveal").click();
    const second = await page.locator("[data-secret]").textContent();
    confidential.add(second);
    assert.equal(acts("read_secret"), 1);
    await shot(page, "real-console-client");
    await button(page, "Rotate secret").click();
    await page.getByText("What will happen").waitFor();
    await page.locator("dialog button.primary, dialog button.danger").last().click();
    for (let n = 0; n < 100 && acts("rotate_secret") === 0; n++) await new Promise((done) => setTimeout(done, 100));
    assert.equal(acts("rotate_secret"), 1);
    await go(page, "organizations/hydra", "Hydra Holding");
    await button(page, "Portal link").click();
    await dialog(page).getByLabel("For whom").fill("Ada Lovelace");
    await submit(page);
    const portal = await page.locator("[data-link]").textContent();
    confidential.add(portal.split("#")[1]);
    assert.match(portal, /\/portal#[\w-]{43}$/);
    await page.keyboard.press("Escape");
    await gone(page);
    await button(page, "Delete").click();
    await dialog(page).getByLabel("Type hydra to go on").fill("hydra");
    await submit(page);
    await heading(page, "Organizations");
    assert.equal(sql("select count(*) from m2m.organization where slug = 'hydra' and deleted_at is null"), "0");
    for (const action of ["create_organization", "make_portal_link", "delete_organization"]) assert.equal(acts(action), 1, action);
    assert.equal(acts("create_client"), 2, "the organization's first one, and Reports");
  });

  await test("console: a client's and an organization's settings are edited, and a refusal changes nothing", async (page) => {
    const env = m2mctl("org", "create", "minos", "--output", "env");
    const [, client] = env.match(/M2M_CLIENT_ID=(\S+)/);
    const [, secret] = env.match(/M2M_CLIENT_SECRET=(\S+)/);
    confidential.add(secret);
    const is = (columns, table = "client", where = `client_id = '${client}'`) => sql(`select ${columns} from m2m.${table} where ${where}`);
    const details = (action) => sql(`select detail from m2m.admin_audit where action = '${action}' and outcome = 'granted' and actor = 'console:${GRACE}' and remote_addr = '127.0.0.1' and detail::text not like '%Hydra%' order by at`).split("\n");
    const edit = async (...acts) => {
      await button(page, "Edit").click();
      for (const act of acts) await act(dialog(page));
      await submit(page);
    };
    await open(page);
    await go(page, `organizations/minos/${client}`, is("coalesce(nullif(name, ''), client_id)"));
    await edit(
      (d) => d.getByLabel("Name", { exact: true }).fill("Labyrinth"),
      (d) => d.getByLabel("Scopes").fill("orders:read orders:write"),
      (d) => d.getByLabel("Token lifetime").fill("600"),
      (d) => d.getByLabel("Audience").fill("public-api https://maze.example"),
      (d) => d.getByLabel("Resource server").check(),
      (d) => d.getByLabel("Allowed networks").fill("127.0.0.0/8 2001:db8::/32"),
      (d) => d.getByLabel("Token type").selectOption("at+jwt"),
    );
    await gone(page);
    await heading(page, "Labyrinth");
    assert.equal(is("name, scopes, token_lifetime, audiences, 'resource_server' = any(roles), allowed_networks, token_type, coalesce(auth_methods, '{secret}')"), "Labyrinth|{orders:read,orders:write}|600|{public-api,https://maze.example}|t|{127.0.0.0/8,2001:db8::/32}|at+jwt|{secret}");
    assert.deepEqual(Object.keys(JSON.parse(details("set_client").at(-1))).sort(), ["allowed_networks", "audiences", "name", "roles", "scopes", "token_lifetime", "token_type"]);
    await gives(secret, 200, "minos/1", client);
    await shot(page, "real-console-settings");
    // the server's own sentences, at their fields
    for (const [act, field, sentence] of [
      [(d) => d.getByLabel("Allowed networks").fill("192.0.2.1/24"), "allowed_networks", /192\.0\.2\.0\/24/],
      [(d) => d.getByLabel("Token lifetime").fill("59"), "token_lifetime", /from 60 to 2592000/],
      [(d) => d.getByLabel("Scopes").fill("a a"), "scopes", /different scope tokens/],
      [(d) => d.getByLabel("Secret", { exact: true }).uncheck(), "auth_methods", /one at least/],
      [(d) => d.getByLabel("Profile").selectOption("fapi2"), "profile", /token_binding/],
    ]) {
      await edit(act);
      await dialog(page).getByRole("alert").getByText(sentence).waitFor();
      await page.waitForFunction((name) => document.activeElement.name === name, field);
      await shot(page, `real-console-refused-${field}`);
      await page.keyboard.press("Escape");
      await gone(page);
    }
    assert.equal(is("scopes, token_lifetime, allowed_networks, coalesce(auth_methods, '{secret}'), profile"), "{orders:read,orders:write}|600|{127.0.0.0/8,2001:db8::/32}|{secret}|");
    assert.equal(details("set_client").length, 1);
    await edit(
      (d) => d.getByLabel("Key", { exact: true }).check(),
      (d) => d.getByLabel("Secret", { exact: true }).uncheck(),
      (d) => d.getByLabel("Tokens must be bound to").selectOption("dpop"),
      (d) => d.getByLabel("Profile").selectOption("fapi2"),
      (d) => d.getByLabel("Allowed networks").fill(""),
    );
    await gone(page);
    assert.equal(is("auth_methods, token_binding, profile, allowed_networks is null, scopes"), "{key}|dpop|fapi2|t|{orders:read,orders:write}");
    assert.deepEqual(Object.keys(JSON.parse(details("set_client").at(-1))).sort(), ["allowed_networks", "auth_methods", "profile", "token_binding"]);
    await gives(secret, 401, "minos/1", client);
    await edit((d) => d.getByLabel("Profile").selectOption(""), (d) => d.getByLabel("Tokens must be bound to").selectOption(""), (d) => d.getByLabel("Token type").selectOption(""), (d) => d.getByLabel("Secret", { exact: true }).check());
    await gone(page);
    assert.equal(is("auth_methods, token_binding is null, profile is null, token_type is null"), "{secret,key}|t|t|t");
    await gives(secret, 200, "minos/1", client);

    // another operator changes it while the form is open
    const before = details("set_client").length;
    await button(page, "Edit").click();
    await dialog(page).getByLabel("Scopes").fill("orders:read");
    m2mctl("client", "set", client, "--scope", "invoices:read", "--lifetime", "900");
    await submit(page);
    await dialog(page).getByRole("alert").getByText("Now: invoices:read.").waitFor();
    assert.equal(details("set_client").length, before);
    await shot(page, "real-console-clash");
    await submit(page);
    await gone(page);
    assert.equal(is("scopes, token_lifetime"), "{orders:read}|900");
    assert.deepEqual(JSON.parse(details("set_client").at(-1)), { scopes: ["orders:read"] });

    const organization = (columns) => is(columns, "organization", "slug = 'minos'");
    await go(page, "organizations/minos", organization("name"));
    await edit((d) => d.getByLabel("Issuer").fill("https://login.example.com"));
    await dialog(page).getByRole("alert").getByText("issuer and external_id must be given together.").waitFor();
    await dialog(page).getByLabel("External ID").fill("org_minos");
    await dialog(page).getByLabel("Allowed networks").fill("192.0.2.0/24");
    await dialog(page).getByLabel("Longest age").fill("864000");
    await submit(page);
    await gone(page);
    assert.equal(organization("issuer, external_id, allowed_networks, secret_max_age"), "https://login.example.com|org_minos|{192.0.2.0/24}|864000");
    assert.deepEqual(JSON.parse(details("set_organization").at(-1)), { issuer: "https://login.example.com", external_id: "org_minos", allowed_networks: ["192.0.2.0/24"], secret_max_age: 864000 });
    await gives(secret, 403, "minos/1", client);
    await edit(...["Issuer", "External ID", "Allowed networks", "Longest age"].map((label) => (d) => d.getByLabel(label).fill("")));
    await gone(page);
    assert.equal(organization("external_id is null, allowed_networks is null, secret_max_age is null"), "t|t|t");
    await gives(secret, 200, "minos/1", client);
    await shot(page, "real-console-organization-settings");
  });

  await test("console: signing keys are rotated and revoked", async (page) => {
    await open(page);
    await go(page, "keys", "Signing keys");
    const current = sql("select kid from m2m.signing_keys where current");
    await button(page, "Rotate key").click();
    await submit(page);
    await gone(page);
    const next = sql("select kid from m2m.signing_keys where state = 'next'");
    await page.getByRole("heading", { name: new RegExp(next) }).waitFor();
    await shot(page, "real-console-keys");
    await page.getByRole("listitem").filter({ hasText: next }).getByRole("button", { name: "Revoke" }).click();
    await dialog(page).getByLabel(`Type ${next} to go on`).fill(next);
    await submit(page);
    await gone(page);
    assert.equal(sql(`select state from m2m.signing_keys where kid = '${next}'`), "revoked");
    assert.equal(sql("select kid from m2m.signing_keys where current"), current);
    assert.equal(acts("rotate_signing_key") + acts("revoke_signing_key"), 2);
  });

  await test("console: a session that only reads offers nothing, and may do nothing", async (page) => {
    await open(page, "read");
    await go(page, "organizations/demo", sql("select name from m2m.organization where slug = 'demo'"));
    await has(page, "Clients", id);
    for (const name of ["Portal link", "Edit", "Disable", "Delete", "New client"]) assert.equal(await button(page, name).count(), 0, name);
    await page.goto(`${url}/console#organizations/demo/${id}`);
    await page.locator(".tiles div", { hasText: "Authenticates with" }).waitFor();
    assert.equal(await button(page, "Edit").count(), 0);
    const ask = (path, method = "GET", body = undefined) =>
      page.evaluate(async ([p, m, b]) => (await fetch(p, { method: m, body: b, headers: { "X-M2M-Console": "1", ...(b && { "Content-Type": "application/json" }) } })).status, [path, method, body]);
    assert.equal(await ask(`admin/organizations/demo/clients/${id}/secret`), 403);
    assert.equal(await ask("admin/audit/acts"), 403);
    assert.equal(await ask("admin/signing-keys/rotate", "POST"), 403);
    assert.equal(await ask("m2m/client-secret"), 403);
    assert.equal(await ask(`admin/organizations/demo/clients/${id}`, "PATCH", '{"token_lifetime":600}'), 403);
    assert.equal(await ask("admin/organizations/demo", "PATCH", '{"name":"Demo"}'), 403);
  });

  await test("console: a session that another one ends is over, and signing out ends it", async (page, context) => {
    await open(page);
    const cookies = await context.cookies();
    await go(page, "sessions?kind=console", "Sessions");
    await has(page, "Sessions", GRACE);
    const mine = sql("select session_id from m2m.console_session where ended_at is null order by made_at desc limit 1");
    m2mctl("console", "end", "--session", mine);
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
    await open(page);
    await button(page, "Sign out").click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    assert.equal((await context.cookies()).length, 0);
    await context.addCookies(cookies);
    await page.reload();
    await page.getByRole("heading", { name: /console/i }).first().waitFor();
    assert.equal(await page.getByRole("link", { name: "Keys" }).count(), 0);
    await context.clearCookies();
  });
}
