package dev

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
)

const executable = build.Executable

// functions are the functions of the first stage's stack.
type functions struct {
	client *lambda.Client
	// update is the embedded Lambda's own operation. A request would carry the package as
	// base64 in JSON, which takes a third of a second for a program of 18 MB.
	update func(context.Context, *lambda.UpdateFunctionCodeInput) (*lambda.UpdateFunctionCodeOutput, error)
	all    []*function
}

// A function of the stack.
type function struct {
	logical, name string
	file          string // its package in the assembly
	program       string // the directory of its program, or ""
	deployed      string // SHA-256 of the package that CloudFormation knows
	serves        string // SHA-256 of the package that serves, in hexadecimal
	ours          string // the version that was published here; may be ""
}

// find finds the functions of a stack and their packages.
func (fs *functions) find(ctx context.Context, cfg aws.Config, p project.Config, stage manifest.Stage) error {
	packages, err := cdk.FunctionPackages(p.Assembly, stage.Template)
	if err != nil {
		return err
	}
	before := fs.all
	fs.client, fs.all = lambda.NewFromConfig(cfg), nil
	stacks := cloudformation.NewFromConfig(cfg)
	for _, pkg := range packages {
		found, err := stacks.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: &stage.Stack, LogicalResourceId: &pkg.LogicalID})
		if err != nil {
			return fmt.Errorf("finding function %s of stack %s: %w", pkg.LogicalID, stage.Stack, err)
		}
		f := &function{logical: pkg.LogicalID, name: aws.ToString(found.StackResourceDetail.PhysicalResourceId), file: filepath.Join(p.Assembly, filepath.FromSlash(pkg.File)), deployed: pkg.SHA256, serves: pkg.SHA256}
		for _, b := range before {
			if b.name == f.name && b.deployed == f.deployed {
				// Its code has not changed.
				f.serves, f.ours = b.serves, b.ours
			}
		}
		fs.all = append(fs.all, f)
	}
	return nil
}

// of returns the functions that are made from a program.
func (fs *functions) of(dir string) []*function {
	var all []*function
	for _, f := range fs.all {
		if f.program == dir {
			all = append(all, f)
		}
	}
	return all
}

// packages returns the packages that serve.
func (fs *functions) packages() smoke.Packages {
	all := smoke.Packages{}
	for _, f := range fs.all {
		all[f.logical] = f.serves
	}
	return all
}

// link notes which functions are made from a program, and returns how many: those whose
// package has the same executable.
func (fs *functions) link(dir string, program []byte) int {
	n := 0
	want := sha256.Sum256(program)
	for _, f := range fs.all {
		if sum, err := executableIn(f.file); err == nil && bytes.Equal(sum, want[:]) {
			f.program = dir
			n++
		}
	}
	return n
}

// executableIn returns the SHA-256 of the executable in a package.
func executableIn(file string) ([]byte, error) {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = archive.Close() }()
	program, err := archive.Open(executable)
	if err != nil {
		return nil, err
	}
	defer func() { _ = program.Close() }()
	sum := sha256.New()
	_, err = io.Copy(sum, program) // #nosec G110 -- of the project's own assembly
	return sum.Sum(nil), err
}

// restore replaces the code of a program's functions if other code serves.
func (fs *functions) restore(ctx context.Context, dir string, program []byte) error {
	for _, f := range fs.of(dir) {
		if f.serves == f.deployed {
			continue
		}
		if _, err := fs.swap(ctx, f, map[string][]byte{executable: program}); err != nil {
			return err
		}
	}
	return nil
}

// swap replaces files in the code of a function, and lets all its aliases point to the new
// version, which it returns. CloudFormation does not know about that, just as with cdk
// watch's hotswaps.
func (fs *functions) swap(ctx context.Context, f *function, files map[string][]byte) (version string, err error) {
	packed, err := repack(f.file, files)
	if err != nil {
		return "", fmt.Errorf("packing %s: %w", f.name, err)
	}
	aliases, err := fs.client.ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: &f.name})
	if err != nil {
		return "", fmt.Errorf("replacing the code of %s: %w", f.name, err)
	}
	updated, err := fs.update(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &f.name, ZipFile: packed, Publish: len(aliases.Aliases) > 0})
	if err != nil {
		return "", fmt.Errorf("replacing the code of %s: %w", f.name, err)
	}
	version = aws.ToString(updated.Version)
	for _, alias := range aliases.Aliases {
		_, err := fs.client.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &f.name, Name: alias.Name, FunctionVersion: &version, RoutingConfig: &types.AliasRoutingConfiguration{}})
		if err != nil {
			return "", fmt.Errorf("leading alias %s of %s to version %s: %w", aws.ToString(alias.Name), f.name, version, err)
		}
	}
	sum := sha256.Sum256(packed)
	f.serves = hex.EncodeToString(sum[:])
	if f.ours != "" && f.ours != version {
		// Its environments end, and with them a debugger that occupies the port.
		if _, err := fs.client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &f.name, Qualifier: &f.ours}); err != nil {
			return "", fmt.Errorf("removing version %s of %s: %w", f.ours, f.name, err)
		}
	}
	f.ours = ""
	if len(aliases.Aliases) > 0 {
		f.ours = version
	}
	return version, nil
}

// maxStored is the size of a package in bytes up to which files are added without
// compression. Nobody waits for a network here: a program of 18 MB takes 0.17 s of processor
// time until it is unpacked, and 0.32 s if it is compressed as fast as possible. AWS and the
// embedded one take packages of 50 MB.
const maxStored = 45 << 20

// repack returns a package in which files are replaced or added.
func repack(file string, files map[string][]byte) ([]byte, error) {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = archive.Close() }()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	for _, entry := range archive.File {
		if files[entry.Name] != nil {
			continue
		}
		if err := w.Copy(entry); err != nil {
			return nil, err
		}
	}
	size := packed.Len()
	for _, data := range files {
		size += len(data)
	}
	method := zip.Store
	if size > maxStored {
		method = zip.Deflate
	}
	for name, data := range files {
		header := &zip.FileHeader{Name: name, Method: method}
		header.SetMode(0o755)
		out, err := w.CreateHeader(header)
		if err == nil {
			_, err = out.Write(data)
		}
		if err != nil {
			return nil, err
		}
	}
	// The archive's directory is written at its end.
	err = w.Close()
	return packed.Bytes(), err
}
