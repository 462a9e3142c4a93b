package template

import (
	"math/big"
	"net/netip"
	"strconv"
)

const (
	cidrArguments = "every Fn::Cidr object requires three parameters, (1) an IP address block, (2) the number of CIDR blocks, between 1 and 256, and (3) the number of subnet bits"
	maxCIDRs      = 256
)

// checkCIDR verifies the arguments of Fn::Cidr that are written in the template.
func checkCIDR(list []any) error {
	if len(list) != 3 {
		return templateErrorf(cidrArguments)
	}
	for i, v := range list {
		if isFunction(v) {
			continue
		}
		if text, ok := scalar(v); !ok || i > 0 && !isCount(text) {
			return templateErrorf(cidrArguments)
		}
	}
	return nil
}

func isCount(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= 1 && n <= maxCIDRs
}

// cidr is Fn::Cidr: the first blocks of an address block. The third argument is the
// number of bits that the addresses within each block differ in.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-cidr.html.
func cidr(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 3 {
		return nil, templateErrorf(cidrArguments)
	}
	if unknownIn(args) {
		return Unknown{}, nil
	}
	var texts [3]string
	for i, a := range args {
		if texts[i], ok = scalar(a); !ok || i > 0 && !isCount(texts[i]) {
			return nil, templateErrorf(cidrArguments)
		}
	}
	block, err := netip.ParsePrefix(texts[0])
	if err != nil {
		return nil, templateErrorf("Fn::Cidr: %s is not a CIDR block", texts[0])
	}
	block = block.Masked()
	// The texts are numbers: isCount has read them.
	count, _ := strconv.Atoi(texts[1])
	bits, _ := strconv.Atoi(texts[2])
	length := block.Addr().BitLen() - bits
	room := length - block.Bits()
	if length < 0 || room < 0 || room < 9 && count > 1<<room {
		return nil, templateErrorf("Fn::Cidr: %s has no %d blocks of %d bits", texts[0], count, bits)
	}
	blocks := make([]any, count)
	next := new(big.Int).SetBytes(block.Addr().AsSlice())
	size := new(big.Int).Lsh(big.NewInt(1), uint(bits)) // #nosec G115 -- isCount says that it is positive
	for i := range blocks {
		address, _ := netip.AddrFromSlice(next.FillBytes(make([]byte, block.Addr().BitLen()/8)))
		blocks[i] = netip.PrefixFrom(address, length).String()
		next.Add(next, size)
	}
	return blocks, nil
}
