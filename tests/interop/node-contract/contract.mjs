// The running gateway against its own OpenAPI document: every answer that can be had without breaking the database is held
// to the schema that the document has for that operation and status. tap.sh says what is printed, stack.sh what is in the
// environment.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

const { M2M_URL: url, M2M_ADMIN_TOKEN, MEMBER_TOKEN, CLIENTLESS_TOKEN, OPERATOR_TOKEN, CONSOLE_CODE, CONSOLE_CODE_2, PLATFORM_TOKEN, M2M_CLIENT_ID: id, M2M_CLIENT_SECRET: secret, ENDED_SECRET, OPENAPI_FILE } = process.env;

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

await test('/openapi.json, /openapi.yaml and the file in the tree are the same but for the server', async () => {
	assert.deepEqual(contract.servers, [{ url }]);
	assert.deepEqual(parse(await (await fetch(`${url}/openapi.yaml`)).text()), contract);
	assert.deepEqual({ ...parse(readFileSync(OPENAPI_FILE, 'utf8')), servers: contract.servers }, contract);
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
	const { query = '', ...request } = typeof options === 'function' ? options() : options;
	const target = path.replace('{organization}', 'contract').replace('{client_id}', client).replace('{credential_id}', thumbprint).replace('{session_id}', session).replace('{kid}', kid);
	const response = await fetch(url + target + query, { method, ...request });
	const body = await response.text();
	if (status === 201 && body.includes('"secret_version"')) client = JSON.parse(body).client_id;
	if (status === 201 && body.includes('/portal#')) code = JSON.parse(body).url.split('#')[1];
	if (status === 201 && response.headers.has('set-cookie')) cookie = response.headers.get('set-cookie').split(';')[0];
	if (status === 201 && path.endsWith('/signing-keys/rotate')) kid = JSON.parse(body).kid;
	if (status === 200 && path.endsWith('/portal-sessions')) session = JSON.parse(body).sessions[0].session_id;
	assert.equal(response.status, status, body);
	const responses = contract.paths[path][method.toLowerCase()].responses;
	assert.ok(responses[status], `${status} is not in the document`);
	const described = resolve(responses[status]);
	for (const [name, header] of Object.entries(described.headers ?? {}))
		if (resolve(header).required) assert.ok(response.headers.has(name), `${name} is missing`);
	if (described.content === undefined) return assert.equal(body, '');
	const type = response.headers.get('content-type').split(';')[0];
	assert.ok(described.content[type], `${type} is not in the document`);
	const where = responses[status].$ref?.slice(2).split('/') ?? ['paths', path, method.toLowerCase(), 'responses', String(status)];
	const { schema } = described.content[type];
	if (schema && type.endsWith('json')) {
		const validate = ajv.getSchema(pointer(...where, 'content', type, 'schema'));
		assert.ok(validate(JSON.parse(body)), JSON.stringify(validate.errors));
	}
}

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
const admin = bearer(M2M_ADMIN_TOKEN);
const json = (body, token = M2M_ADMIN_TOKEN) => ({
	body: typeof body === 'string' ? body : JSON.stringify(body),
	headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
});
const form = (fields) => ({ body: new URLSearchParams(fields) });
const shown = (token, by) => ({ ...form({ token }), ...bearer(by) });
const keyed = (body, key) => ({ body: JSON.stringify(body), headers: { ...json('').headers, 'idempotency-key': key } });
const grant = (more) => ({ grant_type: 'client_credentials', client_id: id, client_secret: secret, ...more });

const platform = bearer(PLATFORM_TOKEN);
const operator = (body) => json(body, PLATFORM_TOKEN);
const provided = (condition, tag, body) => {
	const request = body ? operator(body) : platform;
	return { ...request, headers: { ...request.headers, [condition]: tag } };
};
const organizations = '/admin/organizations';
const organization = `${organizations}/{organization}`;
const clients = `${organization}/clients`;
const one = `${clients}/{client_id}`;
let client = 'none'; // the one that was made last
let [code, cookie, session] = ['none', 'none', '00000000-0000-0000-0000-000000000000']; // the portal's, too
let kid = 'none'; // of the signing key that was made last
const page = () => ({ 'x-m2m-portal': '1', origin: new URL(url).origin, cookie });

const consolePage = () => ({ 'x-m2m-console': '1', origin: new URL(url).origin, cookie });
const operates = bearer(OPERATOR_TOKEN);

// RFC 7515 appendix A.3's
const [x, y] = ['f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'];
const key = { kind: 'key', public_key: { kty: 'EC', crv: 'P-256', x, y } };
const thumbprint = 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U';
const credentials = `${one}/credentials`;
const [links, portal] = [`${organization}/portal-links`, '/portal/session'];

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
	['POST', '/oauth2/introspect', 200, shown(M2M_ADMIN_TOKEN, M2M_ADMIN_TOKEN)],
	['POST', '/oauth2/introspect', 200, shown('not-a-token', PLATFORM_TOKEN)],
	['POST', '/oauth2/introspect', 400, shown('', M2M_ADMIN_TOKEN)],
	['POST', '/oauth2/introspect', 401, form({ token: 'x', client_id: id, client_secret: ENDED_SECRET })],
	['POST', '/oauth2/introspect', 401, shown('x', 'not-a-token')],
	['POST', '/oauth2/introspect', 403, shown('x', MEMBER_TOKEN)],
	['POST', '/oauth2/introspect', 403, form({ token: 'x', client_id: id, client_secret: secret })],
	['POST', '/oauth2/introspect', 415, json({ token: 'x' })],
	['POST', '/oauth2/revoke', 200, form({ token: 'x', client_id: id, client_secret: secret })],
	['POST', '/oauth2/revoke', 400, form({ client_id: id, client_secret: secret })],
	['POST', '/oauth2/revoke', 401, form({ token: 'x', client_id: id, client_secret: ENDED_SECRET })],
	['GET', '/oauth2/revocations', 200, admin],
	['GET', '/oauth2/revocations', 200, { ...admin, query: '?page_size=1' }],
	['GET', '/oauth2/revocations', 400, { ...admin, query: '?page_size=10001' }],
	['GET', '/oauth2/revocations', 401, {}],
	['GET', '/oauth2/revocations', 403, bearer(MEMBER_TOKEN)],
	['POST', '/m2m/rotate', 400, json({ grace_seconds: -1 })],
	['POST', '/m2m/rotate', 400, json({ revoke_tokens: 'yes' })],
	['POST', '/m2m/rotate', 400, json('{')],
	['POST', '/m2m/rotate', 401, json({}, null)],
	['POST', '/m2m/rotate', 403, json({}, MEMBER_TOKEN)],
	['POST', '/m2m/rotate', 404, json({}, CLIENTLESS_TOKEN)],
	['POST', '/m2m/rotate', 413, json({ unknown: 'x'.repeat(20000) })],
	['POST', '/m2m/rotate', 415, { body: 'x', headers: { 'content-type': 'text/plain', authorization: `Bearer ${M2M_ADMIN_TOKEN}` } }],
	['GET', '/m2m/secrets', 200, admin],
	['GET', '/m2m/secrets', 401, {}],
	['GET', '/m2m/secrets', 403, bearer(MEMBER_TOKEN)],
	['POST', '/m2m/rotate', 400, json({ until_unused_seconds: 60, grace_seconds: 60 })],
	['GET', '/m2m/rotation', 200, admin],
	['GET', '/m2m/rotation', 401, {}],
	['GET', '/m2m/rotation', 403, bearer(MEMBER_TOKEN)],
	['PATCH', '/m2m/rotation', 400, json({ grace_seconds: 0 })],
	['PATCH', '/m2m/rotation', 409, json({ grace_seconds: 60, secret_version: 2147483647 })],
	['PATCH', '/m2m/rotation', 415, { body: 'x', headers: { 'content-type': 'text/plain', authorization: `Bearer ${M2M_ADMIN_TOKEN}` } }],
	['DELETE', '/m2m/rotation', 400, { ...admin, query: '?secret_version=x' }],
	['DELETE', '/m2m/rotation', 409, { ...admin, query: '?secret_version=2147483647' }],
	['GET', '/m2m/audit/tokens', 200, admin],
	['GET', '/m2m/audit/tokens', 200, { ...admin, query: '?page_size=1' }],
	['GET', '/m2m/audit/tokens', 200, { ...admin, query: `?client_id=${id}&secret_version=2&remote_addr=127.0.0.0/8&issued_after=2026-01-01T00:00:00Z` }],
	['GET', '/m2m/audit/tokens', 400, { ...admin, query: '?page_size=101' }],
	['GET', '/m2m/audit/tokens', 400, { ...admin, query: '?issued_after=yesterday' }],
	['GET', '/m2m/audit/tokens', 401, {}],
	['GET', '/m2m/audit/tokens', 403, bearer(MEMBER_TOKEN)],
	['GET', '/m2m/audit/acts', 200, admin],
	['GET', '/m2m/audit/acts', 200, { ...admin, query: `?client_id=${id}&action=rotate_secret&outcome=granted&done_after=2026-01-01T00:00:00Z&page_size=1` }],
	['GET', '/m2m/audit/acts', 400, { ...admin, query: '?page_size=101' }],
	['GET', '/m2m/audit/acts', 403, bearer(MEMBER_TOKEN)],
	['GET', '/m2m/audit/token-sums', 200, { ...admin, query: '?by=day&time_zone=Europe/Berlin' }],
	['GET', '/m2m/audit/token-sums', 200, { ...admin, query: `?by=version&client_id=${id}` }],
	['GET', '/m2m/audit/token-sums', 400, admin],
	['GET', '/m2m/audit/token-sums', 403, { ...bearer(MEMBER_TOKEN), query: '?by=day' }],
	['GET', '/admin/audit/acts', 200, platform],
	['GET', '/admin/audit/acts', 200, { ...platform, query: '?organization=clientless&outcome=granted&page_size=1' }],
	['GET', '/admin/audit/acts', 400, { ...platform, query: '?page_size=101' }],
	['GET', '/admin/audit/acts', 403, admin],
	['GET', '/admin/audit/acts', 404, { ...platform, query: '?organization=nobody' }],
	['GET', organizations, 200, platform],
	['GET', organizations, 400, { ...platform, query: '?page_size=101' }],
	['GET', organizations, 401, {}],
	['GET', organizations, 403, admin],
	['GET', organization, 404, platform],
	['GET', clients, 404, platform],
	['PATCH', organization, 404, operator({})],
	['DELETE', organization, 404, platform],
	['POST', clients, 404, operator({})],
	['POST', organizations, 201, operator({ slug: 'contract', name: 'Contract', issuer: 'https://idp.example', external_id: 'x' })],
	['POST', organizations, 409, operator({ slug: 'contract' })],
	['POST', organizations, 400, operator({ slug: 'Contract' })],
	['POST', organizations, 403, json({ slug: 'other' })],
	['POST', organizations, 415, { ...platform, body: 'slug=x' }],
	['GET', organization, 200, platform],
	['GET', organization, 304, provided('if-none-match', '*')],
	['PATCH', organization, 412, provided('if-match', '"x"', { name: 'Another' })],
	['PATCH', organization, 200, operator({ name: 'Other', external_id: null })],
	['PATCH', organization, 400, operator({ slug: 'other' })],
	['POST', clients, 201, operator({ name: 'second', roles: ['member'], scopes: ['a', 'b'], audiences: ['x', 'y'], token_lifetime: 60, token_type: 'at+jwt' })],
	['POST', clients, 400, operator({ roles: ['platform'] })],
	['GET', clients, 200, platform],
	['GET', clients, 200, { ...platform, query: '?page_size=1' }],
	['GET', one, 200, platform],
	['GET', one, 304, provided('if-none-match', '*')],
	['PATCH', one, 412, provided('if-match', '"x"', { name: 'another' })],
	['PATCH', one, 200, operator({ token_type: null, scopes: [] })],
	['PATCH', one, 400, operator({ token_lifetime: 59 })],
	['PATCH', one, 409, operator({ default: true, disabled: true })],
	['PATCH', one, 200, operator({ default: false })],
	['GET', `${one}/secret`, 200, platform],
	['POST', `${one}/rotate`, 200, { method: 'POST', ...platform }],
	['POST', `${one}/rotate`, 400, operator({ grace_seconds: 'x' })],
	['POST', `${one}/rotate`, 200, operator({ until_unused_seconds: 60, at_most_seconds: 90 })],
	['GET', `${one}/rotation`, 200, platform],
	['PATCH', `${one}/rotation`, 200, operator({ grace_seconds: 120 })],
	['PATCH', `${one}/rotation`, 400, operator({ grace_seconds: 60 })],
	['DELETE', `${one}/rotation`, 200, platform],
	['DELETE', `${one}/rotation`, 409, platform],
	['GET', `${one}/rotation`, 403, admin],
	['POST', credentials, 201, operator(key)],
	['POST', credentials, 400, operator({ ...key, public_key: 'no key' })],
	['GET', credentials, 200, platform],
	['GET', `${credentials}/{credential_id}`, 200, platform],
	['DELETE', `${credentials}/{credential_id}`, 204, platform],
	['DELETE', `${credentials}/{credential_id}`, 404, platform],
	['DELETE', one, 412, provided('if-match', '"x"')],
	['DELETE', one, 204, platform],
	['GET', one, 404, platform],
	['DELETE', one, 404, platform],
	['GET', `${one}/secret`, 404, platform],
	['POST', `${one}/rotate`, 404, platform],
	['GET', `${one}/rotation`, 404, platform],
	['POST', links, 201, operator({ actor: 'Ada', may: ['reveal'], return_url: 'https://app.example/' })],
	['POST', links, 400, operator({ actor: 'Ada', return_url: 'javascript:alert(1)' })],
	['POST', links, 400, operator({})],
	['POST', portal, 201, () => ({ headers: { ...page(), ...json('').headers }, body: JSON.stringify({ code }) })],
	['POST', portal, 401, () => ({ headers: { ...page(), ...json('').headers }, body: JSON.stringify({ code }) })],
	['POST', portal, 403, () => ({ ...json({ code }, null) })],
	['GET', portal, 200, () => ({ headers: page() })],
	['GET', portal, 401, () => ({ headers: { ...page(), cookie: 'other=1' } })],
	['GET', portal, 403, () => ({ headers: { cookie } })],
	['GET', `${organization}/portal-sessions`, 200, platform],
	['GET', `${organization}/portal-sessions`, 403, admin],
	['DELETE', portal, 204, () => ({ headers: page() })],
	['POST', links, 201, operator({ actor: 'Ada' })],
	['POST', portal, 201, () => ({ headers: { ...page(), ...json('').headers }, body: JSON.stringify({ code }) })],
	['GET', `${organization}/portal-sessions`, 200, platform],
	['DELETE', `${organization}/portal-sessions/{session_id}`, 204, platform],
	['GET', '/admin/clients', 200, { ...platform, query: '?search=m2m_' }],
	['GET', '/admin/clients', 400, { ...platform, query: '?search=' + 'a'.repeat(201) }],
	['GET', '/admin/clients', 403, admin],
	['POST', links, 201, operator({ actor: 'Ada' })],
	['POST', portal, 201, () => ({ headers: { ...page(), ...json('').headers }, body: JSON.stringify({ code }) })],
	['GET', '/admin/portal-sessions', 200, platform],
	['GET', '/admin/portal-sessions', 403, { ...platform, query: '?kind=console' }],
	['POST', '/console/session', 201, () => ({ headers: { ...consolePage(), ...json('').headers }, body: JSON.stringify({ code: CONSOLE_CODE }) })],
	['POST', '/console/session', 401, () => ({ headers: { ...consolePage(), ...json('').headers }, body: JSON.stringify({ code: CONSOLE_CODE }) })],
	['POST', '/console/session', 403, () => ({ ...json({ code: CONSOLE_CODE }, null) })],
	['GET', '/console/session', 200, () => ({ headers: consolePage() })],
	['GET', '/console/session', 401, () => ({ headers: { ...consolePage(), cookie: 'other=1' } })],
	['GET', organizations, 200, () => ({ headers: consolePage(), query: '?search=contract&state=enabled' })],
	['GET', '/admin/portal-sessions', 200, () => ({ headers: consolePage(), query: '?kind=console' })],
	['DELETE', '/admin/console-sessions/{session_id}', 403, platform],
	['GET', '/admin/signing-keys', 200, operates],
	['GET', '/admin/signing-keys', 403, platform],
	['POST', '/admin/signing-keys/rotate', 201, json({ alg: 'ES256' }, OPERATOR_TOKEN)],
	['POST', '/admin/signing-keys/rotate', 409, json({}, OPERATOR_TOKEN)],
	['POST', '/admin/signing-keys/rotate', 403, operator({})],
	['POST', '/admin/signing-keys/{kid}/revoke', 200, json({}, OPERATOR_TOKEN)],
	['POST', '/admin/signing-keys/{kid}/revoke', 409, json({}, OPERATOR_TOKEN)],
	['GET', '/admin/master-keys', 200, operates],
	['GET', '/admin/audit/tokens', 200, operates],
	['GET', '/admin/audit/tokens', 404, { ...operates, query: '?organization=nobody' }],
	['GET', '/admin/audit/denied', 200, operates],
	['GET', '/admin/audit/denied', 403, platform],
	['GET', '/admin/health', 200, operates],
	['DELETE', '/admin/console-sessions/{session_id}', 204, operates],
	['DELETE', '/console/session', 401, () => ({ headers: consolePage() })],
	['POST', '/console/session', 201, () => ({ headers: { ...consolePage(), ...json('').headers }, body: JSON.stringify({ code: CONSOLE_CODE_2 }) })],
	['DELETE', '/console/session', 204, () => ({ headers: consolePage() })],
	['PATCH', organization, 200, operator({ disabled: true })],
	['POST', links, 409, operator({ actor: 'Ada' })],
	['POST', clients, 409, operator({})],
	['DELETE', organization, 412, provided('if-match', '"x"')],
	['DELETE', organization, 204, platform],
	['GET', '/.well-known/jwks.json', 200, {}],
	['GET', '/.well-known/oauth-authorization-server', 200, {}],
	['GET', '/.well-known/openid-configuration', 200, {}],
	['GET', '/oauth2/authorize', 400, { query: '?response_type=code' }],
	['GET', '/openapi.json', 200, {}],
	['GET', '/openapi.yaml', 200, {}],
	['POST', '/m2m/rotate', 200, keyed({ grace_seconds: 60 }, 'contract-1')],
	['POST', '/m2m/rotate', 422, keyed({ grace_seconds: 61 }, 'contract-1')],
	['GET', '/m2m/rotation', 200, admin],
	['PATCH', '/m2m/rotation', 200, json({ grace_seconds: 120 })],
	['DELETE', '/m2m/rotation', 200, admin],
];
for (const [method, path, status, options] of answers)
	await test(`${method} ${path}: ${status} as described`, () => hold(method, path, status, options));

await test('every operation of the document is tried', () => {
	const documented = Object.entries(contract.paths).flatMap(([path, item]) =>
		Object.keys(item).filter((key) => ['get', 'post', 'put', 'delete', 'patch'].includes(key)).map((key) => `${key.toUpperCase()} ${path}`));
	assert.deepEqual([...new Set(answers.filter(([, path, status]) => status < 300 || path === '/oauth2/authorize').map(([method, path]) => `${method} ${path}`))].sort(), documented.sort());
});
