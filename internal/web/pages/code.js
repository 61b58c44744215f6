// The code of a portal link stands in the URL's fragment, which no server sees. It leaves the address
// bar and the history before anything else runs.
export function takeCode() {
  const code = location.hash.slice(1);
  if (code) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

export const firstCode = takeCode();
