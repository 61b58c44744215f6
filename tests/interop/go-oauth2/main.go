// Go's golang.org/x/oauth2 at a gateway with limits. It finds out by itself where a server takes the credentials: in
// HTTP Basic, and after any error in the form. The two are one request of its user's, and are to count as one.
//
// tap.sh says what is printed, stack.sh what is in the environment; M2M_ADDRESS_BURST is how many requests the address has.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// How many requests went out.
type counter struct{ n int }

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return http.DefaultTransport.RoundTrip(r)
}

func fetch(secret string, sent *counter) (*oauth2.Token, int) {
	config := clientcredentials.Config{
		ClientID:     os.Getenv("M2M_CLIENT_ID"),
		ClientSecret: secret,
		TokenURL:     os.Getenv("M2M_URL") + "/oauth2/token",
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: sent})
	token, err := config.Token(ctx)
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return nil, refused.Response.StatusCode
	}
	if err != nil {
		panic(err)
	}
	return token, 200
}

func main() {
	const name = "x/oauth2 tries Basic and then the form, and both count as one"
	burst, _ := strconv.Atoi(os.Getenv("M2M_ADDRESS_BURST"))
	sent := &counter{}
	begun := time.Now()
	tries := 0
	for ; tries < 10*burst; tries++ {
		if _, status := fetch(os.Getenv("ENDED_SECRET"), sent); status != 401 {
			break
		}
	}
	meanwhile := int(time.Since(begun).Seconds()) + 1 // a second gives one more
	good := tries >= burst && tries <= burst+meanwhile && sent.n == 2*(tries+1)
	time.Sleep(time.Second)
	token, status := fetch(os.Getenv("M2M_CLIENT_SECRET"), sent)
	if !good || status != 200 || token.AccessToken == "" {
		fmt.Printf("%d tries, %d requests, within %d s; then %d\nnot ok - %s\n", tries, sent.n, meanwhile, status, name)
		os.Exit(1)
	}
	fmt.Printf("ok - %s\n", name)
}
