package lambda

import "bytes"

// maxLine is the size in bytes at which a line is cut. It is the size limit of
// a CloudWatch Logs event.
const maxLine = 256<<10 - 26

// A lineSplitter splits a stream into lines. A line that it passes on ends with
// a newline, and is valid only during the call.
type lineSplitter struct {
	line    func([]byte)
	partial []byte
}

func (l *lineSplitter) add(data []byte) {
	for len(data) > 0 {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			i = len(data) - 1
		}
		part := data[:min(i+1, maxLine-len(l.partial)-1)]
		data = data[len(part):]
		whole := part[len(part)-1] == '\n'
		if whole && len(l.partial) == 0 {
			l.line(part)
			continue
		}
		l.partial = append(l.partial, part...)
		if whole || len(l.partial) >= maxLine-1 {
			l.flush()
		}
	}
}

// flush passes on the remaining text.
func (l *lineSplitter) flush() {
	if len(l.partial) == 0 {
		return
	}
	if l.partial[len(l.partial)-1] != '\n' {
		l.partial = append(l.partial, '\n')
	}
	l.line(l.partial)
	l.partial = l.partial[:0]
}
