// What is wrong with Kubernetes objects, as a list of words; check.mjs says what each list is about.
import {writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {dirname, join} from "node:path";

const require = createRequire(import.meta.url);
const here = import.meta.dirname ?? dirname(new URL(import.meta.url).pathname);

// --- typed ---

function modelOf(object) {
	const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
	const packages = {"monitoring.coreos.com": "prometheus-operator", "postgresql.cnpg.io": "cloudnative-pg", "external-secrets.io": "external-secrets",
		"bitnami.com": "sealed-secrets", "gateway.networking.k8s.io": "gateway-api"};
	return (packages[group] ? `@kubernetes-models/${packages[group]}/` : "kubernetes-models/") + (group === "" ? "" : group + "/") + version;
}

const ts = require("typescript");
const options = {noEmit: true, strict: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.Node16,
	moduleResolution: ts.ModuleResolutionKind.Node16};
const host = ts.createCompilerHost(options);

// The models are read once: they are what a compilation costs.
const {getSourceFile} = host;
const models = new Map();
host.getSourceFile = (path, ...rest) => {
	if (dirname(path) === here) return getSourceFile(path, ...rest);
	if (!models.has(path)) models.set(path, getSourceFile(path, ...rest));
	return models.get(path);
};

export function typeFaults(objects, label) {
	const file = join(here, `${label}.ts`);
	const lines = objects.map((o, i) => `import type {I${o.kind} as T${i}} from "${modelOf(o)}";\nexport const o${i}: T${i} = ${JSON.stringify(o)};\n`);
	writeFileSync(file, lines.join(""));
	const faults = ts.getPreEmitDiagnostics(ts.createProgram([file], options, host));
	return ts.formatDiagnostics(faults, host).split("\n").filter((line) => line !== "");
}

// --- restricted: https://kubernetes.io/docs/concepts/security/pod-security-standards/ ---

export function podOf(o) {
	return {Deployment: o.spec?.template, StatefulSet: o.spec?.template, Job: o.spec?.template}[o.kind];
}

export function restrictedFaults(objects) {
	const faults = [];
	for (const o of objects) {
		const pod = podOf(o)?.spec;
		if (!pod) continue;
		const say = (what) => faults.push(`${o.kind} ${o.metadata.name}: ${what}`);
		const volumes = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
		for (const v of pod.volumes ?? []) if (!Object.keys(v).every((k) => k === "name" || volumes.includes(k))) say(`volume ${v.name}`);
		for (const k of ["hostNetwork", "hostPID", "hostIPC"]) if (pod[k]) say(k);
		const sc = pod.securityContext ?? {};
		for (const c of [...(pod.initContainers ?? []), ...pod.containers]) {
			const cs = c.securityContext ?? {};
			if (cs.allowPrivilegeEscalation !== false) say("allowPrivilegeEscalation");
			if ((cs.runAsNonRoot ?? sc.runAsNonRoot) !== true) say("runAsNonRoot");
			if ((cs.runAsUser ?? sc.runAsUser ?? 0) === 0) say("runAsUser");
			if (!["RuntimeDefault", "Localhost"].includes((cs.seccompProfile ?? sc.seccompProfile)?.type)) say("seccompProfile");
			if (!cs.capabilities?.drop?.includes("ALL")) say("capabilities.drop");
			if ((cs.capabilities?.add ?? []).some((a) => a !== "NET_BIND_SERVICE")) say("capabilities.add");
			if (cs.privileged) say("privileged");
			if (c.ports?.some((p) => p.hostPort)) say("hostPort");
			// beyond the standard
			if (cs.readOnlyRootFilesystem !== true) say("readOnlyRootFilesystem");
		}
		if (pod.automountServiceAccountToken !== false) say("automountServiceAccountToken");
	}
	return faults;
}

// --- wired ---

export const MADE_BY_OTHERS = {
	production: {"m2m-gateway-tls": ["tls.crt", "tls.key"], "m2m-database": ["url"], "m2m-database-owner": ["url"], "m2m-database-ca": ["ca.crt"],
		"m2m-master-keys": ["master.keys"]},
};
MADE_BY_OTHERS.cloudnativepg = {...MADE_BY_OTHERS.production, "m2m-db-ca": ["ca.crt", "ca.key"], "m2m-db-owner": ["username", "password"],
	"m2m-db-gateway": ["username", "password"]};
delete MADE_BY_OTHERS.cloudnativepg["m2m-database-ca"];

function matches(selector, labels) {
	const ops = {In: (v, values) => values.includes(v), NotIn: (v, values) => !values.includes(v)};
	return Object.entries(selector.matchLabels ?? {}).every(([k, v]) => labels[k] === v) &&
		(selector.matchExpressions ?? []).every((e) => ops[e.operator](labels[e.key], e.values));
}

export function wiringFaults(objects, overlay, settings) {
	const faults = [];
	const named = (kind, name) => objects.find((o) => o.kind === kind && o.metadata.name === name);
	const pods = objects.filter(podOf);
	const secrets = {...(MADE_BY_OTHERS[overlay] ?? {})};
	for (const o of objects) if (o.kind === "Secret") secrets[o.metadata.name] = Object.keys(o.data ?? o.stringData);
	const labelsOf = (o) => podOf(o).metadata.labels;
	const selecting = (selector) => pods.filter((p) => matches(selector, labelsOf(p)));
	const used = new Set();

	for (const o of objects) {
		const say = (what) => faults.push(`${o.kind} ${o.metadata.name}: ${what}`);
		if (o.kind !== "Namespace" && o.metadata.namespace !== "m2m-gateway") say("stands in another namespace");
		const pod = podOf(o)?.spec;
		if (pod) {
			const files = new Map();
			for (const v of pod.volumes ?? []) {
				const mount = pod.containers.flatMap((c) => c.volumeMounts ?? []).find((m) => m.name === v.name);
				if (!mount) say(`volume ${v.name} is not mounted`);
				else if (mount.subPath) say(`volume ${v.name} is mounted by subPath, and never renewed`);
				if (v.secret) {
					const keys = secrets[v.secret.secretName];
					used.add(v.secret.secretName);
					if (!keys) say(`there is no Secret ${v.secret.secretName}`);
					for (const {key, path} of v.secret.items ?? (keys ?? []).map((k) => ({key: k, path: k}))) {
						if (keys && !keys.includes(key)) say(`Secret ${v.secret.secretName} has no ${key}`);
						files.set(`${mount?.mountPath}/${path}`, true);
					}
					if ((v.secret.defaultMode & 0o007) !== 0) say(`Secret ${v.secret.secretName} is for everybody`);
				}
				if (v.configMap && !named("ConfigMap", v.configMap.name)) say(`there is no ConfigMap ${v.configMap.name}`);
			}
			for (const c of pod.containers) {
				for (const m of c.volumeMounts ?? [])
					if (![...(pod.volumes ?? []), ...(o.spec.volumeClaimTemplates ?? []).map((t) => t.metadata)].some((v) => v.name === m.name))
						say(`there is no volume ${m.name}`);
				for (const e of c.env ?? []) {
					const setting = e.name.replace(/_FILE$/, "");
					if (e.name.startsWith("M2M_") && !settings.has(setting)) say(`there is no setting ${e.name}`);
					if (e.name.startsWith("M2M_") && e.name.endsWith("_FILE") && !files.has(e.value)) say(`nothing is mounted at ${e.value}`);
				}
				for (const probe of [c.startupProbe, c.livenessProbe, c.readinessProbe]) {
					const port = probe?.httpGet?.port;
					if (port && !c.ports.some((p) => p.name === port)) say(`there is no port ${port} to probe`);
				}
				if (!c.resources?.requests?.cpu || !c.resources?.requests?.memory || !c.resources?.limits?.memory) say("has no resources");
			}
			if (pod.serviceAccountName && !named("ServiceAccount", pod.serviceAccountName)) say(`there is no ServiceAccount ${pod.serviceAccountName}`);
			if (pod.enableServiceLinks !== false) say("its services' variables would be taken for settings");
			if (o.spec.selector && selecting(o.spec.selector).length !== 1) say("selects other pods than its own");
			const value = (name, otherwise) => Number(pod.containers[0].env?.find((e) => e.name === name)?.value ?? otherwise);
			if (o.metadata.name === "m2m-gateway") {
				const c = pod.containers[0];
				if (!c.startupProbe || !c.livenessProbe || !c.readinessProbe) say("lacks a probe");
				if (pod.terminationGracePeriodSeconds * 1000 < value("M2M_SHUTDOWN_DELAY_MS", 5000) + value("M2M_DRAIN_MS", 10000) + 2000)
					say("is killed before it has drained");
				if (files.has("/run/secrets/m2m/owner/url")) say("has the owner's login");
			}
		}
		if (o.kind === "Service") {
			const chosen = selecting({matchLabels: o.spec.selector});
			if (chosen.length !== 1) say(`selects ${chosen.length} workloads`);
			for (const p of o.spec.ports)
				if (!chosen[0] || !podOf(chosen[0]).spec.containers[0].ports.some((q) => q.name === p.targetPort)) say(`there is no port ${p.targetPort}`);
		}
		if (o.kind === "PodDisruptionBudget" && selecting(o.spec.selector).map((p) => p.metadata.name).join() !== "m2m-gateway") say("selects other pods");
		if (o.kind === "HorizontalPodAutoscaler") {
			const target = named(o.spec.scaleTargetRef.kind, o.spec.scaleTargetRef.name);
			if (!target) say("has nothing to scale");
			else if (target.spec.replicas !== undefined) say("and the Deployment both say how many");
		}
		if (o.kind === "ServiceMonitor") {
			const services = objects.filter((s) => s.kind === "Service" && matches(o.spec.selector, s.metadata.labels));
			if (services.length !== 1) say(`selects ${services.length} Services`);
			for (const e of o.spec.endpoints) if (!services[0]?.spec.ports.some((p) => p.name === e.port)) say(`there is no port ${e.port}`);
		}
		if (o.kind === "NetworkPolicy" && o.metadata.name === "m2m-gateway") {
			const chosen = selecting(o.spec.podSelector);
			if (chosen.length !== 1) say("selects other pods");
			for (const {port} of o.spec.ingress.flatMap((rule) => rule.ports))
				if (!podOf(chosen[0]).spec.containers[0].ports.some((p) => p.name === port)) say(`there is no port ${port}`);
		}
		if (o.kind === "Cluster")
			for (const name of [o.spec.bootstrap.initdb.secret.name, ...o.spec.managed.roles.map((r) => r.passwordSecret?.name)])
				if (name && !secrets[name]) say(`there is no Secret ${name}`);
	}
	const denied = named("NetworkPolicy", "default-deny");
	if (!denied || Object.keys(denied.spec.podSelector).length > 0 || denied.spec.policyTypes.join() !== "Ingress,Egress") faults.push("nothing is denied by default");
	const own = objects.find((o) => o.kind === "Namespace")?.metadata.labels ?? {};
	if (own["pod-security.kubernetes.io/enforce"] !== "restricted") faults.push("the namespace isn't restricted");
	for (const kind of overlay === "dev" ? [] : ["PodDisruptionBudget", "HorizontalPodAutoscaler", "ServiceMonitor", "PrometheusRule"])
		if (!objects.some((o) => o.kind === kind)) faults.push(`there is no ${kind}`);
	for (const name of Object.keys(MADE_BY_OTHERS[overlay] ?? {}))
		if (!used.has(name) && !name.startsWith("m2m-db-")) faults.push(`nobody uses the Secret ${name}`);
	return faults;
}
