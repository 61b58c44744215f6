// npm's @connectrpc/connect-node as a client of the gateway, speaking gRPC; its schema is made at run time from a descriptor
// set. tap.sh says what is printed, stack.sh and run_grpc what is in the environment.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { createFileRegistry, fromBinary, fromJson, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { compressionGzip, createGrpcTransport } from '@connectrpc/connect-node';

import * as common from './common.mjs';

const { test, admin, grant, target, clientId, clientSecret } = common;

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.env.DESCRIPTOR_SET)));
const service = registry.getService('m2m.v1.M2MClients');

function newClient(options = {}) {
	return createClient(service, createGrpcTransport({ baseUrl: `http://${target}`, ...options }));
}

const plain = newClient();

// Requests and replies are JSON objects with the .proto file's own names.
async function ask(method, request = {}, fields = admin, options = {}, client = plain) {
	const descriptor = service.methods.find(({ name }) => name === method);
	let headers;
	const onHeader = (received) => (headers = received);
	const message = await client[descriptor.localName](fromJson(descriptor.input, request), { headers: fields, onHeader, ...options });
	return { reply: toJson(descriptor.output, message, { useProtoFieldName: true }), headers };
}

async function refuse(call) {
	const error = await call.then(() => assert.fail('it was answered'), (reason) => reason);
	if (!(error instanceof ConnectError)) throw error;
	const [info] = error.findDetails(registry.getMessage('google.rpc.ErrorInfo'));
	return {
		status: error.code,
		info: info && { reason: info.reason, domain: info.domain, metadata: { ...info.metadata } },
		requestId: error.metadata.get('x-request-id'),
		message: error.rawMessage,
	};
}

const failsWith = (code, call) => assert.rejects(call, (error) => ConnectError.from(error).code === code);

await test('GetClientId', async () => assert.deepEqual((await ask('GetClientId')).reply, { client_id: clientId }));

await test('GetClientSecret', async () => {
	const { reply } = await ask('GetClientSecret');
	assert.equal(reply.client_secret, clientSecret);
	assert.equal(reply.version, 2);
	common.assertRecent(Date.parse(reply.created_at) / 1000);
});

await test('IssueToken gives a token that jose verifies and that opens GetClientId', async () => {
	const { reply } = await ask('IssueToken', grant());
	await common.assertToken(reply);
	const opened = await ask('GetClientId', {}, { authorization: `Bearer ${reply.access_token}` });
	assert.equal(opened.reply.client_id, clientId);
});

await test('x-request-id comes back', async () => {
	const { headers } = await ask('GetClientId', {}, { ...admin, 'x-request-id': 'given.by-me_1' });
	assert.equal(headers.get('x-request-id'), 'given.by-me_1');
});

await test('gzip both ways', async () => {
	const options = { sendCompression: compressionGzip, acceptCompression: [compressionGzip], compressMinBytes: 0 };
	const { reply, headers } = await ask('IssueToken', grant(), admin, {}, newClient(options));
	assert.equal(headers.get('grpc-encoding'), 'gzip');
	await common.assertToken(reply);
});

await common.testRefusals((method, request, fields) => refuse(ask(method, request, fields)));

await test('a deadline that passes is DEADLINE_EXCEEDED, and the gateway goes on', async () => {
	await common.whileIssuingWaits(() => failsWith(Code.DeadlineExceeded, ask('IssueToken', grant(), admin, { timeoutMs: 300 })));
	await common.assertToken((await ask('IssueToken', grant())).reply);
});

await test('a cancelled call is CANCELLED, and the gateway goes on', async () => {
	const controller = new AbortController();
	setTimeout(() => controller.abort(), 600);
	await common.whileIssuingWaits(() => failsWith(Code.Canceled, ask('IssueToken', grant(), admin, { signal: controller.signal })));
	await common.assertToken((await ask('IssueToken', grant())).reply);
});

await test('200 calls at once on one connection', async () => {
	const calls = Array.from({ length: 200 }, () => ask('IssueToken', grant()));
	const ids = await Promise.all(calls.map(async (call) => common.assertToken((await call).reply)));
	assert.equal(new Set(ids).size, 200);
});

await test('RotateClientSecret with grace leaves the old secret alive; with none it ends', async () => {
	const { reply: graceful } = await ask('RotateClientSecret', { grace_seconds: 60 }, { ...admin, 'idempotency-key': 'connect-1' });
	assert.equal(Date.parse(graceful.previous_secret_expires_at) - Date.parse(graceful.rotated_at), 60000);
	await common.assertToken((await ask('IssueToken', grant())).reply);
	await common.assertToken((await ask('IssueToken', grant(graceful.client_secret))).reply);

	const { reply: abrupt } = await ask('RotateClientSecret');
	assert.equal(abrupt.version, 4);
	assert.equal((await refuse(ask('IssueToken', grant()))).info.reason, 'invalid_client');
	assert.equal((await refuse(ask('IssueToken', grant(graceful.client_secret)))).info.reason, 'invalid_client');
	await common.assertToken((await ask('IssueToken', grant(abrupt.client_secret))).reply);
});

// Its connections are kept for minutes.
process.exit();
