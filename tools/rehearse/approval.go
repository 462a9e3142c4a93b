package rehearse

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"golang.org/x/term"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/project"
)

// An approve answers an approval. It returns no answer if somebody else will
// give it through the API.
type approve func(ctx context.Context, a pipeline.Approval) (answer, error)

type answer int

const (
	later answer = iota
	yes
	no
)

// always answers every approval with the same answer.
func always(approved bool) approve {
	return func(context.Context, pipeline.Approval) (answer, error) {
		if approved {
			return yes, nil
		}
		return no, nil
	}
}

// approver asks at the terminal. If there is no terminal, it prints how to answer.
func approver(cfg project.Config, approved bool, e *endpoint, v *view) approve {
	if approved {
		return always(true)
	}
	return func(ctx context.Context, a pipeline.Approval) (answer, error) {
		v.pause()
		defer v.resume()
		fmt.Fprintf(cfg.Stdout, "\n%s\nsee  %s\n", a.Text, a.Link)
		if term.IsTerminal(int(os.Stdin.Fd())) { // #nosec G115 -- a file descriptor is small
			return ask(ctx, cfg)
		}
		fmt.Fprintf(cfg.Stdout, "answer from another shell:\n%s%s\n", e.exports(), a.Answer())
		return later, nil
	}
}

// ask asks for y or n until it gets one of them.
func ask(ctx context.Context, cfg project.Config) (answer, error) {
	type reading struct {
		line string
		err  error
	}
	lines := make(chan reading)
	go func() {
		in := bufio.NewReader(os.Stdin)
		for {
			line, err := in.ReadString('\n')
			select {
			case lines <- reading{line, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		fmt.Fprint(cfg.Stdout, "take it to production? y/n ")
		select {
		case <-ctx.Done():
			return later, ctx.Err()
		case r := <-lines:
			if r.err != nil {
				return later, fmt.Errorf("reading the answer: %w", r.err)
			}
			switch strings.ToLower(strings.TrimSpace(r.line)) {
			case "y", "yes":
				return yes, nil
			case "n", "no":
				return no, nil
			}
		}
	}
}

// decide gets an answer for the waiting approval and passes it on.
func (r *rehearsal) decide(ctx context.Context, action types.ActionExecutionDetail, answerer approve) error {
	a, err := pipeline.Awaited(ctx, r.pipelines, r.names.Pipeline.Stack, action)
	if err != nil {
		return err
	}
	given, err := answerer(ctx, a)
	if err != nil || given == later {
		return err
	}
	result := &types.ApprovalResult{Status: types.ApprovalStatusApproved, Summary: aws.String("approved in a rehearsal")}
	if given == no {
		result = &types.ApprovalResult{Status: types.ApprovalStatusRejected, Summary: aws.String("rejected in a rehearsal")}
	}
	_, err = r.pipelines.PutApprovalResult(ctx, &codepipeline.PutApprovalResultInput{
		PipelineName: &r.names.Pipeline.Stack,
		StageName:    &a.Stage,
		ActionName:   &a.Action,
		Token:        &a.Token,
		Result:       result,
	})
	if err != nil {
		return fmt.Errorf("answering the approval: %w", err)
	}
	return nil
}
