// One request in seven languages, ready to run: what the caller must fill in stands in the
// environment.
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
  introspect_token: "IntrospectToken",
  revoke_token: "RevokeToken",
};

const FORM = "application/x-www-form-urlencoded";

// {method, path, auth: "basic" | "bearer" | "none", type, text}
function requestOf({ op, body, clientId }) {
  const schemes = (op.security ?? []).flatMap((s) => Object.keys(s));
  const auth = schemes.includes("client_secret_basic") ? "basic" : schemes.includes("bearer") ? "bearer" : "none";
  const path = op.path.replace("{client_id}", clientId ?? "{client_id}");
  const fields = Object.fromEntries(Object.entries(body?.fields ?? {}).filter(([name]) => auth !== "basic" || !/^client_/.test(name)));
  const type = body?.type ?? null;
  const text = !type ? null : type === FORM ? new URLSearchParams(fields).toString() : JSON.stringify(fields);
  return { method: op.method, path, auth, type, text };
}

const lines = (...all) => all.flat().filter((line) => line !== null && line !== false).join("\n") + "\n";

const quoted = (text) => JSON.stringify(text);

const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

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
    r.text !== null && `    data=${quoted(r.text)},`,
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
    r.auth !== "none" && '\t"os"',
    r.text !== null && '\t"strings"',
    ")",
    "",
    "func main() {",
    `\treq, err := http.NewRequest(${quoted(r.method)}, ${quoted(url + r.path)}, ${r.text === null ? "nil" : `strings.NewReader(${quoted(r.text)})`})`,
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
    r.text !== null && `  body: ${quoted(r.text)},`,
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
    `            .method(${quoted(r.method)}, ${r.text === null ? "HttpRequest.BodyPublishers.noBody()" : `HttpRequest.BodyPublishers.ofString(${quoted(r.text)})`})`,
    r.auth === "basic" && '            .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes()))',
    r.auth === "bearer" && '            .header("Authorization", "Bearer " + System.getenv("TOKEN"))',
    r.type && `            .header("Content-Type", ${quoted(r.type)})`,
    "            .build();",
    "        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());",
    '        System.out.println(answer.statusCode() + " " + answer.body());',
    "    }",
    "}",
  );

const csharp = (r, url, id) =>
  lines(
    "using System.Net.Http.Headers;",
    r.text !== null && "using System.Text;",
    "",
    "using var client = new HttpClient();",
    `using var request = new HttpRequestMessage(new HttpMethod(${quoted(r.method)}), ${quoted(url + r.path)});`,
    r.auth === "basic" && `var credentials = ${quoted(`${id}:`)} + Environment.GetEnvironmentVariable("M2M_CLIENT_SECRET");`,
    r.auth === "basic" &&
      'request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));',
    r.auth === "bearer" && 'request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("TOKEN"));',
    r.text !== null && `request.Content = new StringContent(${quoted(r.text)}, Encoding.UTF8, ${quoted(r.type)});`,
    "using var answer = await client.SendAsync(request);",
    "Console.WriteLine($\"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}\");",
  );

function grpc(op, fields, url, clientId) {
  const host = url.replace(/^https?:\/\//, "").replace(/[:/].*$/, "");
  const filled = op.operationId === "issue_token" ? { grant_type: "client_credentials", client_id: clientId, client_secret: "$M2M_CLIENT_SECRET" } : fields;
  return lines(
    "grpcurl \\",
    url.startsWith("http:") && "  -plaintext \\",
    '  -H "Authorization: Bearer $TOKEN" \\',
    Object.keys(filled).length > 0 && `  -d ${quoted(JSON.stringify(filled))} \\`,
    `  ${host}:9090 m2m.v1.M2MClients/${GRPC[op.operationId]}`,
  );
}

// `clientId`: null where the reader isn't known.
export function snippets({ op, body, url, clientId }) {
  const r = requestOf({ op, body, clientId });
  const id = clientId ?? "m2m_yourClientId";
  const all = Object.entries({ curl, Python: python, Go: go, JavaScript: javascript, Java: java, "C#": csharp }).map(([language, write]) => ({
    language,
    text: write(r, url, id),
  }));
  if (GRPC[op.operationId]) all.push({ language: "gRPC", text: grpc(op, body?.fields ?? {}, url, id) });
  return all;
}
