// The chart of deploy/helm: helm.mjs FOLDER SCHEMA SETTINGS_C BIN
//
//   kustomize  what helm renders of ci/NAME-values.yaml is what kustomize renders of overlays/NAME, object by object, but for the
//              differences that this file names
//   settings   the schema has each setting of the gateway, with its bounds; one rendering sets them all
//   typed, restricted, wired, as check.mjs has them, of everything that is rendered; the recipes too
//   taken      the gateway and m2mctl take the settings of each rendering, and miss nothing but the database
//   hook       the migration needs nothing that the release has yet to make
//   recipes    they make each Secret, with each key, that the chart mounts
//
// FOLDER has NAME.yaml of each rendering, kustomize-NAME.yaml, the gateway's --help as `help`, and in files/ what is mounted. Prints `ok - name` or `not ok - name`.
import {spawnSync} from "node:child_process";
import {existsSync, readFileSync, readdirSync} from "node:fs";
import {basename, join} from "node:path";
import {isDeepStrictEqual} from "node:util";
import yaml from "js-yaml";
import {MADE_BY_OTHERS, podOf, restrictedFaults, typeFaults, wiringFaults} from "./faults.mjs";

const [folder, schemaFile, settingsFile, bin] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name), "utf8");
const load = (name) => yaml.loadAll(read(`${name}.yaml`)).filter((o) => o);
const settings = new Set([...read("help").matchAll(/^ {2}(M2M_[A-Z_]+)/gm)].map((m) => m[1]));
const find = (objects, kind, name) => objects.find((o) => o.kind === kind && (!name || o.metadata.name === name));
let failed = 0;

function test(name, faults) {
	failed += faults.length > 0;
	console.log(`${faults.length === 0 ? "ok" : "not ok"} - ${name}`);
	for (const fault of faults.slice(0, 20)) console.log(fault);
}

// --- kustomize ---

// What the chart has besides, in labels and selectors: two releases may share a namespace.
const HELMS_LABELS = ["helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"];
// Names by which kustomize knows an object of the release m2m-gateway.
const NAMES = {"m2m-gateway-migrate": "m2m-migrate", "m2m-gateway-egress": "m2m-egress", "m2m-gateway-default-deny": "default-deny"};
// What isn't the chart's: the namespace is helm's, and PostgreSQL somebody else's.
const OTHERS = {
	production: ["Namespace m2m-gateway"],
	proxied: ["Namespace m2m-gateway"],
	cloudnativepg: ["Namespace m2m-gateway", "Cluster m2m-db", "NetworkPolicy m2m-db"],
	dev: ["Namespace m2m-gateway", "StatefulSet m2m-postgres", "Service m2m-postgres", "NetworkPolicy m2m-postgres", "ConfigMap m2m-postgres-initdb",
		"Secret m2m-postgres", "Secret m2m-database", "Secret m2m-database-owner", "Secret m2m-master-keys"],
};
// kustomize adds a hash to the names of Secrets that it makes.
const unhashed = (name) => name.replace(/^(m2m-(?:postgres|postgres-initdb|database|database-owner|master-keys))-[a-z0-9]{10}$/, "$1");

// Order means nothing to Kubernetes in lists whose members have names.
function normal(value, key) {
	if (Array.isArray(value)) {
		const members = value.map((v) => normal(v));
		return members.every((m) => m?.name) ? members.sort((a, b) => (a.name < b.name ? -1 : 1)) : members;
	}
	if (value && typeof value === "object")
		return Object.fromEntries(Object.entries(value).filter(([k]) => !HELMS_LABELS.includes(k)).map(([k, v]) => [k, normal(v, k)]));
	if (key === "secretName" || key === "name") return unhashed(NAMES[value] ?? value);
	return value;
}

const indexed = (objects) => new Map(objects.map((o) => normal(o)).map((o) => [`${o.kind} ${o.metadata.name}`, o]));

