// A link's code becomes a session; what stands in its place before, after and without one.
import { firstCode, takeCode } from "./code.js";
import { useEffect, useState, useRef } from "./hooks.js";
import { api, asError, html, whenSessionEnds } from "./base.js";
import { Whole } from "./parts.js";
import { t } from "./texts.js";

const isOver = (error) => error.status === 401 || error.status === 404;

function why(error, code, words) {
  if (!isOver(error)) return [t.errorTitle, error.words];
  return code ? [t.badCodeTitle, words.badCodeText] : [words.noCodeTitle, words.noCodeText];
}

// `path`: the session's. `words` has the texts that tell whence a link comes. `Back` leads there.
export function Gate({ path, words, View, Back = () => null }) {
  const [code, setCode] = useState(firstCode);
  const [state, set] = useState({});
  const [turn, again] = useState(0);
  const ask = (method, body) => api(method, path, body, { quiet: true });
  useEffect(() => {
    (code ? ask("POST", { code }) : ask("GET"))
      .then((session) => set({ session }))
      .catch((error) => set({ error: asError(error) }));
  }, [code, turn]);
  useEffect(() => {
    whenSessionEnds(() => set((s) => ({ over: [t.endedTitle, words.endedText], last: s.session ?? s.last })));
    // Another link, or the same once more.
    const another = () => {
      const next = takeCode();
      if (!next) return;
      set({});
      setCode(next);
      again((n) => n + 1);
    };
    addEventListener("hashchange", another);
    return () => removeEventListener("hashchange", another);
  }, []);
  const leaving = useRef(false);
  const signOut = async () => {
    if (leaving.current) return;
    leaving.current = true;
    const last = state.session;
    try {
      await ask("DELETE");
    } catch (error) {
      if (error.status !== 401) {
        leaving.current = false;
        set({ error });
        return;
      }
    }
    set({ over: [t.signedOutTitle, t.signedOutText], last });
  };
  if (state.session) return html`<${View} session=${state.session} signOut=${signOut} />`;
  if (state.over) return html`<${Whole} title=${state.over[0]} text=${state.over[1]}><${Back} session=${state.last} /><//>`;
  if (!state.error) return html`<${Whole} title=${t.opening} text="" busy />`;
  const [title, text] = why(state.error, code, words);
  return html`<${Whole} title=${title} text=${text}>
    ${!isOver(state.error) && html`<button type="button" class="primary" onClick=${() => (set({}), again((n) => n + 1))}>${t.retry}</button>`}
  <//>`;
}
