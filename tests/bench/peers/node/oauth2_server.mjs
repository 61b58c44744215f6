// @node-oauth/oauth2-server as an OAuth2 client-credentials server whose tokens are in PostgreSQL, on node's own http server: no
// framework, no middleware.
//
// - The model keeps the SHA-256 of a secret and lets PostgreSQL compare it, in the one query that also reads the client.
// - The library makes opaque tokens unless the model makes them, and then saves them: generateAccessToken makes a JWT, saveToken its row,
//   which has committed when the library goes on to answer.
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";
import { parse } from "node:querystring";
import OAuth2Server from "@node-oauth/oauth2-server";
import { alg, audience, issuer, lifetime, listen, peer, privatePem, query, scope, sha256 } from "./common.mjs";

const { Request, Response } = OAuth2Server;
const key = { key: createPrivateKey(privatePem), dsaEncoding: "ieee-p1363" };
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const head = encode({ alg, typ: "JWT", kid: "1" });

const model = {
	async getClient(id, secret) {
		const { rows } = await query("client", "select id, grants, scopes from client where id = $1 and secret_sha256 = $2", [id, sha256(secret)]);
		return rows[0];
	},

	getUserFromClient: (client) => ({ id: client.id }),

	validateScope: (user, client, asked) => asked?.every((one) => client.scopes.includes(one)) && asked,

	// At once: every core has its worker, and in the thread pool it was no faster.
	generateAccessToken(client, user, granted) {
		const iat = Math.floor(Date.now() / 1000);
		const jti = (client.jti = randomUUID()); // the client is this request's own object
		const claims = { iss: issuer, sub: client.id, aud: audience, client_id: client.id, scope: granted.join(" "), iat, exp: iat + lifetime, jti };
		const input = `${head}.${encode(claims)}`;
		return `${input}.${sign("sha256", input, key).toString("base64url")}`;
	},

	async saveToken(token, client, user) {
		await query(
			"token",
			"insert into token (jti, client_id, scope, expires_at) values ($1, $2, $3, $4)",
			[client.jti, client.id, token.scope.join(" "), token.accessTokenExpiresAt],
		);
		return { ...token, client, user };
	},
};

function serve() {
	const oauth = new OAuth2Server({ model, accessTokenLifetime: lifetime });

	async function answer(req, res, body) {
		const response = new Response({ headers: {} });
		await oauth.token(new Request({ method: req.method, headers: req.headers, query: {}, body: parse(body) }), response).catch((error) => {
			response.status = error.code || 500;
			response.body = { error: error.name };
		});
		const text = JSON.stringify(response.body);
		res.writeHead(response.status, { ...response.headers, "content-type": "application/json", "content-length": Buffer.byteLength(text) });
		res.end(text);
	}

	listen(
		createServer((req, res) => {
			if (req.url !== "/token") return res.writeHead(404).end();
			let body = "";
			req.setEncoding("utf8");
			req.on("data", (data) => (body += data));
			req.on("end", () => answer(req, res, body));
		}),
	);
}

await peer({
	schema: `
		create table client (id text primary key, secret_sha256 bytea not null, grants text[] not null, scopes text[] not null);
		create table token (jti uuid primary key, client_id text not null, scope text not null,
			issued_at timestamptz not null default now(), expires_at timestamptz not null)`,
	addClients: (clients) =>
		query("clients", "insert into client select id, secret, '{client_credentials}', $3 from unnest($1::text[], $2::bytea[]) as c (id, secret)", [
			clients.map(({ id }) => id),
			clients.map(({ secret }) => sha256(secret)),
			[scope],
		]),
	path: "/token",
	body: (id, secret) => ({ grant_type: "client_credentials", client_id: id, client_secret: secret, scope }),
	stored: "select jti::text from token",
	serve,
});