function* differences(ours, theirs, path) {
	if (isDeepStrictEqual(ours, theirs)) return;
	if (!ours || !theirs || typeof ours !== "object" || typeof theirs !== "object") {
		yield `${path}: helm has ${JSON.stringify(ours)}, kustomize ${JSON.stringify(theirs)}`;
		return;
	}
	for (const k of new Set([...Object.keys(ours), ...Object.keys(theirs)])) yield* differences(ours[k], theirs[k], `${path}.${k}`);
}

function comparisonFaults(helm, kustomize, others) {
	const [ours, theirs] = [indexed(helm), indexed(kustomize)];
	const faults = [];
	for (const [name, object] of theirs)
		if (ours.has(name)) faults.push(...differences(ours.get(name), object, name));
		else if (!others.includes(name)) faults.push(`helm lacks ${name}`);
	for (const name of ours.keys()) if (!theirs.has(name)) faults.push(`kustomize lacks ${name}`);
	for (const name of others) if (!theirs.has(name)) faults.push(`kustomize has no ${name} any more`);
	return faults;
}

for (const [name, others] of Object.entries(OTHERS)) {
	const [helm, kustomize] = [load(name), load(`kustomize-${name}`)];
	test(`${name}: helm and kustomize render the same, ${helm.length} objects`, comparisonFaults(helm, kustomize, others));
	if (name !== "production") continue;
	const container = (objects) => find(objects, "Deployment").spec.template.spec.containers[0];
	for (const [what, change] of [
		["an object that is missing", (o) => o.splice(o.indexOf(find(o, "PodDisruptionBudget")), 1)],
		["an object too many", (o) => o.push({apiVersion: "v1", kind: "ConfigMap", metadata: {name: "x"}})],
		["a setting that differs", (o) => (container(o).env[3].value = "x")],
		["a volume that is missing", (o) => find(o, "Job").spec.template.spec.volumes.pop()],
		["a label that is missing", (o) => delete find(o, "Service", "m2m-gateway-ops").metadata.labels["app.kubernetes.io/component"]],
		["an alert that differs", (o) => (find(o, "PrometheusRule").spec.groups[0].rules[0].for = "9m")],
	]) {
		const wrong = structuredClone(helm);
		change(wrong);
		test(`the comparison finds ${what}`, comparisonFaults(wrong, kustomize, others).length > 0 ? [] : ["it doesn't"]);
	}
}

// --- settings ---

const schema = JSON.parse(readFileSync(schemaFile, "utf8")).properties.settings.properties;
const envOf = (o) => Object.fromEntries(podOf(o).spec.containers[0].env.map((e) => [e.name, e.value ?? e.valueFrom]));
const everything = load("everything");
const gateway = envOf(find(everything, "Deployment")), migration = envOf(find(everything, "Job"));
const has = (env, name) => name in env || `${name}_FILE` in env;
// these have values of their own, and most of them are secrets
const elsewhere = ["DATABASE_URL", "ADMIN_DATABASE_URL", "MASTER_KEYS", "TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA", "TRUSTED_PROXIES", "FORWARDED", "CLIENT_CERT_HEADER",
	"TRUSTED_ISSUERS"].map((name) => `M2M_${name}`);

test(`each of ${settings.size} settings is reached`, [...settings].flatMap((name) => [
	...(has(gateway, name) || has(migration, name) ? [] : [`ci/everything-values.yaml doesn't set ${name}`]),
	...(elsewhere.includes(name) === name in schema ? [`${name}: either the schema has it below settings, or it has a value of its own`] : []),
]).concat(Object.keys(schema).filter((name) => !settings.has(name)).map((name) => `the gateway has no setting ${name}`)));

const bounds = [...readFileSync(settingsFile, "utf8").matchAll(/\{"(M2M_\w+)",[^\n]*\n[^\n]*\.min = (\d+), \.max = (\d+)\}/g)];
test(`the bounds of ${bounds.length} numbers are the gateway's`, bounds.length < 10 ? ["too few are found"] : bounds.filter(
	([, name, min, max]) => schema[name].minimum !== Number(min) || schema[name].maximum !== Number(max)).map(([, name, min, max]) => `${name}: ${min} to ${max}`));
