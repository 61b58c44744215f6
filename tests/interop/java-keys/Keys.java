// Spring Security authenticates with a key of the client (private_key_jwt), which this makes and m2mctl registers.
//
// tap.sh says what is printed, stack.sh what is in the environment; m2mctl is in the PATH.

import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jwt.SignedJWT;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.springframework.security.oauth2.client.endpoint.NimbusJwtClientAuthenticationParametersConverter;
import org.springframework.security.oauth2.client.endpoint.OAuth2ClientCredentialsGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientClientCredentialsTokenResponseClient;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.core.OAuth2AuthorizationException;

public final class Keys {
	private static final String ISSUER = System.getenv("M2M_URL"), CLIENT_ID = System.getenv("M2M_CLIENT_ID");

	private interface Body {
		void run() throws Exception;
	}

	private static boolean good = true;

	private static void test(String name, Body body) {
		try {
			body.run();
			System.out.println("ok - " + name);
		} catch (Exception | AssertionError e) {
			e.printStackTrace(System.out);
			System.out.println("not ok - " + name);
			good = false;
		}
	}

	private static void expect(boolean holds, String fact) {
		if (!holds) throw new AssertionError(fact);
	}

	private static String m2mctl(String input, String... words) throws IOException {
		List<String> command = new ArrayList<>(List.of("m2mctl"));
		command.addAll(List.of(words));
		Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
		try (var stdin = process.outputWriter()) {
			stdin.write(input);
		}
		return new String(process.getInputStream().readAllBytes());
	}

	private static ECKey newKey() throws Exception {
		ECKey key = new ECKeyGenerator(Curve.P_256).keyIDFromThumbprint(true).generate();
		m2mctl(key.toPublicJWK().toJSONString(), "client", "key", "add", "--client", CLIENT_ID, "--key", "-", "--name", "spring");
		return key;
	}

	private static ClientRegistration discover() {
		return ClientRegistrations.fromIssuerLocation(ISSUER)
				.registrationId("m2m")
				.clientId(CLIENT_ID)
				.clientAuthenticationMethod(ClientAuthenticationMethod.PRIVATE_KEY_JWT)
				.authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)
				.build();
	}

	private static NimbusJwtClientAuthenticationParametersConverter<OAuth2ClientCredentialsGrantRequest> assertions(ECKey key) {
		return new NimbusJwtClientAuthenticationParametersConverter<>(registration -> key);
	}

	private static String fetch(NimbusJwtClientAuthenticationParametersConverter<OAuth2ClientCredentialsGrantRequest> assertions) {
		var client = new RestClientClientCredentialsTokenResponseClient();
		client.addParametersConverter(assertions);
		return client.getTokenResponse(new OAuth2ClientCredentialsGrantRequest(discover())).getAccessToken().getTokenValue();
	}

	private static void gets(ECKey key) throws Exception {
		var assertions = assertions(key);
		assertions.setJwtClientAssertionCustomizer(context -> context.getClaims().audience(List.of(ISSUER)));
		String token = fetch(assertions);
		var request = HttpRequest.newBuilder(URI.create(ISSUER + "/m2m/client-id")).header("Authorization", "Bearer " + token).build();
		var response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
		expect(response.statusCode() == 200, response.body());

		String jti = SignedJWT.parse(token).getJWTClaimsSet().getJWTID();
		String row = m2mctl("", "audit", "tokens", "--jti", jti, "--output", "json");
		expect(row.contains("\"private_key_jwt\"") && row.contains(key.getKeyID()), row);
		fetch(assertions); // its assertions are new each time
	}

	// By itself it writes the URL of the token endpoint, which RFC 10070 has ended.
	private static void isRefused(ECKey key) {
		try {
			fetch(assertions(key));
		} catch (OAuth2AuthorizationException e) {
			expect(e.getMessage().contains("invalid_client") && e.getMessage().contains("aud must be the issuer identifier"), e.toString());
			return;
		}
		throw new AssertionError("a token was issued");
	}

	public static void main(String[] args) throws Exception {
		ECKey key = newKey();
		test("Spring Security gets tokens with private_key_jwt, ES256", () -> gets(key));
		test("Spring Security is told invalid_client for the token endpoint as aud", () -> isRefused(key));
		System.exit(good ? 0 : 1);
	}
}
