// The running gateway against its own OpenAPI document: every answer that can be had without breaking the database is held
// to the schema that the document has for that operation and status. tap.sh says what is printed, stack.sh what is in the
// environment.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

const { M2M_URL: url, M2M_ADMIN_TOKEN, MEMBER_TOKEN, CLIENTLESS_TOKEN, M2M_CLIENT_ID: id, M2M_CLIENT_SECRET: secret, ENDED_SECRET, OPENAPI_FILE } = process.env;

async function test(name, body) {
	try {
		await body();
		console.log(`ok - ${name}`);
	} catch (error) {
		console.log(error);
		console.log(`not ok - ${name}`);
		process.exitCode = 1;
	}
}

const contract = await (await fetch(`${url}/openapi.json`)).json();

await test('/openapi.json, /openapi.yaml and the file in the tree are the same', async () => {
	assert.deepEqual(parse(await (await fetch(`${url}/openapi.yaml`)).text()), contract);
	assert.deepEqual(parse(readFileSync(OPENAPI_FILE, 'utf8')), contract);
});

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(contract, 'contract');

// A JSON pointer's tokens are escaped twice: for the pointer, and for the URI fragment that it stands in.
const pointer = (...tokens) => `contract#/${tokens.map((t) => encodeURIComponent(t.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

function resolve(node) {
	return node?.$ref === undefined ? node : node.$ref.slice(2).split('/').reduce((at, key) => at[key.replaceAll('~1', '/')], contract);
}

// The answer must be one that the document foresees: its status, its media type, its schema, its required headers.
async function hold(method, path, status, options = {}) {
	const response = await fetch(url + path, { method, ...options });
	const body = await response.text();
	assert.equal(response.status, status, body);
	const responses = contract.paths[path][method.toLowerCase()].responses;
	assert.ok(responses[status], `${status} is not in the document`);
	const described = resolve(responses[status]);
	const type = response.headers.get('content-type').split(';')[0];
	assert.ok(described.content[type], `${type} is not in the document`);
	const where = responses[status].$ref?.slice(2).split('/') ?? ['paths', path, method.toLowerCase(), 'responses', String(status)];
	const { schema } = described.content[type];
	if (schema && type.endsWith('json')) {
		const validate = ajv.getSchema(pointer(...where, 'content', type, 'schema'));
		assert.ok(validate(JSON.parse(body)), JSON.stringify(validate.errors));
	}
	for (const [name, header] of Object.entries(described.headers ?? {}))
		if (resolve(header).required) assert.ok(response.headers.has(name), `${name} is missing`);
}

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
const admin = bearer(M2M_ADMIN_TOKEN);
const json = (body, token = M2M_ADMIN_TOKEN) => ({
	body: typeof body === 'string' ? body : JSON.stringify(body),
	headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
});
const form = (fields) => ({ body: new URLSearchParams(fields) });
const keyed = (body, key) => ({ body: JSON.stringify(body), headers: { ...json('').headers, 'idempotency-key': key } });
const grant = (more) => ({ grant_type: 'client_credentials', client_id: id, client_secret: secret, ...more });

const answers = [
	['GET', '/m2m/client-id', 200, admin],
	['GET', '/m2m/client-id', 401, {}],
	['GET', '/m2m/client-id', 401, bearer('not-a-token')],
	['GET', '/m2m/client-id', 404, bearer(CLIENTLESS_TOKEN)],
	['GET', '/m2m/client-secret', 200, admin],
	['GET', '/m2m/client-secret', 401, {}],
	['GET', '/m2m/client-secret', 403, bearer(MEMBER_TOKEN)],
	['GET', '/m2m/client-secret', 404, bearer(CLIENTLESS_TOKEN)],
	['POST', '/m2m/token', 200, json(grant())],
	['POST', '/m2m/token', 400, json(grant({ grant_type: undefined }))],
	['POST', '/m2m/token', 400, json(grant({ scope: 'not-the-clients' }))],
	['POST', '/m2m/token', 401, json(grant({ client_secret: ENDED_SECRET }))],
	['POST', '/m2m/token', 401, json(grant(), null)],
	['POST', '/m2m/token', 403, json(grant(), MEMBER_TOKEN)],
	['POST', '/m2m/token', 413, json(grant({ scope: 'x'.repeat(20000) }))],
	['POST', '/m2m/token', 415, { body: 'x', headers: { 'content-type': 'text/plain', authorization: `Bearer ${M2M_ADMIN_TOKEN}` } }],
	['POST', '/oauth2/token', 200, form(grant())],
	['POST', '/oauth2/token', 400, form(grant({ grant_type: 'password' }))],
	['POST', '/oauth2/token', 400, form(grant({ audience: 'another-api' }))],
	['POST', '/oauth2/token', 401, form(grant({ client_secret: ENDED_SECRET }))],
	['POST', '/oauth2/token', 413, form(grant({ scope: 'x'.repeat(20000) }))],
	['POST', '/oauth2/token', 415, { body: '{}', headers: { 'content-type': 'application/json' } }],
	['POST', '/m2m/rotate', 400, json({ grace_seconds: -1 })],
	['POST', '/m2m/rotate', 400, json('{')],
	['POST', '/m2m/rotate', 401, json({}, null)],
	['POST', '/m2m/rotate', 403, json({}, MEMBER_TOKEN)],
	['POST', '/m2m/rotate', 404, json({}, CLIENTLESS_TOKEN)],
	['POST', '/m2m/rotate', 413, json({ unknown: 'x'.repeat(20000) })],
	['POST', '/m2m/rotate', 415, { body: 'x', headers: { 'content-type': 'text/plain', authorization: `Bearer ${M2M_ADMIN_TOKEN}` } }],
	['GET', '/.well-known/jwks.json', 200, {}],
	['GET', '/.well-known/oauth-authorization-server', 200, {}],
	['GET', '/.well-known/openid-configuration', 200, {}],
	['GET', '/openapi.json', 200, {}],
	['GET', '/openapi.yaml', 200, {}],
	['POST', '/m2m/rotate', 200, keyed({ grace_seconds: 60 }, 'contract-1')],
	['POST', '/m2m/rotate', 422, keyed({ grace_seconds: 61 }, 'contract-1')],
];
for (const [method, path, status, options] of answers)
	await test(`${method} ${path}: ${status} as described`, () => hold(method, path, status, options));

await test('every operation of the document is tried', () => {
	const documented = Object.entries(contract.paths).flatMap(([path, item]) =>
		Object.keys(item).filter((key) => ['get', 'post', 'put', 'delete', 'patch'].includes(key)).map((key) => `${key.toUpperCase()} ${path}`));
	assert.deepEqual([...new Set(answers.filter(([, , status]) => status === 200).map(([method, path]) => `${method} ${path}`))].sort(), documented.sort());
});
