// npm's openid-client at a gateway that gives a client one token a second: what it makes of 429, and that obeying
// Retry-After is enough.
//
// tap.sh says what is printed, stack.sh what is in the environment.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { Issuer, errors } from 'openid-client';

import { test, testNewest } from './common.mjs';

const { M2M_URL: issuer, M2M_CLIENT_ID: clientId, M2M_CLIENT_SECRET: clientSecret } = process.env;

// Asks until it is refused, and once more after the time that `retryAfter` finds in the error.
async function obey(ask, retryAfter) {
	let error;
	while (error === undefined) await ask().catch((reason) => (error = reason));
	const seconds = Number(retryAfter(error));
	assert.ok(Number.isInteger(seconds) && seconds >= 1, String(seconds));
	await sleep(seconds * 1000);
	assert.equal((await ask()).token_type.toLowerCase(), 'bearer');
}

await test('openid-client 5 is told the limit by an OPError that passes when Retry-After is obeyed', async () => {
	const { Client } = await Issuer.discover(issuer);
	const client = new Client({ client_id: clientId, client_secret: clientSecret });
	await obey(
		() => client.grant({ grant_type: 'client_credentials' }),
		(error) => {
			assert.ok(error instanceof errors.OPError, error);
			assert.equal(error.error, 'temporarily_unavailable');
			assert.equal(error.response.statusCode, 429);
			return error.response.headers['retry-after'];
		},
	);
});

const name6 = 'openid-client 6 is told the limit by a ResponseBodyError that passes when Retry-After is obeyed';
await testNewest(name6, 'openid-client-6', async (library) => {
	const config = await library.discovery(new URL(issuer), clientId, undefined, library.ClientSecretBasic(clientSecret), {
		execute: [library.allowInsecureRequests],
	});
	await obey(
		() => library.clientCredentialsGrant(config),
		(error) => {
			assert.ok(error instanceof library.ResponseBodyError, error);
			assert.equal(error.error, 'temporarily_unavailable');
			assert.equal(error.status, 429);
			return error.response.headers.get('retry-after');
		},
	);
});
