// `buf curl`, which has no .proto file and asks the gateway's server reflection instead. tap.sh says what is printed,
// stack.sh and run_grpc what is in the environment.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import * as common from './common.mjs';

const { test, admin, grant, target, clientId, clientSecret } = common;

const program = fileURLToPath(new URL('node_modules/.bin/buf', import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.env.DESCRIPTOR_SET)));

async function buf(path, ...options) {
	const child = spawn(program, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...options, `http://${target}${path}`]);
	child.stdin.end();
	const ended = new Promise((resolve) => child.on('close', resolve));
	const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
	return { out, err, exit: await ended };
}

async function output(...call) {
	const { out, err, exit } = await buf(...call);
	assert.equal(exit, 0, err);
	return out;
}

function optionsOf(request, fields) {
	return ['-d', JSON.stringify(request), ...Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}: ${value}`])];
}

const pathOf = (method) => `/m2m.v1.M2MClients/${method}`;

async function ask(method, request = {}, fields = admin) {
	return JSON.parse(await output(pathOf(method), '--emit-defaults', ...optionsOf(request, fields)));
}

// The program prints an error as JSON, and tells its code by the exit status too.
async function refuse(method, request, fields) {
	const { out, err, exit } = await buf(pathOf(method), '-v', ...optionsOf(request, fields));
	assert.equal(out, '');
	const { message, details } = JSON.parse(/^\{[^]*?^\}/m.exec(err)[0]);
	const detail = details.find(({ type }) => type === 'google.rpc.ErrorInfo');
	const info = fromBinary(registry.getMessage('google.rpc.ErrorInfo'), Buffer.from(detail.value, 'base64'));
	return {
		status: exit >> 3,
		info: { reason: info.reason, domain: info.domain, metadata: info.metadata },
		requestId: info.metadata.request_id,
		message,
	};
}

const lines = (printed) => printed.trim().split('\n').sort();

await test('lists the services', async () => {
	assert.deepEqual(lines(await output('', '--list-services')), [
		'grpc.health.v1.Health',
		'grpc.reflection.v1.ServerReflection',
		'grpc.reflection.v1alpha.ServerReflection',
		'm2m.v1.M2MClients',
	]);
});

await test('lists the methods', async () => {
	const ours = lines(await output('', '--list-methods')).filter((name) => name.startsWith('m2m.'));
	assert.deepEqual(ours, registry.getService('m2m.v1.M2MClients').methods.map(({ name }) => `m2m.v1.M2MClients/${name}`).sort());
});

for (const version of ['v1', 'v1alpha']) {
	await test(`GetClientId by reflection ${version}`, async () => {
		const printed = await output(pathOf('GetClientId'), `--reflect-protocol=grpc-${version}`, ...optionsOf({}, admin));
		assert.deepEqual(JSON.parse(printed), { clientId });
	});
}

await test('GetClientSecret', async () => {
	const reply = await ask('GetClientSecret');
	assert.equal(reply.clientSecret, clientSecret);
	assert.equal(reply.version, 2);
	common.assertRecent(Date.parse(reply.createdAt) / 1000);
});

// In the names of the .proto file, as common.mjs wants them.
async function issue(secret) {
	const reply = await ask('IssueToken', grant(secret));
	return { access_token: reply.accessToken, token_type: reply.tokenType, expires_in: reply.expiresIn, scope: reply.scope };
}

await test('IssueToken gives a token that jose verifies', async () => common.assertToken(await issue()));

// Go's HTTP/2 keeps to the header list size that SETTINGS advertise, and so never sends such a request.
await common.testRefusals(refuse, ['headers_too_large']);

await test('health is SERVING', async () => {
	assert.equal(JSON.parse(await output('/grpc.health.v1.Health/Check', '-d', '{}')).status, 'SERVING');
});

await test('RotateClientSecret ends the old secret', async () => {
	const rotated = await ask('RotateClientSecret');
	assert.equal(rotated.version, 3);
	assert.equal(rotated.previousSecretExpiresAt, rotated.rotatedAt);
	assert.equal((await refuse('IssueToken', grant(), admin)).info.reason, 'invalid_client');
	await common.assertToken(await issue(rotated.clientSecret));
});
