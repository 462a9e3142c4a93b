package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/localaws/schedule"
)

func TestNext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ expression, zone, after, want string }{
		{"rate(1 minute)", "UTC", "2026-01-02T03:04:05", "2026-01-02T03:05:05"},
		{"rate(12 hours)", "UTC", "2026-01-02T03:04:05", "2026-01-02T15:04:05"},
		{"rate(7 days)", "UTC", "2026-01-02T03:04:05", "2026-01-09T03:04:05"},
		{"at(2026-05-06T07:08:09)", "UTC", "2026-01-02T03:04:05", "2026-05-06T07:08:09"},
		{"at(2026-05-06T07:08:09)", "UTC", "2026-05-06T07:08:09", "never"},
		{"at(2026-05-06T07:08:09)", "Europe/Berlin", "2026-01-02T03:04:05", "2026-05-06T05:08:09"},
		{"cron(* * * * ? *)", "UTC", "2026-01-02T03:04:05", "2026-01-02T03:05:00"},
		{"cron(0 10 * * ? *)", "UTC", "2026-01-02T10:00:00", "2026-01-03T10:00:00"},
		{"cron(15 12 * * ? *)", "UTC", "2026-01-02T03:04:05", "2026-01-02T12:15:00"},
		{"cron(0 18 ? * MON-FRI *)", "UTC", "2026-01-02T19:00:00", "2026-01-05T18:00:00"},
		{"cron(0 8 1 * ? *)", "UTC", "2026-01-02T03:04:05", "2026-02-01T08:00:00"},
		{"cron(0/15 * * * ? *)", "UTC", "2026-01-02T03:04:05", "2026-01-02T03:15:00"},
		{"cron(*/20 * * * ? *)", "UTC", "2026-01-02T03:41:00", "2026-01-02T04:00:00"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "UTC", "2026-01-02T17:55:00", "2026-01-05T08:00:00"},
		{"cron(0 9 ? * 2#1 *)", "UTC", "2026-01-02T03:04:05", "2026-01-05T09:00:00"},
		{"cron(0 9 ? * 6L *)", "UTC", "2026-01-02T03:04:05", "2026-01-30T09:00:00"},
		{"cron(0 9 ? * L *)", "UTC", "2026-01-02T03:04:05", "2026-01-03T09:00:00"},
		{"cron(0 9 L * ? *)", "UTC", "2026-02-02T03:04:05", "2026-02-28T09:00:00"},
		{"cron(0 9 LW 5 ? *)", "UTC", "2026-02-02T03:04:05", "2026-05-29T09:00:00"},
		// The 1st of August 2026 is a Saturday.
		{"cron(0 9 1W 8 ? *)", "UTC", "2026-02-02T03:04:05", "2026-08-03T09:00:00"},
		{"cron(0 9 15W 8 ? *)", "UTC", "2026-02-02T03:04:05", "2026-08-14T09:00:00"},
		{"cron(0 0 29 2 ? *)", "UTC", "2026-02-02T03:04:05", "2028-02-29T00:00:00"},
		{"cron(0 0 30 2 ? *)", "UTC", "2026-02-02T03:04:05", "never"},
		{"cron(0 0 1 1 ? 2027,2030)", "UTC", "2027-02-02T03:04:05", "2030-01-01T00:00:00"},
		{"cron(0 0 1 1 ? 2020)", "UTC", "2027-02-02T03:04:05", "never"},
		{"cron(0 0 ? * FRI-MON *)", "UTC", "2026-01-05T00:00:00", "2026-01-09T00:00:00"},
		{"cron(0 0 1 jan,jul ? *)", "UTC", "2026-01-05T00:00:00", "2026-07-01T00:00:00"},
		{"cron(30 9 * * ? *)", "America/New_York", "2026-01-02T03:04:05", "2026-01-02T14:30:00"},
		// There is no half past two on that day, and twice half past one on the other.
		{"cron(30 2 * * ? *)", "America/New_York", "2026-03-08T05:00:00", "2026-03-09T06:30:00"},
		{"cron(30 1 * * ? *)", "America/New_York", "2026-11-01T05:30:00", "2026-11-02T06:30:00"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		s, err := schedule.Parse(tt.expression, zone)
		if err != nil {
			t.Errorf("%s: %v", tt.expression, err)
			continue
		}
		after, err := time.Parse("2006-01-02T15:04:05", tt.after)
		if err != nil {
			t.Fatal(err)
		}
		got := "never"
		if next, ok := s.Next(after); ok {
			got = next.UTC().Format("2006-01-02T15:04:05")
		}
		if got != tt.want {
			t.Errorf("%s in %s behind %s: %s, want %s", tt.expression, tt.zone, tt.after, got, tt.want)
		}
		if s.Once() != strings.HasPrefix(tt.expression, "at") {
			t.Errorf("%s is once: %t", tt.expression, s.Once())
		}
	}
}

func TestExpressionsThatAreNotValid(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "rate(0 minutes)", "rate(5)", "rate(5 seconds)", "rate(-1 days)", "rate(99999999999999999999 days)",
		"at(2026-01-02)", "at(2026-13-01T00:00:00)", "at(tomorrow)",
		"cron()", "cron(* * * * *)", "cron(* * * * * *)", "cron(* * ? * ? *)", "cron(? * * * ? *)", "cron(60 * * * ? *)", "cron(* 24 * * ? *)",
		"cron(* * 32 * ? *)", "cron(* * * 13 ? *)", "cron(* * ? * 8 *)", "cron(* * ? * MON#6 *)", "cron(* * 0W * ? *)", "cron(0/0 * * * ? *)",
		"cron(a * * * ? *)", "cron(*,1 * * * ? *)", "cron(0 0 1 1 ? 2030-2020)", "cron(0 0 ? * XL *)", "cron(1- * * * ? *)", "cron(0 10 * * ? *",
	} {
		if _, err := schedule.Parse(text, time.UTC); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"rate(1 minute)": true, "rate(5 minutes)": true, "rate(1 minutes)": false, "rate(5 minute)": false, "cron(0 0 ? * MON *)": true} {
		if _, err := schedule.Parse(text, time.UTC); err != nil || schedule.Agrees(text) != want {
			t.Errorf("%s agrees: %t, want %t, %v", text, !want, want, err)
		}
	}
}

// FuzzParse holds that what is due next lies behind the time that is asked for.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"rate(5 minutes)", "cron(0/5 8-17 ? * MON-FRI *)", "cron(0 9 LW * ? 2026/2)", "at(2026-05-06T07:08:09)", "cron(0 0 ? * 2#5 *)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schedule.Parse(text, time.UTC)
		if err != nil {
			return
		}
		after := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for range 3 {
			next, ok := s.Next(after)
			if !ok {
				return
			}
			if !next.After(after) {
				t.Fatalf("%s: %v is not behind %v", text, next, after)
			}
			after = next
		}
	})
}
