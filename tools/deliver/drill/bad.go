package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/project/exit"
)

// mark begins the descriptions of bad versions, so that a drill also finds those of a drill
// that was killed.
const mark = "bad on purpose, for a rollback drill: "

// isBad reports whether a version with this description is the bad version of a drill.
func isBad(description *string) bool { return strings.HasPrefix(aws.ToString(description), mark) }

// A function that can't be drilled is refused with the reason.
func (d *drill) unfit(format string, args ...any) error {
	return exit.Failed(fmt.Sprintf("aws lambda get-function --function-name %s --qualifier %s", d.outputs.FunctionName, d.good.number),
		"version %s of %s can't be drilled: %w", d.good.number, d.outputs.FunctionName, fmt.Errorf(format, args...))
}

// fit refuses a function if no bootstrap can be put into its package.
func (d *drill) fit(served *lambda.GetFunctionConfigurationOutput) error {
	architecture := slices.Concat(served.Architectures, []lambdatypes.Architecture{lambdatypes.ArchitectureX8664})[0]
	d.goarch = map[lambdatypes.Architecture]string{lambdatypes.ArchitectureX8664: "amd64", lambdatypes.ArchitectureArm64: "arm64"}[architecture]
	switch {
	case served.PackageType == lambdatypes.PackageTypeImage:
		return d.unfit("it is a container image, and the drill puts its bootstrap into zip files")
	case !strings.HasPrefix(string(served.Runtime), "provided"):
		return d.unfit("it runs on %s, but the drill's bootstrap needs an OS-only runtime, such as provided.al2023", served.Runtime)
	case d.goarch == "":
		return d.unfit("the drill does not know its architecture %s", architecture)
	case served.CodeSize > maxZip:
		return d.unfit("its deployment package has %s: %s", megabytes(served.CodeSize), uploadLimit)
	}
	return nil
}

// isOurs reports whether $LATEST, whose size is in bytes, was made by a drill.
func (d *drill) isOurs(ctx context.Context, size int64) (bool, error) {
	if size > maxZip {
		return false, nil
	}
	zipped, err := d.download(ctx, "", size)
	if err != nil {
		return false, err
	}
	return wrapped(zipped)
}

// prepare makes the bad version's package from that of the good version: the same code behind
// the drill's bootstrap. It changes nothing on staging.
func (d *drill) prepare(ctx context.Context) error {
	var err error
	if d.code, err = d.download(ctx, d.good.number, maxZip); err != nil {
		return err
	}
	if sha := codeSha256(d.code); sha != d.good.sha {
		return d.unfit("its deployment package has SHA-256 %s, but Lambda says %s", sha, d.good.sha)
	}
	w, err := openWrapper(d.code)
	if err != nil {
		return d.unfit("%w", err)
	}
	program, err := compile(ctx, w.goos, d.goarch, d.stderr)
	if err != nil {
		return err
	}
	if d.badCode, err = w.wrap(program, d.fault); err != nil {
		return d.unfit("%w", err)
	}
	return nil
}

// download returns the deployment package of a version, or of $LATEST if the version is "".
// The package must not be larger than a number of bytes.
func (d *drill) download(ctx context.Context, qualifier string, size int64) ([]byte, error) {
	what := fmt.Sprintf("downloading the package of %s:%s", d.outputs.FunctionName, cmp.Or(qualifier, "$LATEST"))
	in := &lambda.GetFunctionInput{FunctionName: &d.outputs.FunctionName}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	got, err := d.functions.GetFunction(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if got.Code == nil || aws.ToString(got.Code.Location) == "" {
		return nil, fmt.Errorf("%s: Lambda does not say where it is", what)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, *got.Code.Location, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, withoutURL(err))
	}
	response, err := (&http.Client{Timeout: downloadLimit}).Do(r) // #nosec G704 -- Lambda's own answer
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, withoutURL(err))
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, size))
	_ = response.Body.Close() // read
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: answered %s", what, response.Status)
	}
	return data, nil
}

// downloadLimit is the longest time that a download may take.
const downloadLimit = 5 * time.Minute

// withoutURL returns an error without the address in it. Whoever has the address that Lambda
// gives can download the package.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// publishLimit is the longest time that publishing the bad version may take.
const publishLimit = 5 * time.Minute

// publishFault publishes the bad version and gives $LATEST its own code again at once.
func (d *drill) publishFault(ctx context.Context) error {
	// An update that is interrupted could still arrive after everything was restored. So this
	// step can't be interrupted. It takes seconds.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishLimit)
	defer cancel()
	d.spoilt = codeSha256(d.badCode)
	if err := d.upload(whole, d.badCode); err != nil {
		return err
	}
	var published *lambda.PublishVersionOutput
	err := d.update(whole, "the bad version to be published", func() (err error) {
		published, err = d.functions.PublishVersion(whole, &lambda.PublishVersionInput{
			FunctionName: &d.outputs.FunctionName, CodeSha256: &d.spoilt, Description: aws.String(mark + d.fault),
		})
		return err
	})
	if err != nil {
		return err
	}
	d.bad = version{aws.ToString(published.Version), aws.ToString(published.CodeSha256)}
	d.say("version %s is version %s behind a bootstrap that does %s", d.bad.number, d.good.number, d.fault)
	if err := d.cleanLatest(whole); err != nil {
		return err
	}
	return d.until(ctx, fmt.Sprintf("version %s to be active", d.bad.number), func() (bool, error) {
		c, err := d.configuration(ctx, d.bad.number)
		return err == nil && c.State == lambdatypes.StateActive, err
	})
}

// upload gives $LATEST a deployment package and waits until Lambda has it.
func (d *drill) upload(ctx context.Context, zipped []byte) error {
	name := d.outputs.FunctionName
	err := d.update(ctx, "the code of "+name+" to be updated", func() error {
		_, err := d.functions.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: zipped})
		return err
	})
	if err != nil {
		return err
	}
	return d.until(ctx, name+" to have its code", func() (bool, error) {
		c, err := d.configuration(ctx, "")
		if err == nil && c.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed {
			err = fmt.Errorf("%s: %s", c.LastUpdateStatusReasonCode, aws.ToString(c.LastUpdateStatusReason))
		}
		return err == nil && c.LastUpdateStatus != lambdatypes.LastUpdateStatusInProgress, err
	})
}

// update changes the function as soon as Lambda has finished the change before it.
func (d *drill) update(ctx context.Context, what string, change func() error) error {
	return d.until(ctx, what, func() (bool, error) {
		err := change()
		if _, busy := errors.AsType[*lambdatypes.ResourceConflictException](err); busy {
			return false, nil
		}
		return err == nil, err
	})
}
