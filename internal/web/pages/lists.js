// What the views are put together from. Lists that the server pages, searches and filters; the address
// has the view and its filters. Dialogs that say before what they will do.
import { useEffect, useLayoutEffect, useRef, useState } from "./hooks.js";
import { absolute, api, asError, html, query, save, span, useAct, useLoad } from "./base.js";
import { Dialog, Empty, Icon, More, Part, Problem, say, Skeleton, Table } from "./parts.js";
import { cell, Story } from "./tokens.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

// ---- the address ----

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function place() {
  const [path, search] = location.hash.slice(1).split("?");
  return { parts: path.split("/").map(decoded), filters: Object.fromEntries(new URLSearchParams(search)) };
}

export const link = (parts, filters = {}) => `#${parts.map(encodeURIComponent).join("/")}${query(filters)}`;

// What is typed stands for one step back, not for one a letter.
function filterBy(filters, replaces) {
  const url = link(place().parts, filters);
  if (!replaces) {
    location.hash = url;
    return;
  }
  history.replaceState(null, "", url);
  dispatchEvent(new Event("hashchange"));
}

// ---- filters ----

const Select = ({ options, value = "", ...others }) =>
  html`<select value=${value} ...${others}>
    ${Object.entries(options).map(([v, text]) => html`<option key=${v} value=${v} selected=${v === value}>${text}</option>`)}
  </select>`;

const Input = ({ kind, value, ...others }) =>
  typeof kind === "object"
    ? html`<${Select} options=${kind} value=${value} ...${others} />`
    : html`<input type=${kind} value=${value ?? ""} spellcheck="false" autocomplete="off" ...${others} />`;

