// What the node peers share: one worker process per core behind one port, a pool of PostgreSQL connections in each, the clients, and the
// files that tell tests/bench/run what to ask and how to check it (../README).
import cluster from "node:cluster";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import pg from "pg";

const { PEER_DATABASE_URL, PEER_DIR } = process.env;
export const port = Number(process.env.PEER_PORT);
export const alg = process.env.PEER_ALG;
export const issuer = `http://127.0.0.1:${port}`;
export const audience = "https://api.example.com";
export const scope = "api";
export const lifetime = 86400; // seconds, as the gateway's
export const privatePem = readFileSync(`${PEER_DIR}/private.pem`);
export const sha256 = (text) => createHash("sha256").update(text).digest();

// Of each worker. 4, 8 and 16 were tried with 32 and with 256 connections: 16 was the best or as good.
const connections = Number(process.env.PEER_CONNECTIONS || 16);

let pool;
// A name makes pg prepare the statement once a connection and then only bind and execute it. A statement alone commits before its promise
// is fulfilled: pg waits for ReadyForQuery, and synchronous_commit is on.
export const query = (name, text, values) => pool.query({ name, text, values });

// schema: its tables. addClients(clients): stores [{id, secret}] with query(). serve(): listens. stored: the query of stored.sql.
export async function peer({ schema, addClients, path, body, stored, serve }) {
	pool = new pg.Pool({ connectionString: PEER_DATABASE_URL, max: cluster.isPrimary ? 1 : connections, min: 1, idleTimeoutMillis: 0 });
	pool.on("error", () => {}); // PostgreSQL may be stopped first
	if (cluster.isWorker) {
		await Promise.all(Array.from({ length: connections }, () => pool.query("select pg_sleep(0.05)"))); // connected before the first request
		return serve();
	}

	await pool.query(schema);
	const clients = Array.from({ length: Number(process.env.PEER_CLIENTS || 1) }, (_, i) => ({
		id: `client-${i + 1}`,
		secret: randomBytes(32).toString("base64url"),
	}));
	await addClients(clients);
	await pool.query("analyze");
	await pool.end();

	let stopping = false;
	const stop = () => {
		stopping = true;
		for (const worker of Object.values(cluster.workers)) worker.process.kill("SIGKILL"); // an idle keep-alive would hold it
	};
	process.on("SIGTERM", stop).on("SIGINT", stop);
	cluster.on("exit", () => {
		if (!stopping) process.exitCode = 1;
		stop();
	});

	const workers = availableParallelism();
	let listening = 0;
	cluster.on("listening", () => {
		if (++listening < workers) return;
		const line = ({ id, secret }) => `${id}\t${secret}\t${new URLSearchParams(body(id, secret))}\n`;
		writeFileSync(`${PEER_DIR}/clients`, clients.map(line).join(""));
		writeFileSync(`${PEER_DIR}/path`, `${path}\n`);
		writeFileSync(`${PEER_DIR}/stored.sql`, `-- key: jti\n${stored}\n`);
		writeFileSync(`${PEER_DIR}/ready`, "");
	});
	for (let i = 0; i < workers; i++) cluster.fork();
}

// Longer than any load, so that no connection is closed between two requests.
export function listen(server) {
	server.keepAliveTimeout = 600_000;
	server.listen({ port, host: "127.0.0.1", backlog: 1024 });
}
