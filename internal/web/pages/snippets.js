// One request in seven languages, ready to run: what the caller must fill in stands in the
// environment. And what a request looks like, by the contract.

// ---- the contract ----

export function resolve(doc, thing) {
  let found = thing;
  while (found?.$ref) found = found.$ref.split("/").slice(1).reduce((at, step) => at[step.replaceAll("~1", "/")], doc);
  return found ?? {};
}

const METHODS = ["get", "post", "put", "patch", "delete"];

export const operationsOf = (doc) =>
  Object.entries(doc.paths).flatMap(([path, item]) =>
    METHODS.filter((m) => item[m]).map((m) => ({ ...item[m], path, method: m.toUpperCase(), shared: item.parameters ?? [] })),
  );

export const parametersOf = (doc, op) => [...op.shared, ...(op.parameters ?? [])].map((p) => resolve(doc, p));

export function members(doc, schema) {
  const whole = resolve(doc, schema);
  const parts = [whole, ...(whole.allOf ?? []).map((s) => resolve(doc, s))];
  return {
    properties: Object.assign({}, ...parts.map((p) => p.properties)),
    required: parts.flatMap((p) => p.required ?? []),
  };
}

export function exampleValue(doc, given) {
  const known = resolve(doc, given);
  return (given.examples ?? known.examples)?.[0] ?? known.example ?? known.const ?? known.enum?.[0];
}

// {type, fields}: the contract's example, else what a body must have.
export function exampleOf(doc, op) {
  const [type, content] = Object.entries(resolve(doc, op.requestBody).content ?? {})[0] ?? [];
  if (!type) return null;
  const { properties, required } = members(doc, content.schema);
  const fields = resolve(doc, content.schema).examples?.[0] ?? Object.fromEntries(required.map((name) => [name, exampleValue(doc, properties[name]) ?? "…"]));
  return { type, fields };
}

export const schemesOf = (op) => (op.security ?? []).flatMap((s) => Object.keys(s));

// ---- the request ----

const GRPC = {
  get_client_id: "GetClientId",
  get_client_secret: "GetClientSecret",
  issue_token: "IssueToken",
  rotate_secret: "RotateClientSecret",
  list_secrets: "ListSecrets",
  get_rotation: "GetRotation",
  prolong_rotation: "ProlongRotation",
  cancel_rotation: "CancelRotation",
  list_token_audit: "ListTokenAudit",
  list_acts: "ListActs",
  sum_tokens: "SumTokens",
  introspect_token: "IntrospectToken",
  revoke_token: "RevokeToken",
  create_portal_link: "CreatePortalLink",
  end_portal_session: "EndPortalSession",
};

const FORM = "application/x-www-form-urlencoded";

// A text may have values of the environment in it: every other part of it is a variable's name.
const MARK = "\u0001";
const env = (name) => MARK + name + MARK;

// The client's credentials, where they stand in the body; the token that is asked about.
const given = {
  issue_token: (clientId) => ({ client_id: clientId, client_secret: env("M2M_CLIENT_SECRET") }),
  introspect_token: () => ({ token: env("TOKEN") }),
  revoke_token: () => ({ token: env("TOKEN") }),
};

// `message`: what gRPC has in place of path, query and body.
// {method, path, auth: "basic" | "bearer" | "none", type, message, text}
function requestOf(op, body, id, organization) {
  const schemes = schemesOf(op);
  const auth = schemes.includes("bearer") ? "bearer" : schemes.includes("client_secret_basic") ? "basic" : "none";
  const own = { client_id: id, organization: organization ?? "your-organization" };
  const inPath = Object.fromEntries([...op.path.matchAll(/{(\w+)}/g)].map(([, name]) => [name, own[name] ?? `your-${name}`]));
  const inQuery = Object.fromEntries((op.parameters ?? []).filter((p) => p.in === "query" && p.required).map((p) => [p.name, p.schema.enum[0]]));
  const query = new URLSearchParams(inQuery).toString();
  const path = op.path.replace(/{(\w+)}/g, (_, name) => inPath[name]) + (query && `?${query}`);
  const fields = { ...body?.fields, ...given[op.operationId]?.(id) };
  const type = body?.type ?? null;
  const text = !type ? null : type === FORM ? new URLSearchParams(fields).toString().replaceAll("%01", MARK) : JSON.stringify(fields).replaceAll("\\u0001", MARK);
  return { method: op.method, path, auth, type, message: { ...inPath, ...inQuery, ...fields }, text };
}

