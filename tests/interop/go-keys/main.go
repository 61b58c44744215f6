// Go's golang.org/x/oauth2 with an assertion that golang-jwt signs (private_key_jwt): the one sends what the other makes, by
// the EndpointParams that it has for parameters of others' making.
//
// tap.sh says what is printed, stack.sh what is in the environment; m2mctl is in the PATH.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

var issuer, clientID = os.Getenv("M2M_URL"), os.Getenv("M2M_CLIENT_ID")

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func m2mctl(answer any, input []byte, words ...string) {
	command := exec.Command("m2mctl", append(words, "--output", "json")...)
	command.Stdin, command.Stderr = bytes.NewReader(input), os.Stderr
	if err := json.Unmarshal(must(command.Output()), answer); err != nil {
		panic(err)
	}
}

func register(key *ecdsa.PrivateKey) string {
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key.Public()))})
	var added struct {
		ID string `json:"credential_id"`
	}
	m2mctl(&added, text, "client", "key", "add", "--client", clientID, "--key", "-", "--name", "go")
	return added.ID
}

type metadata struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
}

func discover() (m metadata) {
	response := must(http.Get(issuer + "/.well-known/oauth-authorization-server"))
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&m); err != nil {
		panic(err)
	}
	return m
}

func newID() string {
	random := make([]byte, 16)
	must(rand.Read(random))
	return hex.EncodeToString(random)
}

func assertion(key *ecdsa.PrivateKey, audience string) string {
	now := time.Now()
	claims := jwt.RegisteredClaims{
		Issuer:    clientID,
		Subject:   clientID,
		Audience:  jwt.ClaimStrings{audience},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
		ID:        newID(),
	}
	return must(jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key))
}

func fetch(endpoint, assertion string) (*oauth2.Token, error) {
	config := clientcredentials.Config{
		ClientID:  clientID,
		TokenURL:  endpoint,
		AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{
			"client_assertion":      {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		},
	}
	return config.Token(context.Background())
}

func opensClientID(token *oauth2.Token) bool {
	client := oauth2.NewClient(context.Background(), oauth2.StaticTokenSource(token))
	response := must(client.Get(issuer + "/m2m/client-id"))
	defer response.Body.Close()
	return response.StatusCode == 200
}

type row struct {
	Method     string `json:"auth_method"`
	Credential string `json:"credential"`
}

func rowOf(token *oauth2.Token) row {
	parsed, _, err := jwt.NewParser().ParseUnverified(token.AccessToken, jwt.MapClaims{})
	if err != nil {
		panic(err)
	}
	var rows []row
	m2mctl(&rows, nil, "audit", "tokens", "--jti", parsed.Claims.(jwt.MapClaims)["jti"].(string))
	return rows[0]
}

func refused(err error, why string) bool {
	var refusal *oauth2.RetrieveError
	return errors.As(err, &refusal) && refusal.ErrorCode == "invalid_client" && strings.Contains(refusal.ErrorDescription, why)
}

var status = 0

func test(name string, good bool, facts ...any) {
	if good {
		fmt.Printf("ok - %s\n", name)
		return
	}
	fmt.Println(facts...)
	fmt.Printf("not ok - %s\n", name)
	status = 1
}

func main() {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	id, server := register(key), discover()
	test("the metadata has private_key_jwt", slices.Contains(server.Methods, "private_key_jwt"), server)

	once := assertion(key, server.Issuer)
	token, err := fetch(server.TokenEndpoint, once)
	got := err == nil && opensClientID(token)
	test("x/oauth2 gets a token with an assertion of golang-jwt", got, err)
	if got {
		recorded := rowOf(token)
		test("the record tells the method and the key", recorded == row{"private_key_jwt", id}, recorded)
	}
	_, err = fetch(server.TokenEndpoint, once)
	test("x/oauth2 is told invalid_client for an assertion that was used", refused(err, "used before"), err)
	_, err = fetch(server.TokenEndpoint, assertion(key, server.TokenEndpoint))
	test("x/oauth2 is told invalid_client when the assertion's aud is the token endpoint", refused(err, "aud must be the issuer"), err)
	os.Exit(status)
}
