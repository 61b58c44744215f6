// npm's @grpc/grpc-js as a client of the gateway: with the .proto file through @grpc/proto-loader, and with nothing but a
// method's path. tap.sh says what is printed, stack.sh and run_grpc what is in the environment.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import * as common from './common.mjs';

const { test, admin, grant, target, clientId, clientSecret } = common;

const protos = loadSync(
	['m2m/v1/m2m.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto', 'grpc/health/v1/health.proto'],
	{ includeDirs: process.env.PROTO_PATH.split(':'), keepCase: true, longs: Number, defaults: true },
);
const { m2m, grpc: standard } = grpc.loadPackageDefinition(protos);
const insecure = grpc.credentials.createInsecure();
const { status: Status } = grpc;

function metadataOf(fields) {
	const metadata = new grpc.Metadata();
	for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
	return metadata;
}

// A unary call; what it gives is { reply, headers }. `begin` makes the call with the metadata, options and callback it gets.
function unary(begin, fields, options, onCall = () => {}) {
	return new Promise((resolve, reject) => {
		let headers;
		const call = begin(metadataOf(fields), options, (error, reply) => (error ? reject(error) : resolve({ reply, headers })));
		call.on('metadata', (metadata) => (headers = metadata));
		onCall(call);
	});
}

const client = new m2m.v1.M2MClients(target, insecure);

function ask(method, request = {}, fields = admin, options = {}, onCall) {
	return unary((...rest) => client[method](request, ...rest), fields, options, onCall);
}

async function refuse(call) {
	const error = await call.then(() => assert.fail('it was answered'), (reason) => reason);
	const [serialized] = error.metadata?.get('grpc-status-details-bin') ?? [];
	if (!serialized) throw error;
	const details = protos['google.rpc.Status'].deserialize(serialized);
	assert.equal(details.code, error.code);
	assert.equal(details.message, error.details);
	const any = details.details.find(({ type_url: url }) => url === 'type.googleapis.com/google.rpc.ErrorInfo');
	return {
		status: error.code,
		info: protos['google.rpc.ErrorInfo'].deserialize(any.value),
		requestId: error.metadata.get('x-request-id')[0],
		message: error.details,
	};
}

const failsWith = (code, call) => assert.rejects(call, (error) => error.code === code);

// --- the operations ---

await test('GetClientId', async () => assert.deepEqual({ ...(await ask('GetClientId')).reply }, { client_id: clientId }));

await test('GetClientSecret', async () => {
	const { reply } = await ask('GetClientSecret');
	assert.equal(reply.client_id, clientId);
	assert.equal(reply.client_secret, clientSecret);
	assert.equal(reply.version, 2);
	common.assertRecent(reply.created_at.seconds);
});

await test('IssueToken gives a token that jose verifies and that opens GetClientId', async () => {
	const { reply } = await ask('IssueToken', grant());
	await common.assertToken(reply);
	const opened = await ask('GetClientId', {}, { authorization: `Bearer ${reply.access_token}` });
	assert.equal(opened.reply.client_id, clientId);
});

await test('a method is known by its path alone', async () => {
	const bare = new grpc.Client(target, insecure);
	const whole = (bytes) => bytes;
	const { reply } = await unary(
		(...rest) => bare.makeUnaryRequest('/m2m.v1.M2MClients/GetClientId', whole, whole, Buffer.alloc(0), ...rest), admin, {},
	);
	bare.close();
	assert.equal(reply.toString(), `\x0a${String.fromCharCode(clientId.length)}${clientId}`);
});

await test('x-request-id comes back, and is made where none is given', async () => {
	const given = await ask('GetClientId', {}, { ...admin, 'x-request-id': 'given.by-me_1' });
	assert.deepEqual(given.headers.get('x-request-id'), ['given.by-me_1']);
	const made = await ask('GetClientId');
	assert.match(made.headers.get('x-request-id')[0], /^[0-9a-f-]{36}$/);
});

await test('gzip both ways', async () => {
	const gzip = new m2m.v1.M2MClients(target, insecure, {
		'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
	});
	const { reply } = await unary((...rest) => gzip.IssueToken({ ...grant(), scope: 'api' }, ...rest), admin, {});
	gzip.close();
	await common.assertToken(reply);
});

// --- errors ---

await common.testRefusals((method, request, fields) => refuse(ask(method, request, fields)));