const lines = (...all) => all.filter((line) => typeof line === "string").join("\n") + "\n";

const quoted = (text) => JSON.stringify(text);

// With what joins the parts, and what reads a variable.
const spliced = (text, quote, join, read) =>
  text
    .split(MARK)
    .map((part, i) => (i % 2 ? read(part) : part && quote(part)))
    .filter(Boolean)
    .join(join);

const shell = (text) => spliced(text, (part) => `'${part.replaceAll("'", `'\\''`)}'`, "", (name) => `"$${name}"`);

// `mark`: another that a string may stand in, for a text with quotes.
const added = (text, mark, read, plus = " + ") =>
  spliced(text, (part) => (part.includes('"') && !part.includes(mark) && !part.includes("\\") ? mark + part + mark : quoted(part)), plus, read);

function curl(r, url, id) {
  const parts = [
    `curl ${r.method === "GET" ? "" : `-X ${r.method} `}${shell(url + r.path)}`,
    r.auth === "basic" && `  -u ${shell(id)}:"$M2M_CLIENT_SECRET"`,
    r.auth === "bearer" && `  -H "Authorization: Bearer $TOKEN"`,
    r.type && r.type !== FORM && `  -H ${shell(`Content-Type: ${r.type}`)}`,
    r.text !== null && `  -d ${shell(r.text)}`,
  ];
  return parts.filter(Boolean).join(" \\\n") + "\n";
}

const python = (r, url, id) =>
  lines(
    "import os",
    "import requests",
    "",
    "answer = requests.request(",
    `    ${quoted(r.method)}, ${quoted(url + r.path)},`,
    r.auth === "basic" && `    auth=(${quoted(id)}, os.environ["M2M_CLIENT_SECRET"]),`,
    (r.auth === "bearer" || r.type) && "    headers={",
    r.auth === "bearer" && `        "Authorization": "Bearer " + os.environ["TOKEN"],`,
    r.type && `        "Content-Type": ${quoted(r.type)},`,
    (r.auth === "bearer" || r.type) && "    },",
    r.text !== null && `    data=${added(r.text, "'", (name) => `os.environ["${name}"]`)},`,
    "    timeout=10,",
    ")",
    "answer.raise_for_status()",
    "print(answer.text)",
  );

const go = (r, url, id) =>
  lines(
    "package main",
    "",
    "import (",
    '\t"fmt"',
    '\t"io"',
    '\t"log"',
    '\t"net/http"',
    (r.auth !== "none" || r.text?.includes(MARK)) && '\t"os"',
    r.text !== null && '\t"strings"',
    ")",
    "",
    "func main() {",
    `\treq, err := http.NewRequest(${quoted(r.method)}, ${quoted(url + r.path)}, ${r.text === null ? "nil" : `strings.NewReader(${added(r.text, "`", (name) => `os.Getenv("${name}")`, "+")})`})`,
    "\tif err != nil {",
    "\t\tlog.Fatal(err)",
    "\t}",
    r.auth === "basic" && `\treq.SetBasicAuth(${quoted(id)}, os.Getenv("M2M_CLIENT_SECRET"))`,
    r.auth === "bearer" && '\treq.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))',
    r.type && `\treq.Header.Set("Content-Type", ${quoted(r.type)})`,
    "\tres, err := http.DefaultClient.Do(req)",
    "\tif err != nil {",
    "\t\tlog.Fatal(err)",
    "\t}",
    "\tdefer res.Body.Close()",
    "\tbody, err := io.ReadAll(res.Body)",
    "\tif err != nil {",
    "\t\tlog.Fatal(err)",
    "\t}",
    "\tfmt.Println(res.Status, string(body))",
    "}",
  );

const javascript = (r, url, id) =>
  lines(
    `const answer = await fetch(${quoted(url + r.path)}, {`,
    `  method: ${quoted(r.method)},`,
    "  headers: {",
    r.auth === "basic" && `    Authorization: "Basic " + Buffer.from(${quoted(`${id}:`)} + process.env.M2M_CLIENT_SECRET).toString("base64"),`,
    r.auth === "bearer" && '    Authorization: "Bearer " + process.env.TOKEN,',
    r.type && `    "Content-Type": ${quoted(r.type)},`,
    "  },",
    r.text !== null && `  body: ${added(r.text, "'", (name) => `process.env.${name}`)},`,
    "});",
    "console.log(answer.status, await answer.text());",
  );

const java = (r, url, id) =>
  lines(
    "import java.net.URI;",
    "import java.net.http.*;",
    r.auth === "basic" && "import java.util.Base64;",
    "",
    "public class Example {",
    "    public static void main(String[] args) throws Exception {",
    r.auth === "basic" && `        String credentials = ${quoted(`${id}:`)} + System.getenv("M2M_CLIENT_SECRET");`,
    `        HttpRequest request = HttpRequest.newBuilder(URI.create(${quoted(url + r.path)}))`,
    `            .method(${quoted(r.method)}, ${r.text === null ? "HttpRequest.BodyPublishers.noBody()" : `HttpRequest.BodyPublishers.ofString(${added(r.text, '"', (name) => `System.getenv("${name}")`)})`})`,
    r.auth === "basic" && '            .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes()))',
    r.auth === "bearer" && '            .header("Authorization", "Bearer " + System.getenv("TOKEN"))',
    r.type && `            .header("Content-Type", ${quoted(r.type)})`,
    "            .build();",
    "        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());",
    '        System.out.println(answer.statusCode() + " " + answer.body());',
    "    }",
    "}",
  );

// As .NET of any age takes it, and Mono.
const csharp = (r, url, id) =>
  lines(
    "using System;",
    "using System.Net.Http;",
    "using System.Net.Http.Headers;",
    "using System.Text;",
    "",
    "class Example",
    "{",
    "    static void Main()",
    "    {",
    "        var client = new HttpClient();",
    `        var request = new HttpRequestMessage(new HttpMethod(${quoted(r.method)}), ${quoted(url + r.path)});`,
    r.auth === "basic" && `        var credentials = ${quoted(`${id}:`)} + Environment.GetEnvironmentVariable("M2M_CLIENT_SECRET");`,
    r.auth === "basic" && '        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));',
    r.auth === "bearer" && '        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("TOKEN"));',
    r.text !== null && `        request.Content = new StringContent(${added(r.text, '"', (name) => `Environment.GetEnvironmentVariable("${name}")`)}, Encoding.UTF8, ${quoted(r.type)});`,
    "        var answer = client.SendAsync(request).GetAwaiter().GetResult();",
    "        Console.WriteLine((int)answer.StatusCode);",
    "        Console.WriteLine(answer.Content.ReadAsStringAsync().GetAwaiter().GetResult());",
    "    }",
    "}",
  );

function grpc(op, r, url) {
  const host = url.replace(/^https?:\/\//, "").replace(/[:/].*$/, "");
  return lines(
    "grpcurl \\",
    url.startsWith("http:") && "  -plaintext \\",
    '  -H "Authorization: Bearer $TOKEN" \\',
    Object.keys(r.message).length > 0 && `  -d ${shell(JSON.stringify(r.message).replaceAll("\\u0001", MARK))} \\`,
    `  "\${M2M_GRPC:-${host}:9090}" m2m.v1.M2MClients/${GRPC[op.operationId]}`,
  );
}

// `clientId`, `organization`: null where the reader isn't known.
export function snippets({ op, body, url, clientId, organization }) {
  const id = clientId ?? "m2m_yourClientId";
  const r = requestOf(op, body, id, organization);
  const all = Object.entries({ curl, Python: python, Go: go, JavaScript: javascript, Java: java, "C#": csharp }).map(([language, write]) => ({
    language,
    text: write(r, url, id),
  }));
  if (GRPC[op.operationId]) all.push({ language: "gRPC", text: grpc(op, r, url) });
  return all;
}
