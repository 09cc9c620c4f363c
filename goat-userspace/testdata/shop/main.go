package main

import (
	"fmt"
	"os"
	"runtime"

	"example.com/shop/cart"
)

// where prints the frames around its caller, which is to be inlined.
//
//go:noinline
func where() {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		fmt.Printf("%#x %s %s:%d\n", frame.PC, frame.Function, frame.File, frame.Line)
		if !more || frame.Function == "main.main" {
			return
		}
	}
}

func outer(x int) int { return middle(x) + 1 }

func middle(x int) int {
	y := cart.Clamp(x, 1, 9)
	inner()
	return y
}

func inner() { where() }

func main() {
	shop := &cart.Cart{}
	for i, name := range os.Args {
		if err := shop.Add(name, i*7-1); err != nil {
			fmt.Println(name, err)
		}
	}
	fmt.Println(shop.Total(func(price int) int { return cart.Clamp(price/2, 1, 50) }))
	fmt.Println(cart.Max(outer(len(os.Args)), 3), cart.Max(1.5, float64(len(os.Args))))
}
