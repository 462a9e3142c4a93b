package readiness

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/agreed"
)

// A Person is somebody whose signature counts.
type Person struct {
	Name string `yaml:"name" json:"name"`
	// Emails are the addresses in the person's commits. They give nobody any
	// rights; they only determine what the person must not sign.
	Emails []string `yaml:"emails" json:"emails"`
	// Key is the public key, ECDSA on P-256, as PEM or as DER in base64.
	Key string `yaml:"key" json:"key"`
	// Approves are patterns for the ARNs with which the person answers the pipeline's
	// approval, such as arn:aws:sts::111122223333:assumed-role/Ada/*. Once one person has
	// such a pattern, nobody approves whose ARN is not that of a person here. If the name of
	// a session or of a user is an address, it needs no pattern to exclude an author.
	Approves []string `yaml:"approves" json:"approves,omitempty"`
}

// AuthorOf returns the address of the candidate's author to whom the ARN of an IAM principal
// belongs, or "".
func (p Policy) AuthorOf(arn string, c Candidate) string {
	name := arn[strings.LastIndex(arn, "/")+1:]
	for _, author := range c.Authors {
		if strings.EqualFold(author, name) {
			return author
		}
	}
	for _, person := range p.People {
		is := slices.ContainsFunc(person.Emails, func(email string) bool { return strings.EqualFold(email, name) }) ||
			slices.ContainsFunc(person.Approves, func(pattern string) bool { return matchesARN(pattern, arn) })
		if address := person.Wrote(c); is && address != "" {
			return address
		}
	}
	return ""
}

// CheckApprover returns an error if the principal with an ARN must not approve the candidate:
// an author of it, or, if the policy says who approves, somebody whom it does not name. Whoever
// assumes a role chooses the name of the session, so that an author could take another one.
func (p Policy) CheckApprover(arn string, c Candidate) error {
	if author := p.AuthorOf(arn, c); author != "" {
		return fmt.Errorf("%s approved the release but is an author of it (%s): somebody else must approve it", arn, author)
	}
	named := func(person Person) bool {
		return slices.ContainsFunc(person.Approves, func(pattern string) bool { return matchesARN(pattern, arn) })
	}
	listed := slices.ContainsFunc(p.People, func(person Person) bool { return len(person.Approves) > 0 })
	// In a rehearsal, whoever rehearses approves.
	if listed && c.Account != agreed.RehearsalAccount && !slices.ContainsFunc(p.People, named) {
		return fmt.Errorf("%s approved the release, but is nobody who approves according to the policy's people", arn)
	}
	return nil
}

// matchesARN reports whether an ARN has the form of a pattern, in which * stands for any
// text.
func matchesARN(pattern, arn string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == arn
	}
	rest, ok := strings.CutPrefix(arn, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, last)
}

// checkPeople refuses people who can't be distinguished from others.
func (p Policy) checkPeople() error {
	names, keys := map[string]bool{}, map[string]bool{}
	for i, person := range p.People {
		key, err := evidence.ParseKey([]byte(person.Key))
		switch {
		case person.Name == "":
			return fmt.Errorf("people[%d] has no name", i)
		case len(person.Emails) == 0 || slices.Contains(person.Emails, ""):
			return fmt.Errorf("%s has no e-mail address, so it is unknown what %s wrote", person.Name, person.Name)
		case err != nil:
			return fmt.Errorf("the key of %s: %w", person.Name, err)
		case names[person.Name] || keys[key.ID()]:
			return fmt.Errorf("%s, or the key of %s, occurs twice", person.Name, person.Name)
		}
		names[person.Name], keys[key.ID()] = true, true
	}
	return nil
}

// Signer returns the person with a key id, and the key.
func (p Policy) Signer(keyID string) (Person, evidence.Key, error) {
	for _, person := range p.People {
		key, err := evidence.ParseKey([]byte(person.Key))
		if err != nil {
			return Person{}, evidence.Key{}, fmt.Errorf("the key of %s in the policy: %w", person.Name, err)
		}
		if key.ID() == keyID {
			return person, key, nil
		}
	}
	return Person{}, evidence.Key{}, fmt.Errorf("%w: %.12s", ErrStranger, keyID)
}

// ErrStranger says that the policy does not know the signer.
var ErrStranger = errors.New("it is signed with a key that belongs to nobody in the policy")

// Named returns the person with a name.
func (p Policy) Named(name string) (Person, bool) {
	i := slices.IndexFunc(p.People, func(person Person) bool { return person.Name == name })
	if i < 0 {
		return Person{}, false
	}
	return p.People[i], true
}

// Wrote returns the address that makes the person an author of the candidate, or "".
func (p Person) Wrote(c Candidate) string {
	for _, author := range c.Authors {
		if slices.ContainsFunc(p.Emails, func(email string) bool { return strings.EqualFold(email, author) }) {
			return author
		}
	}
	return ""
}
