// Reads a compose file as Compose v2 does: by the specification's JSON schema and its rules. Prints every warning; exits with 1 when the file is refused or warned about.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"
)

type loud struct{ said *int }

func (loud) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel} }
func (l loud) Fire(e *logrus.Entry) error {
	*l.said++
	return nil
}

func main() {
	said := 0
	logrus.AddHook(loud{&said})
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithProfiles([]string{"*"}), cli.WithName("m2m"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	names := project.ServiceNames()
	sort.Strings(names)
	fmt.Println(names)
	for name, service := range project.Services {
		if service.Image == "" {
			fmt.Println(name, "has no image")
			said++
		}
	}
	if said > 0 {
		os.Exit(1)
	}
}
