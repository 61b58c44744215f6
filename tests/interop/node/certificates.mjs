// npm's openid-client and oauth4webapi authenticate with a TLS certificate (RFC 8705): one whose name an authority vouches
// for, and one that signed itself. Each finds in the gateway's metadata that it may.
//
// tap.sh says what is printed, stack.sh what is in the environment; besides, PKI_FOLDER is a folder with server.crt, signed.crt
// and self.crt with their keys, and m2mctl has registered both clients' certificates.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';

import { Issuer, custom } from 'openid-client';

import { test, testNewest } from './common.mjs';

const { M2M_URL: issuer, M2M_CLIENT_ID: clientId, PKI_FOLDER: pki } = process.env;
const read = (name) => readFileSync(`${pki}/${name}`);
const ca = read('server.crt');
const m2mctl = (words) => execFileSync('m2mctl', [...words, '--output', 'json'], { encoding: 'utf8' });

const shown = [
	{ method: 'tls_client_auth', cert: read('signed.crt'), key: read('signed.key') },
	{ method: 'self_signed_tls_client_auth', cert: read('self.crt'), key: read('self.key') },
];

const thumbprint = ({ cert }) => createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url');

// fetch as the libraries call it, over connections that show this certificate, or none.
function fetchWith({ cert, key } = {}) {
	const agent = new Agent({ ca, cert, key });
	return (url, { method = 'GET', headers, body } = {}) =>
		new Promise((resolve, reject) => {
			const sent = request(url, { agent, method, headers: Object.fromEntries(new Headers(headers)) }, async (answer) => {
				const chunks = await answer.toArray();
				resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode, headers: answer.headers }));
			});
			sent.on('error', reject);
			sent.end(body?.toString());
		});
}

async function clientIdStatus(accessToken, identity) {
	const answer = await fetchWith(identity)(`${issuer}/m2m/client-id`, { headers: { authorization: `Bearer ${accessToken}` } });
	return answer.status;
}

async function assertBound(identity, accessToken) {
	const { jti, cnf } = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url'));
	assert.deepEqual(cnf, { 'x5t#S256': thumbprint(identity) });
	assert.equal(await clientIdStatus(accessToken, identity), 200);
	assert.equal(await clientIdStatus(accessToken), 401);
	const [row] = JSON.parse(m2mctl(['audit', 'tokens', '--jti', jti]));
	assert.equal(row.auth_method, identity.method);
}

// --- openid-client 5 ---

async function gets5(identity) {
	const { method, cert, key } = identity;
	Issuer[custom.http_options] = () => ({ ca });
	const { Client, metadata } = await Issuer.discover(issuer);
	assert.ok(metadata.token_endpoint_auth_methods_supported.includes(method));
	assert.equal(metadata.tls_client_certificate_bound_access_tokens, true);
	// What isn't said of the other endpoints' methods is the token endpoint's, which they don't take.
	const client = new Client({
		client_id: clientId,
		token_endpoint_auth_method: method,
		introspection_endpoint_auth_method: 'client_secret_basic',
		revocation_endpoint_auth_method: 'client_secret_basic',
		tls_client_certificate_bound_access_tokens: true,
	});
	client[custom.http_options] = () => ({ ca, cert, key });
	await assertBound(identity, (await client.grant({ grant_type: 'client_credentials' })).access_token);
}

// --- oauth4webapi, and openid-client 6, which stands on it ---

async function gets6(library, identity) {
	const options = { [library.customFetch]: fetchWith(identity) };
	const metadata = { use_mtls_endpoint_aliases: true };
	const config = await library.discovery(new URL(issuer), clientId, metadata, library.TlsClientAuth(), options);
	assert.ok(config.serverMetadata().token_endpoint_auth_methods_supported.includes(identity.method));
	await assertBound(identity, (await library.clientCredentialsGrant(config)).access_token);
}

async function getsWebapi(library, identity) {
	const options = { [library.customFetch]: fetchWith(identity) };
	const url = new URL(issuer);
	const as = await library.processDiscoveryResponse(url, await library.discoveryRequest(url, { algorithm: 'oauth2', ...options }));
	assert.equal(as.tls_client_certificate_bound_access_tokens, true);
	const client = { client_id: clientId, use_mtls_endpoint_aliases: true };
	const answer = await library.clientCredentialsGrantRequest(as, client, library.TlsClientAuth(), new URLSearchParams(), options);
	await assertBound(identity, (await library.processClientCredentialsResponse(as, client, answer)).access_token);
}

for (const identity of shown) {
	const { method } = identity;
	await test(`openid-client 5 gets bound tokens with ${method}`, () => gets5(identity));
	await testNewest(`openid-client 6 gets bound tokens with ${method}`, 'openid-client-6', (library) => gets6(library, identity));
	await testNewest(`oauth4webapi gets bound tokens with ${method}`, 'oauth4webapi', (library) => getsWebapi(library, identity));
}
