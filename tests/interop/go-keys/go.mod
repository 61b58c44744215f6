module m2m/keys

go 1.21

require (
	github.com/golang-jwt/jwt/v5 v5.2.1
	golang.org/x/oauth2 v0.21.0
)
