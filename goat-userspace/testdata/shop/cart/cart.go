// Package cart has methods, generics, closures and an assembler function, for line tables of every kind.
package cart

import (
	"errors"
	"sort"
)

// Cart is what a customer has picked.
type Cart struct {
	prices map[string]int
	names  []string
}

var errNegative = errors.New("negative price")

func Max[T int | float64](a, b T) T {
	if a > b {
		return a
	}
	return b
}

// Add inlines three functions, two of them into the third.
//
//go:noinline
func (c *Cart) Add(name string, price int) error {
	if price < 0 {
		return errNegative
	}
	if c.prices == nil {
		c.prices = make(map[string]int)
	}
	if _, known := c.prices[name]; !known {
		c.names = append(c.names, name)
	}
	c.prices[name] += Clamp(price, 0, 1000)
	return nil
}

// Clamp is inlined, and inlines.
func Clamp(x, low, high int) int {
	return atLeast(
		atMost(x, high),
		low,
	)
}

func atLeast(x, low int) int {
	if x < low {
		return low
	}
	return x
}

func atMost(x, high int) int {
	if x > high {
		return high
	}
	return x
}

//go:noinline
func (c *Cart) Total(discount func(int) int) (sum int) {
	sort.Slice(c.names, func(i, j int) bool {
		return c.prices[c.names[i]] < c.prices[c.names[j]]
	})
	for _, name := range c.names {
		switch price := c.prices[name]; {
		case price > 100:
			sum += discount(price)
		case price > 10:
			sum += Clamp(price, 11, 99)
		default:
			sum += price
		}
	}
	defer func() {
		if r := recover(); r != nil {
			sum = -1
		}
	}()
	return Max(sum, 0)
}
