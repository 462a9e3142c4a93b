package evidence

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrWrongTime says that a known key is not valid at the time in question.
var ErrWrongTime = errors.New("it is signed with a key that does not count at that time")

// A TrustedKey is a key and the period in which its signatures count.
type TrustedKey struct {
	Key
	From, Until time.Time // Until is the first moment at which it is no longer valid; a zero time means no limit
	// Records says that it signs records only: evidence by which a release is decided is
	// not believed if this key has signed it. The builds that run the candidate's own code
	// may sign with such a key.
	Records bool
}

// Keys are the keys whose signatures count, each in its period. So a key can be replaced
// while earlier signatures stay valid.
type Keys []TrustedKey

// Trust returns keys that are always valid.
func Trust(keys ...Key) Keys {
	var all Keys
	for _, key := range keys {
		all = append(all, TrustedKey{Key: key})
	}
	return all
}

// ParseKeys reads keys that are separated by commas. Each has the form that [ParseKey] reads.
// It may be followed by an @ and its period: two days in UTC, or times in RFC 3339, either of
// which may be left out. The second one is the first day on which the key is no longer valid.
//
// A key that signs records only has "record:" before it.
//
//	KEY@..2026-12-01,KEY@2026-11-30..,record:KEY
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	for part := range strings.SplitSeq(text, ",") {
		encoded, records := strings.CutPrefix(strings.TrimSpace(part), RecordMark)
		encoded, period, limited := strings.Cut(encoded, "@")
		key, err := ParseKey([]byte(encoded))
		if err != nil {
			return nil, err
		}
		trusted := TrustedKey{Key: key, Records: records}
		if limited {
			if trusted.From, trusted.Until, err = parsePeriod(period); err != nil {
				return nil, fmt.Errorf("reading the period of key %.12s: %w", key.ID(), err)
			}
		}
		keys = append(keys, trusted)
	}
	return keys, nil
}

// RecordMark is what [ParseKeys] reads before a key that signs records only.
const RecordMark = "record:"

// Deciding returns the keys by whose signatures releases are decided.
func (ks Keys) Deciding() Keys {
	return slices.DeleteFunc(slices.Clone(ks), func(k TrustedKey) bool { return k.Records })
}

func parsePeriod(text string) (from, until time.Time, err error) {
	first, second, ok := strings.Cut(text, "..")
	if !ok || first == "" && second == "" {
		return from, until, fmt.Errorf("%q is not FROM..UNTIL, such as 2026-01-01..2026-12-31", text)
	}
	for _, end := range []struct {
		text string
		into *time.Time
	}{{first, &from}, {second, &until}} {
		if end.text == "" {
			continue
		}
		if *end.into, err = time.Parse(time.DateOnly, end.text); err == nil {
			continue
		}
		if *end.into, err = time.Parse(time.RFC3339, end.text); err != nil {
			return from, until, fmt.Errorf("%q is neither a day nor a time: %w", end.text, err)
		}
	}
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		return from, until, fmt.Errorf("%s ends before it begins", text)
	}
	return from, until, nil
}

// IsZero reports whether no key counts.
func (ks Keys) IsZero() bool { return len(ks) == 0 }

// At returns the keys that are valid at a certain time.
func (ks Keys) At(t time.Time) Keys {
	var found Keys
	for _, k := range ks {
		if (k.From.IsZero() || !t.Before(k.From)) && (k.Until.IsZero() || t.Before(k.Until)) {
			found = append(found, k)
		}
	}
	return found
}

// Find returns the key with an id if it is valid at a certain time. Otherwise the error is
// ErrWrongKey or ErrWrongTime.
func (ks Keys) Find(id string, at time.Time) (Key, error) {
	for _, k := range ks.At(at) {
		if k.ID() == id {
			return k.Key, nil
		}
	}
	var ids []string
	for _, k := range ks {
		if k.ID() == id {
			return Key{}, fmt.Errorf("%w: %.12s, on %s", ErrWrongTime, id, at.UTC().Format(time.RFC3339))
		}
		ids = append(ids, fmt.Sprintf("%.12s", k.ID()))
	}
	return Key{}, fmt.Errorf("%w: %.12s, not %s", ErrWrongKey, id, strings.Join(ids, " or "))
}
