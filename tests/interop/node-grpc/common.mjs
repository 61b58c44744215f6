// What the gRPC clients written for node share: their tests' lines, the refusals that every client meets, the verification
// of a token, and a way to make the gateway wait.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import { createRemoteJWKSet, jwtVerify } from 'jose';

export const {
	M2M_URL: issuer,
	M2M_GRPC: target,
	M2M_CLIENT_ID: clientId,
	M2M_CLIENT_SECRET: clientSecret,
	M2M_ADMIN_TOKEN: adminToken,
	M2M_SIGNING_ALG: algorithm,
} = process.env;

export const admin = { authorization: `Bearer ${adminToken}` };

export function grant(secret = clientSecret) {
	return { grant_type: 'client_credentials', client_id: clientId, client_secret: secret };
}

export async function test(name, body) {
	try {
		await body();
		console.log(`ok - ${name}`);
	} catch (error) {
		console.log(error);
		console.log(`not ok - ${name}`);
		process.exitCode = 1;
	}
}

// grpc_refusals.json, in which "$NAME" is the environment's NAME.
export const refusals = JSON.parse(readFileSync(process.env.REFUSALS, 'utf8'), (key, value) =>
	typeof value === 'string' && value.startsWith('$') ? process.env[value.slice(1)] : value,
).map(({ bearer, request = {}, metadata = {}, ...rest }) => ({
	...rest,
	request,
	metadata: bearer === undefined ? metadata : { authorization: `Bearer ${bearer}`, ...metadata },
}));

// One test for each refusal. `refuse(method, request, metadata)` gives { status, info, requestId, message } of a call that
// is refused, `info` being its google.rpc.ErrorInfo.
export async function testRefusals(refuse, except = []) {
	let number = 0;
	for (const { reason, status, method, request, metadata } of refusals) {
		if (except.includes(reason)) continue;
		const requestId = `refusal-${++number}`;
		await test(`${method} is refused with ${reason}`, async () => {
			const error = await refuse(method, request, { 'x-request-id': requestId, ...metadata });
			assert.equal(error.status, status, error.message);
			assert.deepEqual({ ...error.info }, { reason, domain: 'm2m-gateway', metadata: { request_id: requestId } });
			assert.equal(error.requestId, requestId);
			assert.ok(error.message.length > 0);
		});
	}
}

const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));

export async function assertToken(reply) {
	assert.equal(reply.token_type, 'Bearer');
	assert.equal(reply.expires_in, 86400);
	assert.equal(reply.scope, 'api');
	const { payload } = await jwtVerify(reply.access_token, keys, { issuer, audience: 'public-api', algorithms: [algorithm] });
	assert.equal(payload.client_id, clientId);
	return payload.jti;
}

// Seconds since 1970, as a google.protobuf.Timestamp has them, of something that happened during the tests.
export function assertRecent(seconds) {
	const age = Date.now() / 1000 - Number(seconds);
	assert.ok(age > -5 && age < 600, `${age} seconds ago`);
}

// While `body` runs no token's row can be written.
export async function whileIssuingWaits(body) {
	const psql = spawn('psql', ['-XqAt', process.env.M2M_ADMIN_DATABASE_URL], { stdio: ['pipe', 'pipe', 'inherit'] });
	const ended = once(psql, 'close');
	psql.stdin.write('begin;\nlock table m2m.token_audit in access exclusive mode;\n\\echo locked\n');
	try {
		await once(psql.stdout, 'data');
		await body();
	} finally {
		psql.stdin.end();
		await ended;
	}
}
