// Tokens over time, as bars: an hour each or a day each, in the browser's time zone.
import { locale, t } from "./texts.js";

const HEIGHT = 180;
const LEFT = 44;
const BELOW = 24;
const LABEL_WIDTH = 72;

function counted(sums, by) {
  const words = new Intl.DateTimeFormat(locale, by === "hour" ? { timeStyle: "short" } : { month: "short", day: "numeric" });
  return { times: sums.map((s) => new Date(s.at)), counts: sums.map((s) => s.tokens), words };
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

// The distance of the lines: 1, 2 or 5 times a power of ten, for at most five of them.
function distance(most) {
  const power = 10 ** Math.floor(Math.log10(most / 5));
  return Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((d) => most / d <= 5));
}

function draw(canvas, width, { times, counts, words }) {
  const scale = devicePixelRatio || 1;
  const pen = canvas.getContext("2d");
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  const most = Math.max(4, ...counts) * 1.1;
  const tall = HEIGHT - BELOW;
  const y = (n) => tall - (n / most) * (tall - 6);
  const slot = (width - LEFT) / times.length;

  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (let n = 0; n <= most; n += distance(most)) {
    pen.fillStyle = color("--line");
    pen.fillRect(LEFT, Math.round(y(n)), width - LEFT, 1);
    pen.fillStyle = color("--muted");
    pen.fillText(n.toLocaleString(locale), LEFT - 8, y(n));
  }

  pen.textAlign = "center";
  const wide = Math.min(40, slot * 0.72);
  const each = Math.ceil(LABEL_WIDTH / slot);
  times.forEach((time, i) => {
    const middle = LEFT + (i + 0.5) * slot;
    pen.fillStyle = color("--bar");
    pen.beginPath();
    pen.roundRect(middle - wide / 2, y(counts[i]), wide, tall - y(counts[i]), [wide / 6, wide / 6, 0, 0]);
    pen.fill();
    pen.fillStyle = color("--muted");
    if ((times.length - 1 - i) % each === Math.floor(each / 2)) pen.fillText(words.format(time), middle, HEIGHT - 8);
  });
}

// Gives what ends it.
export function drawSums(box, sums, by) {
  const data = counted(sums, by);
  const canvas = document.createElement("canvas");
  box.append(canvas);
  const redraw = () => box.clientWidth > LEFT && draw(canvas, box.clientWidth, data);
  const size = new ResizeObserver(redraw);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  canvas.onpointermove = (e) => {
    const i = Math.floor(((e.offsetX - LEFT) / (box.clientWidth - LEFT)) * data.times.length);
    canvas.title = i >= 0 && i < data.times.length ? `${data.times[i].toLocaleString(locale)}: ${data.counts[i]} ${t.count}` : "";
  };
  size.observe(box);
  dark.addEventListener("change", redraw);
  return () => {
    size.disconnect();
    dark.removeEventListener("change", redraw);
    canvas.remove();
  };
}
