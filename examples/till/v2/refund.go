package main

import (
	"fmt"
	"net/http"
)

// refund answers how much of an order is paid back after so many days.
func refund(w http.ResponseWriter, r *http.Request) {
	cents, days := number(r, "cents"), number(r, "days")
	share, err := refundShare(days)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	answer(w, map[string]any{"cents": cents * share / 100})
}

// refundShare is the part that is paid back, in percent.
func refundShare(days int) (int, error) {
	switch {
	case days <= 14:
		return 100, nil
	case days <= 30:
		return 50, nil
	}
	return 0, fmt.Errorf("%d days are too many", days)
}
