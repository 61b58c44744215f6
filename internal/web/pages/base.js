// What all pages stand on: the templates, the service's API, time in a person's words.
import { h } from "./preact.js";
import { useEffect, useState } from "./hooks.js";
import htm from "./htm.js";
import { inConsole } from "./code.js";
import { locale, t } from "./texts.js";

export const html = htm.bind(h);

export const meta = (name) => document.querySelector(`meta[name="m2m-${name}"]`)?.content;

// ---- the API ----

// `kind`: {changes, once}. The request was to change something; a repeat of it changes nothing more.
export class ApiError extends Error {
  constructor(status, problem, kind) {
    super(problem?.detail || problem?.error_description || problem?.title || "");
    this.status = status;
    this.code = problem?.code || problem?.error;
    this.requestId = problem?.request_id;
    Object.assign(this, kind);
    this.failed = status === 0 || status >= 500;
    // Whether it was done isn't known: the database may have committed, and what follows an act may be
    // refused. Only organization_moving says that the database has taken the act back.
    this.inDoubt = this.changes && this.failed && this.code !== "organization_moving";
  }
  get words() {
    if (this.inDoubt) return this.once ? t.errorOnce : t.errorDoubt;
    if (this.status === 0) return t.errorNetwork;
    if (this.status === 403) return (inConsole && this.message) || t.errorForbidden;
    const busy = this.changes ? t.errorUndone : t.errorBusy;
    return this.status === 429 || this.failed ? busy : this.message || busy;
  }
}

export const asError = (e) => (e instanceof ApiError ? e : new ApiError(0));

let onEnded = () => {};
export const whenSessionEnds = (f) => (onEnded = f);

// The end of the session waits while something is `shown` that can't be shown again.
let lasting = 0;
let over = false;
const end = () => {
  over = lasting > 0;
  if (!over) onEnded();
};
export function useLasting(shown) {
  useEffect(() => {
    if (!shown) return undefined;
    lasting++;
    return () => {
      lasting--;
      if (over) end();
    };
  }, [shown]);
}

// `path` is relative to the page, which may lie below a prefix. The header tells the service that a
// page of its own asks: no form and no other site can send it. What has an ETag has it as `etag`; `match`
// is the one that it must have still. `quiet`: whoever asks tells of the
// end of the session itself.
export async function api(method, path, body, { key, match, quiet } = {}) {
  const headers = { Accept: "application/json", [inConsole ? "X-M2M-Console" : "X-M2M-Portal"]: "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (match) headers["If-Match"] = match;
  const kind = { changes: method !== "GET" && !quiet, once: Boolean(key) };
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
    });
    text = await answer.text();
  } catch {
    throw new ApiError(0, null, kind);
  }
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // a proxy's own page
  }
  const etag = answer.headers.get("ETag");
  // a proxy that compresses answers makes it weak
  if (etag && value) value.etag = etag.replace("W/", "");
  if (answer.ok) return value;
  if (answer.status === 401 && !quiet) end();
  throw new ApiError(answer.status, value, kind);
}

export const query = (fields) => {
  const given = Object.entries(fields).filter(([, v]) => v !== undefined && v !== null && v !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
};

// {items, more}: the first `pages` of a list.
export async function listPages(path, key, fields, pages) {
  const items = [];
  let next;
  for (let i = 0; i < pages && next !== null; i++) {
    const page = await api("GET", path + query({ ...fields, page_token: next }));
    items.push(...page[key]);
    next = page.next_page_token;
  }
  return { items, more: next !== null };
}

// {value, error, slow, reload}: what `load` gives, anew whenever one of `keys` or of `turns` changes.
// `keys` are what is asked: a value stays beside the error of the same question, and of no other.
export function useLoad(load, keys, turns = []) {
  const [state, set] = useState({});
  const [turn, again] = useState(0);
  useEffect(() => {
    let live = true;
    set(({ value, of }) => ({ value, of }));
    const timer = setTimeout(() => live && set((s) => ({ ...s, slow: true })), 3000);
    load()
      .then((value) => live && set({ value, of: keys }))
      .catch((e) => live && set(({ value, of }) => ({ ...(of?.every((key, i) => key === keys[i]) && { value, of }), error: asError(e) })))
      .finally(() => clearTimeout(timer));
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, [...keys, ...turns, turn]);
  return { ...state, reload: () => again((n) => n + 1) };
}

// Runs `act` with what `run` is given; {busy, error, run}.
export function useAct(act) {
  const [state, set] = useState({});
  const run = async (...given) => {
    set({ busy: true });
    try {
      await act(...given);
      set({});
    } catch (error) {
      set({ error: error instanceof ApiError ? error : new ApiError(400, { detail: error.message }) });
    }
  };
  return { ...state, run };
}

// ---- time ----

const DAY = 86400000;
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const units = [
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["day", DAY],
  ["hour", 3600000],
  ["minute", 60000],
];

export const absolute = (iso) => dateTime.format(new Date(iso));
export const daysAgo = (days) => new Date(Math.floor(Date.now() / 1000 - days * 86400) * 1000).toISOString();
export const daysSince = (iso) => Math.floor((Date.now() - new Date(iso)) / DAY);

export function ago(iso) {
  const ms = new Date(iso) - Date.now();
  for (const [unit, size] of units) {
    if (Math.abs(ms) >= size) return relative.format(Math.trunc(ms / size), unit);
  }
  return relative.format(0, "second");
}

export function span(seconds) {
  for (const [unit, size] of units) {
    const n = (seconds * 1000) / size;
    if (n >= 1) return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 }).format(n);
  }
  return `${seconds} s`;
}

// An actor as the audit names it. A session's acts are its person's.
export const who = (actor) => actor.replace(/^portal:/, "");

// ---- files ----

export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
