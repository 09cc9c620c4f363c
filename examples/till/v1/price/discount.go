// Package price says what an order costs.
package price

// Order is what a customer wants to buy.
type Order struct {
	Items   int
	Cents   int
	Country string
}

// Discount is what is taken off the order's price, in cents.
func Discount(o Order) int {
	off := 0
	if o.Items >= 10 {
		off = o.Items * o.Cents / 20
	}
	return off
}
