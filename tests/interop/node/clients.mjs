// npm's openid-client gets tokens from the gateway, and npm's jose verifies them from the JWKS URL, as a Public API
// would. Both in the last version that node 18 runs, and in the newest.
//
// tap.sh says what is printed, stack.sh what is in the environment.

import assert from 'node:assert/strict';

import * as jose5 from 'jose';
import { Issuer, errors } from 'openid-client';

import { test, testNewest } from './common.mjs';

const {
	M2M_URL: issuer,
	M2M_CLIENT_ID: clientId,
	M2M_CLIENT_SECRET: clientSecret,
	ENDED_SECRET: endedSecret,
	M2M_SIGNING_ALG: algorithm,
} = process.env;
const audience = 'public-api'; // the gateway's default
const methods = ['client_secret_basic', 'client_secret_post'];

async function assertOpensClientId(accessToken) {
	const response = await fetch(`${issuer}/m2m/client-id`, { headers: { authorization: `Bearer ${accessToken}` } });
	assert.equal(response.status, 200);
	assert.deepEqual(await response.json(), { client_id: clientId });
}

// --- openid-client 5 ---

async function client5(method, secret) {
	const { Client } = await Issuer.discover(issuer);
	return new Client({ client_id: clientId, client_secret: secret, token_endpoint_auth_method: method });
}

const grant5 = (client) => client.grant({ grant_type: 'client_credentials' });

await test('openid-client 5 discovers the issuer', async () => {
	const { metadata } = await Issuer.discover(issuer);
	assert.equal(metadata.issuer, issuer);
	assert.ok(metadata.token_endpoint.startsWith(`${issuer}/`));
	assert.ok(metadata.jwks_uri.startsWith(`${issuer}/`));
});

for (const method of methods) {
	await test(`openid-client 5 gets a token with ${method}`, async () => {
		const tokens = await grant5(await client5(method, clientSecret));
		assert.equal(tokens.token_type, 'Bearer');
		assert.equal(tokens.expired(), false);
		await assertOpensClientId(tokens.access_token);
	});

	await test(`openid-client 5 throws invalid_client with ${method}`, async () => {
		const client = await client5(method, endedSecret);
		await assert.rejects(grant5(client), (error) => error instanceof errors.OPError && error.error === 'invalid_client');
	});
}

// --- openid-client 6 ---

const openid6 = 'openid-client-6';

// The option is the library's own, for servers without TLS.
function discover6(library, authentication, algorithmOfDiscovery = 'oidc') {
	const options = { execute: [library.allowInsecureRequests], algorithm: algorithmOfDiscovery };
	return library.discovery(new URL(issuer), clientId, undefined, authentication, options);
}

const authentication6 = (library, method, secret) =>
	method === 'client_secret_basic' ? library.ClientSecretBasic(secret) : library.ClientSecretPost(secret);

for (const kind of ['oidc', 'oauth2']) {
	await testNewest(`openid-client 6 discovers the issuer (${kind})`, openid6, async (library) => {
		const metadata = (await discover6(library, library.None(), kind)).serverMetadata();
		assert.equal(metadata.issuer, issuer);
		assert.ok(metadata.token_endpoint.startsWith(`${issuer}/`));
	});
}

for (const method of methods) {
	await testNewest(`openid-client 6 gets a token with ${method}`, openid6, async (library) => {
		const config = await discover6(library, authentication6(library, method, clientSecret));
		const tokens = await library.clientCredentialsGrant(config, { scope: 'api' });
		assert.equal(tokens.scope, 'api');
		assert.ok(tokens.expiresIn() > 86000);
		await assertOpensClientId(tokens.access_token);
	});

	// It prefers the challenge in the header to the error in the body, and hands over the response.
	await testNewest(`openid-client 6 throws invalid_client with ${method}`, openid6, async (library) => {
		const config = await discover6(library, authentication6(library, method, endedSecret));
		const error = await library.clientCredentialsGrant(config).then(assert.fail, (reason) => reason);
		assert.ok(error instanceof library.WWWAuthenticateChallengeError);
		assert.equal(error.status, 401);
		assert.equal(error.cause[0].scheme, 'basic');
		assert.equal((await error.response.json()).error, 'invalid_client');
	});
}

// --- jose ---

// The token with one character of one of its three parts changed.
function tamper(token, part) {
	const parts = token.split('.');
	const text = parts[part];
	parts[part] = text.slice(0, 10) + (text[10] === 'A' ? 'B' : 'A') + text.slice(11);
	return parts.join('.');
}

async function verifies(jose) {
	const client = await client5('client_secret_basic', clientSecret);
	const { access_token: token } = await grant5(client);
	const keys = jose.createRemoteJWKSet(new URL(client.issuer.metadata.jwks_uri));
	const expected = { issuer, audience, algorithms: [algorithm] };

	const { payload, protectedHeader } = await jose.jwtVerify(token, keys, expected);
	assert.equal(protectedHeader.alg, algorithm);
	assert.equal(payload.client_id, clientId);
	assert.equal(payload.exp - payload.iat, 86400);

	const refuses = (code, text, options) => assert.rejects(jose.jwtVerify(text, keys, { ...expected, ...options }), { code });
	await refuses('ERR_JWS_SIGNATURE_VERIFICATION_FAILED', tamper(token, 1));
	await refuses('ERR_JWS_SIGNATURE_VERIFICATION_FAILED', tamper(token, 2));
	await refuses('ERR_JWT_CLAIM_VALIDATION_FAILED', token, { issuer: `${issuer}/other` });
	await refuses('ERR_JWT_CLAIM_VALIDATION_FAILED', token, { audience: 'another-api' });
	await refuses('ERR_JOSE_ALG_NOT_ALLOWED', token, { algorithms: [algorithm === 'EdDSA' ? 'RS256' : 'EdDSA'] });
}

await test('jose 5 verifies a token by the JWKS URL and refuses a tampered one', () => verifies(jose5));
await testNewest('jose 6 verifies a token by the JWKS URL and refuses a tampered one', 'jose-6', verifies);
