// The target of the session tests: does what it is told on standard input, and says what came out.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

//go:noinline
func other(n int) int {
	x := n
	for i := 0; i < n; i++ {
		x = x*1103515245 + 12345
	}
	return x
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

// Forks, and has the child call work: says how often, by the child's exit status. The child has but this one thread, and
// does nothing that needs another.
//
//go:norace
func fork(times int) int {
	child, _, _ := syscall.RawSyscall(syscall.SYS_FORK, 0, 0, 0)
	if child == 0 {
		called := 0
		for i := 0; i < times; i++ {
			if work(i) == i*3+1 {
				called++
			}
		}
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(called), 0, 0)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(int(child), &status, 0, nil); err != nil || !status.Exited() {
		return -1
	}
	return status.ExitStatus()
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
		case "among":
			// Calls of work among a few microseconds of something else each.
			fmt.Println(each(goroutines, times, func(i int) int64 { return int64(work(i)) + int64(other(4000)&1) }))
		case "pick":
			fmt.Println(each(goroutines, times, func(i int) int64 { return int64(pick(i, 7)) }))
		case "locked":
			each(goroutines, times, func(i int) int64 { return locked(i) })
			fmt.Println(atomic.LoadInt64(&total))
		case "fork":
			fmt.Println(fork(goroutines))
		case "exec":
			argv := strings.Fields(input.Text())[1:]
			fmt.Println(syscall.Exec(argv[0], argv, os.Environ()))
		case "nop5":
			fmt.Println(each(goroutines, times, func(i int) int64 { nop5(); return 1 }))
		}
	}
}
