package gen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

var (
	statuses = []string{"200", "200", "200", "200", "200", "200", "200", "200", "304", "304", "301", "302", "404", "403", "500", "206", "503"}
	methods  = []string{"GET", "GET", "GET", "GET", "GET", "GET", "POST", "HEAD"}
)

// logLines is about how many lines a block holds; the clock of each block starts where the one before it ends.
const logLines = 18_000

func newLogs(seed uint64) maker {
	paths := paths(200_000, seed)
	agents := agents(400, seed)
	clients := clients(300_000, seed)
	sizes := sizes(1<<14, seed)
	pathRank, agentRank, clientRank := newZipf(len(paths), 1.05), newZipf(len(agents), 1.1), newZipf(len(clients), 1.05)
	return func(r *rand.PCG, block int, buf []byte, size int) []byte {
		second := block * logLines / 2
		b := buf[:0]
		for len(b) < size {
			second += below(r, 2)
			b = append(b, clients[clientRank.draw(r)]...)
			b = append(b, " - - ["...)
			b = appendTime(b, second)
			b = append(b, `] "`...)
			b = append(b, methods[below(r, len(methods))]...)
			b = append(b, ' ')
			b = append(b, paths[pathRank.draw(r)]...)
			b = append(b, ` HTTP/1.1" `...)
			b = append(b, statuses[below(r, len(statuses))]...)
			b = append(b, ' ')
			b = append(b, sizes[below(r, len(sizes))]...)
			b = append(b, ` "https://www.example.com`...)
			b = append(b, paths[pathRank.draw(r)]...)
			b = append(b, `" "`...)
			b = append(b, agents[agentRank.draw(r)]...)
			b = append(b, '"', '\n')
		}
		return b
	}
}

// appendTime writes the time of a second of March 2026, in the form of access logs.
func appendTime(b []byte, second int) []byte {
	two := func(n int) { b = append(b, byte('0'+n/10), byte('0'+n%10)) }
	two(1 + second/86_400%31)
	b = append(b, "/Mar/2026:"...)
	two(second / 3600 % 24)
	b = append(b, ':')
	two(second / 60 % 60)
	b = append(b, ':')
	two(second % 60)
	return append(b, " +0000"...)
}

func clients(n int, seed uint64) []string {
	r := rand.NewPCG(seed, 'c')
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%d.%d.%d.%d", 1+below(r, 223), below(r, 256), below(r, 256), 1+below(r, 254))
	}
	return all
}

func agents(n int, seed uint64) []string {
	r := rand.NewPCG(seed, 'a')
	all := make([]string, n)
	for i := range all {
		if i%3 == 0 {
			all[i] = fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.%d Safari/537.36",
				80+below(r, 60), 4000+below(r, 2000), below(r, 200))
		} else {
			all[i] = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%[1]d.0) Gecko/20100101 Firefox/%[1]d.%[2]d", 60+below(r, 80), below(r, 10))
		}
	}
	return all
}

// sizes are the bytes of responses, in decimal: log-normal around 3 KB.
func sizes(n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 's'))
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(int(math.Exp(8 + 1.5*r.NormFloat64())))
	}
	return all
}
