package price

import "fmt"

// Shipping is what sending the order costs, in cents.
func Shipping(o Order) (int, error) {
	cost := 0
	switch o.Country {
	case "de", "at":
		cost = 490
	case "fr", "it", "es":
		cost = 790 + 10*o.Items
	default:
		return 0, fmt.Errorf("we do not ship to %q", o.Country)
	}
	if o.Express {
		cost += surcharge(o)
	}
	return cost, nil
}

// surcharge is what an express delivery costs on top.
func surcharge(o Order) int {
	total := 500
	for i := 5; i < o.Items; i += 5 {
		total += 250
	}
	return total
}
