package lambda

// processorMemory is the memory in MB with which a function gets the time of
// one processor. The time is in proportion to the memory.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html.
const processorMemory = 1769

// processorsFor returns on how many processors a function with so much memory
// runs: as many as it has the time of on Lambda, rounded up.
func processorsFor(memory int32) int {
	return int((memory + processorMemory - 1) / processorMemory)
}
