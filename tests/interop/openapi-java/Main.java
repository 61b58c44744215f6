// OpenAPI Generator's Java client against the running gateway: what the Go and the Python client do too. tap.sh says what is
// printed. The package client is generated.

import client.ApiClient;
import client.ApiException;
import client.api.DiscoveryApi;
import client.api.M2MClientApi;
import client.api.OAuthApi;
import client.api.OperatorApi;
import client.model.ClientChange;
import client.model.ClientSpec;
import client.model.GrantType;
import client.model.OrganizationSpec;
import client.model.Role;
import client.model.RotateRequest;
import client.model.TokenRequest;
import client.model.TokenResponse;
import java.util.List;
import java.util.Set;

public class Main {
	// The server is the document's own: the gateway's public URL.
	static ApiClient as(String variable) {
		ApiClient api = new ApiClient();
		api.setRequestInterceptor(r -> r.header("Authorization", "Bearer " + System.getenv(variable)));
		return api;
	}

	static void check(String what, boolean good) {
		if (!good) throw new IllegalStateException(what);
	}

	static TokenResponse issue(String id, String secret) throws ApiException {
		// the generated code wants a list where others may stay null
		return new OAuthApi(new ApiClient()).oauthToken(GrantType.CLIENT_CREDENTIALS, null, null, null, null, id, secret, null, null, null, null, List.of());
	}

	static void readsAndRotates() throws ApiException {
		M2MClientApi m2m = new M2MClientApi(as("M2M_ADMIN_TOKEN"));
		String id = m2m.getClientId(null, null).getClientId();
		var old = m2m.getClientSecret(null, null);
		check("client secret", old.getClientId().equals(id));
		check("token", issue(id, old.getClientSecret()).getTokenType() == TokenResponse.TokenTypeEnum.BEARER);
		var grant = new TokenRequest().grantType(GrantType.CLIENT_CREDENTIALS).clientId(id).clientSecret(old.getClientSecret());
		check("token for an admin", m2m.issueToken(grant, null, null).getExpiresIn() == 86400);
		var fresh = m2m.rotateSecret(null, null, null, new RotateRequest().graceSeconds(0));
		check("rotation", fresh.getVersion() == old.getVersion() + 1);
		try {
			issue(id, old.getClientSecret());
			check("the ended secret was taken", false);
		} catch (ApiException refused) {
			check("the ended secret", refused.getCode() == 401);
		}
		var list = m2m.listTokenAudit(null, null, id, null, null, null, null, null, null, null, 1, null);
		check("audit", list.getTokens().get(0).getClientId().equals(id));
	}

	static void administers() throws ApiException {
		OperatorApi operator = new OperatorApi(as("PLATFORM_TOKEN"));
		var wanted = new ClientSpec().scopes(Set.of("a", "b")).audiences(Set.of("x")).roles(Set.of(Role.MEMBER)).tokenLifetime(600);
		var made = operator.createOrganization(new OrganizationSpec().slug("java").client(wanted), null, null);
		var page = operator.listOrganizations(null, null, 100, null, null, null);
		check("list", page.getOrganizations().stream().anyMatch(o -> o.getSlug().equals("java")));
		var changed = operator.updateClient("java", made.getClientId(), new ClientChange().name("renamed")._default(true), null, null, null);
		check("change", changed.getName().equals("renamed") && changed.getTokenLifetime() == 600 && changed.getScopes().size() == 2);
		changed = operator.updateClient("java", made.getClientId(), new ClientChange().tokenType(null), null, null, null);
		check("null", changed.getTokenType() == null);
		operator.deleteOrganization("java", null, null, null);
	}

	static void readsTheDocuments() throws ApiException {
		DiscoveryApi discovery = new DiscoveryApi(new ApiClient());
		check("keys", !discovery.jwks(null, null).getKeys().isEmpty());
		check("metadata", discovery.openidMetadata(null, null).getIssuer().toString().equals(System.getenv("M2M_ISSUER")));
	}

	interface Body {
		void run() throws Exception;
	}

	static void test(String name, Body body) {
		try {
			body.run();
			System.out.println("ok - " + name);
		} catch (Exception fault) {
			fault.printStackTrace(System.out);
			System.out.println("not ok - " + name);
			System.exit(1);
		}
	}

	public static void main(String[] args) {
		test("reads_and_rotates", Main::readsAndRotates);
		test("administers", Main::administers);
		test("reads_the_documents", Main::readsTheDocuments);
	}
}