// `fields`: [name, label, the input's type or a select's options]. `live`: while one types.
export function Filters({ fields, values, live }) {
  const [typed, set] = useState(values);
  const sent = useRef(query(values));
  const timer = useRef();
  useEffect(() => {
    if (query(values) !== sent.current) set(values);
    sent.current = query(values);
  }, [query(values)]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const send = (next) => {
    clearTimeout(timer.current);
    sent.current = query(next);
    filterBy(next, live);
  };
  const type = (name) => (e) => {
    const next = { ...typed, [name]: e.target.value };
    set(next);
    clearTimeout(timer.current);
    if (live) timer.current = setTimeout(send, 250, next);
  };
  return html`<form class="filters" role="search" onSubmit=${(e) => (e.preventDefault(), send(typed))}>
    ${fields.map(
      ([name, label, kind]) => html`<label key=${name}>${label}<${Input} name=${name} kind=${kind} value=${typed[name]} onInput=${type(name)} /></label>`,
    )}
    ${!live && html`<button type="submit">${t.apply}</button>`}
    ${query(values) && html`<button type="button" class="quiet" onClick=${() => (set({}), send({}))}>${c.clear}</button>`}
  </form>`;
}

// An input's local time as the API takes it. The address may have anything.
const utc = (local) => (isNaN(new Date(local)) ? null : new Date(local).toISOString());

export const times = ({ after, before, ...others }, prefix) => ({ ...others, [`${prefix}_after`]: utc(after), [`${prefix}_before`]: utc(before) });

// ---- pages by cursor ----

function useList(path, field, filters) {
  const [state, set] = useState({});
  const latest = useRef();
  const load = async (rows, next) => {
    const mine = (latest.current = {});
    const live = (change) => latest.current === mine && set(change);
    const timer = setTimeout(live, 3000, (s) => ({ ...s, slow: true }));
    set((s) => ({ ...s, busy: true, error: null }));
    try {
      const page = await api("GET", `${path}${query({ ...filters, page_token: next })}`);
      const all = [...rows, ...page[field]];
      if (latest.current === mine) say(c.shown(all.length, !page.next_page_token));
      live({ rows: all, next: page.next_page_token });
    } catch (e) {
      // rows stay only where more of the same was asked for; they'd answer a question that isn't theirs
      live({ ...(next && { rows, next }), error: asError(e), retry: () => load(rows, next) });
    }
    clearTimeout(timer);
  };
  useEffect(() => {
    load([]);
    return () => (latest.current = null);
  }, [path, query(filters)]);
  return { ...state, more: () => load(state.rows, state.next), reload: () => load([]) };
}

// Where the server stops counting.
export const MOST = 10000;

// ---- tables ----

export const OrganizationLink = ({ of }) => (of ? html`<a href=${link(["organizations", of.slug])}>${of.name || of.slug}</a>` : "–");

export const ClientLink = ({ id, name, of }) =>
  id && of ? html`<a href=${link(["organizations", of.slug, id])}>${name || id}</a>` : (id ?? "–");

function said(name, value, row) {
  if (value === null || value === undefined || value === "") return "–";
  if (name === "organization") return html`<${OrganizationLink} of=${value} />`;
  if (name === "client_id") return html`<${ClientLink} id=${value} of=${row.organization} />`;
  if (/_at$/.test(name)) return absolute(value);
  return typeof value === "object" ? html`<code class="mono">${JSON.stringify(value)}</code>` : String(value);
}

const storyOf = (row) =>
  Object.keys(row).map((name) => [c.fields[name] ?? name, said(name, row[name], row), /^jti$|_id$/.test(name) && row[name]]);

const plain = (v) => (v && typeof v === "object" ? (v.slug ?? JSON.stringify(v)) : v);

function csv(rows) {
  const names = [...new Set(rows.flatMap(Object.keys))];
  return [names, ...rows.map((row) => names.map((name) => cell(plain(row[name]))))].map((line) => `${line.join(",")}\r\n`).join("");
}

// `size`: of a page; 0, there are none. `story`: the title of one row's own dialog; a list that has it
// can be taken along, too.
export function List({ path, field, filters = {}, size = 50, label, columns, story, turn = 0 }) {
  const { rows, next, busy, slow, error, retry, more, reload } = useList(path, field, { ...filters, page_size: size || null });
  const [row, open] = useState(null);
  useEffect(() => {
    if (turn > 0) reload();
  }, [turn]);
  return html`${rows?.length > 0 &&
    html`<div class="row between">
      <p class="muted small">${c.shown(rows.length, !next)}</p>
      ${story && html`<button type="button" disabled=${busy} onClick=${() => save(`${field}.csv`, "text/csv", csv(rows))}><${Icon} name="down" /> ${t.csv}</button>`}
    </div>`}
    ${!rows && !error && html`<${Skeleton} slow=${slow} rows=${6} />`}
    ${rows?.length === 0 && next && html`<p class="muted">${c.nothingSoFar}</p>`}
    ${rows?.length === 0 && !next && html`<${Empty} icon="info" title=${c.nothing} text=${query(filters) ? c.nothingWith : c.nothingYet} />`}
    ${rows?.length > 0 && html`<${Table} label=${label} columns=${columns} rows=${rows} busy=${busy} open=${story && open} />`}
    ${error && html`<${Problem} error=${error} retry=${retry} />`}
    ${next && !error && html`<${More} more=${more} busy=${busy} />`}
    ${row && html`<${Story} title=${story} rows=${storyOf(row)} onClose=${() => open(null)} />`}`;
}

export const Tiles = ({ rows }) =>
  html`<dl class="tiles">${rows.map(([label, text]) => text && html`<div key=${label}><dt>${label}</dt><dd><span class="wrap">${text}</span></dd></div>`)}</dl>`;

// ---- a dialog that asks, acts, and shows what came of it ----

// A field: {name, label, value, ...}, as the API has it. `options` to choose one from; `many` to choose
// some from, but those that are `fixed`; a `list` of words; a number of seconds, by its `type`; else a
// text. `none`: what it says when it is empty;
// `empty`: how the page puts that. Anything else is an attribute of the input.

// A value as a person types it.
const typedOf = ({ value, many }) => (many ? Object.keys(many).filter((one) => value?.includes(one)) : [value ?? ""].flat()).join(" ");

// What was typed, as the API takes it.
function meant({ many, list, type, none }, text) {
  if (text === "" && none !== undefined) return none;
  if (many || list) return text.split(/[\s,]+/).filter(Boolean);
  return type === "number" ? Number(text) : text;
}

// A value as it stands on the page.
const valueOf = ({ value, options, many, type }) =>
  many ? value.map((one) => many[one] ?? one).join(", ") : options ? options[value ?? ""] : type === "number" ? value && span(value) : [value ?? ""].flat().join(", ");

// The same where it is empty, too.
export const standing = (f) => valueOf(f) || f.empty || t.none;

function Many({ options, fixed, value, set, ...others }) {
  const chosen = (one) => value.split(" ").includes(one);
  const toggle = (one) => set(Object.keys(options).filter((other) => chosen(other) !== (other === one)).join(" "));
  return Object.entries(options).map(
    ([one, text]) => html`<label class="check" key=${one}><input type="checkbox" ...${others} checked=${chosen(one)} disabled=${fixed?.(one)} onChange=${() => toggle(one)} /> ${text}</label>`,
  );
}

const Asked = ({ field: { name, label, options, many, fixed, list, none, empty, value: first, hint, ...others }, value, set, fault }) => {
  const id = `fault-${name}`;
  const own = { name, "aria-invalid": Boolean(fault), "aria-describedby": fault && id };
  const type = (e) => set(e.target.value);
  const seconds = others.type === "number" && !options && c.seconds + (value && ` (${span(value)})`);
  const hints = [seconds, hint].filter(Boolean).join(". ");
  return html`<div>
    ${many
      ? html`<fieldset class="row"><legend>${label}</legend><${Many} ...${own} options=${many} fixed=${fixed} value=${value} set=${set} /></fieldset>`
      : html`<label
          >${label}
          ${options
            ? html`<${Select} ...${own} options=${options} value=${value} onChange=${type} />`
            : html`<input type="text" ...${own} autocomplete="off" spellcheck="false" ...${others} value=${value} onInput=${type} />`}
          ${hints && html`<span class="small">${hints}</span>`}
        </label>`}
    ${fault && html`<p class="fault" id=${id} role="alert">${fault}</p>`}
  </div>`;
};

// A refusal's sentence begins with the field that it is about, or its code does.
const isAbout = (error, name) => !error.failed && (error.words.split(/\W/)[0] === name || error.code?.startsWith(name));

const allTyped = (fields) => Object.fromEntries(fields.map((f) => [f.name, typedOf(f)]));

// `act` gets the fields that were changed. `changes`: at least one has to be. `typed`: what has to be
// typed before `act` runs. `Done` shows what `act` gives, where it is there. `act` also gets what the
// fields are `of`, and is refused (412) when somebody else has changed that. Then it is read again, and
// `act` has another try, unless one of the same fields was changed.
function Form({ fields, of, again, happens, doIt, danger, typed, changes, act, Done, onClose }) {
  const [first, setFirst] = useState(() => allTyped(fields));
  const [values, set] = useState(first);
  const [theirs, setTheirs] = useState([]);
  const [read, setRead] = useState(of);
  const [made, setMade] = useState(null);
  const given = {};
  for (const f of fields) {
    const now = meant(f, values[f.name]);
    if (JSON.stringify(now) !== JSON.stringify(meant(f, first[f.name]))) given[f.name] = now;
  }
  const { busy, error, run } = useAct(async () => {
    setTheirs([]);
    let answer;
    try {
      answer = await act(given, read);
    } catch (e) {
      if (e.status !== 412) throw e;
      const { of, now } = await again();
      const fresh = allTyped(now);
      const clash = now.filter(({ name }) => name in given && fresh[name] !== first[name]);
      // whatever comes of another try, the form is of what was read last
      setRead(of);
      setFirst(fresh);
      set((v) => ({ ...v, ...Object.fromEntries(Object.entries(fresh).filter(([name]) => !(name in given))) }));
      if (clash.length > 0) return setTheirs(clash);
      answer = await act(given, of);
    }
    if (Done) setMade(answer);
    else onClose();
  });
  const faults = Object.fromEntries(theirs.map((f) => [f.name, c.theirs(standing(f))]));
  const at = error && fields.find((f) => isAbout(error, f.name))?.name;
  if (at) faults[at] = error.words;
  useLayoutEffect(() => {
    const one = fields.find((f) => faults[f.name]);
    if (one) document.querySelector(`dialog [name=${one.name}]`).focus();
  }, [error, theirs]);
  const all = typed ? [...fields, { name: "typed", label: c.typeIt(typed) }] : fields;
  const ready = !busy && (typed ? values.typed === typed : !changes || Object.keys(given).length > 0);
  if (made)
    return html`<${Done} made=${made} />
      <div class="dialog-foot"><button type="button" class="primary" onClick=${onClose}>${t.close}</button></div>`;
  return html`<form onSubmit=${(e) => (e.preventDefault(), ready && run())}>
    ${happens && html`<div class="happens"><strong>${t.willHappen}</strong>${happens.map((text) => html`<p key=${text}>${text}</p>`)}</div>`}
    ${all.map((f) => html`<${Asked} key=${f.name} field=${f} value=${values[f.name]} set=${(v) => set({ ...values, [f.name]: v })} fault=${faults[f.name]} />`)}
    ${error && !at && html`<${Problem} error=${error} />`}
    <div class="dialog-foot">
      <button type="button" onClick=${onClose}>${t.cancel}</button>
      <button type="submit" class=${danger ? "danger" : "primary"} disabled=${!ready}>${doIt}</button>
    </div>
  </form>`;
}

// The form of what `load` gives once the dialog is open. `fields` makes them of that.
function LoadedForm({ load, fields, ...form }) {
  const read = useLoad(load, []);
  const again = async () => {
    const of = await load();
    return { of, now: fields(of) };
  };
  return html`<${Part} of=${read}>${(of) => html`<${Form} ...${form} fields=${fields(of)} of=${of} again=${again} />`}<//>`;
}

// A button, and the dialog behind it. `what`: the name of what it acts on.
export function AskButton({ label, icon, kind, what, fields = [], ...form }) {
  const [open, set] = useState(false);
  const close = () => set(false);
  return html`<button type="button" class=${kind} aria-haspopup="dialog" onClick=${() => set(true)}>
      ${icon && html`<${Icon} name=${icon} />`} ${label}
    </button>
    ${open &&
    html`<${Dialog} title=${what ? c.actOn(label, what) : label} onClose=${close}>
      <${form.load ? LoadedForm : Form} doIt=${label} ...${form} fields=${fields} onClose=${close} />
    <//>`}`;
}
