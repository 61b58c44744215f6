// npm's openid-client and oauth4webapi authenticate with a key of the client (private_key_jwt), which this makes and
// m2mctl registers. Each finds in the gateway's metadata that it may.
//
// tap.sh says what is printed, stack.sh what is in the environment; m2mctl is in the PATH.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';

import { Issuer, errors } from 'openid-client';

import { test, testNewest } from './common.mjs';

const { M2M_URL: issuer, M2M_CLIENT_ID: clientId } = process.env;
const { subtle } = webcrypto;
const method = 'private_key_jwt';

const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
const algorithms = {
	ES256: { name: 'ECDSA', namedCurve: 'P-256' },
	PS256: { name: 'RSA-PSS', ...rsa },
	EdDSA: { name: 'Ed25519' },
	RS256: { name: 'RSASSA-PKCS1-v1_5', ...rsa },
};

const m2mctl = (words, input) => execFileSync('m2mctl', [...words, '--output', 'json'], { input, encoding: 'utf8' });

function register({ kty, crv, x, y, n, e }, alg) {
	const jwk = JSON.stringify({ kty, crv, x, y, n, e, alg });
	return JSON.parse(m2mctl(['client', 'key', 'add', '--client', clientId, '--key', '-', '--name', `node ${alg}`], jwk));
}

// The private key, as a CryptoKey and as a JWK, and the credential_id of its public half.
async function newKey(alg) {
	const pair = await subtle.generateKey(algorithms[alg], true, ['sign', 'verify']);
	const registered = register(await subtle.exportKey('jwk', pair.publicKey), alg);
	const { alg: _alg, key_ops: _ops, ext: _ext, ...jwk } = await subtle.exportKey('jwk', pair.privateKey);
	return { alg, key: pair.privateKey, jwk: { ...jwk, alg, use: 'sig' }, id: registered.credential_id };
}

async function assertObtainedWith(id, accessToken) {
	const response = await fetch(`${issuer}/m2m/client-id`, { headers: { authorization: `Bearer ${accessToken}` } });
	assert.equal(response.status, 200);
	assert.deepEqual(await response.json(), { client_id: clientId });

	const { jti } = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url'));
	const [row] = JSON.parse(m2mctl(['audit', 'tokens', '--jti', jti]));
	assert.equal(row.auth_method, method);
	assert.equal(row.credential, id);
}

// --- openid-client 5 ---

async function client5({ jwk }) {
	const { Client, metadata } = await Issuer.discover(issuer);
	assert.ok(metadata.token_endpoint_auth_methods_supported.includes(method));
	return new Client({ client_id: clientId, token_endpoint_auth_method: method }, { keys: [jwk] });
}

const grant5 = (client, options) => client.grant({ grant_type: 'client_credentials' }, options);

async function gets5(made) {
	const client = await client5(made);
	// its assertions are new each time
	for (let n = 0; n < 2; n++) await assertObtainedWith(made.id, (await grant5(client)).access_token);
	await endsOne5(client);
}

// The other endpoints' method is the token endpoint's where nothing else is said.
async function endsOne5(client) {
	const token = (await grant5(client)).access_token;
	await client.revoke(token);
	const response = await fetch(`${issuer}/m2m/client-id`, { headers: { authorization: `Bearer ${token}` } });
	assert.equal(response.status, 401);
}

// RFC 10070: the URL of the token endpoint, which RFC 7523 allowed, isn't taken any more.
async function refuses5(made) {
	const client = await client5(made);
	const clientAssertionPayload = { aud: client.issuer.metadata.token_endpoint };
	const error = await grant5(client, { clientAssertionPayload }).then(assert.fail, (reason) => reason);
	assert.ok(error instanceof errors.OPError);
	assert.equal(error.error, 'invalid_client');
	assert.match(error.error_description, /aud must be the issuer identifier/);
}

// --- oauth4webapi, and openid-client 6, which stands on it ---

// By themselves the two write the name of RFC 9864, "Ed25519". This option is the one that their manual has for it.
const remapEd25519 = (library) => ({
	[library.modifyAssertion]: (header) => {
		if (header.alg === 'Ed25519') header.alg = 'EdDSA';
	},
});

const authentication = (library, { alg, key }) => library.PrivateKeyJwt(key, alg === 'EdDSA' ? remapEd25519(library) : undefined);

async function gets6(library, made) {
	const options = { execute: [library.allowInsecureRequests] };
	const config = await library.discovery(new URL(issuer), clientId, undefined, authentication(library, made), options);
	assert.ok(config.serverMetadata().token_endpoint_auth_methods_supported.includes(method));
	for (let n = 0; n < 2; n++) await assertObtainedWith(made.id, (await library.clientCredentialsGrant(config)).access_token);
}

async function getsWebapi(library, made) {
	const insecure = { [library.allowInsecureRequests]: true };
	const url = new URL(issuer);
	const discovered = await library.discoveryRequest(url, { algorithm: 'oauth2', ...insecure });
	const as = await library.processDiscoveryResponse(url, discovered);
	assert.ok(as.token_endpoint_auth_methods_supported.includes(method));
	const client = { client_id: clientId };
	const request = () =>
		library.clientCredentialsGrantRequest(as, client, authentication(library, made), new URLSearchParams({ scope: 'api' }), insecure);
	for (let n = 0; n < 2; n++) {
		const tokens = await library.processClientCredentialsResponse(as, client, await request());
		assert.equal(tokens.scope, 'api');
		await assertObtainedWith(made.id, tokens.access_token);
	}
}

for (const alg of Object.keys(algorithms)) {
	const made = await newKey(alg);
	await test(`openid-client 5 gets tokens with ${method}, ${alg}`, () => gets5(made));
	if (alg === 'ES256') await test('openid-client 5 throws invalid_client for the token endpoint as aud', () => refuses5(made));
	await testNewest(`openid-client 6 gets tokens with ${method}, ${alg}`, 'openid-client-6', (library) => gets6(library, made));
	await testNewest(`oauth4webapi gets tokens with ${method}, ${alg}`, 'oauth4webapi', (library) => getsWebapi(library, made));
}
