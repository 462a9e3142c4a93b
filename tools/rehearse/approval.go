package rehearse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/rehearse/keyboard"
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

// approver asks at the terminal. If there is no terminal, it prints how to answer. It
// may also be answered in the console.
func approver(cfg project.Config, approved bool, e *endpoint, v *view) approve {
	if approved {
		return always(true)
	}
	return func(ctx context.Context, a pipeline.Approval) (answer, error) {
		v.pause()
		defer v.resume()
		fmt.Fprintf(cfg.Stdout, "\n%s\n", a.Text)
		if a.Link != "" {
			fmt.Fprintf(cfg.Stdout, "see  %s\n", a.Link)
		}
		if e.console != nil {
			fmt.Fprintf(cfg.Stdout, "or answer in the console, beside the evidence:\n%s\n", e.console.Link())
		}
		if keyboard.Attended() {
			e.keyboard.Listen(os.Stdin)
			return ask(ctx, cfg, &e.keyboard, a.Stage)
		}
		fmt.Fprintf(cfg.Stdout, "answer from another shell:\n%s%s\n", e.exports(), a.Answer())
		return later, nil
	}
}

// ask asks for y or n until it gets one of them. The approval is that of a stage of the
// pipeline.
func ask(ctx context.Context, cfg project.Config, k *keyboard.Keyboard, stage string) (answer, error) {
	question := "take it to production?"
	if next, ok := strings.CutSuffix(stage, "Approval"); ok && next != "" {
		question = "take it to " + strings.ToLower(next) + "?"
	}
	lines, end := k.Ask()
	defer end()
	for {
		fmt.Fprint(cfg.Stdout, question+" y/n ")
		select {
		case <-ctx.Done():
			return later, ctx.Err()
		case t := <-lines:
			if t.Err != nil {
				return later, fmt.Errorf("reading the answer: %w", t.Err)
			}
			switch t.Line {
			case "y", "yes":
				return yes, nil
			case "n", "no":
				return no, nil
			}
		}
	}
}

// A question is an approval that the rehearsal's user was asked about.
type question struct {
	id       string // of the action's execution
	withdraw context.CancelFunc
	answered chan error
}

// put asks about a waiting approval. Meanwhile it may be answered in another way.
func (r *rehearsal) put(ctx context.Context, action types.ActionExecutionDetail, answerer approve) *question {
	ctx, withdraw := context.WithCancel(ctx)
	q := &question{id: aws.ToString(action.ActionExecutionId), withdraw: withdraw, answered: make(chan error, 1)}
	go func() { q.answered <- r.decide(ctx, action, answerer) }()
	return q
}

// failed returns what went wrong so far. A question that was answered, here or in another
// way, has not failed.
func (q *question) failed() error {
	select {
	case err := <-q.answered:
		q.answered <- nil
		return unlessElsewhere(err)
	default:
		return nil
	}
}

// end withdraws the question, if it was not answered yet, and returns what went wrong.
func (q *question) end() error {
	if q == nil {
		return nil
	}
	q.withdraw()
	err := <-q.answered
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return unlessElsewhere(err)
}

// unlessElsewhere returns the error of an answer, or nil if another answer came first.
func unlessElsewhere(err error) error {
	if _, completed := errors.AsType[*types.ApprovalAlreadyCompletedException](err); completed || errors.Is(err, pipeline.ErrNoToken) {
		return nil
	}
	return err
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
