// The build takes comments and needless spaces out of the pages' modules with expressions that know no
// JavaScript. Here each module that is served is read as JavaScript, and is what its source says: the
// same but for spaces around the line ends of HTML, the names of what it imports, and what a page's
// script imports at its end.
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "acorn";

const tree = (text) => parse(text, { ecmaVersion: "latest", sourceType: "module" });

// Spaces beside a line end mean nothing in HTML.
const plain = (chunk) => chunk.replace(/\s*\n\s*/g, "\n");

function meaning(node, inHtml = false) {
  if (Array.isArray(node)) return node.map((one) => meaning(one, inHtml));
  if (node instanceof RegExp || node === null || typeof node !== "object") return typeof node === "bigint" ? String(node) : node;
  if (node.type === "TemplateElement") return inHtml ? plain(node.value.raw) : node.value.raw;
  if (/^(Import|Export).*Declaration$|^ImportExpression$/.test(node.type) && node.source)
    return { ...meaning({ ...node, source: null }), source: node.source.value.replace(/-[0-9a-f]+\.js$/, ".js") };
  const html = node.type === "TaggedTemplateExpression" && node.tag.name === "html";
  const isText = node.type === "TemplateLiteral";
  return Object.fromEntries(
    Object.entries(node)
      .filter(([name]) => name !== "start" && name !== "end")
      .map(([name, value]) => [name, meaning(value, name === "quasi" ? html : isText && name === "quasis" && inHtml)]),
  );
}

const isBare = (statement) => statement.type === "ImportDeclaration" && statement.specifiers.length === 0;

export function sameProgram(source, served) {
  const [own, got] = [tree(source).body, tree(served).body];
  return JSON.stringify(meaning(own)) === JSON.stringify(meaning(got.slice(0, own.length))) && got.slice(own.length).every(isBare);
}

// What would go unseen if the comparison saw nothing.
const BROKEN = [
  ["const a = `x\n  y`;", "const a = `x\ny`;"],
  ["const a = html`<p>${b(`x\n  // y`)}</p>`;", "const a = html`<p>${b(`x`)}</p>`;"],
  ["const a = html`<p>\n  // y</p>`;", "const a = html`<p></p>`;"],
  ["a();\nb();", "a();"],
];
const SAME = [
  ['// x\nimport { a } from "./b.js";\nhtml`<p>\n    ${a}\n  </p>`;', 'import { a } from "./b-01234567.js";\nhtml`<p>\n${a}\n</p>`;\nimport"./c-01234567.js";'],
];

// The modules of `folder`, and the assets that the pages at `base` lead to. Gives what is wrong.
export async function wrongSources(base, folder) {
  const wrong = [...BROKEN.filter(([a, b]) => sameProgram(a, b)), ...SAME.filter(([a, b]) => !sameProgram(a, b))].map(([a]) => `the comparison itself: ${a}`);
  const served = new Map();
  const pages = await Promise.all(["portal", "docs", "console"].map(async (page) => (await fetch(`${base}/${page}`)).text()));
  const open = pages.map((html) => html.match(/src="assets\/([^"]+)"/)[1]);
  while (open.length) {
    const name = open.pop();
    const text = await (await fetch(`${base}/assets/${name}`)).text();
    served.set(name.replace(/-[0-9a-f]+\.js$/, ".js"), text);
    for (const [, other] of text.matchAll(/"\.\/([a-z]+-[0-9a-f]+\.js)"/g)) if (!served.has(other.replace(/-[0-9a-f]+\.js$/, ".js"))) open.push(other);
  }
  const names = readdirSync(folder).filter((name) => name.endsWith(".js"));
  for (const name of names)
    if (!served.has(name)) wrong.push(`${name} is in no page`);
    else if (!sameProgram(readFileSync(`${folder}/${name}`, "utf8"), served.get(name))) wrong.push(`${name} isn't what its source says`);
  return [...wrong, ...chains(served)];
}

// A page's script names all modules that it needs, however far away: none waits for another to be read.
function chains(served) {
  const own = (name) => [...served.get(name).matchAll(/(?:from|import) ?"\.\/([a-z]+)-[0-9a-f]+\.js"/g)].map(([, other]) => `${other}.js`);
  const all = (name, seen = new Set()) => {
    for (const other of own(name)) if (!seen.has(other)) all(other, seen.add(other));
    return seen;
  };
  return ["portal.js", "docs.js", "console.js"].flatMap((page) => [...all(page)].filter((name) => !own(page).includes(name)).map((name) => `${page} doesn't name ${name}`));
}
