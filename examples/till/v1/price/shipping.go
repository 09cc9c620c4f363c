package price

import "fmt"

// Shipping is what sending the order costs, in cents.
func Shipping(o Order) (int, error) {
	switch o.Country {
	case "de", "at":
		return 490, nil
	case "fr":
		return 890, nil
	default:
		return 0, fmt.Errorf("we do not ship to %q", o.Country)
	}
}
