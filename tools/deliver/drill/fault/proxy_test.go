package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Fault{
		"errors:0.5": {share: 0.5}, "errors:1": {share: 1}, "latency:4s": {latency: 4 * time.Second}, "crash": {crash: true},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"errors:0": "above 0 and at most 1", "errors:1.1": "above 0 and at most 1", "errors:-1": "above 0 and at most 1",
		"errors:NaN": "above 0 and at most 1", "errors:": "above 0 and at most 1", "errors": "above 0 and at most 1",
		"latency:0s": "above 0, such as 4s", "latency:soon": "above 0, such as 4s", "latency": "above 0, such as 4s",
		"crash:now": "there are errors:SHARE", "sulk": "there are errors:SHARE", "": "there are errors:SHARE",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %+v, %v; want an error that says %q", text, got, err, says)
		}
	}
}

// TestErrorsAreEven holds that of any invocations in a row the share fails, up to
// one, and that first invocations of processes fail no more often than others.
func TestErrorsAreEven(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0.01, 0.25, 1. / 3, 0.5, 0.75, 0.99, 1} {
		f := Fault{share: share}
		const phases = 100
		first := 0
		for phase := range phases {
			failed := []int{0} // before each invocation
			for n := range int64(300) {
				count := failed[n]
				if f.fails(n+1, float64(phase)/phases) {
					count++
				}
				failed = append(failed, count)
			}
			first += failed[1]
			for from := range failed {
				for to := from; to < len(failed); to++ {
					if got, want := failed[to]-failed[from], float64(to-from)*share; math.Abs(float64(got)-want) >= 1+1e-9 {
						t.Fatalf("share %g, phase %d: of invocations %d to %d fail %d, want %g", share, phase, from+1, to, got, want)
					}
				}
			}
		}
		if math.Abs(float64(first)-share*phases) > 1 {
			t.Errorf("share %g: %d of %d processes fail at once", share, first, phases)
		}
	}
	if (Fault{latency: 1}).fails(1, 0.99) {
		t.Error("an invocation fails that is only slow")
	}
}

// lambda is a Runtime API that hands out invocations with the ids 1, 2 and so on.
// Where there are no more, next waits.
type lambda struct {
	*httptest.Server

	mu      sync.Mutex
	left    int
	last    int
	answers []string // what was posted, with its id
	refuses bool     // errors
	asked   []string // Host, User-Agent and Accept-Encoding of the last who asked
}

