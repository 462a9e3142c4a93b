package plan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/collect"
	"github.com/magewright/magewright/tools/readiness/cost"
)

// options holds the command line.
type options struct {
	base string
	send bool
	when string
}

// run prints the plan, stores it as plan.md and, if requested, sends it.
func run(ctx context.Context, cfg project.Config, awsConfig aws.Config, o options, c clock.Clock) error {
	candidate, plan, required, err := generate(ctx, cfg, awsConfig, o, c)
	if err != nil {
		return err
	}
	file, err := cfg.Path("plan.md")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(plan.Text), 0o600); err != nil {
		return fmt.Errorf("keeping the plan: %w", err)
	}
	if !o.send {
		fmt.Fprint(cfg.Stdout, plan.Text)
		// The cost is an estimate from a list of prices, and decides nothing.
		fmt.Fprintln(cfg.Stdout)
		if err := cost.Print(ctx, cfg, cfg.Stdout, cost.Usual); err != nil {
			fmt.Fprintf(cfg.Stdout, "the cost is unknown: %v\n", err)
		}
		return nil
	}
	names, err := manifest.Read(cfg)
	if err != nil {
		return err
	}
	sent, err := send(ctx, awsConfig, names, candidate.Commit, plan)
	if errors.Is(err, errNobody) && cfg.Adopted() && !required {
		// The check plan stays UNKNOWN. The pipeline of a team that does not require it
		// continues.
		fmt.Fprintf(cfg.Stdout, "NOT SENT: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	sent.Made, sent.When = evidence.Made{FinishedOn: c.Now()}, o.when
	statement, err := evidence.NewStatement(candidate.Commit, candidate.Package, sent)
	if err != nil {
		return err
	}
	if err := evidence.Write(cfg.Evidence, "plan", statement); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "plan %.12s was sent to %s: message %s\n", sent.Digest, sent.Topic, sent.MessageID)
	return nil
}

// generate collects the plan's input and generates the plan. It also returns whether
// the policy requires that it is sent.
func generate(ctx context.Context, cfg project.Config, awsConfig aws.Config, o options, c clock.Clock) (candidate readiness.Candidate, plan readiness.Plan, required bool, err error) {
	base, err := baseline.Find(ctx, cfg, o.base, &awsConfig)
	if err != nil {
		return candidate, plan, false, err
	}
	candidate, err = collect.Candidate(ctx, cfg, base, c)
	if err != nil {
		return candidate, plan, false, err
	}
	policy, err := collect.Policy(ctx, cfg, candidate, c)
	if err != nil {
		return candidate, plan, false, err
	}
	identity, err := sts.NewFromConfig(awsConfig).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return candidate, plan, false, exit.Missing("aws sts get-caller-identity", "asking AWS whose credentials these are: %w", err)
	}
	candidate.Account = aws.ToString(identity.Account)
	statements, err := collect.ForPlan(ctx, collect.Env{Project: cfg, Candidate: candidate, Policy: policy.Policy, Clock: c, AWS: &awsConfig})
	if err != nil {
		return candidate, plan, false, err
	}
	for _, p := range []evidence.Predicate{candidate, policy} {
		s, err := evidence.NewStatement(candidate.Commit, candidate.Package, p)
		if err != nil {
			return candidate, plan, false, err
		}
		statements = append(statements, s)
	}
	if plan, err = readiness.PlanOf(statements, o.when); err != nil {
		return candidate, plan, false, exit.Missing("go tool mage readiness", "%w", err)
	}
	return candidate, plan, slices.Contains(policy.Policy.Required, "plan"), nil
}

// errNobody says that no stage has a topic.
var errNobody = errors.New("there is nobody to send the plan to")

// send publishes a plan to production's topic, or to staging's if production is
// not deployed yet.
func send(ctx context.Context, awsConfig aws.Config, names manifest.Manifest, commit string, plan readiness.Plan) (readiness.PlanSent, error) {
	sent := readiness.PlanSent{Digest: plan.Digest, Text: plan.Text}
	deployed := false
	for _, stage := range []manifest.Stage{names.Last(), names.First()} {
		outputs, err := stack.Main(ctx, awsConfig, stage)
		if errors.Is(err, stack.ErrNotDeployed) {
			continue
		}
		if err != nil {
			return sent, err
		}
		deployed = true
		if sent.Topic = outputs.NotificationTopic; sent.Topic != "" {
			break
		}
	}
	if !deployed {
		return sent, exit.Missing("go tool mage deploy-staging", "%w: neither %s nor %s is deployed (%s)", errNobody, names.Last().Name, names.First().Name, stack.Where(ctx, awsConfig))
	}
	if sent.Topic == "" {
		return sent, exit.Missing("in the CDK app, add an output with the topic of the stack's alarms; then go tool mage deploy-staging", "%w: neither production nor staging has an output with a topic", errNobody)
	}
	published, err := sns.NewFromConfig(awsConfig).Publish(ctx, &sns.PublishInput{
		TopicArn: &sent.Topic,
		Subject:  aws.String(fmt.Sprintf("Deployment plan of %.12s", commit)),
		Message:  &plan.Text,
	})
	if err != nil {
		return sent, exit.Missing("aws sns get-topic-attributes --topic-arn "+sent.Topic, "sending the plan to %s: %w", sent.Topic, err)
	}
	sent.MessageID = aws.ToString(published.MessageId)
	return sent, nil
}
