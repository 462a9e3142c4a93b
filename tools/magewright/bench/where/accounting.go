package where

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// recordSize is the size of a struct acct_v3.
	recordSize = 64
	// ticksPerSecond is the unit of times in the records and in /proc. It is the same on
	// every architecture, whatever the kernel uses internally.
	ticksPerSecond = 100
	// forkedOnly is the flag AFORK. A process with this flag never called exec.
	forkedOnly = 1
)

// ReadAccounting reads the records of Linux's process accounting, which has one for each
// process that has ended, in version 3 of the format. Start is accurate to the second. CPU is
// rounded down to a hundredth of a second, so little remains of many short processes.
// ReadAccounting returns an error if a record has another version or is incomplete. See
// https://man7.org/linux/man-pages/man5/acct.5.html.
func ReadAccounting(data []byte) ([]Process, error) {
	var processes []Process
	for offset := 0; offset < len(data); offset += recordSize {
		if len(data)-offset < recordSize {
			return nil, fmt.Errorf("reading process accounting: %d bytes at offset %d are less than a record", len(data)-offset, offset)
		}
		p, err := readRecord(data[offset : offset+recordSize])
		if err != nil {
			return nil, fmt.Errorf("reading process accounting: record at offset %d: %w", offset, err)
		}
		processes = append(processes, p)
	}
	return processes, nil
}

// readRecord reads one record. The kernel writes it in the machine's byte order. On a
// big-endian machine, it sets the high bit of the version.
func readRecord(record []byte) (Process, error) {
	const version = 3
	var order binary.ByteOrder = binary.LittleEndian
	if record[1]&0x80 != 0 {
		order = binary.BigEndian
	}
	if v := record[1] &^ 0x80; v != version {
		return Process{}, fmt.Errorf("version %d, want %d (the kernel option BSD_PROCESS_ACCT_V3)", v, version)
	}
	name, _, _ := bytes.Cut(record[48:recordSize], []byte{0})
	start := float64(order.Uint32(record[24:]))
	elapsed := float64(math.Float32frombits(order.Uint32(record[28:]))) / ticksPerSecond
	return Process{
		PID:        int(order.Uint32(record[16:])),
		Parent:     int(order.Uint32(record[20:])),
		Start:      start,
		End:        start + elapsed,
		CPU:        float64(compressed(order.Uint16(record[32:]))+compressed(order.Uint16(record[34:]))) / ticksPerSecond,
		Name:       string(name),
		ForkedOnly: record[0]&forkedOnly != 0,
		accounted:  true,
	}, nil
}

// compressed returns the value of a comp_t, a floating-point number with a mantissa of 13
// bits and an exponent of 3 bits to the base 8.
func compressed(c uint16) uint64 { return uint64(c&0x1fff) << (c >> 13 * 3) }
