// A dialog that asks, says before what will happen, acts, and shows what came of it.
import { useState } from "./hooks.js";
import { html } from "./base.js";
import { Dialog, Icon, Problem } from "./parts.js";
import { useAct } from "./credentials.js";
import { t } from "./texts.js";
import { c } from "./operators.js";

const Input = ({ field: { name, label, options, hint, ...others }, value, set }) =>
  html`<label
    >${label}
    ${options
      ? html`<select value=${value} onChange=${(e) => set(e.target.value)}>
          ${Object.entries(options).map(([v, text]) => html`<option key=${v} value=${v} selected=${v === value}>${text}</option>`)}
        </select>`
      : html`<input type="text" name=${name} autocomplete="off" spellcheck="false" ...${others} value=${value} onInput=${(e) => set(e.target.value)} />`}
    ${hint && html`<span class="small">${hint}</span>`}
  </label>`;

// `typed`: what has to be typed before `act` runs. `Done` shows what `act` gives, where it is there.
export function Ask({ title, fields = [], happens, doIt, danger, typed, act, Done, onClose, children }) {
  const [values, set] = useState(() => Object.fromEntries(fields.map((f) => [f.name, f.value ?? ""])));
  const [made, setMade] = useState(null);
  const { busy, error, run } = useAct(async () => {
    const answer = await act(values);
    if (Done) setMade(answer);
    else onClose();
  });
  const all = typed ? [...fields, { name: "typed", label: c.typeIt(typed) }] : fields;
  const ready = !typed || values.typed === typed;
  if (made)
    return html`<${Dialog} title=${title} onClose=${onClose}>
      <${Done} made=${made} />
      <div class="dialog-foot"><button type="button" class="primary" onClick=${onClose}>${t.close}</button></div>
    <//>`;
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${(e) => (e.preventDefault(), ready && run())}>
      ${happens && html`<div class="happens"><strong>${t.willHappen}</strong>${happens.map((text) => html`<p key=${text}>${text}</p>`)}</div>`}
      ${all.map((f) => html`<${Input} key=${f.name} field=${f} value=${values[f.name]} set=${(v) => set({ ...values, [f.name]: v })} />`)}
      ${children}
      ${error && !busy && html`<${Problem} error=${error} />`}
      <div class="dialog-foot">
        <button type="button" onClick=${onClose}>${t.cancel}</button>
        <button type="submit" class=${danger ? "danger" : "primary"} disabled=${busy || !ready}>${doIt}</button>
      </div>
    </form>
  <//>`;
}

// A button, and the dialog behind it. `what`: the name of what it acts on.
export function AskButton({ label, icon, kind, what, ...ask }) {
  const [open, set] = useState(false);
  return html`<button type="button" class=${kind} aria-haspopup="dialog" onClick=${() => set(true)}>
      ${icon && html`<${Icon} name=${icon} />`} ${label}
    </button>
    ${open && html`<${Ask} title=${what ? c.actOn(label, what) : label} doIt=${label} ...${ask} onClose=${() => set(false)} />`}`;
}