test("a bare on of YAML is on", gateway.M2M_CLIENT_CERT_HEADER === "on" ? [] : [gateway.M2M_CLIENT_CERT_HEADER]);
test("only the migration has the owner's login", has(migration, "M2M_ADMIN_DATABASE_URL") && !has(gateway, "M2M_ADMIN_DATABASE_URL") ? [] : ["it doesn't"]);
test("the migration makes the first key as settings have it", migration.M2M_SIGNING_ALG === "ES256" ? [] : ["it doesn't"]);

// --- everything that is rendered ---

const modelled = (o) => !["traefik.io/v1alpha1", "cloud.google.com/v1"].includes(o.apiVersion);
const renderings = readdirSync(folder).filter((f) => f.endsWith(".yaml") && !f.startsWith("kustomize-") && f !== "bad.yaml").map((f) => f.slice(0, -5));
const all = renderings.flatMap((name) => load(name).map((o) => ({name, o})));
test(`typed, ${all.length} objects of ${renderings.length} renderings`, typeFaults(all.map(({o}) => o).filter(modelled), "helm"));
const kinds = ["HTTPRoute", "GRPCRoute", "BackendTLSPolicy", "ExternalSecret", "SealedSecret"];
const wrongs = kinds.map((kind) => structuredClone(all.find(({o}) => o.kind === kind).o));
for (const o of wrongs) o.spec.colour = "red";
const found = typeFaults(wrongs, "wrong").filter((line) => line.includes('"colour"')).length;
test(`typed finds a field that no kind has, in each of ${kinds.length}`, found === kinds.length ? [] : [`it does in ${found}`]);
test("restricted", renderings.flatMap((name) => restrictedFaults(load(name)).map((f) => `${name}: ${f}`))
	// OpenShift chooses the user by itself
	.filter((f) => !(f.startsWith("everything: ") && f.endsWith(": runAsUser"))));
const denied = (o) => (o.metadata.name === "m2m-gateway-default-deny" ? {...o, metadata: {...o.metadata, name: "default-deny"}} : o);
const namespace = {kind: "Namespace", metadata: {name: "m2m-gateway", labels: {"pod-security.kubernetes.io/enforce": "restricted"}}};
for (const name of ["production", "cloudnativepg"]) test(`${name}: wired`, wiringFaults([namespace, ...load(name).map(denied)], name, settings));
test("names have at most 63 characters", all.filter(({o}) => o.metadata.name.length > 63).map(({o}) => `${o.kind} ${o.metadata.name}`));
test("no object stands twice", renderings.flatMap((name) => {
	const names = load(name).map((o) => `${name}: ${o.kind} ${o.metadata.name}`);
	return names.filter((n, i) => names.indexOf(n) !== i);
}));
test("each object stands in the release's namespace", all.filter(({o}) => o.metadata.namespace !== "m2m-gateway").map(({name, o}) => `${name}: ${o.kind} ${o.metadata.name}`));
test("each Ingress and route leads to a port of the Service", renderings.flatMap((name) => {
	const objects = load(name), faults = [];
	for (const o of objects) {
		const backends = (o.spec?.rules ?? []).flatMap((r) => (o.kind === "Ingress" ? r.http.paths.map((p) => p.backend.service) : r.backendRefs ?? []));
		for (const b of backends) {
			const ports = find(objects, "Service", b.name)?.spec.ports ?? [];
			if (!ports.some((p) => (typeof b.port === "object" ? p.name === b.port.name : p.port === b.port))) faults.push(`${name}: ${o.kind} ${o.metadata.name}`);
		}
	}
	return faults;
}));

// --- taken ---

