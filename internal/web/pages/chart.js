// Tokens over time, as bars: an hour each or a day each, in the browser's time zone.
import uPlot from "./uplot.js";
import { locale, t } from "./texts.js";

const HEIGHT = 180;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(box, times) {
  const step = times.length > 1 ? times[1] - times[0] : 86400;
  const format = new Intl.DateTimeFormat(locale, step > 3600 ? { month: "short", day: "numeric" } : { hour: "numeric" });
  const every = Math.ceil((times.length * 64) / box.clientWidth);
  const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { setScale: false } },
    scales: { x: { range: (_, min, max) => [min - step * 0.6, max + step * 0.6] }, y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, splits: () => times.filter((_, i) => i % every === 0), values: (_, all) => all.map((s) => format.format(s * 1000)) },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
    ],
    series: [
      {},
      { label: t.count, fill: color("--bar"), stroke: color("--bar"), width: 0, paths: uPlot.paths.bars({ size: [0.72, 40], radius: 0.18 }), points: { show: false } },
    ],
  };
}

// Gives what ends it.
export function drawSums(box, sums) {
  const data = [sums.map((s) => new Date(s.at) / 1000), sums.map((s) => s.tokens)];
  let plot = new uPlot(options(box, data[0]), data, box);
  const size = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT }));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => {
    plot.destroy();
    plot = new uPlot(options(box, data[0]), data, box);
  };
  size.observe(box);
  dark.addEventListener("change", redraw);
  return () => {
    size.disconnect();
    dark.removeEventListener("change", redraw);
    plot.destroy();
  };
}
