// Package price says what an order costs.
package price

import "fmt"

// Order is what a customer wants to buy.
type Order struct {
	Items   int
	Cents   int
	Country string
	Express bool
	Member  int // years of membership; 0 for none
}

// Discount is what is taken off the order's price, in cents, and why.
func Discount(o Order) (int, []string) {
	off := 0
	var why []string
	if o.Items >= 10 {
		off = o.Items * o.Cents / 20
		why = append(why, "many items")
	}
	if o.Member > 0 {
		if o.Member >= 5 {
			off += o.Items * o.Cents / 10
			why = append(why, fmt.Sprintf("member for %d years", o.Member))
		} else {
			off += 100
			why = append(why, "new member")
		}
		if off > o.Items*o.Cents {
			off = o.Items * o.Cents
			why = append(why, "no more than the price")
		}
	}
	return off, why
}
