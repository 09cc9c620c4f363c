// The target of the session tests: does what it is told on standard input, and says what came out.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

var fromInit = initialise(20)

//go:noinline
func initialise(n int) int {
	return n*n + 1
}

//go:noinline
func work(x int) int {
	return x*3 + 1
}

// Becomes a compare and a conditional move.
//
//go:noinline
func pick(x, y int) int {
	r := x + 2
	if x == y {
		r = y
	}
	return r
}

var total int64

//go:noinline
func locked(x int) int64 {
	return atomic.AddInt64(&total, int64(x))
}

// In assembly: a 5-byte nop.
func nop5()

func each(goroutines, times int, call func(i int) int64) int64 {
	var group sync.WaitGroup
	var sum int64
	for g := 0; g < goroutines; g++ {
		group.Add(1)
		go func() {
			defer group.Done()
			var own int64
			for i := 0; i < times; i++ {
				own += call(i)
			}
			atomic.AddInt64(&sum, own)
		}()
	}
	group.Wait()
	return sum
}

func main() {
	fmt.Println("ready", fromInit)
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var command string
		var goroutines, times int
		fmt.Sscan(input.Text(), &command, &goroutines, &times)
		switch command {
		case "work":
			fmt.Println(each(goroutines, times, func(i int) int64 { return int64(work(i)) }))
		case "pick":
			fmt.Println(each(goroutines, times, func(i int) int64 { return int64(pick(i, 7)) }))
		case "locked":
			each(goroutines, times, func(i int) int64 { return locked(i) })
			fmt.Println(atomic.LoadInt64(&total))
		case "nop5":
			fmt.Println(each(goroutines, times, func(i int) int64 { nop5(); return 1 }))
		}
	}
}
