// Answers, line by line, what Pachyderm itself makes of globs, specs and schedules: for make_spec_goldens.py.
//
// It needs Pachyderm's own packages, some of them internal, so it is built inside a checkout of v2.12.2:
//
//	mkdir CHECKOUT/src/oracle && cp scripts/pachyderm_oracle.go CHECKOUT/src/oracle/main.go
//	cd CHECKOUT && go build -o /tmp/oracle ./src/oracle
//
// Questions and answers are JSON, one a line; the argument says which kind: globs, specs or crons.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	glob "github.com/pachyderm/ohmyglob"
	"github.com/pachyderm/pachyderm/v2/src/internal/cronutil"
	"github.com/pachyderm/pachyderm/v2/src/internal/pfsfile"
	"github.com/pachyderm/pachyderm/v2/src/internal/ppsutil"
	"google.golang.org/protobuf/encoding/protojson"
)

type question struct {
	Text      string
	Paths     []string
	Templates []string
	After     time.Time
}

type answer struct {
	Error    string              `json:"error,omitempty"`
	Captures map[string][]string `json:"captures,omitempty"`
	Texts    map[string][]string `json:"texts,omitempty"`
	Specs    []json.RawMessage   `json:"specs,omitempty"`
	Next     []string            `json:"next,omitempty"`
}

func askGlob(q question) (a answer, err error) {
	g, err := glob.Compile(pfsfile.CleanPath(q.Text), '/')
	if err != nil {
		return a, err
	}
	a.Captures, a.Texts = map[string][]string{}, map[string][]string{}
	for _, path := range q.Paths {
		if g.Match(path) {
			a.Captures[path] = g.Capture(path)
			for _, template := range q.Templates {
				a.Texts[path] = append(a.Texts[path], g.Replace(path, template))
			}
		}
	}
	return a, nil
}

func askSpec(q question) (a answer, err error) {
	reader, err := ppsutil.NewPipelineManifestReader(strings.NewReader(q.Text))
	if err != nil {
		return a, err
	}
	for {
		request, err := reader.NextCreatePipelineRequest()
		if err == io.EOF {
			return a, nil
		} else if err != nil {
			return a, err
		}
		spec, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(request)
		if err != nil {
			return a, err
		}
		a.Specs = append(a.Specs, spec)
	}
}

func askCron(q question) (a answer, err error) {
	schedule, err := cronutil.ParseCronExpression(q.Text)
	if err != nil {
		return a, err
	}
	moment := q.After
	for i := 0; i < 5; i++ {
		moment = schedule.Next(moment)
		a.Next = append(a.Next, moment.UTC().Format(time.RFC3339))
	}
	return a, nil
}

func ask(kind string, q question) (a answer) {
	defer func() {
		if crash := recover(); crash != nil {
			a = answer{Error: fmt.Sprint("crash: ", crash)}
		}
	}()
	var err error
	switch kind {
	case "globs":
		a, err = askGlob(q)
	case "specs":
		a, err = askSpec(q)
	case "crons":
		a, err = askCron(q)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		if err := out.Encode(ask(os.Args[1], q)); err != nil {
			panic(err)
		}
	}
}
