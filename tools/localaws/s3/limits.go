package s3

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The quotas of names, tags and metadata.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html and
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html.
const (
	maxKey        = 1024 // bytes
	maxMetadata   = 2048 // bytes
	maxObjectTags = 10
	maxBucketTags = 50
	maxTagKey     = 128 // UTF-16 characters
	maxTagValue   = 256
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// checkBucketName refuses a name that no bucket can have.
func checkBucketName(name string) error {
	reserved := func(part string) bool { return strings.HasPrefix(name, part) }
	ends := func(part string) bool { return strings.HasSuffix(name, part) }
	if bucketName.MatchString(name) && !strings.Contains(name, "..") && net.ParseIP(name) == nil &&
		!slices.ContainsFunc([]string{"xn--", "sthree-", "amzn-s3-demo-"}, reserved) &&
		!slices.ContainsFunc([]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}, ends) {
		return nil
	}
	return detailed{error: fail("InvalidBucketName", "The specified bucket is not valid."), elements: [][2]string{{"BucketName", name}}}
}

// checkKey refuses a key that no object can have.
func checkKey(key string) error {
	if len(key) > 0 && len(key) <= maxKey {
		return nil
	}
	return detailed{
		error:    fail("KeyTooLongError", "Your key is too long"),
		elements: [][2]string{{"Size", strconv.Itoa(len(key))}, {"MaxSizeAllowed", strconv.Itoa(maxKey)}},
	}
}

// checkMetadata refuses more metadata than an object can have.
func checkMetadata(metadata map[string]string) error {
	size := 0
	for name, value := range metadata {
		size += len(name) + len(value)
	}
	if size <= maxMetadata {
		return nil
	}
	return detailed{
		error:    fail("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"),
		elements: [][2]string{{"Size", strconv.Itoa(size)}, {"MaxSizeAllowed", strconv.Itoa(maxMetadata)}},
	}
}

// checkObjectTags refuses tags that an object can't have.
func checkObjectTags(tags []types.Tag) error {
	if len(tags) > maxObjectTags {
		return fail("BadRequest", "Object tags cannot be greater than %d", maxObjectTags)
	}
	return checkTags(tags)
}

// checkBucketTags refuses tags that a bucket can't have.
func checkBucketTags(tags []types.Tag) error {
	if len(tags) > maxBucketTags {
		return fail("BadRequest", "Bucket tag count cannot be greater than %d", maxBucketTags)
	}
	return checkTags(tags)
}

func checkTags(tags []types.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		invalid := func(text, element, of string) error {
			return detailed{error: fail("InvalidTag", "%s", text), elements: [][2]string{{element, of}}}
		}
		switch {
		case key == "" || units(key) > maxTagKey:
			return invalid("The TagKey you have provided is invalid", "TagKey", key)
		case units(value) > maxTagValue:
			return invalid("The TagValue you have provided is invalid", "TagValue", value)
		case seen[key]:
			return invalid("Cannot provide multiple Tags with the same key", "TagKey", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return fail("InvalidTag", "System tags cannot be added/updated by requester")
		}
		seen[key] = true
	}
	return nil
}

// units returns the length of a text in UTF-16 characters, which S3 counts.
func units(text string) int { return len(utf16.Encode([]rune(text))) }
