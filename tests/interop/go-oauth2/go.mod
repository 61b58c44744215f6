module m2m/oauth2

go 1.21

require golang.org/x/oauth2 v0.21.0
