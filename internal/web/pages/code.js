// The code of a link stands in the URL's fragment, which no server sees. It leaves the address bar and
// the history before anything else runs. The documentation's fragments name operations, the console's
// its views too: these stay.
export const inConsole = location.pathname.endsWith("/console");
const inDocs = location.pathname.endsWith("/docs");

export function takeCode() {
  const code = location.hash.slice(1);
  if (!code || inDocs || (inConsole && /^[a-z]{4,14}([/?]|$)/.test(code))) return "";
  history.replaceState(null, "", location.pathname + location.search);
  return code;
}

export const firstCode = takeCode();
