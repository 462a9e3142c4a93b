package executeapi

import "net/http"

// A Recorder remembers the status and the size of a response, for the access log.
type Recorder struct {
	http.ResponseWriter
	Status int
	Bytes  int // of the body
}

// NewRecorder returns a recorder of what is written to w.
func NewRecorder(w http.ResponseWriter) *Recorder {
	return &Recorder{ResponseWriter: w, Status: http.StatusOK}
}

// WriteHeader implements http.ResponseWriter.
func (r *Recorder) WriteHeader(status int) {
	r.Status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *Recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.Bytes += n
	return n, err
}
