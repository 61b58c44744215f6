// What `kubectl kustomize` renders of each overlay: check.mjs GATEWAY_HELP OVERLAY=FILE...
//
//   typed       every object is one of its kind's model (kubernetes-models; tsc knows each field, and refuses others)
//   restricted  every pod template keeps the Pod Security Standard "restricted", control by control
//   wired       names, labels, ports, selectors and settings that speak of each other agree
//
// Each overlay's checks are made again on copies with one thing wrong, which must be found. Prints `ok - name` or `not ok - name`.
import {readFileSync} from "node:fs";
import yaml from "js-yaml";
import {restrictedFaults, typeFaults, wiringFaults} from "./faults.mjs";

const [help, ...overlays] = process.argv.slice(2);
const settings = new Set([...readFileSync(help, "utf8").matchAll(/^ {2}(M2M_[A-Z_]+)/gm)].map((m) => m[1]));
let failed = 0;

function test(name, faults) {
	failed += faults.length > 0;
	console.log(`${faults.length === 0 ? "ok" : "not ok"} - ${name}`);
	for (const fault of faults.slice(0, 20)) console.log(fault);
}

// --- one thing wrong ---

const find = (objects, kind, name) => objects.find((o) => o.kind === kind && o.metadata.name === name);
const container = (objects) => find(objects, "Deployment", "m2m-gateway").spec.template.spec.containers[0];
const mutations = {
	typed: [
		["a field that no kind has", (o) => (find(o, "Deployment", "m2m-gateway").spec.template.spec.terminationGracePeriod = 30)],
		["a number that is a text", (o) => (find(o, "Deployment", "m2m-gateway").spec.revisionHistoryLimit = "5")],
	],
	restricted: [
		["root", (o) => (find(o, "Deployment", "m2m-gateway").spec.template.spec.securityContext.runAsNonRoot = false)],
		["a capability that stays", (o) => delete container(o).securityContext.capabilities],
		["the host's files", (o) => find(o, "Job", "m2m-migrate").spec.template.spec.volumes.push({name: "x", hostPath: {path: "/"}})],
	],
	wired: [
		["a setting that there isn't", (o) => container(o).env.push({name: "M2M_LISTEN", value: "x"})],
		["a file that isn't mounted", (o) => (container(o).env[0].value = "/run/secrets/url")],
		["a probe of no port", (o) => (container(o).readinessProbe.httpGet.port = "metrics")],
		["a selector that misses", (o) => (find(o, "Service", "m2m-gateway").spec.selector["app.kubernetes.io/component"] = "x")],
		["a grace period that is too short", (o) => (find(o, "Deployment", "m2m-gateway").spec.template.spec.terminationGracePeriodSeconds = 10)],
		["the owner's login in the gateway", (o) => {
			const pod = find(o, "Deployment", "m2m-gateway").spec.template.spec;
			pod.volumes.push({name: "o", secret: {secretName: "m2m-database-owner", defaultMode: 288, items: [{key: "url", path: "url"}]}});
			pod.containers[0].volumeMounts.push({name: "o", mountPath: "/run/secrets/m2m/owner"});
		}],
	],
};
const checks = {typed: (o, overlay, label) => typeFaults(o, label), restricted: restrictedFaults, wired: (o, overlay) => wiringFaults(o, overlay, settings)};

for (const [i, pair] of overlays.entries()) {
	const [overlay, file] = pair.split("=");
	const objects = yaml.loadAll(readFileSync(file, "utf8")).filter((o) => o);
	for (const [name, check] of Object.entries(checks)) {
		test(`${overlay}: ${name}, ${objects.length} objects`, check(objects, overlay, "objects"));
		if (i > 0) continue;
		for (const [what, change] of mutations[name]) {
			const wrong = structuredClone(objects);
			change(wrong);
			test(`${name} finds ${what}`, check(wrong, overlay, "wrong").length > 0 ? [] : ["it doesn't"]);
		}
	}
}
process.exit(failed > 0 ? 1 : 0);
