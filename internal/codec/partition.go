package codec

import "github.com/zeebo/xxh3"

// PartitionSeed is part of the format: every SDK and every worker puts a key into the same partition.
const PartitionSeed = 0x6d7263746c_01

// Partition is the partition of an encoded key out of n, which must be at least 1.
func Partition(key []byte, n int) int {
	return int(xxh3.HashSeed(key, PartitionSeed) % uint64(n))
}
