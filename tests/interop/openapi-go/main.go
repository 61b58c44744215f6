// OpenAPI Generator's Go client against the running gateway: what the Python and the Java client do too. tap.sh says what is
// printed. The folder client is generated.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"m2m-gateway/openapi-go/client"
)

// The server is the document's own: the gateway's public URL.
var gateway = client.NewAPIClient(client.NewConfiguration())

func as(variable string) context.Context {
	return context.WithValue(context.Background(), client.ContextAccessToken, os.Getenv(variable))
}

func check(what string, good bool, err error) {
	if !good || err != nil {
		panic(fmt.Sprintf("%s: %v", what, err))
	}
}

func issue(id, secret string) (*client.TokenResponse, int, error) {
	token, response, err := gateway.OAuthAPI.OauthToken(context.Background()).
		GrantType(client.CLIENT_CREDENTIALS).ClientId(id).ClientSecret(secret).Execute()
	return token, response.StatusCode, err
}

func readsAndRotates() {
	admin := as("M2M_ADMIN_TOKEN")
	id, _, err := gateway.M2MClientAPI.GetClientId(admin).Execute()
	check("client id", err == nil, err)
	old, _, err := gateway.M2MClientAPI.GetClientSecret(admin).Execute()
	check("client secret", err == nil && old.ClientId == id.ClientId, err)
	token, _, err := issue(id.ClientId, old.ClientSecret)
	check("token", err == nil && token.TokenType == "Bearer", err)
	grant := client.NewTokenRequest(client.CLIENT_CREDENTIALS)
	grant.SetClientId(id.ClientId)
	grant.SetClientSecret(old.ClientSecret)
	token, _, err = gateway.M2MClientAPI.IssueToken(admin).TokenRequest(*grant).Execute()
	check("token for an admin", err == nil && token.ExpiresIn == 86400, err)
	grace := client.NewRotateRequest()
	grace.SetGraceSeconds(0)
	fresh, _, err := gateway.M2MClientAPI.RotateSecret(admin).RotateRequest(*grace).Execute()
	check("rotation", err == nil && fresh.Version == old.Version+1, err)
	_, status, err := issue(id.ClientId, old.ClientSecret)
	check("the ended secret", status == 401 && err != nil, nil)
	list, _, err := gateway.M2MClientAPI.ListTokenAudit(admin).ClientId(id.ClientId).PageSize(1).Execute()
	check("audit", err == nil && list.Tokens[0].GetClientId() == id.ClientId, err)
}

func administers() {
	platform := as("PLATFORM_TOKEN")
	wanted := client.NewClientSpec()
	wanted.SetScopes([]string{"a", "b"})
	wanted.SetAudiences([]string{"x"})
	wanted.SetRoles([]client.Role{client.MEMBER})
	wanted.SetTokenLifetime(600)
	organization := client.NewOrganizationSpec("go")
	organization.SetClient(*wanted)
	made, _, err := gateway.OperatorAPI.CreateOrganization(platform).OrganizationSpec(*organization).Execute()
	check("creation", err == nil, err)
	page, _, err := gateway.OperatorAPI.ListOrganizations(platform).PageSize(100).Execute()
	check("list", err == nil, err)
	check("list has it", slices.ContainsFunc(page.Organizations, func(o client.Organization) bool { return o.Slug == "go" }), nil)
	change := client.NewClientChange()
	change.SetName("renamed")
	change.SetDefault(true)
	changed, _, err := gateway.OperatorAPI.UpdateClient(platform, "go", made.ClientId).ClientChange(*change).Execute()
	check("change", err == nil && changed.Name == "renamed" && changed.TokenLifetime == 600 && len(changed.Scopes) == 2, err)
	change = client.NewClientChange()
	change.SetTokenTypeNil()
	changed, _, err = gateway.OperatorAPI.UpdateClient(platform, "go", made.ClientId).ClientChange(*change).Execute()
	check("null", err == nil && changed.GetTokenType() == "", err)
	_, err = gateway.OperatorAPI.DeleteOrganization(platform, "go").Execute()
	check("deletion", err == nil, err)
}

func readsTheDocuments() {
	keys, _, err := gateway.DiscoveryAPI.Jwks(context.Background()).Execute()
	check("keys", err == nil && len(keys.Keys) > 0, err)
	metadata, _, err := gateway.DiscoveryAPI.OpenidMetadata(context.Background()).Execute()
	check("metadata", err == nil && metadata.Issuer == os.Getenv("M2M_ISSUER"), err)
}

func main() {
	tests := []struct {
		name string
		run  func()
	}{{"reads_and_rotates", readsAndRotates}, {"administers", administers}, {"reads_the_documents", readsTheDocuments}}
	for _, test := range tests {
		func() {
			defer func() {
				if fault := recover(); fault != nil {
					fmt.Println(fault)
					fmt.Println("not ok - " + test.name)
					os.Exit(1)
				}
			}()
			test.run()
			fmt.Println("ok - " + test.name)
		}()
	}
}
