// Two generated TypeScript clients against the running gateway: openapi-typescript's types with openapi-fetch, and the functions of
// @hey-api/openapi-ts. tap.sh says what is printed. schema.d.ts and hey/ are generated.
import createClient from 'openapi-fetch';

import type { paths } from './schema.js';
import { createClient as createHeyClient } from './hey/client/index.js';
import * as hey from './hey/sdk.gen.js';

declare const process: { env: Record<string, string>; exitCode: number };
const { M2M_URL, M2M_ADMIN_TOKEN, PLATFORM_TOKEN } = process.env;

async function test(name: string, body: () => Promise<void>) {
	try {
		await body();
		console.log(`ok - ${name}`);
	} catch (error) {
		console.log(error);
		console.log(`not ok - ${name}`);
		process.exitCode = 1;
	}
}

function check(good: unknown, what: unknown): asserts good {
	if (!good) throw new Error(JSON.stringify(what));
}

await test('openapi-typescript and openapi-fetch', async () => {
	const admin = createClient<paths>({ baseUrl: M2M_URL!, headers: { Authorization: `Bearer ${M2M_ADMIN_TOKEN}` } });
	const platform = createClient<paths>({ baseUrl: M2M_URL!, headers: { Authorization: `Bearer ${PLATFORM_TOKEN}` } });
	const id = await admin.GET('/m2m/client-id');
	const old = await admin.GET('/m2m/client-secret');
	check(old.data && id.data && old.data.client_id === id.data.client_id, old.error);
	const { client_id, client_secret } = old.data;
	const token = await createClient<paths>({ baseUrl: M2M_URL! }).POST('/oauth2/token', {
		body: { grant_type: 'client_credentials', client_id, client_secret },
		bodySerializer: (body) => new URLSearchParams(body as unknown as Record<string, string>),
		headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
	});
	check(token.data && token.data.token_type === 'Bearer', token.error);
	const fresh = await admin.POST('/m2m/rotate', { body: { grace_seconds: 0 } });
	check(fresh.data && fresh.data.version === old.data.version + 1, fresh.error);
	const list = await platform.GET('/admin/organizations', { params: { query: { page_size: 1 } } });
	check(list.data && list.data.organizations.length === 1, list.error);
});

await test('@hey-api/openapi-ts', async () => {
	const as = (token?: string) => createHeyClient({ baseUrl: M2M_URL!, auth: token! });
	const admin = as(M2M_ADMIN_TOKEN);
	const platform = as(PLATFORM_TOKEN);
	const id = await hey.getClientId({ client: admin });
	const old = await hey.getClientSecret({ client: admin });
	check(old.data && id.data && old.data.client_id === id.data.client_id, old.error);
	const { client_id, client_secret } = old.data;
	const token = await hey.oauthToken({ client: as(), body: { grant_type: 'client_credentials', client_id, client_secret } });
	check(token.data && token.data.token_type === 'Bearer', token.error);
	const fresh = await hey.rotateSecret({ client: admin, body: { grace_seconds: 0 } });
	check(fresh.data && fresh.data.version === old.data.version + 1, fresh.error);
	const list = await hey.listOrganizations({ client: platform, query: { page_size: 1 } });
	check(list.data && list.data.organizations.length === 1, list.error);
	const made = await hey.createOrganization({
		client: platform,
		body: { slug: 'hey', client: { scopes: ['a'], audiences: ['x'], roles: ['member'], token_lifetime: 600 } },
	});
	check(made.data, made.error);
	const path = { organization: 'hey', client_id: made.data.client_id };
	const changed = await hey.updateClient({ client: platform, path, body: { name: 'renamed', token_type: null } });
	check(changed.data && changed.data.token_lifetime === 600 && changed.data.token_type === null, changed.error);
});