// What a program says of the settings of a Deployment or a Job. Without a database it begins nothing.
function settingFaults(o, change) {
	const env = {};
	for (const {name, value} of podOf(o).spec.containers[0].env) {
		if (!name.startsWith("M2M_") || value === undefined || /DATABASE_URL/.test(name)) continue;
		env[name] = name.endsWith("_FILE") ? join(folder, "files", basename(value)) : value;
		if (name.endsWith("_FILE") && !existsSync(env[name])) return [`there is no file ${basename(value)} to try`];
	}
	const program = o.kind === "Job" ? ["m2mctl", "migrate", "up"] : ["m2m-gateway"];
	const {status, stderr} = spawnSync(join(bin, program[0]), program.slice(1), {env: {...env, ...change}, encoding: "utf8", timeout: 60000});
	const faults = stderr.split("\n").filter((line) => line && !/M2M_(ADMIN_)?DATABASE_URL is not set/.test(line));
	return status === 3 ? faults : [`it ended with ${status}`, ...faults];
}

const tried = new Map(all.filter(({o}) => podOf(o)).map(({name, o}) => [JSON.stringify(podOf(o).spec.containers[0].env), {name, o}]));
test(`the programs take ${tried.size} sets of settings`, [...tried.values()].flatMap(({name, o}) => settingFaults(o).map((f) => `${name}, ${o.kind}: ${f}`)));
test("and they would say what is wrong", settingFaults(find(load("production"), "Deployment"), {M2M_CLIENT_CERT_HEADER: "on"}).length === 1 ? [] : ["they don't"]);

// --- hook ---

const isHook = (o) => "helm.sh/hook" in (o.metadata.annotations ?? {});
const hooks = load("hook").filter(isHook), job = find(hooks, "Job");
const weight = (o) => Number(o.metadata.annotations["helm.sh/hook-weight"]);
test("the migration runs before an install and an upgrade", job?.metadata.annotations["helm.sh/hook"] === "pre-install,pre-upgrade" ? [] : ["it doesn't"]);
test("its network policy stands before it", weight(find(hooks, "NetworkPolicy")) < weight(job) ? [] : ["it doesn't"]);
test("it needs nothing of the release", [
	...(load("hook").some((o) => !isHook(o) && o.kind === "ServiceAccount" && o.metadata.name === job.spec.template.spec.serviceAccountName) ? ["its account isn't there yet"] : []),
	...job.spec.template.spec.volumes.filter((v) => !v.secret).map((v) => `volume ${v.name}`),
]);
test("as a job it is the same but for its account and annotations", [...differences(normal({...job.spec, template: {...job.spec.template, spec: {...job.spec.template.spec,
	serviceAccountName: "m2m-gateway"}}}), normal(find(load("production"), "Job").spec), "Job")]);
test("the rest is the same with it and without it", comparisonFaults(load("hook").filter((o) => !isHook(o)), load("none"), []));

// --- recipes ---

const MADE = {
	ExternalSecret: (o) => [o.spec.target.name, Object.keys(o.spec.target.template?.data ?? Object.fromEntries(o.spec.data.map((d) => [d.secretKey, 1])))],
	SealedSecret: (o) => [o.metadata.name, Object.keys(o.spec.encryptedData)],
};
for (const recipe of ["external-secrets", "sealed-secrets"]) {
	const made = Object.fromEntries(load(recipe).filter((o) => MADE[o.kind]).map((o) => MADE[o.kind](o)));
	test(`${recipe} makes each Secret that the chart mounts`, isDeepStrictEqual(made, MADE_BY_OTHERS.production) ? [] : [JSON.stringify(made)]);
}
const store = find(load("external-secrets"), "SecretStore").metadata.name;
test("external-secrets asks the store that it has", load("external-secrets").filter((o) => o.kind === "ExternalSecret" && o.spec.secretStoreRef.name !== store).map((o) => o.metadata.name));
test("sealed-secrets opens under the names that were sealed", load("sealed-secrets").filter((o) => o.spec.template.metadata.name !== o.metadata.name ||
	o.spec.template.metadata.namespace !== o.metadata.namespace).map((o) => o.metadata.name));
process.exit(failed > 0 ? 1 : 0);
