// oidc-provider as an OAuth2 client-credentials server whose tokens are in PostgreSQL.
//
// - One table for all its models, as the adapters in its documentation have: kind, id, the payload as JSON.
// - Clients come out of it through the adapter, at every request; the library keeps no client that an adapter gave. It compares secrets
//   itself and has no hash for them (Client.prototype.compareClientSecret), so they stand there readable, as its users have them.
// - A JWT access token is never given to the adapter (save() stores only what has a payload, and the JWT format has none), so it is
//   inserted in formats.customizers.jwt: the documented hook that is awaited before the token is signed and answered.
import { createPrivateKey } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { alg, audience, issuer, lifetime, listen, peer, privatePem, query, scope } from "./common.mjs";

class Adapter {
	constructor(kind) {
		this.kind = kind;
	}

	async upsert(id, payload, expiresIn) {
		await query(
			"upsert",
			`insert into model (kind, id, payload, expires_at) values ($1, $2, $3, now() + make_interval(secs => $4))
			 on conflict (kind, id) do update set payload = excluded.payload, expires_at = excluded.expires_at`,
			[this.kind, id, payload, expiresIn],
		);
	}

	async find(id) {
		const found = await query(
			"find",
			"select payload from model where kind = $1 and id = $2 and (expires_at is null or expires_at > now())",
			[this.kind, id],
		);
		return found.rows[0]?.payload;
	}

	async destroy(id) {
		await query("destroy", "delete from model where kind = $1 and id = $2", [this.kind, id]);
	}
}

function serve() {
	const jwk = { ...createPrivateKey(privatePem).export({ format: "jwk" }), alg, use: "sig", kid: "1" };
	const provider = new Provider(issuer, {
		adapter: Adapter,
		jwks: { keys: [jwk] },
		cookies: { keys: ["unused"] },
		scopes: [scope],
		clientAuthMethods: ["client_secret_post"],
		clientDefaults: { id_token_signed_response_alg: alg },
		ttl: { ClientCredentials: lifetime },
		features: {
			devInteractions: { enabled: false },
			clientCredentials: { enabled: true },
			resourceIndicators: {
				enabled: true,
				getResourceServerInfo: () => ({ scope, audience, accessTokenTTL: lifetime, accessTokenFormat: "jwt", jwt: { sign: { alg } } }),
			},
		},
		formats: {
			customizers: {
				jwt: (ctx, token, { payload }) => token.adapter.upsert(token.jti, payload, lifetime),
			},
		},
	});
	listen(createServer(provider.callback()));
}

await peer({
	schema: `create table model (kind text not null, id text not null, payload jsonb not null, expires_at timestamptz, primary key (kind, id))`,
	addClients: (clients) =>
		query("clients", "insert into model select 'Client', c ->> 'client_id', c from jsonb_array_elements($1) as c", [
			JSON.stringify(
				clients.map(({ id, secret }) => ({
					client_id: id,
					client_secret: secret,
					grant_types: ["client_credentials"],
					redirect_uris: [],
					response_types: [],
					scope,
					token_endpoint_auth_method: "client_secret_post",
				})),
			),
		]),
	path: "/token",
	body: (id, secret) => ({ grant_type: "client_credentials", client_id: id, client_secret: secret, scope, resource: audience }),
	stored: "select id from model where kind = 'ClientCredentials'",
	serve,
});
