// What tests/bench/pages measures with Chromium: sizes as they are sent, and when something shows.
//
//   node figures.mjs CHROMIUM LOADS LINK   LINK opens a portal session
import { createServer } from "node:http";
import { launch } from "./browser.mjs";

const [executablePath, loads, link] = process.argv.slice(2);
const base = link.split("/portal#")[0];
const ALL_MAX = 60 * 1024;
const PAINT_MAX_MS = 100;

// ---- sizes ----

const sizes = new Map();

// What an asset is in bytes, gzipped, and what it needs itself.
async function weigh(name) {
  if (sizes.has(name)) return [];
  const answer = await fetch(`${base}/assets/${name}`, { headers: { "Accept-Encoding": "gzip" } });
  sizes.set(name, Number(answer.headers.get("content-length")));
  return name.endsWith(".js") ? [...(await answer.text()).matchAll(/(import\()?"\.\/([a-z]+-[0-9a-f]+\.js)"/g)].map(([, later, other]) => [other, !!later]) : [];
}

// Of one page: what it loads at once, and what only later.
async function assetsOf(path) {
  const answer = await fetch(base + path);
  if (answer.status !== 200) return null;
  const html = await answer.text();
  const at_once = new Set();
  const later = new Set();
  const open = [...html.matchAll(/(?:href|src)="assets\/([^"]+)"/g)].map(([, name]) => [name, false]);
  while (open.length) {
    const [name, isLater] = open.pop();
    (isLater ? later : at_once).add(name);
    for (const [other, otherLater] of needs.get(name) ?? needs.set(name, await weigh(name)).get(name))
      if (!at_once.has(other) && !later.has(other)) open.push([other, isLater || otherLater]);
  }
  return { html: Buffer.byteLength(html), at_once: [...at_once], later: [...later].filter((name) => !at_once.has(name)) };
}
const needs = new Map();
const sum = (names) => names.reduce((n, name) => n + sizes.get(name), 0);

// ---- paints ----

const browser = await launch(executablePath);

async function session() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole("heading", { name: "Versions" }).waitFor();
  const state = await context.storageState();
  await context.close();
  return state;
}

// A word and nothing else: what Chromium itself takes. With the headers of a page, since
// Cross-Origin-Opener-Policy has it begin a process for it.
async function serveEmpty() {
  const like = (await fetch(`${base}/portal`)).headers;
  const headers = Object.fromEntries(["content-type", "cross-origin-opener-policy", "content-security-policy"].map((name) => [name, like.get(name)]));
  const server = createServer((_, answer) => answer.writeHead(200, headers).end("<!doctype html><title>Empty</title><h1>Empty</h1>"));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}
const empty = await serveEmpty();

// Milliseconds from the navigation's beginning: to the first contentful paint, and to the first heading.
// `from` is a text of the same origin with the same headers. The process that shows it shows the page
// next, so that none is begun meanwhile. The cache is emptied between the two.
async function load({ url, from }, storageState) {
  const context = await browser.newContext({ storageState });
  const page = await context.newPage();
  await page.goto(from);
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.clearBrowserCache");
  await devtools.detach();
  await page.addInitScript(() => {
    const look = new MutationObserver(() => {
      if (!document.querySelector("h1")) return;
      window.headingAt = performance.now();
      look.disconnect();
    });
    look.observe(document, { childList: true, subtree: true });
  });
  await page.goto(url);
  const handle = await page.waitForFunction(() => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return window.headingAt && paint && [paint.startTime, window.headingAt];
  });
  const times = await handle.jsonValue();
  await context.close();
  return times;
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

const state = await session();
const cell = (text, width) => String(text).padStart(width);
console.log(`${"page".padEnd(12)}${cell("HTML", 8)}${cell("gzipped", 9)}${cell("later", 8)}${cell("first paint, ms", 17)}${cell("heading, ms", 13)}`);
let failed = false;
// In turns: what else the machine does then falls on all of them.
const nothing = `http://127.0.0.1:${empty.address().port}`;
const licences = `${base}/assets/${(await (await fetch(`${base}/portal`)).text()).match(/licences-\w+\.txt/)[0]}`;
const urls = { "an empty one": { url: `${nothing}/`, from: `${nothing}/from` } };
for (const path of ["/portal", "/docs", "/console"]) urls[path] = { url: base + path, from: licences };
const times = {};
for (let i = 0; i < Number(loads); i++) for (const [name, url] of Object.entries(urls)) (times[name] ??= []).push(await load(url, state));
for (const name of Object.keys(urls)) {
  const [paint, heading] = [0, 1].map((k) => median(times[name].map((one) => one[k])));
  const assets = name.startsWith("/") && (await assetsOf(name));
  failed ||= paint > PAINT_MAX_MS;
  const [html, atOnce, later] = assets ? [assets.html, sum(assets.at_once), sum(assets.later)] : ["", "", ""];
  console.log(`${name.padEnd(12)}${cell(html, 8)}${cell(atOnce, 9)}${cell(later, 8)}${cell(paint.toFixed(0), 17)}${cell(heading.toFixed(0), 13)}`);
}
const all = sum([...sizes.keys()]);
console.log(`${"all assets".padEnd(12)}${cell("", 8)}${cell(all, 9)}`);
await browser.close();
empty.close();
process.exit(failed || all > ALL_MAX ? 1 : 0);