for (const [name, path, bytes, reason, status] of [
	['an unknown method', '/m2m.v1.M2MClients/NoSuchMethod', '', 'unimplemented', Status.UNIMPLEMENTED],
	['an unknown service', '/m2m.v1.NoSuchService/GetClientId', '', 'unimplemented', Status.UNIMPLEMENTED],
	['bytes that are no message', '/m2m.v1.M2MClients/IssueToken', '\x0a\x7f', 'malformed_message', Status.INTERNAL],
]) {
	await test(`${name}: ${reason}`, async () => {
		const serialize = () => Buffer.from(bytes, 'latin1');
		const { info, status: code } = await refuse(
			unary((...rest) => client.makeUnaryRequest(path, serialize, (reply) => reply, {}, ...rest), admin, {}),
		);
		assert.equal(info.reason, reason);
		assert.equal(code, status);
	});
}

await test('a second message in a unary call is UNIMPLEMENTED', async () => {
	const whole = (bytes) => bytes;
	await failsWith(Status.UNIMPLEMENTED, new Promise((resolve, reject) => {
		const call = client.makeClientStreamRequest('/m2m.v1.M2MClients/GetClientId', whole, whole, metadataOf(admin), {},
			(error, reply) => (error ? reject(error) : resolve(reply)));
		call.write(Buffer.alloc(0));
		call.write(Buffer.alloc(0));
		call.end();
	}));
});

// --- time ---

await test('a deadline that passes is DEADLINE_EXCEEDED, and the gateway goes on', async () => {
	await common.whileIssuingWaits(() =>
		failsWith(Status.DEADLINE_EXCEEDED, ask('IssueToken', grant(), admin, { deadline: Date.now() + 300 })));
	await common.assertToken((await ask('IssueToken', grant())).reply);
});

await test('a cancelled call is CANCELLED, and the gateway goes on', async () => {
	await common.whileIssuingWaits(() =>
		failsWith(Status.CANCELLED, ask('IssueToken', grant(), admin, {}, (call) => setTimeout(() => call.cancel(), 300))));
	await common.assertToken((await ask('IssueToken', grant())).reply);
});

await test('1,000 calls at once on one channel', async () => {
	const calls = Array.from({ length: 1000 }, () => ask('IssueToken', grant()));
	const ids = await Promise.all(calls.map(async (call) => common.assertToken((await call).reply)));
	assert.equal(new Set(ids).size, 1000);
});

// --- health ---

const health = new standard.health.v1.Health(target, insecure);

const checkHealth = (service) => unary((...rest) => health.Check({ service }, ...rest), {}, {});

for (const service of ['', 'm2m.v1.M2MClients']) {
	await test(`health of "${service}" is SERVING`, async () => {
		assert.equal((await checkHealth(service)).reply.status, 1);
	});
}

await test('health of an unknown service is NOT_FOUND', () => failsWith(Status.NOT_FOUND, checkHealth('no.such.Service')));

// The answers of a Watch until nothing more has come for half a second, and how the call then ended when cancelled.
async function watch(service) {
	const call = health.Watch({ service });
	const statuses = [];
	let ended;
	call.on('data', (answer) => statuses.push(answer.status));
	call.on('error', (error) => (ended = error.code));
	await sleep(500);
	call.cancel();
	await sleep(50);
	return [statuses, ended];
}

await test('a Watch says SERVING and stays', async () => assert.deepEqual(await watch(''), [[1], Status.CANCELLED]));

await test('a Watch of an unknown service says SERVICE_UNKNOWN and stays', async () => {
	assert.deepEqual(await watch('no.such.Service'), [[3], Status.CANCELLED]);
});

// --- rotation ---

await test('RotateClientSecret ends the old secret; the same idempotency key gives the same answer', async () => {
	const fields = { ...admin, 'idempotency-key': 'grpc-js-1' };
	const { reply: rotated } = await ask('RotateClientSecret', {}, fields);
	assert.equal(rotated.client_id, clientId);
	assert.equal(rotated.version, 3);
	assert.deepEqual(rotated.previous_secret_expires_at, rotated.rotated_at);
	common.assertRecent(rotated.rotated_at.seconds);
	assert.deepEqual((await ask('RotateClientSecret', {}, fields)).reply, rotated);

	assert.equal((await refuse(ask('IssueToken', grant()))).info.reason, 'invalid_client');
	await common.assertToken((await ask('IssueToken', grant(rotated.client_secret))).reply);

	const reused = await refuse(ask('RotateClientSecret', { grace_seconds: 60 }, fields));
	assert.equal(reused.info.reason, 'idempotency_key_reused');
	assert.equal(reused.status, Status.FAILED_PRECONDITION);
});

client.close();
health.close();
