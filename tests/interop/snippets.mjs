// The snippets of /docs, as the page makes them of the contract that the gateway serves: each
// language's are run, with real credentials, up to what they are for. tap.sh says what is printed;
// stack.sh, and run_snippets, what is in the environment.
//
//   node snippets.mjs SNIPPETS FOLDER   SNIPPETS is internal/web/pages/snippets.js as a module's copy
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";

const [module, folder] = process.argv.slice(2);
const { operationsOf, exampleOf, snippets } = await import(module);
const { M2M_URL: url, M2M_CLIENT_ID: clientId, M2M_ADMIN_TOKEN: admin, PLATFORM_TOKEN: platform, OPERATOR_TOKEN: operator, GRPCURL } = process.env;

const contract = await (await fetch(`${url}/openapi.json`)).json();
const operations = new Map(operationsOf(contract).map((op) => [op.operationId, op]));
const all = [...operations.values()].flatMap((op) =>
  snippets({ op, body: exampleOf(contract, op), url, clientId, organization: "demo" }).map((s) => ({ ...s, op, id: op.operationId })),
);

// What compiles for seconds only is never worth the second compiler.
const brief = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const parse = `const { readFileSync } = require("fs"), { SourceTextModule } = require("vm");
for (const f of process.argv.slice(1)) new SourceTextModule(readFileSync(f, "utf8"), { identifier: f });`;
const each = (command) => ["bash", "-c", `for f; do ${command} "$f" || exit; done`, "each"];

// `all` takes every file of a language at once, `within` what makes one of them fit in there.
const languages = {
  curl: { file: "example.sh", run: ["bash", "-euo", "pipefail"], needs: [["curl", "--version"]], all: each("bash -n") },
  Python: { file: "example.py", run: ["python3"], needs: [["python3", "-c", "import requests"]], all: ["python3", "-c", "import ast, sys\nfor f in sys.argv[1:]: ast.parse(open(f).read())"] },
  Go: { file: "example.go", run: ["go", "run"], needs: [["go", "version"]], all: ["bash", "-c", '! gofmt -d "$@" 2>&1 | grep .', "all"] },
  JavaScript: { file: "example.mjs", run: ["node"], needs: [], all: ["node", "--experimental-vm-modules", "-e", parse] },
  Java: { file: "Example.java", run: ["java", ...brief], needs: [["javac", "-version"]], all: ["javac", ...brief.map((word) => `-J${word}`), "-d", `${folder}/Java/out`], within: (id, text) => `package ${id};\n${text}` },
  "C#": {
    file: "Example.cs",
    run: ["sh", "-c", 'mcs -r:System.Net.Http.dll -out:"$1.exe" "$1" && mono "$1.exe"', "run"],
    needs: [["mcs", "--version"], ["mono", "--version"]],
    all: ["mcs", "-r:System.Net.Http.dll", "-t:library", `-out:${folder}/all.dll`],
    within: (id, text) => `namespace ${id}\n{\n${text}}\n`,
  },
  gRPC: { file: "example.sh", run: ["bash", "-euo", "pipefail"], needs: [["grpcurl", "-version"]], all: each("bash -n") },
};

const environment = { ...process.env, TOKEN: admin, PATH: GRPCURL ? `${GRPCURL}:${process.env.PATH}` : process.env.PATH };

function result(name, fault) {
  if (fault) console.log(fault);
  console.log(`${fault ? "not ok" : "ok"} - ${name}`);
  if (fault) process.exitCode = 1;
}

const missing = (language) => languages[language].needs.find(([program, ...words]) => spawnSync(program, words, { env: environment }).status !== 0);

for (const s of all) {
  const { file, within } = languages[s.language];
  const place = `${folder}/${s.language.replace("#", "sharp")}/${s.id}`;
  mkdirSync(`${place}/all`, { recursive: true });
  s.path = `${place}/${file}`;
  s.among = `${place}/all/${file}`;
  writeFileSync(s.path, s.text);
  writeFileSync(s.among, within ? within(s.id, s.text) : s.text);
}

function output(s, token) {
  const [program, ...words] = languages[s.language].run;
  return new Promise((done) => {
    const child = spawn(program, [...words, s.path], { env: { ...environment, TOKEN: token } });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (text += part));
    child.on("close", (status) => done({ status, text }));
  });
}

const snippetOf = (language, id) => all.find((s) => s.language === language && s.id === id);

async function run(language, id, wanted, token = admin) {
  const s = snippetOf(language, id);
  const { status, text } = await output(s, token);
  result(`${language}: ${id} runs`, status === 0 && wanted.test(text) ? null : `exit status ${status}\n${text}\n${s.text}`);
}

const TOKEN = /eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{86}/;
const ACTIVE = /"active": ?true/;

async function language(name) {
  const lacks = missing(name);
  if (lacks) {
    console.log(`ok - ${name}: its snippets run # SKIP there is no ${lacks.join(" ")} here`);
    return;
  }
  for (const [id, wanted] of [["oauth_token", TOKEN], ["issue_token", TOKEN], ["introspect_token", ACTIVE]]) if (snippetOf(name, id)) await run(name, id, wanted);
  const [program, ...words] = languages[name].all;
  const ran = spawnSync(program, [...words, ...all.filter((s) => s.language === name).map((s) => s.among)], { encoding: "utf8", env: environment });
  result(`${name}: each operation's is well-formed`, ran.status === 0 ? null : ran.stdout + ran.stderr);
}

// Whatever only reads, in the two that need no compiler. The organization's own, the operator's and
// anyone's each have their bearer.
async function reading() {
  for (const s of all.filter(({ op, language: l, text }) => (l === "curl" || l === "gRPC") && op.method === "GET" && !text.includes("your-"))) {
    if (missing(s.language)) continue;
    const roles = (s.op.security ?? []).flatMap((one) => one.bearer ?? []);
    const bearer = (s.op.security ?? []).some((one) => one.bearer);
    if (!bearer && s.op.security?.length) continue; // a session's
    const { status, text } = await output(s, roles.includes("operator") ? operator : roles.includes("platform") ? platform : admin);
    const refused = /^\{"(type":"about:blank|error)"/m.test(text) && s.id !== "oauth_authorize";
    result(`${s.language}: ${s.id} runs`, status !== 0 || refused ? `exit status ${status}\n${text}\n${s.text}` : null);
  }
}

assert.ok(operations.size > 40);
const names = Object.keys(languages);
await Promise.all([names.slice(0, 4), names.slice(4)].map(async (some) => {
  for (const name of some) await language(name);
}));
await reading();
for (const name of ["curl", "gRPC"]) if (!missing(name)) await run(name, "create_portal_link", /\/portal#/, platform);
// At last, for it ends the secret that the others have.
await run("curl", "rotate_secret", /"client_secret":"m2ms_/);
