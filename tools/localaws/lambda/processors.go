package lambda

// processorMemory is the memory in MB that gives a function the time of one
// processor. The time is proportional to the memory.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html.
const processorMemory = 1769

// processorsFor returns the number of processors that a function with this
// memory size runs on: as many as its memory size pays for on Lambda, rounded up.
func processorsFor(memory int32) int {
	return int((memory + processorMemory - 1) / processorMemory)
}
