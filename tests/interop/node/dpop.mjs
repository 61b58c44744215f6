// npm's openid-client and oauth4webapi get tokens that are bound to a key (DPoP, RFC 9449), and open the gateway's own
// routes with them. With M2M_DPOP_NONCE=required they find the nonce themselves.
//
// tap.sh says what is printed, stack.sh what is in the environment.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';

import { Issuer } from 'openid-client';

import { test, testNewest } from './common.mjs';

const { M2M_URL: issuer, M2M_CLIENT_ID: clientId, M2M_CLIENT_SECRET: clientSecret, M2M_DPOP_NONCE: nonces = 'off' } = process.env;
const algorithms = ['ES256', 'PS256', 'RS256', 'Ed25519'];
const resource = new URL(`${issuer}/m2m/client-id`);
const told = nonces === 'required' ? ' with a nonce' : '';

const rsa = ['rsa', { modulusLength: 2048 }];
const keys = { ES256: ['ec', { namedCurve: 'P-256' }], PS256: rsa, RS256: rsa, Ed25519: ['ed25519', {}] };

function assertBound(accessToken) {
	const { cnf } = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url'));
	assert.match(cnf.jkt, /^[A-Za-z0-9_-]{43}$/);
}

// --- openid-client 5 ---

async function client5() {
	const { Client, metadata } = await Issuer.discover(issuer);
	assert.ok(metadata.dpop_signing_alg_values_supported.includes('ES256'));
	return new Client({ client_id: clientId, client_secret: clientSecret });
}

async function opens5(alg) {
	const client = await client5();
	const DPoP = generateKeyPairSync(...keys[alg]).privateKey;
	const tokens = await client.grant({ grant_type: 'client_credentials' }, { DPoP });
	assert.equal(tokens.token_type, 'DPoP');
	assertBound(tokens.access_token);
	// each of them in its own proof
	for (let n = 0; n < 2; n++) {
		const response = await client.requestResource(resource, tokens.access_token, { DPoP, tokenType: 'DPoP' });
		assert.equal(response.statusCode, 200, response.body.toString());
		assert.deepEqual(JSON.parse(response.body), { client_id: clientId });
	}
	const stranger = generateKeyPairSync(...keys[alg]).privateKey;
	const refused = await client.requestResource(resource, tokens.access_token, { DPoP: stranger, tokenType: 'DPoP' });
	assert.equal(refused.statusCode, 401);
	assert.match(refused.headers['www-authenticate'], /^DPoP .*error="invalid_token"/);
}

// --- openid-client 6 ---

async function opens6(library, alg) {
	const options = { execute: [library.allowInsecureRequests] };
	const config = await library.discovery(new URL(issuer), clientId, undefined, library.ClientSecretPost(clientSecret), options);
	const DPoP = library.getDPoPHandle(config, await library.randomDPoPKeyPair(alg));
	const tokens = await library.clientCredentialsGrant(config, { scope: 'api' }, { DPoP });
	assert.equal(tokens.token_type, 'dpop'); // the library's own lower case
	assertBound(tokens.access_token);
	for (let n = 0; n < 2; n++) {
		const response = await library.fetchProtectedResource(config, tokens.access_token, resource, 'GET', undefined, undefined, { DPoP });
		assert.equal(response.status, 200);
		assert.deepEqual(await response.json(), { client_id: clientId });
	}
	const stolen = await library.fetchProtectedResource(config, tokens.access_token, resource, 'GET').then(assert.fail, (reason) => reason);
	assert.ok(stolen instanceof library.WWWAuthenticateChallengeError);
	assert.equal(stolen.cause[0].scheme, 'dpop');
	assert.equal(stolen.cause[0].parameters.error, 'invalid_token');
}

// --- oauth4webapi ---

// Once more where the server has sent a nonce.
async function withNonce(library, call) {
	try {
		return await call();
	} catch (error) {
		if (!library.isDPoPNonceError(error)) throw error;
		assert.equal(nonces, 'required');
		return call();
	}
}

async function opensWebapi(library, alg) {
	const insecure = { [library.allowInsecureRequests]: true };
	const url = new URL(issuer);
	const discovered = await library.discoveryRequest(url, { algorithm: 'oauth2', ...insecure });
	const as = await library.processDiscoveryResponse(url, discovered);
	assert.ok(as.dpop_signing_alg_values_supported.includes(alg));
	const client = { client_id: clientId };
	const DPoP = library.DPoP(client, await library.generateKeyPair(alg));
	const authentication = library.ClientSecretBasic(clientSecret);
	const parameters = new URLSearchParams({ scope: 'api' });
	const tokens = await withNonce(library, async () => {
		const response = await library.clientCredentialsGrantRequest(as, client, authentication, parameters, { DPoP, ...insecure });
		return library.processClientCredentialsResponse(as, client, response);
	});
	assert.equal(tokens.token_type, 'dpop');
	assertBound(tokens.access_token);
	const response = await withNonce(library, () =>
		library.protectedResourceRequest(tokens.access_token, 'GET', resource, undefined, undefined, { DPoP, ...insecure }),
	);
	assert.equal(response.status, 200);
	assert.deepEqual(await response.json(), { client_id: clientId });
}

for (const alg of algorithms) {
	// it knows Ed25519 by the older name alone, which it takes from the key
	await test(`openid-client 5 opens a route with a bound token${told}, ${alg}`, () => opens5(alg));
	await testNewest(`openid-client 6 opens a route with a bound token${told}, ${alg}`, 'openid-client-6', (library) => opens6(library, alg));
	await testNewest(`oauth4webapi opens a route with a bound token${told}, ${alg}`, 'oauth4webapi', (library) => opensWebapi(library, alg));
}
