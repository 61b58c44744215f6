// The browser of whatever drives the pages.
import { chromium } from "playwright-core";

const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

// Scripts live as long as a page does: what is compiled well, or beside them, is seldom run.
const BRIEF = "--js-flags=--no-opt,--single-threaded";

export const launch = (executablePath) => chromium.launch({ executablePath, args: ARGS });
export const launchForTests = (executablePath) => chromium.launch({ executablePath, args: [...ARGS, BRIEF] });

// Within a page. Without a GPU the blur behind a dialog is nearly all that its frames cost.
export function withoutBlur() {
  const sharp = new CSSStyleSheet();
  sharp.replaceSync("dialog::backdrop { backdrop-filter: none !important; }");
  document.adoptedStyleSheets.push(sharp);
}