func newLambda(t *testing.T, invocations int) *lambda {
	t.Helper()
	l := &lambda{left: invocations}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked = []string{r.Host, r.UserAgent(), r.Header.Get("Accept-Encoding")}
		if l.left == 0 {
			l.mu.Unlock()
			<-r.Context().Done()
			l.mu.Lock()
			return
		}
		l.left--
		l.last++
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", strconv.Itoa(l.last))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "1700000000000")
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"event":%d}`, l.last)
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		answer := strings.Join([]string{r.PathValue("id"), r.PathValue("what"), r.Header.Get("Lambda-Runtime-Function-Error-Type"), string(body)}, " ")
		if err != nil {
			answer += " broken"
		}
		for _, name := range []string{"Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"} {
			if value := r.Trailer.Get(name); value != "" {
				answer += " " + value
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.refuses && r.PathValue("what") == "error" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		l.answers = append(l.answers, answer)
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Lambda-Extension-Identifier", "e")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s?%s %s %s", r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Lambda-Extension-Name"), body)
	})
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

// behind serves the Runtime API by a proxy, whose URL it returns.
func (l *lambda) behind(t *testing.T, p *Proxy) string {
	t.Helper()
	p.API = l.Listener.Addr().String()
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	return server.URL + "/2018-06-01"
}

func (l *lambda) answered() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.answers)
}

// client says nothing that it was not told to say.
var client = &http.Client{Transport: &http.Transport{DisableCompression: true}}

// get asks for the next invocation and returns its id with its event.
func get(ctx context.Context, t *testing.T, url string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/runtime/invocation/next", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "function")
	response, err := client.Do(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	return response.Header.Get("Lambda-Runtime-Aws-Request-Id") + " " + response.Header.Get("Lambda-Runtime-Deadline-Ms") + " " + string(body), err
}

// post returns the answer to a request, and its body.
func post(t *testing.T, url string, body io.Reader, prepare func(*http.Request)) (status int, header http.Header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(r)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answered, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(answered)
}

// TestErrors holds that the function sees what does not fail, as it is, and that
// the errors of the others are reported under their own ids.
func TestErrors(t *testing.T) {
	t.Parallel()
	l := newLambda(t, 6)
	url := l.behind(t, &Proxy{Fault: Fault{share: 0.5}, Phase: 0.5})
	for _, id := range []string{"2", "4", "6"} {
		got, err := get(t.Context(), t, url)
		if want := id + ` 1700000000000 {"event":` + id + "}"; err != nil || got != want {
			t.Fatalf("the function gets %q, %v; want %q", got, err, want)
		}
		if status, _, _ := post(t, url+"/runtime/invocation/"+id+"/response", strings.NewReader("done"), nil); status != http.StatusAccepted {
			t.Errorf("the response to %s is answered %d", id, status)
		}
	}
	failed := ` error Function.RollbackDrill {"errorMessage":"failed on purpose: this version is the bad one of a rollback drill","errorType":"RollbackDrill"}`
	if got, want := l.answered(), []string{"1" + failed, "2 response  done", "3" + failed, "4 response  done", "5" + failed, "6 response  done"}; !slices.Equal(got, want) {
		t.Errorf("Lambda gets\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if want := []string{l.Listener.Addr().String(), "function", ""}; !slices.Equal(l.asked, want) {
		t.Errorf("Host, User-Agent and Accept-Encoding are %q, want %q", l.asked, want)
	}
}

// TestAReportThatIsRefused holds that the function sees a broken connection, as
// where the Runtime API breaks it.
func TestAReportThatIsRefused(t *testing.T) {
	t.Parallel()
	l := newLambda(t, 1)
	url := l.behind(t, &Proxy{Fault: Fault{share: 1}})
	l.mu.Lock()
	l.refuses = true
	l.mu.Unlock()
	if got, err := get(t.Context(), t, url); err == nil {
		t.Errorf("the function gets %q", got)
	}
	l.Close()
	if got, err := get(t.Context(), t, url); err == nil {
		t.Errorf("without a Runtime API, the function gets %q", got)
	}
}

// TestLatency holds that the function gets an invocation when the time has
// passed, and that nothing waits for it when it has gone.
func TestLatency(t *testing.T) {
	t.Parallel()
	waits, passes := make(chan time.Duration), make(chan time.Time)
	l := newLambda(t, 2)
	url := l.behind(t, &Proxy{Fault: Fault{latency: 4 * time.Second}, After: func(d time.Duration) <-chan time.Time {
		waits <- d
		return passes
	}})
	got := make(chan string, 1)
	go func() {
		id, err := get(t.Context(), t, url)
		got <- fmt.Sprint(id, err)
	}()
	if d := <-waits; d != 4*time.Second {
		t.Errorf("it waits for %v", d)
	}
	select {
	case early := <-got:
		t.Errorf("before the time has passed, the function gets %s", early)
	default:
	}
	passes <- time.Time{}
	if id := <-got; !strings.HasPrefix(id, "1 ") || !strings.HasSuffix(id, "<nil>") {
		t.Errorf("the function gets %s", id)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-waits
		cancel()
	}()
	if id, err := get(ctx, t, url); err == nil {
		t.Errorf("a function that has gone gets %s", id)
	}
	if answers := l.answered(); len(answers) > 0 {
		t.Errorf("Lambda gets %v", answers)
	}
}

// TestCrash holds that the process ends at an invocation, which the function does
// not see.
func TestCrash(t *testing.T) {
	t.Parallel()
	ctx, ends := context.WithCancel(t.Context())
	l := newLambda(t, 1)
	url := l.behind(t, &Proxy{Fault: Fault{crash: true}, Crash: ends})
	if got, err := get(ctx, t, url); err == nil || ctx.Err() == nil {
		t.Errorf("the function gets %q", got)
	}
	if answers := l.answered(); len(answers) > 0 {
		t.Errorf("Lambda gets %v", answers)
	}
}

// TestStreaming holds that a piece of a response arrives before the next is
// written, so that none is kept, and that one which fails halfway says so.
func TestStreaming(t *testing.T) {
	t.Parallel()
	arrived := make(chan string)
	ended := make(chan http.Header, 1)
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, piece); err != nil {
				break
			}
			arrived <- r.Header.Get("Lambda-Runtime-Function-Response-Mode") + " " + string(piece)
		}
		ended <- r.Trailer
		w.WriteHeader(http.StatusAccepted)
	}))
	defer l.Close()
	server := httptest.NewServer((&Proxy{API: l.Listener.Addr().String(), Fault: Fault{latency: time.Hour}}).Handler())
	defer server.Close()
	body, write := io.Pipe()
	go func() {
		for _, piece := range []string{"first", "third"} {
			_, _ = io.WriteString(write, piece)
			if got := <-arrived; got != "streaming "+piece {
				t.Errorf("%q arrives, want %s", got, piece)
			}
		}
		_ = write.Close()
	}()
	trailer := http.Header{"Lambda-Runtime-Function-Error-Type": {"Function.Half"}, "Lambda-Runtime-Function-Error-Body": {"e30="}}
	status, _, _ := post(t, server.URL+"/2018-06-01/runtime/invocation/1/response", body, func(r *http.Request) {
		r.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
		r.Trailer = trailer
	})
	if got := <-ended; status != http.StatusAccepted || got.Get("Lambda-Runtime-Function-Error-Type") != "Function.Half" || got.Get("Lambda-Runtime-Function-Error-Body") != "e30=" {
		t.Errorf("it is answered %d, and its trailer is %v", status, got)
	}
}

// TestAllElse holds that what is no invocation goes through both ways.
func TestAllElse(t *testing.T) {
	t.Parallel()
	url := newLambda(t, 0).behind(t, &Proxy{Fault: Fault{share: 1}})
	status, header, got := post(t, strings.Replace(url, "2018-06-01", "2020-01-01/extension/register?a=b%20c", 1), strings.NewReader(`{"events":[]}`), func(r *http.Request) {
		r.Header.Set("Lambda-Extension-Name", "own")
	})
	if want := `POST /2020-01-01/extension/register?a=b%20c own {"events":[]}`; got != want || status != http.StatusTeapot || header.Get("Lambda-Extension-Identifier") != "e" {
		t.Errorf("it answers %d %q %v; want %q", status, got, header, want)
	}
}
